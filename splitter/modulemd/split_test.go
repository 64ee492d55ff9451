package modulemd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// One document per entry: its line in the file and its text.
func TestDocuments(t *testing.T) {
	cases := []struct {
		what, file string
		want       []string
	}{
		{"nothing", "", nil},
		{"only markers and comments", "---\n# c\n...\n\n---\n", nil},
		{"bare, without any marker", "a: b\n", []string{"1 a: b\n"}},
		{"no ... between, no line feed at the end", "---\na\n---\nb", []string{"2 a\n", "4 b"}},
		{"comments between belong to no document", "---\na\n...\n# c\n---\nb\n...\n# d\n", []string{"2 a\n", "6 b\n"}},
		{"CRLF", "---\r\na: b\r\n...\r\n---\r\nc\r\n", []string{"2 a: b\r\n", "5 c\r\n"}},
		{"BOM", "\xef\xbb\xbf---\na\n", []string{"2 a\n"}},
		{"directives are no content", "%YAML 1.2\n---\na\n...\n%TAG ! x\n---\nb\n", []string{"3 a\n", "7 b\n"}},
		{"% in a document is content", "---\na: |\n%b\n", []string{"2 a: |\n%b\n"}},
		{"content after ---", "--- {a: b}\n--- # c\nd\n", []string{"1  {a: b}\n", "3 d\n"}},
		{"indented --- in a description (P24)", "---\na: |\n  ---\n  ...\nb: c\n", []string{"2 a: |\n  ---\n  ...\nb: c\n"}},
		{"---- and ---a are text", "---\na: |\n----\n---a\n....\n", []string{"2 a: |\n----\n---a\n....\n"}},
		{"markers end even a quoted text", "---\na: \"b\n---\nc\n", []string{"2 a: \"b\n", "4 c\n"}},
		{"text after ... is the next document", "a\n...\ngarbage\n", []string{"1 a\n", "3 garbage\n"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			var got []string
			for d, err := range documents(iotest.OneByteReader(strings.NewReader(c.file))) {
				if err != nil {
					t.Fatal(err)
				}
				if d.index != len(got) {
					t.Errorf("document %d is numbered %d", len(got), d.index)
				}
				got = append(got, fmt.Sprintf("%d %s", d.line, d.raw))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A line longer than the read buffer is one line.
func TestLongLine(t *testing.T) {
	long := "a: " + strings.Repeat("--- ", 50_000) + "\n"
	var got []string
	for d, err := range documents(strings.NewReader("---\n" + long + "---\nb\n")) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(d.raw))
	}
	if len(got) != 2 || got[0] != long {
		t.Errorf("%d documents", len(got))
	}
}

func TestReadErrorIsReturned(t *testing.T) {
	broken := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("---\na: b\n")))
	if _, err := Parse(broken, "appstream"); err == nil || !strings.Contains(err.Error(), "appstream") {
		t.Errorf("error %v", err)
	}
}
