package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits bound what clients may hold. The zero value of each field is its default.
type Limits struct {
	// Clients is how many connections are open at once; default 4096. More wait in
	// the kernel's queue until one ends. An idle or slow one costs some 20 KiB.
	Clients int
	// Header is the time for a request's header and a TLS handshake; default 20 s.
	Header time.Duration
	// Idle is the time between two requests of a connection; default 2 min.
	Idle time.Duration
	// Stall is the time in which a client must take 256 KiB of a body; default 5 min,
	// just below DNF's minrate of 1000 B/s. There is no limit for a whole download.
	Stall time.Duration
	// Drain is the time that running downloads get when the server ends; default 30 s.
	Drain time.Duration
}

const maxHeader = 64 << 10 // bytes of a request's header

func (l *Limits) fill() {
	if l.Clients == 0 {
		l.Clients = 4096
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&l.Header, 20 * time.Second}, {&l.Idle, 2 * time.Minute}, {&l.Stall, 5 * time.Minute}, {&l.Drain, 30 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// Run serves on l until ctx ends; then it takes no more requests, lets running
// downloads end for limits.Drain, and cuts off the rest. It closes l and returns
// nil after such an end. With a certs it speaks TLS; HTTP/1.1 in any case, which
// is what sendfile(2) and one deadline for a connection need.
func Run(ctx context.Context, l net.Listener, h http.Handler, certs *tls.Config, limits Limits) error {
	limits.fill()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv := &http.Server{Handler: withoutBody(h), ReadHeaderTimeout: limits.Header, IdleTimeout: limits.Idle,
		MaxHeaderBytes: maxHeader, TLSConfig: certs, Protocols: protocols,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }}
	gate := newGate(l, limits)
	ended := make(chan error, 1)
	go func() {
		if certs != nil {
			ended <- srv.ServeTLS(gate, "", "")
		} else {
			ended <- srv.Serve(gate)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), limits.Drain)
	defer cancel()
	err := srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-ended
	if err != nil {
		return fmt.Errorf("stop serving on %s: %w", l.Addr(), err)
	}
	return nil
}

// withoutBody refuses requests with a body: nothing here reads one, and net/http
// would wait for it without a limit.
func withoutBody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			h.ServeHTTP(w, r)
			return
		}
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
		w.Header().Set("Connection", "close")
		http.Error(w, "a request has no body here", http.StatusRequestEntityTooLarge)
	})
}
