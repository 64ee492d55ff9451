package nightly

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flatstream/mirror/repofile"
)

// TestInitIsAConfig: what init writes from real .repo files can be read and resolved.
func TestInitIsAConfig(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"base.repo":  "[baseos]\nname=b\nbaseurl=http://example.org/$releasever/$basearch/b/\n\n[baseos-debug]\nname=d\nenabled=0\nbaseurl=http://example.org/d/\n",
		"it's.repo":  "[copr:x:y]\nname=c\nbaseurl=http://example.org/c/\ngpgcheck=1\ngpgkey=file:///etc/pki/key\n[baseos]\nname=again\nbaseurl=http://example.org/e/\n[r-source]\nname=s\nbaseurl=http://example.org/s/\n",
		"other.conf": "no repository",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := Init(InitOptions{Dirs: []string{dir}, Store: "/srv/x", Releasever: "8.10", Arch: "aarch64"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig(text, "init.yaml", dir)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	steps, err := c.Steps(repofile.Vars{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(steps, "\n")
	for _, want := range []string{
		"sync baseos from http://example.org/8.10/aarch64/b/ into mirror/8.10/aarch64/baseos", "sync copr-x-y from", "sync baseos-2 from http://example.org/e/",
		"sync r-source from", "split and verify baseos, copr-x-y, baseos-2 into flat/el/aarch64",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no step %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "debug") || !strings.Contains(string(text), "\n  # baseos-debug: { repo-file: ") {
		t.Errorf("a disabled repository is not commented out:\n%s", text)
	}
	if _, err := Init(InitOptions{Dirs: []string{t.TempDir()}}); err == nil {
		t.Error("a config of nothing")
	}
}

// object is what of a JSON Schema the test below looks at.
type object struct {
	Properties map[string]object `json:"properties"`
	Additional json.RawMessage   `json:"additionalProperties"`
	Enum       []any             `json:"enum"`
}

// TestSchemaIsTheConfigs: at each level the keys of the schema are those that ReadConfig
// takes, and so are the words of each enumeration; both are read from its own hints.
func TestSchemaIsTheConfigs(t *testing.T) {
	var root object
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	refused := slices.Clone(partKeys) // known, and not carried out
	for _, level := range []struct{ path, before, after string }{
		{"", "", ""}, {"repos/", "repos: { r: { ", "} }"}, {"targets/", "targets: { t: { ", "} }"}, {"views/", "views: { v: { ", "} }"},
		{"verify", "verify: { ", "}"}, {"keep", "keep: { ", "}"}, {"hooks", "hooks: { ", "}"},
	} {
		at := root
		name, each := strings.CutSuffix(level.path, "/")
		if name != "" {
			at = root.Properties[name]
		}
		if each {
			if err := json.Unmarshal(at.Additional, &at); err != nil {
				t.Fatal(err)
			}
		} else if string(at.Additional) != "false" {
			t.Errorf("%q takes keys that it does not list", level.path)
		}
		hint := try(t, level.before+"zzz: x"+level.after)
		keys := strings.Split(strings.TrimPrefix(hint, "the keys here are "), ", ")
		keys = slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(refused, k) })
		slices.Sort(keys)
		var have []string
		for k, property := range at.Properties {
			have = append(have, k)
			if property.Enum != nil {
				checkWords(t, level.before+k+": zzz"+level.after, property.Enum)
			}
		}
		slices.Sort(have)
		if !slices.Equal(keys, have) {
			t.Errorf("%q: the schema has %v, the config %v", level.path, have, keys)
		}
	}
}

// try is the hint of what ReadConfig says of a text.
func try(t *testing.T, text string) string {
	t.Helper()
	_, err := parseConfig([]byte(text), "x", "/")
	mistake, ok := errors.AsType[*ConfigError](err)
	if !ok {
		t.Fatalf("%s: %v", text, err)
	}
	return mistake.Try
}

func checkWords(t *testing.T, text string, enum []any) {
	t.Helper()
	_, err := parseConfig([]byte(text), "x", "/")
	if err == nil {
		t.Fatalf("%s is taken", text)
	}
	_, words, _ := strings.Cut(err.Error(), "(use ")
	var have []string
	for _, word := range enum {
		have = append(have, word.(string))
	}
	if got := strings.Split(strings.TrimSuffix(words, ")"), ", "); !slices.Equal(got, have) {
		t.Errorf("%s: the schema has %v, the config says %v", text, have, err)
	}
}
