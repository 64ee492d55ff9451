package catalogue

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Night is what the page at the top of a snapshot shows: how the run went that made it.
type Night struct {
	Snapshot string // its name, which is its time: 20060102T150405Z
	Targets  []NightTarget
	Repos    []NightRepo
	Warnings []string
}

// NightTarget is one target of a snapshot.
type NightTarget struct {
	Name, Path string // Name may be empty; Path is below the snapshot
	Repos      int
	Packages   int
	Problems   int
	New        []string // problems that the snapshot before did not have, a line each
	Impact     []NightImpact
	HeldBack   []string // what stands here as it was in the snapshot before
}

// NightImpact is what one view's change does to builds.
type NightImpact struct {
	Line   string // all of it in short
	Builds []NightBuild
}

// mostBuilds is how many builds of one view the page shows.
const mostBuilds = 40

// Shown are the builds that the page shows, More how many others there are.
func (i NightImpact) Shown() []NightBuild { return i.Builds[:min(mostBuilds, len(i.Builds))] }

// More is how many builds the page does not show.
func (i NightImpact) More() int { return len(i.Builds) - len(i.Shown()) }

// NightBuild is a build whose root is another one than before.
type NightBuild struct {
	Name           string
	Breaks, Mended bool     // neither: it has other packages
	Lines          []string // why, or which packages
}

// stayed names what is held back of a target.
func (t NightTarget) stayed() string {
	var names []string
	for _, unit := range t.HeldBack {
		switch unit {
		case "all":
			return cmp.Or(t.Name, t.Path)
		case "streams":
			unit = "what is in no view"
		}
		names = append(names, unit)
	}
	held := strings.Join(names, ", ")
	if t.Name == "" {
		return held
	}
	return held + " of " + t.Name
}

// NightRepo is one repository of upstream.
type NightRepo struct {
	ID       string
	Outcome  string
	Packages int
	Fetched  int   // files
	Bytes    int64 // of these
}

// Size writes the number of bytes for people.
func (r NightRepo) Size() string {
	switch n := float64(r.Bytes); {
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", n/1e6)
	default:
		return fmt.Sprintf("%.1f GB", n/1e9)
	}
}

// nightPage is what the template night shows.
type nightPage struct {
	frame
	Night
	Time     string // of the snapshot, for people
	Withheld int    // targets
	Stayed   string // what is held back, for people
	Problems int
	New      int
}

// RenderNight is the page at the top of a snapshot, the same bytes for the same night.
func RenderNight(n Night) ([]byte, error) {
	r, err := newRenderer()
	if err != nil {
		return nil, fmt.Errorf("writing the page of the night: %w", err)
	}
	p := &nightPage{frame: newFrame(PageName, "Snapshot "+n.Snapshot, "What the last run published."), Night: n, Time: n.Snapshot}
	if t, err := time.Parse("20060102T150405Z", n.Snapshot); err == nil {
		p.Time = t.Format("2 January 2006, 15:04 UTC")
	}
	var stayed []string
	for _, t := range n.Targets {
		p.Problems += t.Problems
		p.New += len(t.New)
		if len(t.HeldBack) > 0 {
			p.Withheld++
			stayed = append(stayed, t.stayed())
		}
	}
	p.Stayed = strings.Join(stayed, "; ")
	b, err := r.render("night", p)
	if err != nil {
		return nil, fmt.Errorf("writing the page of the night: %w", err)
	}
	return b, nil
}
