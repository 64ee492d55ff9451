package buildreq

import (
	"slices"
	"strings"
	"testing"
)

// TestParseLog reads the words of each tool, as they stand in logs.
func TestParseLog(t *testing.T) {
	for log, want := range map[string][]Missing{
		"Error: \n Problem: nothing provides requested libfoo-devel >= 2.0\n":                                         {{"libfoo-devel >= 2.0", ""}},
		" Problem: conflicting requests\n  - nothing provides perl(Foo) >= 1 needed by bar-1.0-1.el8.x86_64 from x\n": {{"perl(Foo) >= 1", "bar-1.0-1.el8.x86_64"}},
		"No matching package to install: 'libiscsi-devel'\nNot all dependencies satisfied\n":                          {{"libiscsi-devel", ""}},
		"DEBUG util.py:446:  No matching package to install: 'a >= 1'\n":                                              {{"a >= 1", ""}},
		"error: Failed build dependencies:\n\tfoo-devel >= 2 is needed by bar-1.0-1.x86_64\n\tbaz is needed by bar-1.0-1.x86_64\n": {
			{"foo-devel >= 2", "bar-1.0-1.x86_64"}, {"baz", "bar-1.0-1.x86_64"}},
		"unresolvable: nothing provides a, nothing provides b >= 1 needed by c, nothing provides d\n":                              {{"a", ""}, {"b >= 1", "c"}, {"d", ""}},
		"nothing provides 'libx.so.1()(64bit)' needed by the to be installed y-1.x86_64\n":                                         {{"libx.so.1()(64bit)", "y-1.x86_64"}},
		"Error: No Package found for foo = 1\n":                                                                                    {{"foo = 1", ""}},
		"No package foo available.\n":                                                                                              {{"foo", ""}},
		"\x1b[31mNo match for argument: \x1b[1mfoo\x1b[0m\n":                                                                       {{"foo", ""}},
		"Error: Package: bar-1 (r)\n           Requires: foo >= 1\n":                                                               {{"foo >= 1", ""}},
		" - nothing provides (a if b) needed by c-1.noarch\n":                                                                      {{"(a if b)", "c-1.noarch"}},
		"checking for gcc... no\nmake: *** [all] Error 1\n":                                                                        nil,
		"Error: Unable to find a match: a-devel b\n":                                                                               {{"a-devel", ""}, {"b", ""}},
		"No provider of 'c >= 1' found.\n":                                                                                         {{"c >= 1", ""}},
		"DEBUG util.py:1:   Problem: package x-1.x86_64 from r requires rust = 1.60, but none of the providers can be installed\n": {{"rust = 1.60", "x-1.x86_64"}},
		"DEBUG util.py:446:  \tcmake >= 3 is needed by foo-1-1.x86_64\n[   12s] \tmake is needed by foo-1-1.x86_64\n":              {{"cmake >= 3", "foo-1-1.x86_64"}, {"make", "foo-1-1.x86_64"}},
		"<status code=\"unresolvable\"><details>nothing provides a &gt;= 2 needed by b, nothing provides c</details></status>\n":   {{"a >= 2", "b"}, {"c", ""}},
		strings.Repeat("x", 3<<20) + "\nnothing provides behind\nnothing provides last":                                            {{"behind", ""}, {"last", ""}},
		"nothing provides same\nnothing provides same\n":                                                                           {{"same", ""}},
	} {
		got, err := ParseLog(strings.NewReader(log))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", log, got, err, want)
		}
	}
}

func FuzzParseLog(f *testing.F) {
	f.Add("nothing provides (a if b) needed by c-1.noarch\n\tx >= 1 is needed by y\n")
	f.Fuzz(func(t *testing.T, log string) {
		list, err := ParseLog(strings.NewReader(log))
		if err != nil {
			return
		}
		for _, m := range list {
			if m.Requirement == "" {
				t.Error("an empty requirement")
			}
		}
	})
}
