package main

import (
	"net"

	"github.com/urfave/cli/v2"

	"flatstream/mirror/serve"
)

func serveCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "plain HTTP over a store, a target or any directory",
		ArgsUsage: "DIR",
		Description: "Of a store, / is the current snapshot, /snapshots/TIME/ and /tags/NAME/ the others. It stops at\n" +
			"SIGINT or SIGTERM, after running downloads have ended.",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "listen", Value: ":8080", Usage: "`ADDRESS` to listen on"}},
		Action: func(c *cli.Context) error { return serveDir(c, out) },
	}
}

func serveDir(c *cli.Context, out *output) error {
	if c.NArg() != 1 {
		return &usageError{"serve needs one DIR", "name a store, a target or another directory"}
	}
	handler, err := serve.Handler(serve.Options{Dir: c.Args().First()})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return err
	}
	out.note("serving %s on http://%s/", c.Args().First(), listener.Addr())
	return serve.Run(c.Context, listener, handler)
}
