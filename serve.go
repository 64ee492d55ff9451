package main

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/nightly"
	"flatstream/mirror/serve"
)

func serveCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "plain HTTP over a store, a target or any directory",
		ArgsUsage: "DIR",
		Description: "Of a store, / is the current snapshot, /snapshots/TIME/ and /tags/NAME/ the others; below /at/ every set of " +
			"streams is a repository, such as /at/current/el8/x86_64/default+nodejs:18/. Packages of a mirror with policy " +
			"on-demand are fetched at their first request. It stops at " +
			"SIGINT or SIGTERM, after running downloads have ended.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: ":8080", Usage: "`ADDRESS` to listen on, such as 127.0.0.1:8080"},
			&cli.StringFlag{Name: "config", Usage: "the nightly `FILE`: its credentials are used for packages that are fetched on demand"},
			&cli.StringFlag{Name: "tls-cert", Usage: "speak TLS with the certificate chain in `FILE` (PEM); read again when it is renewed"},
			&cli.StringFlag{Name: "tls-key", Usage: "`FILE` of its key"},
		},
		Action: func(c *cli.Context) error { return serveDir(c, out) },
	}
}

func serveDir(c *cli.Context, out *output) error {
	if c.NArg() != 1 {
		return &usageError{"serve needs one DIR", "name a store, a target or another directory"}
	}
	certs, err := certificate(c)
	if err != nil {
		return err
	}
	upstreams, err := serveUpstreams(c)
	if err != nil {
		return err
	}
	handler, err := serve.Handler(serve.Options{Dir: c.Args().First(), Upstreams: upstreams})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return err
	}
	out.note("serving %s on %s", c.Args().First(), reachable(listener.Addr(), certs != nil))
	return serve.Run(c.Context, listener, handler, certs, serve.Limits{})
}

// serveUpstreams are the repositories of --config.
func serveUpstreams(c *cli.Context) ([]serve.Upstream, error) {
	if c.String("config") == "" {
		return nil, nil
	}
	config, err := nightly.ReadConfig(c.String("config"))
	if err != nil {
		return nil, err
	}
	vars, err := machineVars()
	if err != nil {
		return nil, err
	}
	sources, err := config.Sources(vars)
	if err != nil {
		return nil, err
	}
	var upstreams []serve.Upstream
	for _, s := range sources {
		upstreams = append(upstreams, serve.Upstream{Path: s.Path, URLs: s.URLs, Fetch: s.FetchOptions()})
	}
	return upstreams, nil
}

// certificate is that of --tls-cert and --tls-key, nil for plain HTTP.
func certificate(c *cli.Context) (*tls.Config, error) {
	cert, key := c.String("tls-cert"), c.String("tls-key")
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, &usageError{"--tls-cert and --tls-key belong together", "name both files; leave both out for plain HTTP"}
	}
	return serve.Certificate(cert, key)
}

// reachable is the URL of a listener: one that hears every address of this machine is
// named by one that can be typed.
func reachable(addr net.Addr, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return fmt.Sprintf("%s://%s/", scheme, addr)
	}
	return fmt.Sprintf("%s://localhost:%d/ (and every other address of this machine)", scheme, tcp.Port)
}
