package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"flatstream/fixtures"
	"flatstream/mirror/nightly"
	"flatstream/mirror/serve"
	"flatstream/splitter"
)

func demoCommand(out *output) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "the whole nightly job against a small built-in upstream, two nights",
		Description: "Needs no network, no server and no root rights: the upstream is served on loopback from DIR. " +
			"Nothing outside DIR is touched, and DIR is used again the next time.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "store", Value: "flatstream-demo", Usage: "put everything into `DIR`"},
			&cli.BoolFlag{Name: "serve", Usage: "then serve the result until interrupted"},
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8080", Usage: "`ADDRESS` for --serve"},
		},
		Action: func(c *cli.Context) error { return demo(c, out) },
	}
}

// demoMark makes a directory known as ours, so that --store never wipes another.
const demoMark = ".flatstream-demo"

func demo(c *cli.Context, out *output) error {
	if c.NArg() > 0 {
		return &usageError{"demo takes no arguments, but was given " + c.Args().First(), "--store names its directory"}
	}
	dir, err := filepath.Abs(c.String("store"))
	if err != nil {
		return err
	}
	if err := prepareDemo(dir); err != nil {
		return err
	}
	out.printf("an upstream of two EL8-like repositories, on loopback\n")
	if err := writeNight(filepath.Join(dir, "upstream", "night1"), fixtures.NightOne); err != nil {
		return err
	}
	if err := writeNight(filepath.Join(dir, "upstream", "night2"), fixtures.NightTwo); err != nil {
		return err
	}
	server, err := fixtures.Serve(filepath.Join(dir, "upstream", "night1"))
	if err != nil {
		return err
	}
	defer server.Close()
	config := filepath.Join(dir, "flatstream.yaml")
	if err := os.WriteFile(config, demoConfig(server.URL), 0o644); err != nil {
		return err
	}
	nights, err := demoNights(c.Context, out, config, server, filepath.Join(dir, "upstream", "night2"))
	if err != nil {
		return err
	}
	store := filepath.Join(dir, "store")
	if err := out.document(map[string]any{"schema": 1, "store": store, "nights": nights}); err != nil {
		return err
	}
	nextSteps(out, store)
	if !c.Bool("serve") {
		return nil
	}
	return serveDemo(c, out, store)
}

// prepareDemo makes the directory, or empties what an earlier demo left in it.
func prepareDemo(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, demoMark)); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty and no demo made it: choose another --store", dir)
	}
	for _, name := range []string{"upstream", "store"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, demoMark), nil, 0o644)
}

func writeNight(dir string, night func() (*fixtures.Night, error)) error {
	n, err := night()
	if err != nil {
		return err
	}
	return n.Write(dir, fixtures.Options{})
}

func demoConfig(url string) []byte {
	return fmt.Appendf(nil, `# What "flatstream run --config" reads. The demo's upstream lives only as long as the demo.
store: store
repos:
  baseos:    { baseurl: "%[1]s/baseos/" }
  appstream: { baseurl: "%[1]s/appstream/" }
views:
  perl-build: { streams: ["perl:5.30"] }
`, url)
}

// demoNights runs three nights: the first, one with nothing new, and one after
// upstream changed.
func demoNights(ctx context.Context, out *output, config string, server *fixtures.Server, second string) ([]*nightly.Report, error) {
	var nights []*nightly.Report
	for _, title := range []string{"night 1: everything is new", "night 1 again: nothing changed", "night 2: upstream changed"} {
		if len(nights) == 2 {
			if err := server.Switch(second); err != nil {
				return nil, err
			}
		}
		c, err := nightly.ReadConfig(config)
		if err != nil {
			return nil, err
		}
		out.printf("\n%s\n", title)
		server.Reset()
		start := time.Now()
		report, err := nightly.Run(ctx, c, nightly.Options{
			Jobs: downloadJobs(out), Version: version,
			Synced: func(s *summary) { out.printf("  %s\n", syncLine(s)) },
			Made:   func(t nightly.TargetReport) { out.printf("  %s\n", targetLine(t)) },
		})
		if err != nil {
			return nil, err
		}
		if report.Published {
			out.printf("  published snapshot %s\n", report.Snapshot)
		} else {
			out.printf("  unchanged: snapshot %s stays\n", report.Snapshot)
		}
		out.printf("  %s, %.2f s\n", counted(len(server.Requests()), "request"), time.Since(start).Seconds())
		nights = append(nights, report)
	}
	return nights, nil
}

func nextSteps(out *output, store string) {
	flat := filepath.Join(store, "current", "flat")
	if report, err := splitter.ReadReport(os.DirFS(flat)); err == nil {
		out.printf("\nnow in %s:\n", flat)
		for _, repo := range report.Repos {
			out.printf("  %-56s %s\n", repo.Path, counted(repo.Packages, "package"))
		}
	}
	out.printf("\nwhat to type next:\n")
	for _, line := range []string{
		self() + " serve " + store + "  # then open http://localhost:8080/",
		self() + " verify " + store + "  # frobnicate is broken on purpose",
		self() + " explain " + store + " perl-libs",
		self() + " explain " + store + " perl-DBD-MySQL:4.046",
		self() + " list " + filepath.Join(store, "current", "mirror", "appstream"),
		"dnf --setopt=reposdir=" + filepath.Join(flat, "streams", "nodejs", "12") + " repoquery nodejs",
	} {
		out.printf("  %s\n", line)
	}
}

// self is how this program was called: by name, or by go run, which leaves nothing
// behind that could be called.
func self() string {
	if name, err := os.Executable(); err == nil && strings.Contains(name, "go-build") {
		return "go run ."
	}
	return "flatstream"
}

func serveDemo(c *cli.Context, out *output, store string) error {
	handler, err := serve.Handler(serve.Options{Dir: store})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return err
	}
	out.note("serving %s on http://%s/", store, listener.Addr())
	return serve.Run(c.Context, listener, handler, nil, serve.Limits{})
}
