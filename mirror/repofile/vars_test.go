package repofile

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
)

func TestExpand(t *testing.T) {
	vars := NewVars("8.5", "i686").With(Vars{"empty": "", "a_b": "q", "up": "$releasever"})
	for text, want := range map[string]string{
		"$releasever/$basearch/$arch":            "8.5/i386/i686",
		"$releasever_major.$releasever_minor":    "8.5",
		"${releasever}x":                         "8.5x",
		"${none:-word}":                          "word",
		"${empty:-word}":                         "word",
		"${releasever:-word}":                    "8.5",
		"${none:+word}":                          "",
		"${empty:+word}":                         "",
		"${releasever:+word}":                    "word",
		"${none:-${basearch}/${empty:-$a_b}}":    "i386/q",
		`${none:-a\}b}`:                          "a}b",
		`\$releasever`:                           `\8.5`,
		"$a_b.c":                                 "q.c",
		"$up":                                    "$releasever", // a value is not expanded again
		"$$ $ ${ ${} ${releasever ${basearch }":  "$$ $ ${ ${} ${releasever ${basearch }",
		"${releasever:=x} ${releasever:x} ${x:-": "${releasever:=x} ${releasever:x} ${x:-",
	} {
		if got, err := vars.Expand(text); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", text, got, err, want)
		}
	}
	got, err := vars.Expand("$none/${nix}/$none")
	if u, _ := errors.AsType[*UnresolvedError](err); u == nil || strings.Join(u.Names, " ") != "none nix" || got != "$none/${nix}/$none" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := vars.Expand(strings.Repeat("${none:-", 1000) + "$a_b" + strings.Repeat("}", 1000)); err == nil {
		t.Error("a thousand levels were expanded")
	}
}

func TestVarsComeFromDirectoriesAndTheEnvironment(t *testing.T) {
	got, err := ReadVars(fstest.MapFS{
		"infra": {Data: []byte("stock\nsecond line\n")}, "stream": {Data: []byte("8-stream")}, "empty": {},
		"contentdir.rpmsave": {Data: []byte("old")}, "sub/x": {Data: []byte("y")},
	})
	if err != nil || !maps.Equal(got, Vars{"infra": "stock", "stream": "8-stream", "empty": ""}) {
		t.Errorf("%v, %v", got, err)
	}
	got = VarsFromEnviron([]string{"DNF_VAR_infra=x=y", "DNF3=z", "DNF_VAR_=no", "DNF33=no", "HOME=/root", "DNF_VAR_a-b=no"})
	if !maps.Equal(got, Vars{"infra": "x=y", "DNF3": "z"}) {
		t.Errorf("%v", got)
	}
	if _, err := ReadVars(fstest.MapFS{"big": {Data: make([]byte, 2*maxVar)}}); err == nil {
		t.Error("a variable of 8 KiB was read")
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("$a ${a:-b} ${b:+${a}}", "v")
	f.Fuzz(func(t *testing.T, text, value string) {
		got, err := Vars{"a": value}.Expand(text)
		if err == nil && !strings.Contains(text, "$") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
