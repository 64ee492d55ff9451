package serve

import (
	"io"
	"net"
	"sync"
	"time"
)

// stallPiece is how many bytes a client must take within Limits.Stall.
const stallPiece = 256 << 10

// gate is a listener that lets a bounded number of clients in, and gives each
// connection a deadline that moves on as the client takes what is sent.
type gate struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
	stall  time.Duration
}

func newGate(l net.Listener, limits Limits) *gate {
	return &gate{Listener: l, places: make(chan struct{}, limits.Clients), closed: make(chan struct{}), stall: limits.Stall}
}

// Accept waits for a place, then for a client.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case g.places <- struct{}{}:
	case <-g.closed:
		return nil, net.ErrClosed
	}
	c, err := g.Listener.Accept()
	if err != nil {
		<-g.places
		return nil, err
	}
	return &paced{Conn: c, stall: g.stall, leave: sync.OnceFunc(func() { <-g.places })}, nil
}

// Close ends Accept, also one that waits for a place.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Listener.Close()
}

// paced is a connection on which each piece has a deadline of its own.
type paced struct {
	net.Conn
	stall time.Duration
	leave func()
}

func (c *paced) Write(p []byte) (int, error) {
	done := 0
	for {
		piece := p[done:min(len(p), done+stallPiece)]
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(piece)
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// ReadFrom hands pieces of a file on as they are, so that sendfile(2) moves them.
func (c *paced) ReadFrom(src io.Reader) (int64, error) {
	to, fast := c.Conn.(io.ReaderFrom)
	limited, ok := src.(*io.LimitedReader)
	if !fast || !ok {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	var done int64
	for limited.N > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return done, err
		}
		want := min(limited.N, stallPiece)
		n, err := to.ReadFrom(&io.LimitedReader{R: limited.R, N: want})
		done, limited.N = done+n, limited.N-n
		if err != nil || n < want {
			return done, err
		}
	}
	return done, nil
}

func (c *paced) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
