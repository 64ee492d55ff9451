package serve_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"flatstream/mirror/serve"
	"flatstream/repodata/digest"
)

// A download that began before a publication gets the file it began, even when
// its snapshot and object are pruned meanwhile.
func TestSnapshotSwitchDuringADownload(t *testing.T) {
	s := store(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // 32 MiB, more than socket buffers hold
	publish(t, s, night1.Add(2*time.Hour), map[string]string{"r/big.rpm": string(big)})
	srv := start(t, s.Dir())
	res, err := http.Get(srv.URL + "/r/big.rpm")
	must(t, err)
	defer res.Body.Close()
	head := make([]byte, 1000)
	_, err = io.ReadFull(res.Body, head)
	must(t, err)

	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.WriteFile("r/big.rpm", []byte("another")))
	_, err = stage.Publish(night1.Add(3 * time.Hour))
	must(t, err)
	pruned, err := s.Prune(1, 0, 1, time.Now().Add(time.Hour), false)
	must(t, err)
	if len(pruned.Snapshots) != 2 {
		t.Fatalf("pruned %v", pruned.Snapshots)
	}
	rest, err := io.ReadAll(res.Body)
	must(t, err)
	if digest.OfBytes(append(head, rest...)) != digest.OfBytes(big) {
		t.Fatal("the download is not the file it began")
	}
	if got := ask(t, srv.URL, "GET", "/r/big.rpm"); got.body != "another" {
		t.Fatalf("the next download is %.20q", got.body)
	}
}

// spyConn sees what net/http copies from; only an *os.File leads to sendfile(2).
type spyConn struct {
	*net.TCPConn
	saw chan io.Reader
}

func (c spyConn) ReadFrom(r io.Reader) (int64, error) {
	c.saw <- r
	return c.TCPConn.ReadFrom(r)
}

type spyListener struct {
	net.Listener
	saw chan io.Reader
}

func (l spyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return spyConn{c.(*net.TCPConn), l.saw}, nil
}

func TestSendfileIsReached(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", 100_000) // net/http sends the first 512 bytes itself
	write(t, dir, map[string]string{"a.rpm": big})
	h, err := serve.Handler(serve.Options{Dir: dir})
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	saw := make(chan io.Reader, 1)
	srv := &http.Server{Handler: h}
	go srv.Serve(spyListener{l, saw})
	defer srv.Close()
	if got := ask(t, "http://"+l.Addr().String(), "GET", "/a.rpm"); got.body != big {
		t.Fatalf("%d, %d bytes", got.code, len(got.body))
	}
	select {
	case r := <-saw:
		limited, ok := r.(*io.LimitedReader)
		if !ok {
			t.Fatalf("copied from a %T", r)
		}
		if _, ok := limited.R.(*os.File); !ok {
			t.Fatalf("copied from a %T", limited.R)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the file was copied through memory")
	}
}

func TestRunLetsDownloadsEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	begun := make(chan bool)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		io.WriteString(w, "whole")
	})
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, l, slow, nil, serve.Limits{}) }()
	body := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			body <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		body <- string(b)
	}()
	<-begun
	stop()
	if got := <-body; got != "whole" {
		t.Errorf("the running download got %q", got)
	}
	must(t, <-ended)
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}
