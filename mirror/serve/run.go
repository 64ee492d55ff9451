package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	headerTimeout = 20 * time.Second // to send a request's header
	idleTimeout   = 2 * time.Minute  // between two requests of a connection
	drainTimeout  = 30 * time.Second // for downloads that run when the server ends
	maxHeader     = 64 << 10         // bytes of a request's header
)

// Run serves on l until ctx ends; then it takes no more requests, lets running
// downloads end for up to 30 seconds, and cuts off the rest. It closes l and
// returns nil after such an end. A download itself has no time limit: a slow
// client may take hours for a large package.
func Run(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
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
