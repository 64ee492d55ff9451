package pgp

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Keyring is the set of public keys that a user configured. It is safe for
// concurrent use once all keys are added.
type Keyring struct {
	now      time.Time
	entities []*openpgp.Entity
	sums     [][sha256.Size]byte // of each entity's bytes
	skipped  []Skipped
}

// Skipped is a key that no signature may use, and why.
type Skipped struct {
	File string
	ID   KeyID // 0 when the key could not be read so far
	Why  string
}

// String is one line for a report.
func (s Skipped) String() string {
	if s.ID == 0 {
		return fmt.Sprintf("%s: a key is not used: %s", s.File, s.Why)
	}
	return fmt.Sprintf("%s: key %s is not used: %s", s.File, s.ID, s.Why)
}

// NewKeyring returns an empty set. A signature from more than a day after now is
// refused, one that had an end of its own before now too.
func NewKeyring(now time.Time) *Keyring { return &Keyring{now: now} }

// Add reads a key file, armored or binary, with one key or several. A weak or
// unreadable key in it is skipped (see [Keyring.Skipped]): RHEL's file holds a
// DSA key of 1024 bits beside the one that signs. A file without any key to use is
// an error. file is what messages call it.
func (k *Keyring) Add(file string, b []byte) error { return k.AddPinned(file, b, "") }

// AddPinned is [Keyring.Add] for a place that anyone may have written to: of the keys
// in it only the one whose primary key has this fingerprint is taken, 40 or 64
// hexadecimal digits. An empty one takes all.
func (k *Keyring) AddPinned(file string, b []byte, fingerprint string) error {
	if len(b) > MaxKeys {
		return fmt.Errorf("read keys: %s has over %d bytes", file, MaxKeys)
	}
	packets, err := unwrap(b, openpgp.PublicKeyType)
	if err != nil {
		return fmt.Errorf("read keys: %s: %w", file, err)
	}
	runs, err := keysOf(packets, tagPublicKey)
	if err != nil {
		return fmt.Errorf("read keys: %s: %w", file, err)
	}
	used, before := 0, len(k.skipped)
	for _, run := range runs {
		if k.add(file, run, fingerprint) {
			used++
		}
	}
	if used > 0 {
		return nil
	}
	if len(k.skipped) > before {
		return fmt.Errorf("read keys: no key can be used: %s", k.skipped[before])
	}
	return fmt.Errorf("read keys: %s holds no public key", file)
}

// keysOf puts the packets of each key together: a primary key and what follows it.
func keysOf(packets []rawPacket, primary byte) ([][]rawPacket, error) {
	var runs [][]rawPacket
	for _, p := range packets {
		if p.tag == primary {
			runs = append(runs, nil)
		}
		if len(runs) == 0 {
			return nil, fmt.Errorf("it does not begin with a key (packet type %d)", p.tag)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], p)
	}
	if len(runs) > maxKeysInFile {
		return nil, fmt.Errorf("it holds %d keys, more than %d", len(runs), maxKeysInFile)
	}
	return runs, nil
}

// add takes one key in, unless another is pinned, and says whether it may be used.
func (k *Keyring) add(file string, key []rawPacket, pin string) bool {
	raw, ok := k.strong(file, key)
	if !ok {
		return false
	}
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(raw)))
	if err != nil {
		k.skipped = append(k.skipped, Skipped{file, 0, err.Error()})
		return false
	}
	if got := hex.EncodeToString(e.PrimaryKey.Fingerprint); pin != "" && !strings.EqualFold(got, pin) {
		k.skipped = append(k.skipped, Skipped{file, KeyID(e.PrimaryKey.KeyId), "its fingerprint " + got + " is not the pinned one"})
		return false
	}
	if why := unfit(e); why != "" {
		k.skipped = append(k.skipped, Skipped{file, KeyID(e.PrimaryKey.KeyId), why})
		return false
	}
	sum := sha256.Sum256(raw)
	if !slices.Contains(k.sums, sum) {
		k.entities, k.sums = append(k.entities, e), append(k.sums, sum)
	}
	return true
}

// strong returns the bytes of a key without its weak subkeys. Weak keys are dropped
// before the library reads them, for it checks every signature that stands in a key:
// one by a DSA key of 60,000 bits takes minutes.
func (k *Keyring) strong(file string, key []rawPacket) (raw []byte, ok bool) {
	dropped := false
	for i, p := range key {
		switch p.tag {
		case tagPublicKey, tagPublicSubkey:
			id, why := weakness(p)
			if dropped = why != ""; dropped {
				k.skipped = append(k.skipped, Skipped{file, id, why})
			}
			if dropped && i == 0 {
				return nil, false
			}
		case tagSignature: // of what stands before it
		default:
			dropped = false
		}
		if !dropped {
			raw = append(raw, p.raw...)
		}
	}
	return raw, true
}

// weakness says why a key packet counts for nothing. A subkey that cannot sign, such
// as one for encryption, is not our business.
func weakness(p rawPacket) (KeyID, string) {
	if len(p.body) > maxKey {
		return 0, fmt.Sprintf("it has %d bytes, more than %d", len(p.body), maxKey)
	}
	read, err := packet.Read(bytes.NewReader(p.raw))
	if err != nil {
		return 0, err.Error()
	}
	key, ok := read.(*packet.PublicKey)
	if !ok || p.tag == tagPublicSubkey && !key.PubKeyAlgo.CanSign() {
		return 0, ""
	}
	return KeyID(key.KeyId), weak(key)
}

// unfit says why a key can sign nothing here; empty when it can.
func unfit(e *openpgp.Entity) string {
	if why := weak(e.PrimaryKey); why != "" {
		return why
	}
	if self, _ := e.PrimarySelfSignature(); self == nil {
		return "it has no signature of its own"
	}
	if len(signers(e)) == 0 {
		return "neither it nor a subkey may sign"
	}
	return ""
}

// weak says what is wrong with the kind of a key.
func weak(pk *packet.PublicKey) string {
	switch pk.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		key, ok := pk.PublicKey.(*rsa.PublicKey)
		if !ok {
			return "its RSA numbers cannot be read"
		}
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Sprintf("RSA with %d bits, want %d to %d", bits, minRSABits, maxRSABits)
		}
		return ""
	case packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return ""
	case packet.PubKeyAlgoDSA:
		bits, _ := pk.BitLength()
		return fmt.Sprintf("DSA with %d bits is weak", bits)
	}
	return fmt.Sprintf("its algorithm %d is not supported", pk.PubKeyAlgo)
}

// signer is a key that may sign data: a primary key or one of its subkeys.
type signer struct {
	entity *openpgp.Entity
	key    *packet.PublicKey
	self   *packet.Signature   // the primary's own
	bind   *packet.Signature   // of a subkey
	gone   []*packet.Signature // a subkey's revocations
}

// signers lists the keys of e that may sign data. A primary key without any usage
// flags may, as keys from before the flags do (RFC 4880, 5.2.3.21); a subkey
// without them may not, since only the flag makes the library ask for its own
// signature over the primary key.
func signers(e *openpgp.Entity) []signer {
	var list []signer
	self, _ := e.PrimarySelfSignature()
	if self != nil && (!self.FlagsValid || self.FlagSign) {
		list = append(list, signer{entity: e, key: e.PrimaryKey, self: self})
	}
	for _, sub := range e.Subkeys {
		if sub.Sig.FlagsValid && sub.Sig.FlagSign && weak(sub.PublicKey) == "" {
			list = append(list, signer{e, sub.PublicKey, self, sub.Sig, sub.Revocations})
		}
	}
	return list
}

// IDs lists the keys that may sign, primary keys and subkeys, in the files' order.
func (k *Keyring) IDs() []KeyID {
	var ids []KeyID
	for _, e := range k.entities {
		for _, s := range signers(e) {
			if id := KeyID(s.key.KeyId); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Skipped lists the keys of all files that are not used.
func (k *Keyring) Skipped() []Skipped { return slices.Clone(k.skipped) }

// Fingerprint changes when any used key or its expiry or revocation changes: 64
// hexadecimal digits. The order of keys and files has no part in it.
func (k *Keyring) Fingerprint() string {
	sums := slices.Clone(k.sums)
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, s := range sums {
		h.Write(s[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
