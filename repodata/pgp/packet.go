package pgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// Packet tags (RFC 9580, section 5).
const (
	tagSignature    = 2
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagPublicSubkey = 14
)

// rawPacket is one packet: its tag, its body, and all its bytes.
type rawPacket struct {
	tag  byte
	body []byte
	raw  []byte
}

// split takes a run of packets apart. The bodies are slices of b. Partial and
// indeterminate lengths, which only streamed data has, are refused.
func split(b []byte) ([]rawPacket, error) {
	var packets []rawPacket
	for len(b) > 0 {
		p, n, err := first(b)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p)
		b = b[n:]
	}
	return packets, nil
}

var errCut = errors.New("an OpenPGP packet is cut off")

// first reads the packet at the start of b and its length with the header.
func first(b []byte) (p rawPacket, n int, err error) {
	if b[0]&0x80 == 0 {
		return p, 0, errors.New("it is no OpenPGP data")
	}
	var size uint64
	if b[0]&0x40 == 0 {
		p.tag = b[0] & 0x3f >> 2
		n, size, err = oldLength(b)
	} else {
		p.tag = b[0] & 0x3f
		n, size, err = newLength(b)
	}
	if err != nil {
		return p, 0, err
	}
	if size > uint64(len(b)-n) {
		return p, 0, errCut
	}
	end := n + int(size)
	p.body, p.raw = b[n:end], b[:end]
	return p, end, nil
}

func oldLength(b []byte) (n int, size uint64, err error) {
	kind := b[0] & 3
	if kind == 3 {
		return 0, 0, errors.New("an OpenPGP packet has no length")
	}
	n = 1 + 1<<kind
	if len(b) < n {
		return 0, 0, errCut
	}
	for _, c := range b[1:n] {
		size = size<<8 | uint64(c)
	}
	return n, size, nil
}

func newLength(b []byte) (n int, size uint64, err error) {
	switch {
	case len(b) < 2:
		return 0, 0, errCut
	case b[1] < 192:
		return 2, uint64(b[1]), nil
	case b[1] < 224:
		if len(b) < 3 {
			return 0, 0, errCut
		}
		return 3, uint64(b[1]-192)<<8 + uint64(b[2]) + 192, nil
	case b[1] < 255:
		return 0, 0, errors.New("an OpenPGP packet comes in parts")
	case len(b) < 6:
		return 0, 0, errCut
	}
	return 6, uint64(binary.BigEndian.Uint32(b[2:])), nil
}

// join is split's reverse.
func join(packets []rawPacket) []byte {
	var b []byte
	for _, p := range packets {
		b = append(b, p.raw...)
	}
	return b
}

// unwrap returns the packets of b: binary as it is, else of every armored block of
// one of the types, in their order. Text around the blocks is ignored, as gpg does.
func unwrap(b []byte, types ...string) ([]rawPacket, error) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return split(b)
	}
	var packets []rawPacket
	for {
		block, rest := nextBlock(b)
		if block == nil {
			break
		}
		b = rest
		typ, body, err := dearmor(block)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(types, typ) {
			return nil, fmt.Errorf("it holds a %s, want a %s", typ, types[0])
		}
		inside, err := split(body)
		if err != nil {
			return nil, err
		}
		packets = append(packets, inside...)
	}
	if len(packets) == 0 {
		return nil, fmt.Errorf("there is no %s in it", types[0])
	}
	return packets, nil
}

// nextBlock cuts out the first armored block, for the library's decoder reads past
// the end of one; nil at the end of all.
func nextBlock(b []byte) (block, rest []byte) {
	i := bytes.Index(b, []byte("-----BEGIN PGP "))
	if i < 0 {
		return nil, nil
	}
	b = b[i:]
	end := bytes.Index(b, []byte("-----END PGP "))
	if end < 0 {
		return b, nil
	}
	if line := bytes.IndexByte(b[end:], '\n'); line >= 0 {
		return b[:end+line+1], b[end+line+1:]
	}
	return b, nil
}

func dearmor(block []byte) (typ string, body []byte, err error) {
	a, err := armor.Decode(bytes.NewReader(block))
	if err != nil {
		return "", nil, fmt.Errorf("read ASCII armor: %w", err)
	}
	body, err = io.ReadAll(a.Body)
	if err != nil {
		return "", nil, fmt.Errorf("read ASCII armor: %w", err)
	}
	return a.Type, body, nil
}
