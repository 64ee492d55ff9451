package serve

import (
	"io"
	"net"
	"net/http"
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
	set   time.Time // when the deadline was
	more  bool      // the next write is the beginning of an answer, see expect
	held  []byte    // that beginning
}

// extend moves the deadline on, unless that was done a moment ago: each time takes a
// fiftieth of a small answer.
func (c *paced) extend() error {
	now := time.Now()
	if now.Sub(c.set) < c.stall/16 {
		return nil
	}
	c.set = now
	return c.SetWriteDeadline(now.Add(c.stall + c.stall/16))
}

// httpBuffer is how much net/http collects before it writes, bytes.
const httpBuffer = 4 << 10

// connKey is where a request's context has its connection.
type connKey struct{}

// expect says that a body of so many bytes follows in one piece. net/http writes 4 KiB
// first, head and body, and then the rest: one system call and one packet more than need
// be, so the first waits for the second, which comes with so large a body.
func expect(r *http.Request, body int) {
	if c, ok := r.Context().Value(connKey{}).(*paced); ok && body > httpBuffer {
		c.more = true
	}
}

func (c *paced) Write(p []byte) (int, error) {
	if c.more {
		c.more = false
		if len(p) == httpBuffer {
			c.held = append(c.held[:0], p...)
			return len(p), nil
		}
	}
	if len(c.held) > 0 {
		return c.writeHeld(p)
	}
	done := 0
	for {
		piece := p[done:min(len(p), done+stallPiece)]
		if err := c.extend(); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(piece)
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// writeHeld writes what was held and p, which is small, at once.
func (c *paced) writeHeld(p []byte) (int, error) {
	if err := c.extend(); err != nil {
		return 0, err
	}
	held := int64(len(c.held))
	both := net.Buffers{c.held, p}
	n, err := both.WriteTo(c.Conn)
	c.held = c.held[:0]
	return int(max(n-held, 0)), err
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
		if err := c.extend(); err != nil {
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
