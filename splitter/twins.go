package splitter

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"flatstream/repodata"
)

// batch is what one worker writes at once: repositories whose metadata is the same
// byte for byte, since they hold the same packages at the same places. default/ is
// one with non-modular/ where no default stream has packages or hides any, and with
// each view that changes nothing. The metadata of the first is compressed once.
type batch struct {
	first *Flat
	bases []string // the way from each of them to the sources
	twins []*Flat
}

// batches groups the repositories, the largest first.
func (s *splitting) batches() ([]*batch, error) {
	queue := slices.Clone(s.Repos)
	slices.SortStableFunc(queue, func(a, b *Flat) int { return cmp.Compare(b.Len(), a.Len()) })
	var all []*batch
	for _, f := range queue {
		bases, err := s.relativeBases(s.target, f)
		if err != nil {
			return nil, err
		}
		same := func(b *batch) bool {
			return b.first.Kind != KindStream && slices.Equal(b.bases, bases) && slices.Equal(b.first.members, f.members)
		}
		i := -1
		if f.Kind != KindStream { // whose repository may carry modules.yaml and the module's advisories
			i = slices.IndexFunc(all, same)
		}
		if i < 0 {
			all = append(all, &batch{first: f, bases: bases})
		} else {
			all[i].twins = append(all[i].twins, f)
		}
	}
	return all, nil
}

// shareMetadata gives f, whose directory is dir, the metadata that was written for
// its twin. Files that are named by their checksum are linked, as nothing ever
// writes into them; repomd.xml is a file of its own, or the earlier one.
func shareMetadata(md *repodata.RepoMD, from, dir, earlier string) error {
	if err := makeDirs(dir, filepath.Join(dir, "repodata")); err != nil {
		return err
	}
	for _, rec := range md.Records {
		name := filepath.FromSlash(rec.Location)
		src, dst := filepath.Join(from, name), filepath.Join(dir, name)
		if os.Link(src, dst) == nil {
			continue
		}
		if err := copyFile(src, dst); err != nil { // not every file system has links
			return fmt.Errorf("sharing metadata: %w", err)
		}
	}
	return repodata.WriteAgain(earlier, filepath.Join(dir, "repodata", "repomd.xml"), md.Raw)
}
