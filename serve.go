package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/bucket"
	"flatstream/mirror/nightly"
	"flatstream/mirror/serve"
	"flatstream/splitter"
)

func serveCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "plain HTTP over a store, a target or any directory",
		ArgsUsage: "DIR",
		Description: "Of a store, / is the current snapshot, /snapshots/TIME/ and /tags/NAME/ the others; below /at/ every set of " +
			"streams is a repository, such as /at/current/el8/x86_64/default+nodejs:18/. Packages of a mirror with policy " +
			"on-demand are fetched at their first request; with --redirect, clients are sent (302) to where a bucket that `flatstream publish` filled " +
			"is read, for each package, or file with a checksum in its name, that is not here and is there. It stops at " +
			"SIGINT or SIGTERM, after running downloads have ended.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: ":8080", Usage: "`ADDRESS` to listen on, such as 127.0.0.1:8080"},
			&cli.StringFlag{Name: "config", Usage: "the nightly `FILE`: its credentials are used for packages that are fetched on demand, and its publish: redirect:"},
			&cli.StringFlag{Name: "redirect", Usage: "`URL` by which clients read what was published to a bucket, such as https://cdn.example.org/el8"},
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
	options, err := serveOptions(c, out)
	if err != nil {
		return err
	}
	handler, err := serve.Handler(options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return &hintedError{err.Error(), "--listen names another ADDRESS:PORT, such as 127.0.0.1:8081 or :8081"}
	}
	out.note("serving %s on %s", c.Args().First(), reachable(listener.Addr(), certs != nil))
	warnOfFileURLs(out, c.Args().First())
	return serve.Run(c.Context, listener, handler, certs, serve.Limits{})
}

// warnOfFileURLs says when the .repo files that are served lead to this machine's disk.
func warnOfFileURLs(out *output, dir string) {
	targets, err := findTargets(dir)
	if err != nil {
		return // a store that has published nothing yet
	}
	for _, t := range targets {
		text, err := os.ReadFile(filepath.Join(t.Dir, splitter.DotRepoName))
		if err == nil && strings.Contains(string(text), "\nbaseurl=file:") {
			out.note("warning: the .repo files of %s say file://, which other machines cannot read: set base-url in the config, or --base-url of split", dir)
			return
		}
	}
}

// serveOptions are DIR, and the repositories and the bucket of --config and --redirect.
func serveOptions(c *cli.Context, out *output) (serve.Options, error) {
	options, redirect := serve.Options{Dir: c.Args().First()}, c.String("redirect")
	if c.String("config") != "" {
		config, err := nightly.ReadConfig(c.String("config"))
		if err != nil {
			return options, err
		}
		vars, err := machineVars()
		if err != nil {
			return options, err
		}
		sources, err := config.Sources(vars)
		if err != nil {
			return options, err
		}
		for _, s := range sources {
			options.Upstreams = append(options.Upstreams, serve.Upstream{Path: s.Path, URLs: s.URLs, Fetch: s.FetchOptions()})
		}
		redirect = cmp.Or(redirect, config.Publish.Redirect)
	}
	if redirect == "" {
		return options, nil
	}
	bucket, err := bucket.OpenPublic(c.Context, redirect, func(text string) { out.note("%s", text) })
	if err == nil {
		options.Elsewhere = bucket.Find
	}
	return options, err
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
