package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible writes out what would command a terminal: control characters but newline
// and tab, marks that change the direction of text, and bytes that are no UTF-8.
// Names and versions come from upstream, and nobody vouches for them.
func visible(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, commands) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case commands(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func commands(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
