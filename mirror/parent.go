package mirror

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"flatstream/repodata"
)

// Honest repositories exist whose packages lie beside them, in a store of blobs that
// several share: "../blobs/x.rpm". Such a location is taken when the user names the
// directory above both ([Source.Parent]). That directory is then what lands at the
// source's path, with the repository and the packages where they are below it; nothing
// can lead out of it.

// settle finds where below Parent the repository is.
func (s *Source) settle() error {
	if s.Parent == "" {
		return nil
	}
	if s.Mirrorlist != "" || s.Metalink != "" {
		return errors.New("a parent of ../ locations needs base URLs, not a mirrorlist or metalink")
	}
	for i, base := range s.URLs {
		below, ok := s.Below(base)
		if i > 0 { // the parents of other mirrors have other names
			ok = strings.HasSuffix(slashed(base), "/"+slashed(s.below))
			below = s.below
		}
		if !ok || below == "" || repodata.CheckHref(below) != nil || strings.Contains(base, "?") {
			return fmt.Errorf("%s is not below %s, so that cannot be the parent of its ../ locations", s.Place(), s.Parent)
		}
		s.below = below
	}
	return nil
}

// Below says whether a base URL or directory is below the source's Parent, and where.
func (s *Source) Below(base string) (string, bool) {
	below, ok := strings.CutPrefix(slashed(localBase(base)), slashed(localBase(s.Parent)))
	return strings.Trim(below, "/"), ok
}

func slashed(s string) string { return strings.TrimSuffix(s, "/") + "/" }

// resolve checks a location of the repository and returns it as a path below the
// source's own: the same one, or with a Parent where that leads.
func (s *Source) resolve(href string) (string, error) {
	dir, rest := s.below, href
	for dir != "" && strings.HasPrefix(rest, "../") {
		rest = rest[len("../"):]
		if dir = path.Dir(dir); dir == "." {
			dir = ""
		}
	}
	if err := repodata.CheckHref(rest); err != nil {
		hint := ""
		if strings.HasPrefix(rest, "../") && s.Parent == "" {
			hint = " (--allow-parent-hrefs names a directory that it may lead to)"
		}
		return "", fmt.Errorf("location %q is refused: %w%s", href, err, hint)
	}
	return path.Join(dir, rest), nil
}

// parentOf is the URL that resolved paths are below, of the base of one mirror.
func (s *Source) parentOf(base string) string {
	if s.below == "" {
		return base
	}
	return strings.TrimSuffix(slashed(base), slashed(s.below))
}

// home is where the repository itself lands below a snapshot.
func (s *Source) home() string { return path.Join(s.path(), s.below) }
