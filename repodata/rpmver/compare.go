package rpmver

import (
	"fmt"
	"strconv"
)

// ParseEpoch reads an epoch: a decimal number of at most 32 bits; the empty
// string is 0.
func ParseEpoch(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("epoch %q is not a number from 0 to 4294967295", s)
	}
	return uint32(n), nil
}

// CompareVersion orders two versions or two releases as rpmvercmp does: -1, 0 or 1.
// Only ASCII letters and digits count; every other byte but ~ and ^ separates.
func CompareVersion(a, b string) int {
	if a == b {
		return 0
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		for i < len(a) && class(a[i]) == separator {
			i++
		}
		for j < len(b) && class(b[j]) == separator {
			j++
		}
		if at(a, i) == '~' || at(b, j) == '~' {
			if at(a, i) != '~' {
				return 1
			}
			if at(b, j) != '~' {
				return -1
			}
			i, j = i+1, j+1
			continue
		}
		if at(a, i) == '^' || at(b, j) == '^' {
			switch {
			case i == len(a):
				return -1
			case j == len(b):
				return 1
			case a[i] != '^':
				return 1
			case b[j] != '^':
				return -1
			}
			i, j = i+1, j+1
			continue
		}
		if i == len(a) || j == len(b) {
			break
		}
		kind := class(a[i])
		si, sj := i, j
		for i < len(a) && class(a[i]) == kind {
			i++
		}
		for j < len(b) && class(b[j]) == kind {
			j++
		}
		if sj == j { // segments of different kinds: the numeric one is newer
			if kind == digit {
				return 1
			}
			return -1
		}
		if c := compareSegment(a[si:i], b[sj:j], kind); c != 0 {
			return c
		}
	}
	switch {
	case i == len(a) && j == len(b):
		return 0
	case i == len(a):
		return -1
	default:
		return 1
	}
}

func compareSegment(a, b string, kind byte) int {
	if kind == digit {
		for len(a) > 0 && a[0] == '0' {
			a = a[1:]
		}
		for len(b) > 0 && b[0] == '0' {
			b = b[1:]
		}
		if len(a) != len(b) {
			if len(a) > len(b) {
				return 1
			}
			return -1
		}
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

const (
	separator byte = iota
	digit
	letter
	mark // ~ or ^
)

func class(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return digit
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return letter
	case c == '~' || c == '^':
		return mark
	}
	return separator
}

func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}
