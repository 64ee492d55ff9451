package modulemd

import (
	"time"

	"gopkg.in/yaml.v3"
)

// dateForms are the forms of modified and eol_date, UTC to the minute. The first is
// the spec's; libmodulemd's messages promise the second, but it refuses it.
var dateForms = []string{"2006-01-02T15:04Z", "2006-01-02 15:04Z"}

// EffectiveObsoletes returns what is announced for a build of module:stream with
// this context, nil for nothing: of the documents without a context or with this
// one the newest modified wins; of equally new ones that with the context, then
// the later. A reset that wins means nothing is announced (libmodulemd's
// modulemd_module_get_newest_active_obsoletes). Whether EOLDate has passed is left
// to the caller, since only he has a clock; see EffectiveObsoletesAt.
func EffectiveObsoletes(all []*Obsoletes, module, stream, context string) *Obsoletes {
	return newest(all, module, stream, context, func(*Obsoletes) bool { return true })
}

// EffectiveObsoletesAt is EffectiveObsoletes without the documents whose EOLDate
// is still to come at t, as libmodulemd does with the current time.
func EffectiveObsoletesAt(all []*Obsoletes, module, stream, context string, t time.Time) *Obsoletes {
	return newest(all, module, stream, context, func(o *Obsoletes) bool { return o.inForce(t) })
}

func newest(all []*Obsoletes, module, stream, context string, counts func(*Obsoletes) bool) *Obsoletes {
	var best *Obsoletes
	for _, o := range all {
		applies := o.Module == module && o.Stream == stream && (o.Context == "" || o.Context == context)
		if applies && counts(o) && (best == nil || !o.OlderThan(best)) {
			best = o
		}
	}
	if best == nil || best.Reset {
		return nil
	}
	return best
}

// OlderThan orders two that apply to one build: by Modified, and of equally new ones
// the one without a context is older.
func (o *Obsoletes) OlderThan(p *Obsoletes) bool {
	a, b := date(o.Modified), date(p.Modified)
	if !a.Equal(b) {
		return a.Before(b)
	}
	return o.Context == "" && p.Context != ""
}

// inForce reports whether the end of life has come at t: at once without a date.
func (o *Obsoletes) inForce(t time.Time) bool {
	return o.EOLDate == "" || !date(o.EOLDate).After(t)
}

// date is the zero time for what is no date.
func date(s string) time.Time {
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// addObsoletes reads a modulemd-obsoletes document, version 1.
func (d *document) addObsoletes(f *File, version string, data *yaml.Node) {
	if version != "1" {
		d.fail("modulemd-obsoletes version %s, only 1 is known", quote(version))
	}
	m := d.fields(data)
	by := d.fields(m["obsoleted_by"])
	o := &Obsoletes{
		Module: d.name(m["module"]), Stream: d.name(m["stream"]), Context: d.name(m["context"]),
		Modified: d.name(m["modified"]), EOLDate: d.name(m["eol_date"]), Message: d.value(m["message"]),
		ByModule: d.name(by["module"]), ByStream: d.name(by["stream"]),
		Source: d.source, Doc: d.index, Raw: d.raw,
	}
	if o.Module == "" || o.Stream == "" {
		d.fail("obsoletes without a module and stream")
	}
	if d.err != nil {
		return
	}
	d.id = "obsoletes of " + o.Module + ":" + o.Stream
	o.Reset = d.flag("reset", m["reset"])
	if date(o.Modified).IsZero() {
		d.fail("modified is %s, not YYYY-MM-DDTHH:MMZ", quote(o.Modified))
	}
	if o.EOLDate != "" && date(o.EOLDate).IsZero() {
		d.fail("eol_date is %s, not YYYY-MM-DDTHH:MMZ", quote(o.EOLDate))
	}
	if d.err != nil {
		return
	}
	d.strictObsoletes(o)
	f.Obsoletes = append(f.Obsoletes, o)
}

// strictObsoletes warns of what makes libmodulemd reject the document.
func (d *document) strictObsoletes(o *Obsoletes) {
	if o.Message == "" {
		d.remark(rejected, "no message")
	}
	for _, s := range []string{o.Modified, o.EOLDate} {
		if _, err := time.Parse(dateForms[0], s); s != "" && err != nil {
			d.remark(rejected, "date %s is not YYYY-MM-DDTHH:MMZ", quote(s))
		}
	}
	if (o.ByModule == "") != (o.ByStream == "") {
		d.remark(rejected, "obsoleted_by needs both module and stream")
	}
	if hasAlias(d.root) {
		d.remark(rejected, "a YAML alias")
	}
}
