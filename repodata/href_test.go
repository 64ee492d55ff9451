package repodata

import (
	"strings"
	"testing"
)

func TestCheckHref(t *testing.T) {
	for _, good := range []string{
		"repodata/primary.xml.gz", "a", "Packages/g/gcc-c++-1:2.0~rc1^git-1.el9.x86_64.rpm",
		"100%/x", "a%2fb", "a..b/...", "x%zz", "ü/ö",
	} {
		if err := CheckHref(good); err != nil {
			t.Errorf("CheckHref(%q): %v, want nil", good, err)
		}
	}
	for bad, why := range map[string]string{
		"":                               "empty",
		"/etc/passwd":                    "absolute",
		"http://example.org/a":           "URL",
		"file:/etc/passwd":               "URL",
		"../a":                           "..",
		"a/../b":                         "..",
		"a/..":                           "..",
		"a//b":                           "empty part",
		"a/":                             "empty part",
		"./a":                            `"."`,
		"a/.":                            `"."`,
		"a\x00b":                         "control",
		"a\nb":                           "control",
		"a\x7f":                          "control",
		`a\b`:                            "backslash",
		"%2e%2e/a":                       "..",
		"a/%2E./b":                       "..",
		"%2e%2e%2fa":                     "..",
		"%2fetc":                         "absolute",
		"a%00":                           "control",
		"a%5c..":                         "backslash",
		"a/" + strings.Repeat("x", 256):  "255 bytes",
		strings.Repeat("x/", 3000) + "x": "4096",
	} {
		if err := CheckHref(bad); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("CheckHref(%.40q) = %v, want one that says %q", bad, err, why)
		}
	}
}
