// Package digest holds checksums as repository metadata writes them: an
// algorithm name and lower-case hexadecimal digits, which mean nothing apart.
//
// Algorithm names are createrepo_c's: "sha" is an old spelling of "sha1" and is
// read as such. Weak ones (md5, sha1) parse, because old repositories carry
// them; whoever must trust bytes asks [Checksum.Weak] first.
package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Checksum is an algorithm and its digits. It is comparable, so it can key a
// map; the zero value stands for "no checksum given".
type Checksum struct {
	Algo string // md5, sha1, sha224, sha256, sha384 or sha512
	Hex  string // lower-case digits, as many as Algo asks for
}

var algorithms = map[string]struct {
	size int // bytes
	make func() hash.Hash
}{
	"md5":    {md5.Size, md5.New},
	"sha1":   {sha1.Size, sha1.New},
	"sha224": {sha256.Size224, sha256.New224},
	"sha256": {sha256.Size, sha256.New},
	"sha384": {sha512.Size384, sha512.New384},
	"sha512": {sha512.Size, sha512.New},
}

// Parse reads an algorithm name and its digits. Surrounding space and upper case
// are accepted; an unknown algorithm, a wrong length or a foreign digit is an error.
func Parse(algo, digits string) (Checksum, error) {
	if a, ok := algorithms[algo]; ok && len(digits) == 2*a.size && plainDigits(digits) {
		return Checksum{algo, digits}, nil
	}
	c := Checksum{strings.ToLower(strings.TrimSpace(algo)), strings.ToLower(strings.TrimSpace(digits))}
	if c.Algo == "sha" {
		c.Algo = "sha1"
	}
	a, ok := algorithms[c.Algo]
	if !ok {
		return Checksum{}, fmt.Errorf("unknown checksum algorithm %q", algo)
	}
	if len(c.Hex) != 2*a.size {
		return Checksum{}, fmt.Errorf("%s checksum %q has %d digits, want %d", c.Algo, c.Hex, len(c.Hex), 2*a.size)
	}
	for i := range len(c.Hex) {
		if d := c.Hex[i]; (d < '0' || d > '9') && (d < 'a' || d > 'f') {
			return Checksum{}, fmt.Errorf("%s checksum %q has a digit that is not hexadecimal", c.Algo, c.Hex)
		}
	}
	return c, nil
}

// plainDigits reports whether all of s are lower-case digits. They are random, so a
// branch for each would be guessed wrong half the time: both terms are negative for a
// byte that is no digit.
func plainDigits(s string) bool {
	bad := int32(0)
	for i := range len(s) {
		bad |= (9 - int32(s[i]-'0')) & (5 - int32(s[i]-'a'))
	}
	return bad >= 0
}

// String writes the checksum as "algo:digits".
func (c Checksum) String() string { return c.Algo + ":" + c.Hex }

// IsZero reports whether no checksum was given.
func (c Checksum) IsZero() bool { return c == Checksum{} }

// Weak reports whether the algorithm no longer protects against forgery.
func (c Checksum) Weak() bool { return c.Algo == "md5" || c.Algo == "sha1" }

// New returns a hash for the checksum's algorithm, SHA-256 for the zero value.
func (c Checksum) New() hash.Hash {
	if a, ok := algorithms[c.Algo]; ok {
		return a.make()
	}
	return sha256.New()
}

// FromHash makes a checksum of what h has summed so far.
func FromHash(algo string, h hash.Hash) Checksum {
	return Checksum{algo, hex.EncodeToString(h.Sum(nil))}
}

// OfBytes is the SHA-256 checksum of b.
func OfBytes(b []byte) Checksum {
	sum := sha256.Sum256(b)
	return Checksum{"sha256", hex.EncodeToString(sum[:])}
}

// MismatchError says that bytes are not those a record announced.
type MismatchError struct {
	What      string // "checksum" or "size"
	Want, Got string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is %s, the record says %s", e.What, e.Got, e.Want)
}

// NewReader passes r through and verifies it as it streams: want unless it is
// zero, and size in bytes unless it is negative. At most size+1 bytes are read.
// The verdict comes in place of io.EOF, so a caller that reads to the end cannot
// miss it; one that stops early has verified nothing.
func NewReader(r io.Reader, want Checksum, size int64) io.Reader {
	v := &verifier{r: r, want: want, size: size}
	if !want.IsZero() {
		v.h = want.New()
	}
	return v
}

type verifier struct {
	r    io.Reader
	want Checksum
	size int64
	n    int64
	h    hash.Hash
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.size >= 0 && int64(len(p)) > v.size-v.n+1 {
		p = p[:v.size-v.n+1]
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	if v.size >= 0 && v.n > v.size {
		return 0, &MismatchError{"size", fmt.Sprint(v.size), "larger"}
	}
	if v.h != nil {
		v.h.Write(p[:n])
	}
	if err == io.EOF {
		if verdict := v.verdict(); verdict != nil {
			return n, verdict
		}
	}
	return n, err
}

func (v *verifier) verdict() error {
	if v.size >= 0 && v.n != v.size {
		return &MismatchError{"size", fmt.Sprint(v.size), fmt.Sprint(v.n)}
	}
	if v.h != nil {
		if got := FromHash(v.want.Algo, v.h); got != v.want {
			return &MismatchError{"checksum", v.want.String(), got.String()}
		}
	}
	return nil
}
