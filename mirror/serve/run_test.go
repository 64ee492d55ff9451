package serve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/mirror/serve"
	"flatstream/repodata/digest"
)

// run serves dir as the command does, and returns its address.
func run(t testing.TB, dir string, limits serve.Limits) string {
	t.Helper()
	h, err := serve.Handler(serve.Options{Dir: dir})
	must(t, err)
	return runHandler(t, h, nil, limits)
}

func runHandler(t testing.TB, h http.Handler, certs *tls.Config, limits serve.Limits) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, l, h, certs, limits) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"served/a": "whole"})
	h, err := serve.Handler(serve.Options{Dir: filepath.Join(dir, "served")})
	must(t, err)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := serve.Certificate(cert, key); err == nil {
		t.Error("a certificate that is not there was taken")
	}
	serve.WritePair(t, cert, key, 1)
	certs, err := serve.Certificate(cert, key)
	must(t, err)
	addr := runHandler(t, h, certs, serve.Limits{})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := client.Get("https://" + addr + "/a")
	must(t, err)
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "whole" || res.TLS == nil {
		t.Errorf("%q, %v", body, err)
	}
}

// A client that takes nothing more of its download is cut off; one that is merely
// slow is not. What is slow is the machine's affair too, so a longer time than the
// first may be needed to tell them apart.
func TestStalledClientIsCutOff(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	write(t, dir, map[string]string{"big.rpm": strings.Repeat("0123456789abcdef", size>>4)})
	stall := 250 * time.Millisecond
	for ; ; stall *= 4 {
		n, err := takeSlowly(t, run(t, dir, serve.Limits{Stall: stall}), stall/8)
		if err == nil && n > size {
			break
		}
		if stall > 10*time.Second {
			t.Fatalf("a slow client got %d bytes, %v", n, err)
		}
	}
	addr := run(t, dir, serve.Limits{Stall: stall})
	for range 3 { // the server, too, may have been away from the processor
		if n, err := takeSlowly(t, addr, 5*stall); err != nil || n < size {
			return
		}
	}
	t.Error("a client that stalls was served to the end")
}

// takeSlowly takes /big.rpm with two pauses, and returns how many bytes came.
func takeSlowly(t *testing.T, addr string, pause time.Duration) (int64, error) {
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	must(t, c.(*net.TCPConn).SetReadBuffer(64<<10))
	fmt.Fprint(c, "GET /big.rpm HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
	r := bufio.NewReaderSize(c, 1<<20)
	var total int64
	for range 2 {
		n, err := io.CopyN(io.Discard, r, 2<<20)
		total += n
		if err != nil {
			return total, err
		}
		time.Sleep(pause)
	}
	n, err := io.Copy(io.Discard, r)
	return total + n, err
}

// A thousand clients at once get their files, while another thousand send half a
// header, or take nothing of what they asked for. Memory stays bounded.
func TestAThousandClients(t *testing.T) {
	clients, idle := 1000, 1000
	if testing.Short() {
		clients, idle = 100, 100
	}
	dir := t.TempDir()
	text := strings.Repeat("0123456789abcdef", 16<<10) // 256 KiB
	write(t, dir, map[string]string{"a.rpm": text, "big.rpm": strings.Repeat(text, 64)})
	addr := run(t, dir, serve.Limits{})
	before := inUse()
	for i := range idle {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprint(c, "GET /a.rpm HTTP/1.1\r\nHost: m")
		} else {
			fmt.Fprint(c, "GET /big.rpm HTTP/1.1\r\nHost: m\r\n\r\n")
		}
	}
	time.Sleep(200 * time.Millisecond) // until all are being answered
	after := inUse()
	for range 5 { // what earlier tests left behind may still be allocating
		time.Sleep(50 * time.Millisecond)
		after = min(after, inUse())
	}
	held := after - min(before, after)
	want := digest.OfBytes([]byte(text))
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	transport := &http.Transport{MaxConnsPerHost: 0}
	defer transport.CloseIdleConnections()
	for range clients {
		wg.Go(func() {
			res, err := (&http.Client{Transport: transport}).Get("http://" + addr + "/a.rpm")
			if err != nil {
				errs <- err
				return
			}
			defer res.Body.Close()
			h := want.New()
			if _, err := io.Copy(h, res.Body); err != nil || digest.FromHash(want.Algo, h) != want {
				errs <- fmt.Errorf("a wrong body: %v", err)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	t.Logf("%d clients served; %d slow ones hold %d MiB of heap and stacks", clients, idle, held)
	if held > 64 {
		t.Errorf("slow clients hold %d MiB", held)
	}
}

// inUse is the MiB of heap and stacks in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return (m.HeapInuse + m.StackInuse) >> 20
}

func TestMoreClientsThanPlacesWait(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "whole"})
	addr := run(t, dir, serve.Limits{Clients: 1})
	first, err := net.Dial("tcp", addr)
	must(t, err)
	time.AfterFunc(100*time.Millisecond, func() { first.Close() })
	if got := ask(t, "http://"+addr, "GET", "/a"); got.body != "whole" {
		t.Errorf("%d %q", got.code, got.body)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
