package closure

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"flatstream/repodata/rpmver"
)

// Tools that know nothing of modules hide nothing: of two builds of a name they take the
// one with the higher EVR, wherever it is. So a stream's packages may lose to packages
// that DNF would hide behind them.

// outdone is a package of the checked repository that would lose to another.
type outdone struct{ own, by int32 }

// outdone lists the checked packages of which a supplier that holds no stream has a newer
// build, hidden here or not; of several the newest.
func (v *view) outdone() []outdone {
	var found []outdone
	for _, own := range v.targets {
		newest := int32(-1)
		for _, p := range v.namesakes(own) {
			if v.plainlyThere(p) && v.outdoes(p, own) && (newest < 0 || v.outdoes(p, newest)) {
				newest = p
			}
		}
		if newest >= 0 {
			found = append(found, outdone{own, newest})
		}
	}
	slices.SortFunc(found, func(a, b outdone) int { return v.compare(a.own, b.own) })
	return found
}

// plainlyThere reports whether a plain tool would see p in a supplier without a stream.
func (v *view) plainlyThere(p int32) bool {
	if _, hidden := v.hidden[p]; !v.allowed.has(p) || v.repo.packages.has(p) || !hidden && !v.available.has(p) {
		return false
	}
	return slices.ContainsFunc(v.suppliers, func(s RepoID) bool { return v.repos[s].stream == "" && v.repos[s].packages.has(p) })
}

// outdoes reports whether p is a newer build of q's name for the same systems.
func (u *Universe) outdoes(p, q int32) bool {
	a, b := &u.packages[p], &u.packages[q]
	return a.Name == b.Name && width(a.Arch)&width(b.Arch) != 0 && !isSource(a.Arch) && rpmver.Compare(a.EVR, b.EVR) > 0
}

// warnOutdone says which packages lose.
func (v *view) warnOutdone(pairs []outdone) Warning {
	first := pairs[0]
	text := fmt.Sprintf("to tools that hide nothing, %s of %s is newer than %s", v.name(first.by), v.holding(first.by), v.name(first.own))
	if n := len(pairs) - 1; n > 0 {
		text += fmt.Sprintf(" (and so for %s)", plural(n, "more package", "more packages"))
	}
	return Warning{WarnPlainNewer, text}
}

// holding names the supplier that has p.
func (v *view) holding(p int32) string {
	if r, ok := v.source(p); ok {
		return r.name
	}
	return v.repo.name
}

// plainly judges the view once more as a tool that hides nothing would: with the hidden
// packages there, and without those that these outdo. It warns of the packages that
// remain and cannot be installed that way, though they can with the hiding.
func (j *judge) plainly(ctx context.Context) ([]Warning, error) {
	v := j.view
	pairs := v.outdone()
	var warnings []Warning
	if len(pairs) > 0 {
		warnings = append(warnings, v.warnOutdone(pairs))
	}
	plain := *v
	if plain.available = v.unhidden(); plain.available == nil {
		return warnings, nil
	}
	plain.targets = slices.DeleteFunc(slices.Clone(v.targets), func(p int32) bool { return !plain.available.has(p) || !j.alive.has(p) })
	again := plain.newJudge(j.graph, j.effort)
	defer again.done()
	if err := again.judge(ctx); err != nil {
		return nil, err
	}
	var broken []int32
	for _, p := range plain.targets {
		if !again.alive.has(p) {
			broken = append(broken, p)
		}
	}
	if len(broken) == 0 {
		return warnings, nil
	}
	v.byName(broken)
	b := again.newBlame()
	text := fmt.Sprintf("to tools that hide nothing, %s cannot be installed", v.name(broken[0]))
	if n := len(broken) - 1; n > 0 {
		text += fmt.Sprintf(" (nor can %s)", plural(n, "more package", "more packages"))
	}
	return append(warnings, Warning{WarnPlainBroken, text + ": " + b.ofCause(b.cause(broken[0]))}), nil
}

// addPlain adds what the plain way would bring, where that is asked for.
func (c *Checked) addPlain(ctx context.Context, j *judge) error {
	if !j.check.Plain || j.build != nil {
		return nil
	}
	warnings, err := j.plainly(ctx)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		c.Warn(w.Code, w.Text)
	}
	return nil
}

// unhidden is what there is when nothing is hidden, without what hidden packages outdo;
// nil if they outdo nothing, so that hiding them makes no difference to what can be
// installed.
func (v *view) unhidden() set {
	all := slices.Clone(v.available)
	lost := false
	for p := range v.hidden {
		if !v.allowed.has(p) {
			continue
		}
		all.add(p)
		for _, q := range v.namesakes(p) {
			if v.available.has(q) && v.outdoes(p, q) {
				all.remove(q)
				lost = true
			}
		}
	}
	if !lost {
		return nil
	}
	return all
}

// undeclared warns of requirements that only suppliers meet which may as well not be
// there: default streams that the checked stream's module does not ask for.
func (v *view) undeclared(optional []RepoID) []Warning {
	firm := v.firm(optional)
	if firm == nil {
		return nil
	}
	type loan struct{ p, r int32 }
	var loans []loan
	has := make(map[int32]bool)
	for _, p := range v.targets {
		for _, r := range v.requires(p) {
			q := &v.all[r]
			if q.bad || q.rpmlib || v.verdict(r, p) != met {
				continue
			}
			ok, known := has[r]
			switch {
			case q.rich != nil:
				ok = v.satisfiable(q.rich.formula, p, firm) == met
			case !known:
				ok = slices.ContainsFunc(v.providers.of(r), firm.has)
				has[r] = ok
			}
			if !ok {
				loans = append(loans, loan{p, r})
			}
		}
	}
	if len(loans) == 0 {
		return nil
	}
	slices.SortFunc(loans, func(a, b loan) int { return cmp.Or(v.compare(a.p, b.p), cmp.Compare(v.text(a.r), v.text(b.r))) })
	first := loans[0]
	text := fmt.Sprintf("%s requires %s, which only a default stream provides that the module does not require", v.name(first.p), v.text(first.r))
	if i := slices.IndexFunc(v.providers.of(first.r), v.available.has); i >= 0 {
		if r, ok := v.source(v.providers.of(first.r)[i]); ok && r.stream != "" {
			text = fmt.Sprintf("%s requires %s, which only the default stream %s provides; the module does not require that", v.name(first.p), v.text(first.r), r.stream)
		}
	}
	if n := len(loans) - 1; n > 0 {
		text += fmt.Sprintf(" (and so for %s)", plural(n, "more requirement", "more requirements"))
	}
	return []Warning{{WarnUndeclared, text}}
}

// firm is what is available without the optional suppliers; nil if that is all.
func (v *view) firm(optional []RepoID) set {
	if len(optional) == 0 {
		return nil
	}
	perhaps := make(set, len(v.repos)/64+1)
	for _, s := range optional {
		perhaps.add(int32(s))
	}
	firm := make(set, len(v.available))
	firm.include(v.repo.packages)
	for _, s := range v.suppliers {
		if !perhaps.has(int32(s)) {
			firm.include(v.repos[s].packages)
		}
	}
	firm.keep(v.available)
	return firm
}
