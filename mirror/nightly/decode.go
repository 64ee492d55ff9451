package nightly

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
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

// fields maps the keys of a mapping to where their values go: *string, *[]string,
// *bool, *int, *float64 (of a percentage), *time.Duration, or a func(*yaml.Node) error.
type fields map[string]any

// decode fills in fields from a mapping. An unknown or repeated key is an error, and
// so is a value of another kind.
func decode(n *yaml.Node, f fields) error {
	return eachKey(n, func(key, value *yaml.Node) error {
		into, ok := f[key.Value]
		if !ok {
			e := wrong(key, "unknown key %q", key.Value)
			e.Try = "the keys here are " + strings.Join(f.names(), ", ")
			return e
		}
		return assign(value, into)
	})
}

func (f fields) names() []string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// eachKey visits the pairs of a mapping in their order; null is an empty mapping.
func eachKey(n *yaml.Node, visit func(key, value *yaml.Node) error) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
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
		if err := visit(key, n.Content[i+1]); err != nil {
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
	if n.Kind != yaml.ScalarNode {
		return wrong(n, "a single value is expected here")
	}
	switch p := into.(type) {
	case *string:
		*p = n.Value
	case *bool:
		v, ok := truth[strings.ToLower(n.Value)]
		if !ok {
			return wrong(n, "%q is not true or false", n.Value)
		}
		*p = v
	case *int:
		v, err := strconv.Atoi(n.Value)
		if err != nil || v < 0 {
			return wrong(n, "%q is not a whole number from 0", n.Value)
		}
		*p = v
	case *float64:
		v, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "%"), 64)
		if err != nil || v < 0 || v > 100 || !strings.HasSuffix(n.Value, "%") {
			return wrong(n, "%q is not a percentage such as 40%%", n.Value)
		}
		*p = v / 100
	case *time.Duration:
		v, err := time.ParseDuration(n.Value)
		if err != nil || v < 0 {
			return wrong(n, "%q is not a time such as 72h", n.Value)
		}
		*p = v
	default:
		return wrong(n, "no value fits here")
	}
	return nil
}

var truth = map[string]bool{"true": true, "yes": true, "on": true, "1": true, "false": false, "no": false, "off": false, "0": false}

func assignList(n *yaml.Node, into *[]string) error {
	if n.Kind == yaml.ScalarNode {
		*into = []string{n.Value}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return wrong(n, "a list is expected here")
	}
	*into = []string{}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return wrong(item, "plain text is expected here")
		}
		*into = append(*into, item.Value)
	}
	return nil
}
