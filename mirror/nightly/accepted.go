package nightly

import (
	"errors"
	"io/fs"
	"time"

	"flatstream/repodata"
	"flatstream/repodata/closure"
)

// readBaseline reads the file of verify's baseline, as [closure.Baseline] has it: problems
// that hold nothing back though what is published does not have them.
func (c *Config) readBaseline(dir string) error {
	v := &c.Verify
	if v.Baseline == "" {
		return nil
	}
	v.Baseline = below(dir, v.Baseline)
	f, err := repodata.OpenInput(v.Baseline)
	if err != nil {
		e := wrong(v.node, "baseline: %s cannot be read: %s", v.Baseline, plainError(err))
		if errors.Is(err, fs.ErrNotExist) {
			e.Try = "flatstream verify " + c.Store + " --write-baseline " + v.Baseline + " writes one; baseline: auto does without"
		}
		return e
	}
	defer f.Close()
	if v.accepted, err = closure.ReadBaseline(f); err != nil {
		e := wrong(v.node, "baseline: %s: %v", v.Baseline, err)
		e.Try = "correct it by hand; flatstream verify --write-baseline FILE writes one"
		return e
	}
	return nil
}

// accept marks the problems that the baseline file knows today, and returns the entries
// that would know one but for their date.
func (v *VerifyConfig) accept(r *closure.Report, today time.Time) (expired []closure.Entry) {
	if v.accepted == nil {
		return nil
	}
	return r.Apply(v.accepted, today, v.Level.Unasked()...).Expired
}

// warnExpired says that entries of the baseline file count no more.
func (n *night) warnExpired(b build, expired []closure.Entry) {
	if len(expired) > 0 {
		e := expired[0]
		n.report.warn("%s: entries of %s that have expired: %d, the first for %s in %s of %s", b.flat(), n.Verify.Baseline, len(expired), e.Package, e.Repo, e.Expires)
	}
}
