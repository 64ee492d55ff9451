package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"flatstream/mirror"
	"flatstream/mirror/fetch"
	"flatstream/mirror/repofile"
)

// guardFlags lift what keeps a broken or hostile upstream out, for one run.
func guardFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "allow-rollback", Usage: "take metadata that is older than what was taken before"},
		&cli.BoolFlag{Name: "allow-weak-checksums", Usage: "take md5 and sha1 checksums"},
		&cli.DurationFlag{Name: "max-age", Usage: "warn when upstream's newest metadata is older than `TIME`, such as 240h: it may be frozen"},
		&cli.DurationFlag{Name: "max-time", Usage: "give up after `TIME`; what was fetched is kept for the next run"},
		&cli.StringFlag{Name: "limit-rate", Usage: "fetch at most `RATE` bytes per second, such as 10M"},
		&cli.Float64Flag{Name: "max-shrink", Usage: "refuse a repository that lost more than `FRACTION` of its packages", Value: 0.5},
	}
}

func checkGuards(c *cli.Context) error {
	if f := c.Float64("max-shrink"); !(f > 0 && f <= 1) {
		return &usageError{fmt.Sprintf("--max-shrink %g is out of range", f), "use a fraction above 0, up to 1: at 1 nothing is refused"}
	}
	for _, name := range []string{"max-age", "max-time"} {
		if c.Duration(name) < 0 {
			return &usageError{"--" + name + " is less than nothing", "write a time such as 2h"}
		}
	}
	if _, err := rateLimit(c); err != nil {
		return err
	}
	return nil
}

// rateLimit is --limit-rate in bytes per second, 0 for none.
func rateLimit(c *cli.Context) (int64, error) {
	text := c.String("limit-rate")
	if text == "" {
		return 0, nil
	}
	rate, err := repofile.ParseRate(text)
	if err == nil && rate < 1000 {
		err = fmt.Errorf("%q is too slow to end", text)
	}
	if err != nil {
		return 0, &usageError{"--limit-rate: " + err.Error(), "write bytes per second, as 500k or 10M; at least 1000"}
	}
	return rate, nil
}

// allowParents gives each source the first of the places that it is below.
func allowParents(sources []mirror.Source, places []string) error {
	for _, place := range places {
		used := false
		for i := range sources {
			s := &sources[i]
			if len(s.URLs) == 0 || s.Parent != "" {
				continue
			}
			below := *s
			below.Parent = place
			if at, ok := below.Below(s.URLs[0]); ok && at != "" {
				s.Parent, used = place, true
			}
		}
		if !used {
			return &usageError{"--allow-parent-hrefs " + fetch.Redact(place) + ": no source is below it", "name the directory above a source's own and its packages"}
		}
	}
	return nil
}

// limitTime bounds what a command does by --max-time. late makes an error of the end of
// that time.
func limitTime(c *cli.Context) (ctx context.Context, late func(error) error, stop func()) {
	limit := c.Duration("max-time")
	if limit == 0 {
		return c.Context, func(err error) error { return err }, func() {}
	}
	ctx, stop = context.WithTimeout(c.Context, limit)
	return ctx, func(err error) error {
		if err == nil || c.Err() != nil || ctx.Err() == nil {
			return err
		}
		return fmt.Errorf("not done after --max-time %s, and nothing is published; the next run goes on from here", limit)
	}, stop
}
