package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"flatstream/repodata/digest"
)

// verified is the set of packages whose signatures were good, with the keys of this
// run. It is kept between runs, for to verify a package is to read all of it; that
// an object is in the store says nothing, since another source or a run that failed
// may have brought it.
type verified struct {
	mu   sync.Mutex
	sums map[digest.Checksum]bool
	more bool // than what is kept
}

func (v *verified) good(sum digest.Checksum) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sums[sum]
}

func (v *verified) add(sum digest.Checksum) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sums[sum], v.more = true, true
}

func (s *Source) verifiedName() string { return "sync/" + s.path() + ".verified" }

// openVerified reads the set. One of other keys, or one that is damaged, is none:
// then all packages are verified again.
func (r *run) openVerified() error {
	v := &r.trust.verified
	if !r.src.GPGCheck || v.sums != nil {
		return nil
	}
	v.sums = map[digest.Checksum]bool{}
	b, err := r.t.ReadState(r.src.verifiedName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remember what was verified: %w", err)
	}
	keys, list, _ := bytes.Cut(b, []byte("\n"))
	if string(keys) != r.trust.keys.Fingerprint() {
		return nil
	}
	for line := range bytes.Lines(list) {
		algo, digits, _ := strings.Cut(string(line), ":")
		sum, err := digest.Parse(algo, digits)
		if err != nil {
			clear(v.sums)
			return nil
		}
		v.sums[sum] = true
	}
	return nil
}

// saveVerified keeps the set; at the end of a good run without the packages that the
// repository no longer has.
func (r *run) saveVerified(whole bool) error {
	v := &r.trust.verified
	if !v.more {
		return nil
	}
	keep := v.sums
	if whole {
		keep = map[digest.Checksum]bool{}
		for _, f := range r.sum.files {
			keep[f.sum] = v.sums[f.sum]
		}
	}
	var lines []string
	for sum, good := range keep {
		if good {
			lines = append(lines, sum.String())
		}
	}
	slices.Sort(lines)
	text := r.trust.keys.Fingerprint() + "\n" + strings.Join(lines, "\n") + "\n"
	if err := r.t.WriteState(r.src.verifiedName(), []byte(text)); err != nil {
		return fmt.Errorf("remember what was verified: %w", err)
	}
	return nil
}
