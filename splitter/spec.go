package splitter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flatstream/repodata/rpmver"
	"flatstream/splitter/modulemd"
)

// selection is what a list of SPECs asks for.
type selection struct {
	enabled  map[string]string // module -> stream
	disabled []string          // modules
	empty    bool              // "none": do not start from the default streams
}

// Streams lists what is enabled, sorted.
func (s *selection) streams() []StreamID {
	var ids []StreamID
	for module, stream := range s.enabled {
		ids = append(ids, StreamID{module, stream})
	}
	slices.SortFunc(ids, CompareStreamID)
	return ids
}

// parseSpecs reads SPECs: [SOURCE/]module:stream, [SOURCE/]module (its default
// stream), [SOURCE/]all (of every module the default or else the newest stream),
// default, none, -module. A later one replaces an earlier one of the same module,
// but two streams written out for one module are refused: DNF could not enable them.
func (p *Plan) parseSpecs(specs []string) (*selection, error) {
	sel := &selection{enabled: map[string]string{}}
	written := map[string]string{}
	for i, spec := range specs {
		switch {
		case spec == "":
			return nil, &UsageError{"an empty SPEC", "write module:stream, module, default, all, none or -module"}
		case spec == "none" && sel.empty:
			return nil, &UsageError{`"none" stands twice`, "write it once, first"}
		case spec == "none" && i > 0:
			return nil, &UsageError{`"none" must come first: it starts the view empty`, "write none," + strings.Join(specs[:i], ",")}
		case spec == "none":
			sel.empty = true
			continue
		case spec == "default":
			continue
		case spec[0] == '-':
			if err := p.checkModule(spec[1:], p.Index.Modules()); err != nil {
				return nil, err
			}
			delete(sel.enabled, spec[1:])
			sel.disabled = append(sel.disabled, spec[1:])
			continue
		}
		ids, exact, err := p.parseSpec(spec)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if other, ok := written[id.Module]; exact && ok && other != id.Stream {
				return nil, &UsageError{fmt.Sprintf("%s:%s and %s cannot be enabled together: a module has one stream at a time", id.Module, other, id), "leave one out, or make two views"}
			}
			if exact {
				written[id.Module] = id.Stream
			} else if written[id.Module] != "" {
				continue // "all" does not undo what was named
			}
			sel.enabled[id.Module] = id.Stream
			sel.disabled = slices.DeleteFunc(sel.disabled, isID(id.Module))
		}
	}
	return sel, nil
}

// parseSpec reads one SPEC that names streams. exact says that it names just one.
func (p *Plan) parseSpec(spec string) (ids []StreamID, exact bool, err error) {
	source, rest := p.cutSource(spec)
	streams, err := p.streamsOf(source)
	if err != nil {
		return nil, false, err
	}
	if rest == "all" {
		return p.defaultOrNewest(streams), false, nil
	}
	module, stream, ok := strings.Cut(rest, ":")
	if module == "" {
		return nil, false, &UsageError{fmt.Sprintf("SPEC %q names no module", spec), "write module:stream, module, default, all, none or -module"}
	}
	if err := p.checkModule(module, modulesOf(streams)); err != nil {
		return nil, false, err
	}
	id := StreamID{module, stream}
	if ok && stream == "" {
		return nil, false, &UsageError{fmt.Sprintf("SPEC %q names no stream", spec), "write one of " + joinStreams(module, streams) + ", or " + module + " for its default"}
	}
	if !ok {
		id.Stream = p.Index.Default(module)
		if id.Stream == "" {
			return nil, false, &UsageError{fmt.Sprintf("module %s has no default stream", module), "write one of " + joinStreams(module, streams)}
		}
	}
	if !slices.Contains(streams, id) {
		return nil, false, &UsageError{p.Index.unknownStream(id), "flatstream list shows what there is"}
	}
	return []StreamID{id}, true, nil
}

// cutSource takes [SOURCE/] off a SPEC. A "/" behind the colon belongs to the stream, and
// one before it to the module where there is such a module and no such source.
func (p *Plan) cutSource(spec string) (source, rest string) {
	source, rest, ok := strings.Cut(spec, "/")
	if !ok || strings.Contains(source, ":") {
		return "", spec
	}
	module, _, _ := strings.Cut(spec, ":")
	isSource := slices.ContainsFunc(p.Sources, func(s Source) bool { return s.Name == source })
	if _, isModule := slices.BinarySearch(p.Index.Modules(), module); isModule && !isSource {
		return "", spec
	}
	return source, rest
}

// streamsOf lists the streams that one source has documents of, or all sources.
func (p *Plan) streamsOf(source string) ([]StreamID, error) {
	if source == "" {
		return p.Index.Streams(), nil
	}
	var names []string
	for _, s := range p.Sources {
		names = append(names, s.Name)
	}
	if !slices.Contains(names, source) {
		return nil, &UsageError{fmt.Sprintf("there is no source %s", source) + hint(Nearest(source, names)), "the sources are " + strings.Join(names, ", ")}
	}
	var ids []StreamID
	for _, id := range p.Index.Streams() {
		for _, g := range p.Index.Groups(id) {
			if slices.ContainsFunc(g.Builds, func(b *modulemd.Build) bool { return b.Source == source }) {
				ids = append(ids, id)
				break
			}
		}
	}
	return ids, nil
}

func modulesOf(streams []StreamID) []string {
	var names []string
	for _, id := range streams {
		names = append(names, id.Module)
	}
	return slices.Compact(names)
}

func joinStreams(module string, streams []StreamID) string {
	var names []string
	for _, id := range streams {
		if id.Module == module {
			names = append(names, id.String())
		}
	}
	return strings.Join(names, ", ")
}

func (p *Plan) checkModule(name string, modules []string) error {
	if slices.Contains(modules, name) {
		return nil
	}
	return &UsageError{fmt.Sprintf("there is no module %s", name) + hint(Nearest(name, modules)), "flatstream list shows what there is"}
}

// defaultOrNewest picks of every module the default stream, or else the one whose
// name is the newest as a version; of equals the one built last.
func (p *Plan) defaultOrNewest(streams []StreamID) []StreamID {
	best := map[string]StreamID{}
	newer := func(a, b StreamID) bool {
		return cmp.Or(rpmver.CompareVersion(a.Stream, b.Stream), cmp.Compare(p.newestVersion(a), p.newestVersion(b))) > 0
	}
	for _, id := range streams {
		if other, ok := best[id.Module]; !ok || newer(id, other) {
			best[id.Module] = id
		}
	}
	for _, id := range streams {
		if p.Index.Default(id.Module) == id.Stream {
			best[id.Module] = id
		}
	}
	var picked []StreamID
	for _, module := range modulesOf(streams) {
		picked = append(picked, best[module])
	}
	return picked
}

func (p *Plan) newestVersion(id StreamID) uint64 {
	var v uint64
	for _, g := range p.Index.Groups(id) {
		v = max(v, g.Builds[0].Version)
	}
	return v
}

// wantedStreams is what --streams leaves of streams/; nil means all.
func (p *Plan) wantedStreams() (map[StreamID]bool, error) {
	specs := p.Options.Streams
	if len(specs) == 0 || len(specs) == 1 && specs[0] == "all" {
		return nil, nil
	}
	wanted := map[StreamID]bool{}
	for _, spec := range specs {
		switch {
		case spec == "default":
			for _, module := range p.Index.Modules() {
				if id := (StreamID{module, p.Index.Default(module)}); len(p.Index.Groups(id)) > 0 {
					wanted[id] = true
				}
			}
			continue
		case spec == "none", strings.HasPrefix(spec, "-"), spec == "":
			return nil, &UsageError{fmt.Sprintf("%q says nothing in --streams", spec), "write module:stream, module, default or all"}
		}
		ids, _, err := p.parseSpec(spec)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			wanted[id] = true
		}
	}
	if p.Options.WithDeps {
		p.addRequired(wanted)
	}
	return wanted, nil
}

// addRequired adds the streams that the wanted ones require, as DNF would pick them.
func (p *Plan) addRequired(wanted map[StreamID]bool) {
	for id := range wanted {
		a, err := p.Index.Resolve([]StreamID{id})
		if err != nil {
			continue // it cannot be enabled: planStream says so
		}
		for g := range requiredBy(a, a.Active(id.Module)[0].Group) {
			wanted[g.StreamID] = true
		}
	}
}
