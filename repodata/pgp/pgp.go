// Package pgp reads OpenPGP keys, verifies detached signatures and makes them, for
// repomd.xml.asc and for the signatures in packages (RFC 4880 and RFC 9580).
//
// Which signatures count: binary ones (type 0x00) with SHA-256, SHA-384 or
// SHA-512, of version 3 or 4, by a configured key of RSA with 2048 bits or more, or
// of an elliptic curve. CentOS and RHEL 8 sign packages with version 3, which no
// current library reads, so it is parsed here: what is hashed is the signed bytes,
// the type and four bytes of time (RFC 4880, 5.2.2). Signatures of other versions
// are refused with their number.
//
// A key's expiry is judged at the signature's time, as rpm does: AlmaLinux 8's
// first key has expired since it signed the first packages. A revoked key counts
// for nothing, or, when it was only replaced, for what it signed before. The
// self-signatures inside a key file may use SHA-1, as RHEL's and CentOS's do: who
// configures a file vouches for it.
//
// Every message names key ids, 16 lower-case digits, as rpm writes them.
package pgp

import (
	"fmt"
	"strings"
	"time"
)

const (
	// MaxKeys is the largest key file that is read, in bytes. Fedora's file of all
	// its keys has 40 kB; one key with many signatures of others can have more.
	MaxKeys = 1 << 20
	// MaxSignature is the largest detached signature, in bytes; one has under 1 kB.
	MaxSignature = 64 << 10

	maxKeysInFile  = 256     // and the rest of the file is refused
	maxSignatures  = 16      // in one detached signature, where a key is being replaced two stand there
	maxKey         = 8 << 10 // bytes of one public key; RSA with 16,384 bits has 2 kB
	minRSABits     = 2048
	maxRSABits     = 16384 // verifying takes the square of it
	clockTolerance = 24 * time.Hour
)

// KeyID is what a signature calls its key by: the last 8 bytes of a version 4
// fingerprint. It names a key, it does not prove one.
type KeyID uint64

// String writes 16 lower-case digits.
func (id KeyID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

func list(ids []KeyID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id.String()
	}
	return strings.Join(words, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
