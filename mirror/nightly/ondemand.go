package nightly

import (
	"fmt"
	"path"

	"flatstream/mirror"
	"flatstream/mirror/repofile"
	"flatstream/mirror/tree"
)

// promiser lets a flat repository promise what its source promises: packages of a
// repository on demand are in no directory, so that there is nothing to link.
func promiser(stage *tree.Stage, source, flat string) func(from, to string) error {
	return func(from, to string) error {
		e, ok := stage.Promised(path.Join(source, from))
		if !ok {
			return fmt.Errorf("%s does not say where it can be had", path.Join(source, from))
		}
		return stage.Promise(path.Join(flat, to), e.Checksum, e.Size, e.URL)
	}
}

// Sources lists every repository that the config mirrors, with its credentials, for
// the server that fetches packages on demand.
func (c *Config) Sources(machine repofile.Vars) ([]mirror.Source, error) {
	all, _, err := c.upstreams(machine)
	var list []mirror.Source
	for _, u := range all {
		list = append(list, u.source)
	}
	return list, err
}
