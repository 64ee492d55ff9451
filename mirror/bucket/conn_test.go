package bucket

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// A connection on which nothing moves ends, in either direction; what is sent postpones
// the end of the wait for an answer.
func TestSilentConnections(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := &watchedConn{near, 50 * time.Millisecond, 200 * time.Millisecond}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	begun, answer := time.Now(), make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		answer <- err
	}()
	go func() {
		for range 6 {
			_, _ = far.Read(make([]byte, 1)) // ends with far
		}
	}()
	for range 6 {
		time.Sleep(60 * time.Millisecond)
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	if err := <-answer; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) < 500*time.Millisecond {
		t.Errorf("read: %v after %v", err, time.Since(begun))
	}
}

// A server that takes a request and says nothing is not waited for.
func TestSilentServer(t *testing.T) {
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer server.Close()
	defer close(end)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	must(t, err)
	begun := time.Now()
	if _, err := client(1, 100*time.Millisecond).Do(r); err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}
