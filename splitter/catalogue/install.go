package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"flatstream/splitter"
)

// maxDotRepo is the longest .repo file that stands on a page, bytes: 80 repositories.
const maxDotRepo = 16 << 10

// install is how to use a repository.
type install struct {
	DotRepo  string // its .repo file; empty when it is too long for a page
	File     string // that file below the target
	Commands string // for a shell: fetch the file, install something
	Others   int    // repositories that the file switches on besides
}

// install reads a repository's .repo file and puts its use into words; nil when there
// is no such file.
func (s *site) install(f *flat) *install {
	text := s.dotRepo(f.Path)
	if text == "" {
		return nil
	}
	i := &install{DotRepo: text, File: f.Path + "/" + splitter.DotRepoName, Others: strings.Count(text, "\nbaseurl=") - 1}
	_, own, _ := strings.Cut(text, "["+f.ID+"]\n")
	_, url, _ := strings.Cut(own, "\nbaseurl=")
	url, _, _ = strings.Cut(url, "\n")
	i.Commands = "sudo curl -fo /etc/yum.repos.d/flatstream.repo \\\n    " + shell(url+splitter.DotRepoName) + "\nsudo dnf install " + strings.Join(f.wanted(), " ")
	if len(text) > maxDotRepo {
		i.DotRepo = ""
	}
	return i
}

// plain is a word that every shell takes as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9/:._~@=,+%-]+$`)

// shell quotes a word where that is needed.
func shell(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// wanted are the packages that somebody wants who wants the stream: those of its usual
// profile, or the one that is called like the module, or whichever.
func (f *flat) wanted() []string {
	have := func(name string) bool {
		return plain.MatchString(name) && !strings.HasPrefix(name, "-") && slices.ContainsFunc(f.Holds, func(p nevra) bool { return p.Name == name })
	}
	for _, profile := range []string{"common", "default", "server", "minimal"} {
		if names := slices.DeleteFunc(slices.Clone(f.Profiles[profile]), func(n string) bool { return !have(n) }); len(names) > 0 && len(names) <= 6 {
			return names
		}
	}
	if have(f.Module) {
		return []string{f.Module}
	}
	for _, p := range f.Holds {
		if f.Kind == splitter.KindStream && have(p.Name) && p.Arch != "src" {
			return []string{p.Name}
		}
	}
	return []string{"PACKAGE"}
}
