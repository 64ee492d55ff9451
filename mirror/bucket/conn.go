package bucket

import (
	"context"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// stall is how long a server may take nothing of what is sent, or send nothing of what was
// asked for: then the request is tried again on another connection.
const stall = 30 * time.Second

// client makes an HTTP client for so many requests at once. The first byte of an answer
// comes within the time answer after a request is sent.
func client(jobs int, answer time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost, t.MaxIdleConns = jobs, 2*jobs
		t.ResponseHeaderTimeout = answer
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &watchedConn{c, stall, answer + stall}, nil
		}
	})
}

// watchedConn ends a connection on which nothing moves.
type watchedConn struct {
	net.Conn
	sending, waiting time.Duration // without a byte
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.sending)); err != nil {
		return 0, err
	}
	if err := c.SetReadDeadline(time.Now().Add(c.waiting)); err != nil { // no answer is due yet
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.waiting)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
