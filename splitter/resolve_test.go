package splitter

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"testing"
	"time"

	"flatstream/splitter/modulemd"
)

// parseModules reads a module index in short form, a line per document:
//
//	source NAME                          what follows is in that source
//	MODULE:STREAM VERSION [word]...      a build for el8 and x86_64
//	default MODULE[:STREAM] [MODIFIED]
//
// Words of a build: +MODULE:S,S (requires), & (another entry of dependencies begins),
// static=CONTEXT, platform=el9,
// arch=aarch64, has=NEVRA, free=NAME (demodularized).
func parseModules(t *testing.T, text string) []SourceModules {
	t.Helper()
	files := []SourceModules{{Source: "s", File: &modulemd.File{}}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		f := files[len(files)-1].File
		switch words[0] {
		case "source":
			files = append(files, SourceModules{Source: words[1], File: &modulemd.File{}})
		case "default":
			module, stream, _ := strings.Cut(words[1], ":")
			d := &modulemd.Defaults{Module: module, Stream: stream}
			if len(words) > 2 {
				d.Modified, _ = strconv.ParseUint(words[2], 10, 64)
			}
			f.Defaults = append(f.Defaults, d)
		default:
			b := parseBuild(t, words)
			b.Source = files[len(files)-1].Source
			b.Doc = len(f.Builds)
			f.Builds = append(f.Builds, b)
		}
	}
	return files
}

func parseBuild(t *testing.T, words []string) *modulemd.Build {
	t.Helper()
	id, err := ParseStreamID(words[0])
	if err != nil {
		t.Fatal(err)
	}
	version, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	b := &modulemd.Build{Name: id.Module, Stream: id.Stream, Version: version, Arch: "x86_64"}
	platform := "el8"
	var requires modulemd.Requires
	for _, w := range words[2:] {
		if w == "&" {
			b.Requires, requires = append(b.Requires, requires), nil
			continue
		}
		if module, streams, ok := strings.Cut(w, ":"); ok && w[0] == '+' {
			r := modulemd.Require{Module: module[1:]}
			if streams != "" {
				r.Streams = strings.Split(streams, ",")
			}
			requires = append(requires, r)
			continue
		}
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "static":
			b.Static, b.Context = true, value
		case "platform":
			platform = value
		case "arch":
			b.Arch = value
		case "has":
			b.Artifacts = append(b.Artifacts, value)
		case "free":
			b.Demodularized = append(b.Demodularized, value)
		default:
			t.Fatalf("no such word: %s", w)
		}
	}
	if b.Context == "" { // as the build service does: a hash of what is required
		h := fnv.New32a()
		fmt.Fprint(h, b.Requires, requires)
		b.Context = fmt.Sprintf("%08x", h.Sum32())
	}
	requires = append(requires, modulemd.Require{Module: PlatformModule, Streams: []string{platform}})
	b.Requires = append(b.Requires, requires)
	return b
}

func newTestIndex(t *testing.T, text string) (*Index, []Warning) {
	t.Helper()
	return NewIndex(parseModules(t, text), IndexOptions{Platform: "el8", Arch: "x86_64"})
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name    string
		modules string
		enable  string
		want    string // active groups, sorted; or "refused: " and parts of the reasons
		dropped string
	}{
		{"rule 1: builds that require the same are one group, whatever their context", `
			m:1 1 +d:1
			m:1 2 platform=el8 +d:1
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:d:[1] enabled", ""},
		{"rule 1: a build joins the static one that requires the same", `
			m:1 1 +d:1
			m:1 2 static=rhel +d:1
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:rhel enabled", ""},
		{"rule 1: what two entries require alike is written twice", `
			m:1 1 +d:1 & +d:1
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:d:[1];d:[1] enabled", ""},
		{"rule 2: a build for the machine itself goes before one for its multilib", `
			m:1 1 arch=i686
			m:1 1 +d:1
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:d:[1] enabled", ""},
		{"rule 3 binds what is asked for, not what it pulls in", `
			m:1 1 +d:1
			d:1 1
			d:1 2 platform=el9`, "m:1", "d:1:NoRequires pulled, m:1:d:[1] enabled", ""},
		{"rule 2: 10 before 8 before 9", `
			m:1 1 +d:
			d:8 1
			d:9 1
			d:10 1`, "m:1", "d:10:NoRequires pulled, m:1:d enabled", ""},
		{"rule 2: capitals first", `
			m:1 9 +d:1
			m:1 1
			d:1 1`, "m:1", "m:1:NoRequires enabled", ""},
		{"rule 2: 1.2 before 1, since the whole name:stream:context is compared", `
			m:1 1 +d:
			d:1 1
			d:1.2 1`, "m:1", "d:1.2:NoRequires pulled, m:1:d enabled", ""},
		{"rule 2: what satisfies a default stream goes first", `
			m:1 1 +d:1
			m:1 1 +d:2
			d:1 1
			d:2 1
			default d:2`, "m:1", "d:2:NoRequires default, m:1:d:[2] enabled", ""},
		{"rule 3: the newest build must do", `
			m:1 1
			m:1 2 platform=el9`, "m:1", "refused: m:1 is for another platform (version 2)", ""},
		{"rule 3: a default stream is inactive as a whole", `
			m:1 1
			m:1 2 platform=el9
			default m:1`, "", "", "m:1"},
		{"rule 3: one group is enough", `
			m:1 1
			m:1 2 platform=el9
			m:1 1 +d:1
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:d:[1] enabled", ""},
		{"rule 2: [10] before [1], a bracket ends what is written", `
			m:1 1 +d:1
			m:1 1 +d:10
			d:1 1
			d:10 1`, "m:1", "d:10:NoRequires pulled, m:1:d:[10] enabled", ""},
		{"rule 5: alternatives", `
			m:1 1 +d:3,2
			d:1 1
			d:2 1
			d:3 1`, "m:1", "d:2:NoRequires pulled, m:1:d:[2,3] enabled", ""},
		{"rule 5: -s excludes", `
			m:1 1 +d:-1
			d:1 1
			d:2 1`, "m:1", "d:2:NoRequires pulled, m:1:d:[-1] enabled", ""},
		{"rule 5: a - anywhere excludes what follows the first byte", `
			m:1 1 +d:rhel-8
			d:hel-8 1
			d:rhel-8 1`, "m:1", "d:rhel-8:NoRequires pulled, m:1:d:[rhel-8] enabled", ""},
		{"rule 5: what is required becomes active without being a default", `
			m:1 1 +d:1
			d:1 1 +e:1
			e:1 1
			default m:1`, "", "d:1:e:[1] pulled, e:1:NoRequires pulled, m:1:d:[1] default", ""},
		{"rule 6: one stream of a module", `
			m:1 1
			m:2 1`, "m:1 m:2", "refused: streams of one module", ""},
		{"rule 6: enabled streams that require two streams of one module", `
			a:1 1 +d:1
			b:1 1 +d:2
			d:1 1
			d:2 1`, "a:1 b:1", "refused: a:1 requires d:1; b:1 requires d:2; d:1 and d:2 are streams of one module", ""},
		{"rule 6: a default in the way of an enabled stream drops out", `
			perl:5.26 1
			perl:5.30 1
			lib:1 1 +perl:5.26
			default perl:5.26
			default lib:1`, "perl:5.30", "perl:5.30:NoRequires enabled", "lib:1"},
		{"rule 6: of two defaults in conflict the later loses", `
			a:1 1 +d:1
			b:1 1 +d:2
			d:1 1
			d:2 1
			default b:1
			default a:1`, "", "a:1:d:[1] default, d:1:NoRequires pulled", "b:1"},
		{"rule 6: a static document comes before the others", `
			a:1 1 +d:1
			b:1 1 static=x +d:2
			d:1 1
			d:2 1
			default a:1
			default b:1`, "", "b:1:x default, d:2:NoRequires pulled", "a:1"},
		{"rule 6: a default that the enabled stream agrees with stays", `
			a:1 1 +c:2
			b:1 1 +c:1
			c:1 1
			c:2 1
			e:1 1 +c:1
			default a:1
			default b:1`, "e:1", "b:1:c:[1] default, c:1:NoRequires pulled, e:1:c:[1] enabled", "a:1"},
		{"a module called platform is never active", `
			platform:el9 1
			m:1 1 +platform:el9`, "platform:el9", "refused: platform:el9 is enabled", ""},
		{"P17: a requirement is met by another source", `
			m:1 1 +d:1
			source t
			d:1 1`, "m:1", "d:1:NoRequires pulled, m:1:d:[1] enabled", ""},
		{"an absent requirement", `
			m:1 1 +d:1
			d:2 1`, "m:1", "refused: m:1 requires d:1; no source has d:1", ""},
		{"P21: a stream that was taken for a number", `
			m:1 1 +perl:5.3
			perl:5.30 1`, "m:1", "refused: no source has perl:5.3, but there is perl:5.30", ""},
		{"P21: the same on the command line", `perl:5.30 1`, "perl:5.3", "refused: there is perl:5.30", ""},
		{"a build for another arch cannot be chosen", `
			m:1 1 arch=aarch64`, "m:1", "refused: m:1 is for aarch64", ""},
		{"an unknown module", `maven:3 1`, "mavem:3", "refused: there is no module mavem, did you mean maven?", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, _ := newTestIndex(t, tt.modules)
			a, err := x.Resolve(streamIDs(t, strings.Fields(tt.enable)))
			if want, refused := strings.CutPrefix(tt.want, "refused: "); refused {
				wantConflict(t, err, want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := activeText(a); got != tt.want {
				t.Errorf("active: %s\nwant:   %s", got, tt.want)
			}
			var dropped []string
			for _, d := range a.Dropped {
				if dropped = append(dropped, d.String()); d.Reason == "" {
					t.Errorf("%s is dropped without a reason", d)
				}
			}
			if got := strings.Join(dropped, ", "); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}

func wantConflict(t *testing.T, err error, parts string) {
	t.Helper()
	var conflict *Conflict
	if !errors.As(err, &conflict) {
		t.Fatalf("got %v, want a conflict: %s", err, parts)
	}
	for _, part := range strings.Split(parts, "; ") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the reasons\n\t%s\ndo not say %q", strings.Join(conflict.Reasons, "\n\t"), part)
		}
	}
}

func activeText(a *Activation) string {
	var list []string
	for _, g := range a.Groups {
		list = append(list, fmt.Sprintf("%s %s", g.Group, g.Kind))
	}
	return strings.Join(list, ", ")
}

func TestResolveGroupForcesAnotherContext(t *testing.T) {
	x, _ := newTestIndex(t, `
		php:7.2 1 +nginx:
		php:7.2 1 +nginx:1.14
		nginx:1.14 1
		nginx:1.16 1
		default nginx:1.16`)
	groups := x.Groups(StreamID{"php", "7.2"})
	if len(groups) != 2 || groups[1].Context != "nginx:[1.14]" {
		t.Fatalf("php:7.2 has the groups %v", groups)
	}
	a, err := x.ResolveGroup(groups[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := activeText(a), "nginx:1.14:NoRequires pulled, php:7.2:nginx:[1.14] enabled"; got != want {
		t.Errorf("active %s, want %s", got, want)
	}
	met := a.Requires(groups[1])
	if len(met) != 1 || met[0].StreamID != (StreamID{"nginx", "1.14"}) {
		t.Errorf("the requires of the group are met by %v", met)
	}
}

func TestResolveWithoutDefaultsAndDisabled(t *testing.T) {
	x, _ := newTestIndex(t, `
		a:1 1
		b:1 1 +a:1
		c:1 1
		default a:1
		default b:1
		default c:1`)
	a, err := x.ResolveWith(streamIDs(t, []string{"c:1"}), ResolveOptions{NoDefaults: true})
	if err != nil || activeText(a) != "c:1:NoRequires enabled" {
		t.Errorf("without defaults: %v, %v", a, err)
	}
	a, err = x.ResolveWith(nil, ResolveOptions{Disabled: []string{"a"}})
	if err != nil || activeText(a) != "c:1:NoRequires default" || len(a.Dropped) != 1 {
		t.Errorf("with a disabled: %v, %v", a, err)
	}
	_, err = x.ResolveWith(streamIDs(t, []string{"b:1"}), ResolveOptions{Disabled: []string{"a"}})
	wantConflict(t, err, "module a is disabled")
	if hint := err.(*Conflict).Hint(); hint != "all can be enabled without -a" {
		t.Errorf("hint %q", hint)
	}
}

// A dense index must not hang: each of 1,000 streams requires two streams of some
// other module, and a few can never be met.
func TestHostileIndexEnds(t *testing.T) {
	var text strings.Builder
	for m := range 50 {
		for s := range 20 {
			fmt.Fprintf(&text, "m%d:%d 1 +m%d:%d,%d +m%d: +m%d:-%d\n", m, s,
				(m*7+s)%50, s, (s+1)%20, (m+s+1)%50, (m*3+s*5)%50, (m+s)%20)
		}
		fmt.Fprintf(&text, "default m%d:%d\n", m, m%20)
	}
	x, _ := newTestIndex(t, text.String())
	start := time.Now()
	for _, s := range x.Streams()[:20] {
		_, err := x.Resolve([]StreamID{s})
		var conflict *Conflict
		if err != nil && !errors.As(err, &conflict) && !errors.Is(err, ErrTooHard) {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("20 resolutions took %s", d)
	}
}

// Thirteen pigeons in twelve holes: a proof is out of reach of every such search,
// which must give up in time.
func TestHopelessIndexGivesUp(t *testing.T) {
	var text strings.Builder
	var pigeons []StreamID
	for p := range 13 {
		pigeons = append(pigeons, StreamID{fmt.Sprintf("pigeon%d", p), "1"})
		for h := range 12 {
			fmt.Fprintf(&text, "pigeon%d:1 1 +hole%d:%d\nhole%d:%d 1\n", p, h, p, h, p)
		}
	}
	x, _ := newTestIndex(t, text.String())
	start := time.Now()
	if _, err := x.Resolve(pigeons); !errors.Is(err, ErrTooHard) {
		t.Errorf("thirteen pigeons in twelve holes: %v", err)
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("it took %s to give up", d)
	}
}
