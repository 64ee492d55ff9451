package repodata

import (
	"errors"
	"strings"
)

// maxHref and maxPathPart bound what can become a path: PATH_MAX and NAME_MAX of
// Linux.
const (
	maxHref     = 4096
	maxPathPart = 255
)

// CheckHref reports why href must not become a path below a repository, or nil.
//
// It rejects and never cleans: absolute paths and URLs, "..", empty and "."
// parts, NUL and other control characters, backslashes, the same in percent
// escapes ("%2e%2e", "%2f"), parts over 255 bytes. Whoever writes below a
// directory still goes through os.Root; this is the check that gives a sentence.
func CheckHref(href string) error {
	if err := checkPath(href); err != nil {
		return err
	}
	if !strings.Contains(href, "%") {
		return nil
	}
	return checkPath(unescapePercent(href))
}

func checkPath(path string) error {
	if path == "" {
		return errors.New("it is empty")
	}
	if len(path) > maxHref {
		return errors.New("it is over 4096 bytes long")
	}
	if path[0] == '/' {
		return errors.New("it is absolute")
	}
	for i := range len(path) {
		if c := path[i]; c < ' ' || c == 0x7f {
			return errors.New("it holds a control character")
		} else if c == '\\' {
			return errors.New("it holds a backslash")
		}
	}
	if first, _, _ := strings.Cut(path, "/"); strings.HasSuffix(first, ":") {
		return errors.New("it is a URL")
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "":
			return errors.New("it has an empty part")
		case part == ".":
			return errors.New(`it has a "." part`)
		case part == "..":
			return errors.New(`it leaves the repository with ".."`)
		case len(part) > maxPathPart:
			return errors.New("it has a part over 255 bytes")
		}
	}
	return nil
}

// unescapePercent decodes what any client might decode; a stray percent sign
// stands for itself.
func unescapePercent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hexDigit is the value of one hexadecimal digit, -1 for any other byte.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
