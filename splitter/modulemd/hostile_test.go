package modulemd

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// endless gives head, then the same bytes again until there were n.
type endless struct {
	head string
	body []byte
	n    int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := copy(p, e.body)
	e.n -= int64(n)
	return n, nil
}

// P25: a clear error, soon, and without much memory.
func TestHostileFiles(t *testing.T) {
	repeat := func(s string, n int) io.Reader { return strings.NewReader(strings.Repeat(s, n)) }
	body := func(s string) []byte { return []byte(strings.Repeat(s, 32<<10/len(s))) }
	cases := []struct {
		what string
		file io.Reader
		want string
	}{
		{"a scalar of 1 GiB", &endless{"---\na: ", body("x"), 1 << 30}, "document 0 (line 2) has more than 16 MiB"},
		{"a file of 1 GiB", &endless{"", body("# comment\n---\na: b\n...\n"), 1 << 30}, "more than 200000 documents"},
		{"markers of 1 GiB", &endless{"", body("#\n---\n"), 1 << 30}, "more than 1048576 lines of --- and ..."},
		{"comments of 1 GiB", &endless{"", body("#" + strings.Repeat("x", 16<<10-6) + "\n---\n"), 1 << 30}, "more than 256 MiB"},
		{"a million levels of [", repeat("[", 1_000_000), "more than 1000 levels"},
		{"a million levels of -", repeat("- ", 1_000_000), "more than 1000 levels"},
		{"a million levels of ?", repeat("? ", 1_000_000), "more than 1000 levels"},
		{"levels by indentation", strings.NewReader(stairs(5000)), "more than 1000 levels"},
		{"8 million entries", strings.NewReader("[" + strings.Repeat("a,", 8_000_000) + "]"), "more than 524288 entries"},
		{"aliases that multiply", strings.NewReader(stream("", aliasBomb())), "aliases that multiply"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := Parse(c.file, "upstream")
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, errHostile) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if grown := int64(after.HeapSys-before.HeapSys) >> 20; grown > 512 {
				t.Errorf("the heap grew by %d MiB", grown)
			}
			if took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// An anchor that contains itself, and the billion laughs where nobody looks.
func TestHarmlessAliases(t *testing.T) {
	laughs := "  a0: &a0 [x, x, x, x]\n"
	for _, c := range "123456789" {
		laughs += "  a" + string(c) + ": &a" + string(c) + " [" + strings.Repeat("*a"+string(c-1)+", ", 9) + "x]\n"
	}
	f := mustParse(t, stream("", "  xmd: &x\n    self: *x\n"+laughs))
	checkWarnings(t, f, "libmodulemd-rejects a YAML alias")
	if len(f.Builds) != 1 || f.Builds[0].Filtered(func(string) bool { return true }) != nil {
		t.Error("want one build whose document cannot be written out")
	}
	checkWarnings(t, mustParse(t, stream("", "  profiles: &x\n    self: *x\n")), "libmodulemd-rejects a YAML alias")
}

// stairs is a mapping of n levels, one space each.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// aliasBomb requires 2,000 times the same 2,000 modules.
func aliasBomb() string {
	return "  xmd: &r {" + strings.Repeat("a: [], ", 2000) + "}\n  dependencies: [" + strings.Repeat("{requires: *r}, ", 2000) + "]\n"
}
