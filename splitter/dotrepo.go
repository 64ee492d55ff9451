package splitter

import (
	"fmt"
	"slices"
	"strings"
)

// DotRepoName is the .repo file at the top of a target, and beside the repodata of
// each flat repository.
const DotRepoName = "flatstream.repo"

// trust is what a .repo section says about signatures.
type trust struct {
	check bool
	keys  []string
}

// dotRepo writes the .repo file of some flat repositories. Those in enabled are on;
// module_hotfixes=1 makes DNF take labelled packages from a repository without
// modules.yaml (P27). What hidden names of a repository is excluded, so that what a
// client sees is what verify judged.
func dotRepo(r *Report, ids []string, enabled func(id string) bool, base string, signed trust, hidden map[string][]string) []byte {
	var b strings.Builder
	for i, id := range ids {
		repo, ok := r.Repo(id)
		if !ok {
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "[%s]\nname=%s\nbaseurl=%s/%s/\n", id, describe(repo), base, escapeURLPath(repo.Path))
		fmt.Fprintf(&b, "enabled=%d\ngpgcheck=%d\n", bit(enabled(id)), bit(signed.check))
		if len(signed.keys) > 0 {
			fmt.Fprintf(&b, "gpgkey=%s\n", strings.Join(signed.keys, " "))
		}
		b.WriteString("module_hotfixes=1\n")
		if names := hidden[id]; len(names) > 0 {
			fmt.Fprintf(&b, "excludepkgs=%s\n", strings.Join(names, " "))
		}
	}
	return []byte(b.String())
}

// describe is the name of a repository for people; a newline in a stream's name
// must not become one in the file.
func describe(r *ReportRepo) string {
	switch r.Kind {
	case KindStream:
		return printable(fmt.Sprintf("%s:%s as a flat repository", r.Module, r.Stream))
	case KindView:
		return printable("view " + strings.TrimPrefix(r.Path, "views/"))
	case KindDefault:
		return "default streams and non-modular packages"
	case KindNonModular:
		return "non-modular packages"
	}
	return r.Kind + " packages"
}

func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '_'
		}
		return c
	}, s)
}

// escapeURLPath percent-encodes what a path element may hold but a URL may not.
func escapeURLPath(p string) string {
	var b strings.Builder
	for i := range len(p) {
		switch c := p[i]; {
		case plainByte(c), c == '/', c == '~', c == '@', c == '=', c == ',', c == ':':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// signedBy says what the sources of a target agree on: packages are checked only
// where every source asks for it, with the keys of all.
func signedBy(sources []Source) trust {
	t := trust{check: true}
	merged := 0
	for _, s := range sources {
		if s.Role == RoleSupply {
			continue
		}
		merged++
		t.check = t.check && s.GPGCheck
		for _, k := range s.GPGKeys {
			if !slices.Contains(t.keys, k) {
				t.keys = append(t.keys, k)
			}
		}
	}
	t.check = t.check && merged > 0
	return t
}
