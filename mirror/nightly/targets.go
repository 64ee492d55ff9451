package nightly

import (
	"slices"

	"gopkg.in/yaml.v3"

	"flatstream/splitter"
)

func (c *Config) readTargets(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		if err := checkName(key, "target"); err != nil {
			return err
		}
		t := Target{Name: key.Value, node: key}
		o := &t.Options
		err := decode(value, fields{
			"releasever": readName(&t.Releasever, "release"), "arches": readNames(&t.Arches, "arch"),
			"sources": readNames(&t.Sources, "repository"), "alias": t.readAliases,
			"versions": choice(&o.Versions, "dnf", "latest", "all"), "unlisted": choice(&o.Unlisted, "quarantine", "keep", "drop"),
			"by": choice(&o.By, "stream", "nsvca"), "streams": &o.Streams, "platform": &o.Platform, "modulemd": &o.Modulemd,
			"labels": choice(&o.Labels, "auto", "all", "none"), "strict-dnf": &o.StrictDNF,
		})
		if err != nil {
			return err
		}
		if len(t.Arches) == 0 {
			t.Arches = []string{"x86_64"}
		}
		c.Targets = append(c.Targets, t)
		return nil
	})
}

func readName(into *string, what string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := scalar(n); err != nil {
			return err
		}
		*into = n.Value
		return checkName(n, what)
	}
}

// readNames takes a list of names, each once.
func readNames(into *[]string, what string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := assignList(n, into); err != nil {
			return err
		}
		for i, name := range *into {
			item := n
			if n.Kind == yaml.SequenceNode {
				item = content(n.Content[i])
			}
			if err := checkName(item, what); err != nil {
				return err
			}
			if slices.Contains((*into)[:i], name) {
				return wrong(item, "%s stands here twice", name)
			}
		}
		return nil
	}
}

// readAliases takes one path, a list of paths, or a mapping of paths to what they
// lead to in the target.
func (t *Target) readAliases(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		return eachKey(n, func(key, value *yaml.Node) error {
			a := Alias{Path: key.Value, node: key}
			t.Aliases = append(t.Aliases, a)
			return assign(value, &t.Aliases[len(t.Aliases)-1].To)
		})
	}
	var paths []string
	err := assignList(n, &paths)
	for _, p := range paths {
		t.Aliases = append(t.Aliases, Alias{Path: p, node: n})
	}
	return err
}

func (c *Config) readViews(n *yaml.Node) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		if err := checkName(key, "view"); err != nil {
			return err
		}
		if key.Value == "default" {
			return wrong(key, "the view default always exists and cannot be changed")
		}
		v := View{Name: key.Value, node: key}
		err := decode(value, fields{
			"target": &v.Target, "streams": &v.Streams,
			"newest": &v.Newest,
			"overlay": func(n *yaml.Node) error {
				return eachKey(n, func(source, globs *yaml.Node) error {
					o := splitter.Overlay{View: v.Name, Source: source.Value}
					err := assignList(globs, &o.Globs)
					v.Overlays = append(v.Overlays, o)
					return err
				})
			},
		})
		if err != nil {
			return err
		}
		c.Views = append(c.Views, v)
		return nil
	})
}
