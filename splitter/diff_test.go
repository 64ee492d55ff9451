package splitter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// inventory reads "NEVRA=CONTENT module:stream=NSVCA,NSVCA default:module=stream ...".
func inventory(t *testing.T, text string) *Inventory {
	t.Helper()
	inv := &Inventory{map[rpmver.NEVRA]digest.Checksum{}, map[StreamID][]string{}, map[string]string{}}
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		module, stream, modular := strings.Cut(key, ":")
		switch {
		case module == "default":
			inv.Defaults[stream] = value
		case modular && !strings.Contains(stream, "-"):
			inv.Streams[StreamID{module, stream}] = strings.Split(value, ",")
		default:
			n, err := rpmver.ParseNEVRA(key)
			if err != nil {
				t.Fatal(err)
			}
			inv.Packages[n] = digest.OfBytes([]byte(value))
		}
	}
	return inv
}

func TestDiffSaysWhatChanged(t *testing.T) {
	a := inventory(t, `bash-4.4-1.x86_64=a jq-1-1.x86_64=b old-1-1.noarch=c kernel-4-1.x86_64=d git-2-1.x86_64=e git-2-1.i686=f
		perl:5.24=n1 perl:5.26=n2,n3 default:perl=5.24 default:ruby=2.5 default:php=7`)
	b := inventory(t, `bash-1:4.4-1.x86_64=a jq-1-1.x86_64=b new-1-1.noarch=c kernel-4-1.x86_64=d kernel-10-1.x86_64=d kernel-9-1.x86_64=d
		git-2-1.x86_64=E git-2-1.i686=f perl:5.26=n3,n4 perl:5.30=n5 default:perl=5.30 default:php=7 default:go=1`)
	got := fmt.Sprintf("%+v", a.Diff(b))
	want := `{ID: Path: State:changed Added:[kernel-0:9-1.x86_64 kernel-0:10-1.x86_64 new-0:1-1.noarch] Removed:[old-0:1-1.noarch] ` +
		`Changed:[{Name:bash Arch:x86_64 From:[0:4.4-1] To:[1:4.4-1]} {Name:git Arch:x86_64 From:[0:2-1] To:[0:2-1]}] ` +
		`Streams:{Added:[perl:5.30] Removed:[perl:5.24] Changed:[{Stream:perl:5.26 Added:[n4] Removed:[n2]}]} ` +
		`Defaults:[{Module:go From: To:1} {Module:perl From:5.24 To:5.30} {Module:ruby From:2.5 To:}]}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := a.Diff(a); !d.Empty() {
		t.Errorf("a repository differs from itself: %+v", d)
	}
	if d := (*Inventory)(nil).Diff(a); d.State != RepoAdded || len(d.Added) != len(a.Packages) || d.Empty() {
		t.Errorf("a new repository: %+v", d)
	}
	if d := a.Diff(nil); d.State != RepoRemoved || len(d.Removed) != len(a.Packages) || d.Empty() {
		t.Errorf("a repository that is gone: %+v", d)
	}
}

// TestDiffLeadsFromOneToTheOther applies each diff to where it starts.
func TestDiffLeadsFromOneToTheOther(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := func() *Inventory {
		var words []string
		for range rnd.IntN(30) {
			words = append(words, fmt.Sprintf("%c-%d-1.%s=%d", 'a'+rnd.IntN(4), rnd.IntN(5), []string{"x86_64", "noarch"}[rnd.IntN(2)], rnd.IntN(2)))
		}
		return inventory(t, strings.Join(words, " "))
	}
	for range 2000 {
		a, b := random(), random()
		d := a.Diff(b)
		have := map[string]bool{}
		for n := range a.Packages {
			have[n.String()] = true
		}
		take := func(n string, there bool) {
			if have[n] == there {
				t.Fatalf("%s: it is there: %v\n%v\n%v\n%+v", n, have[n], a, b, d)
			}
			have[n] = there
		}
		for _, n := range d.Removed {
			take(n, false)
		}
		for _, c := range d.Changed {
			for _, v := range c.From {
				take(c.Name+"-"+v+"."+c.Arch, false)
			}
			for _, v := range c.To {
				take(c.Name+"-"+v+"."+c.Arch, true)
			}
		}
		for _, n := range d.Added {
			take(n, true)
		}
		maps.DeleteFunc(have, func(_ string, there bool) bool { return !there })
		if want := slices.Sorted(nevraTexts(b)); !slices.Equal(slices.Sorted(maps.Keys(have)), want) {
			t.Fatalf("%v\n%v\n%+v\nleads to %v", a, b, d, have)
		}
	}
}

func nevraTexts(inv *Inventory) func(func(string) bool) {
	return func(yield func(string) bool) {
		for n := range inv.Packages {
			if !yield(n.String()) {
				return
			}
		}
	}
}
