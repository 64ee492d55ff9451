package nightly

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"flatstream/splitter"
)

// ConfigError is a mistake in a config, with its place.
type ConfigError struct {
	File         string
	Line, Column int // from 1; 0: the file as a whole
	Text, Try    string
}

func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Hint says what to try next.
func (e *ConfigError) Hint() string { return e.Try }

func wrong(n *yaml.Node, format string, args ...any) *ConfigError {
	return &ConfigError{Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)}
}

// parseYAML reads the one document of a config.
func parseYAML(b []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, &ConfigError{Text: "the config is empty", Try: "it needs at least store: and repos:"}
	}
	if err == nil {
		if err = dec.Decode(&more); errors.Is(err, io.EOF) {
			return doc.Content[0], nil
		}
	}
	if err != nil {
		return nil, &ConfigError{Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	return nil, wrong(&more, "a second document begins here; a config is one")
}

// fields maps the keys of a mapping to where their values go: *string, *[]string,
// *bool, *int, *float64 (of a percentage), *time.Duration, or a func(*yaml.Node) error.
type fields map[string]any

// decode fills in fields from a mapping. An unknown or repeated key is an error, and
// so is a value of another kind.
func decode(n *yaml.Node, f fields) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		into, ok := f[key.Value]
		if !ok {
			return unknownKey(key, f.names())
		}
		return assign(value, into)
	})
}

func unknownKey(key *yaml.Node, known []string) error {
	e := wrong(key, "unknown key %q", key.Value)
	e.Try = "the keys here are " + strings.Join(known, ", ")
	if near := splitter.Nearest(key.Value, known); len(near) > 0 {
		e.Try = "did you mean " + strings.Join(near, " or ") + "? " + e.Try
	}
	return e
}

func (f fields) names() []string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// content is a node, or what it is an alias of. The keys of a config have a fixed
// depth, so that no chain of aliases can grow without end.
func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// eachKey visits the pairs of a mapping in their order; null is an empty mapping.
func eachKey(n *yaml.Node, visit func(key, value *yaml.Node) error) error {
	n = content(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return wrong(n, "a mapping is expected here")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return wrong(key, "a key must be plain text")
		}
		if seen[key.Value] {
			return wrong(key, "key %q stands here twice", key.Value)
		}
		seen[key.Value] = true
		if err := visit(key, content(n.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

func assign(n *yaml.Node, into any) error {
	if visit, ok := into.(func(*yaml.Node) error); ok {
		return visit(n)
	}
	if list, ok := into.(*[]string); ok {
		return assignList(n, list)
	}
	if err := scalar(n); err != nil {
		return err
	}
	switch p := into.(type) {
	case *string:
		*p = n.Value
	case *bool:
		return assignBool(n, p)
	case *int:
		v, err := strconv.Atoi(n.Value)
		if err != nil || v < 0 {
			return wrong(n, "%q is not a whole number from 0", n.Value)
		}
		*p = v
	case *float64:
		return assignPercentage(n, p)
	case *time.Duration:
		v, err := time.ParseDuration(n.Value)
		if err != nil || v < 0 {
			return wrong(n, "%q is not a time such as 72h or 90m", n.Value)
		}
		*p = v
	default:
		return wrong(n, "no value fits here")
	}
	return nil
}

func scalar(n *yaml.Node) error {
	switch {
	case n.Kind != yaml.ScalarNode:
		return wrong(n, "a single value is expected here")
	case isNull(n):
		return wrong(n, "a value is missing here")
	case strings.ContainsRune(n.Value, 0):
		return wrong(n, "a value may not hold a NUL")
	}
	return nil
}

func assignBool(n *yaml.Node, into *bool) error {
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on", "1":
		*into = true
	case "false", "no", "off", "0":
		*into = false
	default:
		return wrong(n, "%q is not true or false", n.Value)
	}
	return nil
}

func assignPercentage(n *yaml.Node, into *float64) error {
	number, ok := strings.CutSuffix(n.Value, "%")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(v >= 0 && v <= 100) {
		return wrong(n, "%q is not a percentage such as 40%%", n.Value)
	}
	*into = v / 100
	return nil
}

// assignList takes a list, or one value as a list of one; null is the empty list.
func assignList(n *yaml.Node, into *[]string) error {
	*into = []string{}
	if isNull(n) {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		item = content(item)
		if err := scalar(item); err != nil {
			return err
		}
		*into = append(*into, item.Value)
	}
	return nil
}

// choice takes one of some words.
func choice[T ~string](into *T, words ...string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := scalar(n); err != nil {
			return err
		}
		if !slices.Contains(words, n.Value) {
			return wrong(n, "%q is not known here (use %s)", n.Value, strings.Join(words, ", "))
		}
		*into = T(n.Value)
		return nil
	}
}

// notYet refuses a key, or a value of it, that the program's documents describe and
// this version does not carry out: ignored, it would be taken for granted.
func notYet(what, instead string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		e := wrong(n, "%s is not carried out by this version", what)
		e.Try = instead
		return e
	}
}
