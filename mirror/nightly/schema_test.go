package nightly

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestSchemaIsTheConfigs asks the config's reader itself which keys it knows, level by
// level, and wherever it takes a mapping: the schema must have the same levels and keys.
// At each place both are then given values of all kinds. What the reader takes the schema
// must take, or an editor marks a good config as wrong; what the schema takes the reader
// must take, unless it is wrong in a way that no schema can tell.
func TestSchemaIsTheConfigs(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	w := &schemaWalk{t: t, root: root}
	w.level(nil, []map[string]any{root})
	if w.places < 60 || w.values < 200 {
		t.Errorf("%d values were tried at %d places: the walk did not get far", w.values, w.places)
	}
}

type schemaWalk struct {
	t      *testing.T
	root   map[string]any
	values int // that were tried
	places int
}

// level compares what both have below a path, of which at says what the schema has there.
func (w *schemaWalk) level(path []string, at []map[string]any) {
	where := strings.Join(path, ".")
	_, mistake := w.read(put(nil, path, "{0zzz: x}"))
	if mistake == nil {
		mistake = &ConfigError{}
	}
	var have []string
	names := []map[string]any{} // what stands behind any name
	for _, s := range at {
		if s["properties"] != nil {
			if have = append(have, slices.Collect(maps.Keys(s["properties"].(map[string]any)))...); s["additionalProperties"] != false {
				w.t.Errorf("%q: the schema takes keys that it does not list", where)
			}
		} else if s["additionalProperties"] != nil {
			names = append(names, w.forms(s["additionalProperties"])...)
		}
	}
	_, list, isLevel := strings.Cut(mistake.Try, "the keys here are ")
	switch {
	case isLevel:
		keys := slices.DeleteFunc(strings.Split(list, ", "), func(key string) bool {
			return !slices.Contains(have, key) && w.refused(append(slices.Clip(path), key))
		})
		slices.Sort(keys)
		slices.Sort(have)
		if !slices.Equal(keys, have) {
			w.t.Errorf("%q: the schema has %v, the config %v", where, have, keys)
		}
		for _, key := range have {
			var below []map[string]any
			for _, s := range at {
				if property := s["properties"].(map[string]any)[key]; property != nil {
					below = append(below, w.forms(property)...)
				}
			}
			w.place(append(slices.Clip(path), key), below)
		}
	case mistake.Text == "a mapping is expected here":
		if len(names) == 0 {
			w.t.Errorf("%q: the config has names here, the schema has not", where)
		}
		w.place(append(slices.Clip(path), "n"), names)
	case len(have) > 0:
		w.t.Errorf("%q: the schema has keys here, the config says %v", where, mistake)
	}
}

// place tries values at one path, and goes on below it.
func (w *schemaWalk) place(path []string, at []map[string]any) {
	for i, value := range slices.Concat(sampleValues, w.words(at)) {
		if !testing.Short() || (i+w.places)%16 == 0 {
			w.try(path, value)
		}
	}
	w.places++
	objects := slices.DeleteFunc(slices.Clone(at), func(s map[string]any) bool { return s["properties"] == nil && s["additionalProperties"] == nil })
	w.level(path, objects)
}

// sampleValues are put everywhere.
var sampleValues = []string{
	"~", `""`, "text", "two words", `"new\nline"`, ".dot", "5", "0", "-1", "8.10", "1.5", "true", "True", "yes", "off", "0x10", "1_000",
	"[]", "[text]", "[text, other]", "[text, text]", "[5, true]", "[~]", "[[text]]", "[{a: b}]", "{}", "{a: b}", "{a: [b, c]}", "{a: ~}", "{a: {b: c}}",
	"72h", "90m", "1h30m", "1.5h", "40%", "100.5%", "12.5%", "/dir", "http://host/x", "https://host", "file:///dir", "http://host/x?q", "host/x",
	"s3://bucket/prefix", "s3://bucket", "s3://", "s3://Bucket", "s3://b", "{to: s3://bucket}", "{redirect: https://host/x}", "{endpoint: https://host}",
	"{to: s3://bucket, redirect: https://host/x, plus-copies: yes, endpoint: http://host}", "[a, b c]", "1k", "1.5M", "never", "YES", "'100'", "!!str 5", "[r]", "[o]", "r", "{o: x}", "n",
}

// wholeConfig is one that is taken, with something at each level.
const wholeConfig = `
store: /s
repos: { r: { baseurl: "http://host/x" }, o: { baseurl: "http://host/o", role: overlay }, n: { baseurl: "http://host/n" } }
targets: { n: { sources: [r, o, n] } }
views: { n: { target: n } }
`

// noSchema are mistakes that no single value shows, or that only the disk does, or how a
// number is written.
var noSchema = regexp.MustCompile("which repos: does not have|which targets: does not have|is in no target's sources|no sources to split|" +
	"which is no repository of repos: with role: overlay|is neither a repository|cannot be read|says nowhere where it is|has repoid and no repo-file|" +
	"has both repo-file and|bandwidth is not set|\"(0x10|1_000)\" is n")

// try puts a value at a path of a config that is taken without, and asks both.
func (w *schemaWalk) try(path []string, value string) {
	w.values++
	var whole any
	if err := yaml.Unmarshal([]byte(wholeConfig), &whole); err != nil {
		w.t.Fatal(err)
	}
	text := put(whole, path, value)
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	asJSON, err := json.Marshal(doc)
	if err == nil {
		err = json.Unmarshal(asJSON, &doc)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	_, mistake := w.read(text)
	taken := w.valid(w.root, doc)
	if taken == (mistake == nil) || taken && noSchema.MatchString(mistake.Text) {
		return
	}
	w.t.Errorf("%s: %s: the schema takes it: %t, the config says %v", strings.Join(path, "."), value, taken, mistake)
}

// put is a config with a value, as it is written, at a path.
func put(whole any, path []string, value string) string {
	if len(path) == 0 {
		return value + "\n"
	}
	have, _ := whole.(map[string]any)
	text := "\n"
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if key != path[0] {
			b, _ := json.Marshal(have[key])
			text += fmt.Sprintf("%q: %s\n", key, b)
		}
	}
	text += path[0] + ": " + put(have[path[0]], path[1:], value)
	return strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n ") + "\n"
}

func (w *schemaWalk) read(text string) (*Config, *ConfigError) {
	c, err := parseConfig([]byte(text), "x", "/")
	if err == nil {
		return c, nil
	}
	mistake, ok := errors.AsType[*ConfigError](err)
	if !ok {
		w.t.Fatalf("%s: %v", text, err)
	}
	return c, mistake
}

// refused says whether a key is known, and not carried out.
func (w *schemaWalk) refused(path []string) bool {
	_, mistake := w.read(put(nil, path, "x"))
	return mistake != nil && strings.Contains(mistake.Text, "is not carried out by this version")
}

// forms are the schemas of which a value meets one.
func (w *schemaWalk) forms(s any) []map[string]any {
	m, ok := s.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := m["$ref"].(string); ok {
		return w.forms(w.root["definitions"].(map[string]any)[strings.TrimPrefix(ref, "#/definitions/")])
	}
	list, ok := m["anyOf"].([]any)
	if !ok || m["properties"] != nil {
		return []map[string]any{m}
	}
	var all []map[string]any
	for _, one := range list {
		all = append(all, w.forms(one)...)
	}
	return all
}

// words are those of enumerations.
func (w *schemaWalk) words(at []map[string]any) []string {
	var words []string
	for _, s := range at {
		list, _ := s["enum"].([]any)
		for _, word := range append(list, s["const"]) {
			if text, ok := word.(string); ok {
				words = append(words, text)
			}
		}
	}
	return words
}

// valid carries out the part of JSON Schema that the schema uses.
func (w *schemaWalk) valid(schema, v any) bool {
	s, ok := schema.(map[string]any)
	if !ok {
		return schema == true
	}
	for keyword, want := range s {
		if !w.meets(s, keyword, want, v) {
			return false
		}
	}
	return true
}

func (w *schemaWalk) meets(s map[string]any, keyword string, want, v any) bool {
	object, isObject := v.(map[string]any)
	array, _ := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch keyword {
	case "$schema", "title", "description", "definitions":
	case "$ref":
		return slices.ContainsFunc(w.forms(s), func(form map[string]any) bool { return w.valid(form, v) })
	case "anyOf":
		return slices.ContainsFunc(want.([]any), func(form any) bool { return w.valid(form, v) })
	case "type":
		types, several := want.([]any)
		if !several {
			types = []any{want}
		}
		return slices.ContainsFunc(types, func(t any) bool { return isOfType(v, t.(string)) })
	case "enum":
		return slices.Contains(want.([]any), v)
	case "const":
		return reflect.DeepEqual(want, v)
	case "not":
		return !w.valid(want, v)
	case "pattern":
		return !isText || regexp.MustCompile(want.(string)).MatchString(text)
	case "minimum":
		return !isNumber || number >= want.(float64)
	case "minProperties":
		return !isObject || len(object) >= int(want.(float64))
	case "minLength":
		return !isText || len(text) >= int(want.(float64))
	case "maxItems":
		return len(array) <= int(want.(float64))
	case "uniqueItems":
		seen := map[string]bool{}
		for _, item := range array {
			key := fmt.Sprintf("%T %v", item, item)
			if seen[key] {
				return false
			}
			seen[key] = true
		}
	case "items":
		return !slices.ContainsFunc(array, func(item any) bool { return !w.valid(want, item) })
	case "required":
		return !isObject || !slices.ContainsFunc(want.([]any), func(key any) bool { _, have := object[key.(string)]; return !have })
	case "properties":
		for key, below := range want.(map[string]any) {
			if value, have := object[key]; have && !w.valid(below, value) {
				return false
			}
		}
	case "additionalProperties":
		listed, _ := s["properties"].(map[string]any)
		for key, value := range object {
			if listed[key] == nil && !w.valid(want, value) {
				return false
			}
		}
	case "propertyNames":
		for key := range object {
			if !w.valid(want, key) {
				return false
			}
		}
	default:
		w.t.Errorf("the test does not know the keyword %s", keyword)
	}
	return true
}

func isOfType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}
