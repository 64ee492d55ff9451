package splitter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"flatstream/repodata/rpmfile"
)

// Labels says of which package files the ModularityLabel is read. It stands in the
// header of the file and nowhere in the metadata, so reading one costs an open file.
type Labels string

// The choices of --labels. Auto never opens a package that a document lists, and of
// the others only those that could be mistaken: first those with a release marker or
// with the name of a package that some document lists; then, in a source where one
// of these has a marker or a label, which shows that documents were lost, all that no
// document lists. So a BaseOS costs a few hundred opened files at most, and a package
// of a lost module is found even by its label alone where anything else tells that
// documents were lost.
const (
	LabelsAuto Labels = "auto"
	LabelsAll  Labels = "all"  // of every package, to compare labels with documents, too
	LabelsNone Labels = "none" // no file is opened, only the release marker counts
)

// labelState is what is known of a package's label.
type labelState uint8

const (
	labelUnknown labelState = iota
	labelRead
	labelUnreadable
)

// labelReader reads labels for one plan.
type labelReader struct {
	*Plan
	errs []error // by package: why its file could not be read
}

// readLabels reads the labels that the options ask for into the packages.
func (p *Plan) readLabels(ctx context.Context) error {
	if p.Options.Labels != LabelsAuto && p.Options.Labels != LabelsAll {
		return nil
	}
	r := &labelReader{p, make([]error, len(p.pkgs))}
	var candidates, rest []int32
	for i := range p.pkgs {
		k := &p.pkgs[i]
		switch {
		case p.Sources[k.source].Dir == "", p.Sources[k.source].Promise != nil:
		case p.Options.Labels == LabelsAll, k.unlistable() && (k.marked() || k.subject.name >= 0):
			candidates = append(candidates, int32(i))
		case k.unlistable():
			rest = append(rest, int32(i))
		}
	}
	if err := r.read(ctx, candidates); err != nil {
		return err
	}
	lossy := p.lossySources()
	var more []int32
	for _, i := range rest {
		if lossy[p.pkgs[i].source] {
			more = append(more, i)
		}
	}
	if err := r.read(ctx, more); err != nil {
		return err
	}
	r.warnUnread(lossy)
	p.warnLabels()
	return nil
}

// lossySources are those with an unlisted package: some of their documents were lost.
func (p *Plan) lossySources() []bool {
	lossy := make([]bool, len(p.Sources))
	for i := range p.pkgs {
		if p.pkgs[i].unlisted() {
			lossy[p.pkgs[i].source] = true
		}
	}
	return lossy
}

// read opens the files of these packages, several at once, but for those whose label
// is remembered.
func (r *labelReader) read(ctx context.Context, list []int32) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(r.Options.Jobs, runtime.GOMAXPROCS(0)))
	for _, i := range list {
		k := &r.pkgs[i]
		if label, ok := r.Options.KnownLabels[k.pkgid]; ok {
			k.label, k.labelState = label, labelRead
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			k.label, r.errs[i] = readLabel(r.Sources[k.source], k)
			k.labelState = labelRead
			if r.errs[i] != nil {
				k.labelState = labelUnreadable
			}
			return nil
		})
	}
	return group.Wait()
}

// readLabel reads the header of a package file, which must be the one that the
// metadata means.
func readLabel(s Source, k *pkg) (label string, err error) {
	if k.base != "" {
		return "", fmt.Errorf("%s is not on this machine: %w", k.href, fs.ErrNotExist)
	}
	name := filepath.Join(s.files(), filepath.FromSlash(k.href))
	info, err := os.Stat(name) // before it is opened: a pipe would block
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err := rpmfile.Read(f, info.Size())
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if h.Name != k.Name || h.EVR != k.EVR {
		return "", fmt.Errorf("%s is %s, the metadata says %s", name, h.NEVRA, k.NEVRA)
	}
	return h.Label, nil
}

// warnUnread says of which packages the label is wanted and unknown. Where files are
// simply not there, as in a copy of metadata alone, that matters only if something
// tells that documents were lost.
func (r *labelReader) warnUnread(lossy []bool) {
	for i, s := range r.Sources {
		n, unlisted := 0, 0
		var first error
		for j := range r.pkgs {
			k := &r.pkgs[j]
			if k.source != i {
				continue
			}
			if k.unlisted() {
				unlisted++
			}
			if err := r.errs[j]; err != nil && (lossy[i] || r.Options.Labels == LabelsAll || !errors.Is(err, fs.ErrNotExist)) {
				n++
				if first == nil {
					first = err
				}
			}
		}
		switch {
		case n > 0:
			r.warn("labels-unread", "%s: the labels of %s could not be read, so only a release marker tells whether they are modular; the first: %v", s.Name, counted(n, "package"), first)
		case s.Dir == "" && unlisted > 0:
			r.warn("labels-unread", "%s is a URL: of the packages that no document lists only the release marker was looked at, not the label; sync it first", s.Name)
		}
	}
}

// Labels maps the pkgid of every package whose label was read to that label, empty
// for none: what [Options.KnownLabels] takes in the next run.
func (p *Plan) Labels() map[string]string {
	known := map[string]string{}
	for i := range p.pkgs {
		if k := &p.pkgs[i]; k.labelState == labelRead {
			known[k.pkgid] = k.label
		}
	}
	return known
}
