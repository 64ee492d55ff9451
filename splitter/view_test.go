package splitter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flatstream/repodata/rpmver"
)

func parseTestNEVRA(t testing.TB, s string) rpmver.NEVRA {
	t.Helper()
	n, err := rpmver.ParseNEVRA(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestVerdict(t *testing.T) {
	const modules = `
		perl:5.26 1
		perl:5.30 1 has=perl-0:5.30-1.x86_64 has=perl-0:5.30-1.src has=perl-libs-0:5.30-1.x86_64
		perl:5.30 2 has=perl-0:5.30-2.x86_64
		perl:5.30 1 arch=aarch64 has=perl-Arm-0:1-1.aarch64
		idm:DL1 1 has=ipa-client-0:4-1.x86_64 has=ipa-server-0:4-1.x86_64 has=shared-0:1-1.x86_64
		idm:client 1 has=ipa-client-0:4-1.x86_64
		free:1 1 has=freed-0:1-1.x86_64 has=kept-0:1-1.x86_64
		free:1 2 has=freed-0:1-2.x86_64 free=freed
		old:1 1 has=freed-0:0-1.x86_64 free=kept
		old:1 2 has=other-0:1-1.x86_64
		src:1 1 has=tool-0:1-1.src
		default perl:5.26`
	tests := []struct{ name, enable, nevra, provides, want string }{
		{"P14: an empty default hides nothing", "", "perl-5.26-1.x86_64", "", "in no module"},
		{"a package of an active build", "perl:5.30", "perl-0:5.30-2.x86_64", "", "a package of perl:5.30"},
		{"rule 4: of an older build too", "perl:5.30", "perl-0:5.30-1.x86_64", "", "a package of perl:5.30"},
		{"rule 8: a package of an inactive build", "", "perl-0:5.30-1.x86_64", "", "a package of perl:5.30, not active"},
		{"rule 9: hidden by name", "perl:5.30", "perl-5.26-1.x86_64", "", "hidden by perl:5.30, which has a package named perl"},
		{"rule 9: in every arch", "perl:5.30", "perl-libs-9-1.i686", "", "hidden by perl:5.30, which has a package named perl-libs"},
		{"rule 9: sources too", "perl:5.30", "perl-libs-9-1.src", "", "hidden by perl:5.30, which has a package named perl-libs"},
		{"rule 9: by a build for another arch", "perl:5.30", "perl-Arm-9-1.x86_64", "", "hidden by perl:5.30, which has a package named perl-Arm"},
		{"rule 9: by a provide", "perl:5.30", "tiny-1-1.noarch", "tiny perl-libs", "hidden by perl:5.30, which has a package named perl-libs as this one provides"},
		{"rule 9: not by perl(x86-64)", "perl:5.30", "tiny-1-1.noarch", "perl(x86-64)", "in no module"},
		{"rule 9: a source artifact hides a source package", "src:1", "tool-0:2-1.src", "", "hidden by src:1, which has a package named tool"},
		{"rule 9: and no binary package", "src:1", "tool-0:2-1.x86_64", "", "in no module"},
		{"rule 9: nor a provide", "src:1", "x-0:2-1.src", "tool", "in no module"},
		{"P10: active through one of two streams", "idm:client", "ipa-client-0:4-1.x86_64", "", "a package of idm:client"},
		{"P10: the other stream's own", "idm:client", "ipa-server-0:4-1.x86_64", "", "a package of idm:DL1, not active"},
		{"demodularized: the name hides no more", "free:1", "freed-9-1.x86_64", "", "in no module"},
		{"demodularized: the artifacts stay active", "free:1", "freed-0:1-1.x86_64", "", "a package of free:1"},
		{"demodularized: of another stream the name still hides", "free:1 old:1", "freed-9-1.x86_64", "", "hidden by old:1, which has a package named freed"},
		{"demodularized: only the newest build says so", "free:1 old:1", "kept-9-1.x86_64", "", "hidden by free:1, which has a package named kept"},
	}
	x, _ := newTestIndex(t, modules)
	for _, tt := range tests {
		a, err := x.Resolve(streamIDs(t, strings.Fields(tt.enable)))
		if err != nil {
			t.Fatal(err)
		}
		n := parseTestNEVRA(t, tt.nevra)
		v := x.Filter(a).Verdict(x.Subject(n, strings.Fields(tt.provides)))
		if v.String() != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.name, tt.nevra, v, tt.want)
		}
		if available := v.Kind == Plain || v.Kind == Active; v.Available() != available {
			t.Errorf("%s: available %v", tt.name, v.Available())
		}
	}
}

func TestOwnersAreMany(t *testing.T) {
	x, _ := newTestIndex(t, `
		idm:DL1 1 has=ipa-client-0:4-1.x86_64
		idm:DL1 2 has=ipa-client-0:4-1.x86_64 has=ipa-client-4-1.x86_64
		idm:client 1 has=ipa-client-0:4-1.x86_64`)
	var owners []string
	for _, b := range x.Owners(parseTestNEVRA(t, "ipa-client-4-1.x86_64")) {
		owners = append(owners, fmt.Sprintf("%s:%s:%d", b.Name, b.Stream, b.Version))
	}
	if want := []string{"idm:DL1:2", "idm:DL1:1", "idm:client:1"}; !slices.Equal(owners, want) {
		t.Errorf("owners %v, want %v", owners, want)
	}
}

// BenchmarkRealIndex is one resolution and the verdicts on all packages of EL8.
func BenchmarkRealIndex(b *testing.B) {
	repos := realIndex(b, "el8")
	x := parseRepos(b, repos, IndexOptions{})
	var subjects []Subject
	for _, r := range repos {
		for _, p := range r.packages {
			subjects = append(subjects, x.Subject(p.NEVRA, p.provideNames()))
		}
	}
	streams := x.Streams()
	for i := 0; b.Loop(); i++ {
		a, err := x.Resolve(streams[i%len(streams):][:1])
		if err != nil {
			b.Fatal(err)
		}
		f := x.Filter(a)
		for _, s := range subjects {
			f.Verdict(s)
		}
	}
}
