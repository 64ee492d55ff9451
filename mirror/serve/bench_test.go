package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"flatstream/mirror/serve"
)

// TestMain plays the server of the benchmark, in a process of its own as nginx is.
func TestMain(m *testing.M) {
	dir := os.Getenv("SERVE_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	h, err := serve.Handler(serve.Options{Dir: dir})
	l, errListen := net.Listen("tcp", "127.0.0.1:0")
	if err := errors.Join(err, errListen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("http://" + l.Addr().String())
	fmt.Fprintln(os.Stderr, serve.Run(context.Background(), l, h, nil, serve.Limits{}))
}

func startOurs(b testing.TB, dir string) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	must(b, err)
	return strings.TrimSpace(line)
}

// BenchmarkPackage downloads a 1 MB package over kept connections, from us and
// from nginx with the same store.
func BenchmarkPackage(b *testing.B) {
	const size = 1 << 20
	s := store(b)
	publish(b, s, night1.Add(1e12), map[string]string{"r/Packages/big.rpm": strings.Repeat("x", size)})
	for _, server := range []struct {
		name  string
		start func(testing.TB, string) string
	}{{"flatstream", startOurs}, {"nginx", startNginx}} {
		b.Run(server.name, func(b *testing.B) {
			addr := strings.TrimPrefix(server.start(b, s.Dir()), "http://")
			b.SetBytes(size)
			b.RunParallel(func(pb *testing.PB) { download(b, pb, addr, size) })
		})
	}
}

func download(b *testing.B, pb *testing.PB, addr string, size int64) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	request := []byte("GET /r/Packages/big.rpm HTTP/1.1\r\nHost: x\r\n\r\n")
	in := bufio.NewReaderSize(c, 256<<10)
	sink := make([]byte, 256<<10)
	for pb.Next() {
		if _, err := io.Copy(c, bytes.NewReader(request)); err != nil {
			b.Error(err)
			return
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			b.Error(res, err)
			return
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, sink)
		if err != nil || n != size {
			b.Error(n, err)
			return
		}
	}
}
