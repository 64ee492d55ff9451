package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]*)(/[A-Za-z0-9_-]+)?([.*]*)`")
	namedDir  = regexp.MustCompile(`\bin (\./[a-z/0-9]+|\.(?:[,;| ]|$))`)
)

// TestProofNames wants each test that a table of PROOF.md names in the directory that is
// named behind it, and each of the 28 pitfalls in a row.
func TestProofNames(t *testing.T) {
	text, err := os.ReadFile("PROOF.md")
	must(t, err)
	tests, pitfalls, named := map[string]string{}, 0, 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		if regexp.MustCompile(`^\| P\d+ \|`).MatchString(line) {
			pitfalls++
		}
		for _, at := range namedTest.FindAllStringSubmatchIndex(line, -1) {
			name, script, more := line[at[2]:at[3]], "", at[6] < at[7]
			if at[4] >= 0 {
				script = line[at[4]:at[5]]
			}
			behind := namedDir.FindStringSubmatch(line[at[1]:])
			if behind == nil {
				t.Errorf("PROOF.md names %s and no directory: %s", name, line)
				continue
			}
			named++
			dir := strings.TrimRight(behind[1], ",;| \n")
			if _, read := tests[dir]; !read {
				tests[dir] = testsIn(t, dir)
			}
			if !more {
				name += "("
			}
			if !strings.Contains(tests[dir], "\nfunc "+name) {
				t.Errorf("PROOF.md names %s, which is not in %s", strings.TrimSuffix(name, "("), dir)
			}
			if name == "TestScripts(" && script != "" {
				if _, err := os.Stat(filepath.Join("testdata", script+".txt")); err != nil {
					t.Errorf("PROOF.md names the script %s: %v", script, err)
				}
			}
		}
		for _, file := range regexp.MustCompile(`testdata/[a-z0-9-]+\.txt`).FindAllString(line, -1) {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("PROOF.md: %v", err)
			}
		}
	}
	if pitfalls != 28 || named < 100 {
		t.Errorf("%d pitfalls and %d tests are named", pitfalls, named)
	}
}

// testsIn is the text of all test files of a directory.
func testsIn(t *testing.T, dir string) string {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	must(t, err)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		all.Write(text)
	}
	return all.String()
}
