package splitter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"flatstream/repodata"
	"flatstream/repodata/digest"
	"flatstream/repodata/rpmver"
)

// Inventory is what one repository holds, as a value that can be compared with that of
// another day: [Inventory.Diff] is all that history needs of a repository.
type Inventory struct {
	Packages map[rpmver.NEVRA]digest.Checksum // of the package file
	Streams  map[StreamID][]string            // builds (NSVCA) of each stream, sorted
	Defaults map[string]string                // module -> default stream, of modules that have one
}

// ReadInventory reads primary and, where there is one, modules.yaml. Of two packages of
// one NEVRA the one with the lower checksum counts.
func ReadInventory(ctx context.Context, r *repodata.Repo) (*Inventory, error) {
	inv := &Inventory{Packages: map[rpmver.NEVRA]digest.Checksum{}, Streams: map[StreamID][]string{}, Defaults: map[string]string{}}
	for p, err := range r.Packages(ctx, repodata.PartIdentity) {
		if err != nil {
			return nil, err
		}
		if have, twice := inv.Packages[p.NEVRA]; !twice || p.PkgID.Hex < have.Hex {
			inv.Packages[p.NEVRA] = p.PkgID
		}
	}
	file, err := readModules(Source{Repo: r})
	if errors.Is(err, fs.ErrNotExist) {
		return inv, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading modules: %w", err)
	}
	for _, b := range file.Builds {
		id := StreamID{b.Name, b.Stream}
		inv.Streams[id] = append(inv.Streams[id], b.NSVCA())
	}
	for _, builds := range inv.Streams {
		slices.Sort(builds)
	}
	for _, d := range file.EffectiveDefaults() {
		if d.Stream != "" {
			inv.Defaults[d.Module] = d.Stream
		}
	}
	return inv, nil
}
