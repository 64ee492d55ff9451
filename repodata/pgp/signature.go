package pgp

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // SHA-256 and
	_ "crypto/sha512" // SHA-384 and SHA-512, registered for crypto.Hash
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// signature is one signature packet of version 3 or 4.
type signature struct {
	id      KeyID // who says to have made it
	created time.Time
	hash    crypto.Hash

	v4 *packet.Signature // nil for version 3, which has
	v3 signature3
}

// signature3 is what version 3 needs besides.
type signature3 struct {
	suffix [5]byte // type and time, hashed after the data
	mpi    []byte  // the RSA number
}

// hashes are the algorithms that count, by their number (RFC 9580, 9.5).
var hashes = map[byte]crypto.Hash{8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512}

// hashNames are those that do not, for messages.
var hashNames = map[byte]string{1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 11: "SHA-224"}

// parseSignatures reads a detached signature, armored or binary. Signatures that
// cannot count are in failed, each with its key id where it has one.
func parseSignatures(b []byte) (sigs []*signature, failed []error, err error) {
	if len(b) > MaxSignature {
		return nil, nil, fmt.Errorf("it has over %d bytes", MaxSignature)
	}
	packets, err := unwrap(b, openpgp.SignatureType)
	if err != nil {
		return nil, nil, err
	}
	if len(packets) > maxSignatures {
		return nil, nil, fmt.Errorf("it holds %d packets, more than %d", len(packets), maxSignatures)
	}
	for _, p := range packets {
		if p.tag != tagSignature {
			return nil, nil, fmt.Errorf("it holds an OpenPGP packet of type %d, want %d", p.tag, tagSignature)
		}
		sig, err := parseSignature(p)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		sigs = append(sigs, sig)
	}
	return sigs, failed, nil
}

func parseSignature(p rawPacket) (*signature, error) {
	if len(p.body) == 0 {
		return nil, errors.New("a signature is empty")
	}
	switch p.body[0] {
	case 3:
		return parse3(p.body)
	case 4:
		return parse4(p)
	}
	return nil, fmt.Errorf("a signature of version %d is not supported", p.body[0])
}

// parse3 reads: version, 5, type, time, key id, key algorithm, hash algorithm, 2
// bytes of the hash, and one number for RSA (RFC 4880, 5.2.2).
func parse3(b []byte) (*signature, error) {
	if len(b) < 21 || b[1] != 5 {
		return nil, errors.New("a version 3 signature is damaged")
	}
	s := &signature{
		id:      KeyID(binary.BigEndian.Uint64(b[7:])),
		created: time.Unix(int64(binary.BigEndian.Uint32(b[3:])), 0),
		v3:      signature3{suffix: [5]byte(b[2:7])},
	}
	algo := packet.PublicKeyAlgorithm(b[15])
	if algo != packet.PubKeyAlgoRSA && algo != packet.PubKeyAlgoRSASignOnly {
		return nil, fmt.Errorf("a version 3 signature by key %s is not RSA", s.id)
	}
	if err := s.check(b[2], b[16]); err != nil {
		return nil, err
	}
	bits, mpi := int(binary.BigEndian.Uint16(b[19:])), b[21:]
	if len(mpi) != (bits+7)/8 {
		return nil, fmt.Errorf("the signature by key %s is damaged: its number does not end with it", s.id)
	}
	s.v3.mpi = mpi
	return s, nil
}

// parse4 leaves the reading to the library, once it is known whose signature it is,
// for the sake of messages, and that its type and hash count.
func parse4(p rawPacket) (*signature, error) {
	if len(p.body) < 6 {
		return nil, errors.New("a version 4 signature is damaged")
	}
	s := &signature{id: issuer4(p.body)}
	if err := s.check(p.body[1], p.body[3]); err != nil {
		return nil, err
	}
	read, err := packet.Read(bytes.NewReader(p.raw))
	if err != nil {
		return nil, fmt.Errorf("the signature by key %s cannot be read: %w", s.id, err)
	}
	v4, ok := read.(*packet.Signature)
	if !ok || v4.IssuerKeyId == nil {
		return nil, errors.New("a signature does not name its key")
	}
	s.id, s.created, s.hash, s.v4 = KeyID(*v4.IssuerKeyId), v4.CreationTime, v4.Hash, v4
	return s, nil
}

// issuer4 finds who says to have made a version 4 signature, 0 when nobody does
// (RFC 9580, 5.2.3.12 and 5.2.3.35): subpacket 16 holds the key id, 33 the version
// and fingerprint, of which it is the end.
func issuer4(b []byte) KeyID {
	const issuer, fingerprint = 16, 33
	at := 4
	for range 2 { // hashed, then unhashed subpackets
		if at+2 > len(b) {
			return 0
		}
		size := int(binary.BigEndian.Uint16(b[at:]))
		at += 2
		if at+size > len(b) {
			return 0
		}
		for area := b[at : at+size]; len(area) > 0; {
			body, n := subpacket(area)
			if n == 0 {
				return 0
			}
			if len(body) == 9 && body[0]&0x7f == issuer || len(body) == 22 && body[0]&0x7f == fingerprint {
				return KeyID(binary.BigEndian.Uint64(body[len(body)-8:]))
			}
			area = area[n:]
		}
		at += size
	}
	return 0
}

// subpacket reads the type and value at the start of an area, and how many bytes it
// takes there; 0 when it is cut off.
func subpacket(area []byte) (body []byte, n int) {
	head, size := 1, int(area[0])
	switch {
	case area[0] == 255 && len(area) >= 5:
		head, size = 5, int(binary.BigEndian.Uint32(area[1:]))
	case area[0] >= 192 && area[0] < 255 && len(area) >= 2:
		head, size = 2, int(area[0]-192)<<8+int(area[1])+192
	}
	if size == 0 || size > len(area)-head {
		return nil, 0
	}
	return area[head : head+size], head + size
}

// check refuses a type or hash that does not count, and notes the hash.
func (s *signature) check(typ, hash byte) error {
	if typ != byte(packet.SigTypeBinary) {
		return fmt.Errorf("the signature by key %s is of type %#02x, want one over binary data", s.id, typ)
	}
	known, ok := hashes[hash]
	if !ok {
		name, ok := hashNames[hash]
		if !ok {
			name = fmt.Sprintf("hash algorithm %d", hash)
		}
		return fmt.Errorf("the signature by key %s uses %s, want SHA-256 or better", s.id, name)
	}
	s.hash = known
	return nil
}
