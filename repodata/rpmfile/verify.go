package rpmfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"flatstream/repodata/digest"
	"flatstream/repodata/pgp"
)

// Tags of the signature header (rpm's include/rpm/rpmtag.h). Header and payload
// together: RPMSIGTAG_PGP and RPMSIGTAG_GPG; the main header alone: RPMSIGTAG_DSA,
// which holds elliptic curves too, and RPMSIGTAG_RSA.
const (
	tagBothPGP    = 1002
	tagBothGPG    = 1005
	tagHeaderDSA  = 267
	tagHeaderRSA  = 268
	tagPayload    = 5092 // PAYLOADDIGEST, in the main header
	tagPayloadAlg = 5093 // PAYLOADDIGESTALGO
)

const (
	typeBinary      = 7
	typeStringArray = 8
)

// payloadAlgorithms are the OpenPGP numbers of digests that prove something.
var payloadAlgorithms = map[uint32]string{8: "sha256", 9: "sha384", 10: "sha512"}

// ErrUnsigned says that a package has no signature over its header.
var ErrUnsigned = errors.New("it is not signed (its signature header has neither tag 267 nor 268)")

// Verify holds the signatures of a package file of size bytes against keys, as rpm
// does with header-only signatures: tag 267 or 268 of the signature header signs the
// main header, all of it, and the main header holds the payload's digest (5092, its
// algorithm in 5093), which must match. A package from before that digest must have a
// signature over header and payload (1002 or 1005) as well. Signatures or digests
// that stand in the other header count for nothing, for that is where a forger puts
// them; so do the digests in the signature header, which nobody signs.
//
// Where several signatures stand for one thing, one good one is enough. The error
// names the keys; it is [ErrUnsigned] where there is no signature at all.
func Verify(r io.ReaderAt, size int64, keys *pgp.Keyring) error {
	if err := verify(r, size, keys); err != nil {
		return fmt.Errorf("verify package: %w", err)
	}
	return nil
}

func verify(r io.ReaderAt, size int64, keys *pgp.Keyring) error {
	_, signature, main, err := findHeaders(r, size)
	if err != nil {
		return err
	}
	sigs, err := signature.find(r, size, tagHeaderRSA, tagHeaderDSA, tagBothPGP, tagBothGPG)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	part := func(end int64) io.Reader { return io.NewSectionReader(r, main.start, end-main.start) }
	if err := oneOf(sigs, keys, func() io.Reader { return part(main.end()) }, ErrUnsigned, tagHeaderRSA, tagHeaderDSA); err != nil {
		return err
	}
	sum, err := main.payloadDigest(r, size)
	if err != nil {
		return err
	}
	if sum.IsZero() {
		return oneOf(sigs, keys, func() io.Reader { return part(size) },
			errors.New("its payload is not signed: the header holds no payload digest, and there is no signature over header and payload"),
			tagBothPGP, tagBothGPG)
	}
	payload := io.NewSectionReader(r, main.end(), size-main.end())
	if _, err := io.Copy(io.Discard, digest.NewReader(payload, sum, -1)); err != nil {
		return fmt.Errorf("the payload is not the signed one: %w", err)
	}
	return nil
}

// oneOf wants a good signature in one of the tags; none is what it says when there
// is none to judge.
func oneOf(sigs map[uint32]value, keys *pgp.Keyring, signed func() io.Reader, none error, tags ...uint32) error {
	var failed []error
	for _, tag := range tags {
		sig, ok := sigs[tag]
		if !ok {
			continue
		}
		if sig.kind != typeBinary {
			failed = append(failed, fmt.Errorf("tag %d of the signature header has type %d, want %d", tag, sig.kind, typeBinary))
			continue
		}
		_, err := keys.Verify(signed(), sig.data)
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		return none
	}
	return errors.Join(failed...)
}

// payloadDigest is what the main header says of the payload as it stands in the file;
// zero when it says nothing.
func (i intro) payloadDigest(r io.ReaderAt, size int64) (digest.Checksum, error) {
	found, err := i.find(r, size, tagPayload, tagPayloadAlg)
	if err != nil {
		return digest.Checksum{}, err
	}
	sum, ok := found[tagPayload]
	if !ok {
		return digest.Checksum{}, nil
	}
	digits, _, _ := bytes.Cut(sum.data, []byte{0})
	alg := found[tagPayloadAlg]
	if sum.kind != typeStringArray || sum.count != 1 || alg.kind != typeInt32 || alg.count != 1 {
		return digest.Checksum{}, errors.New("the payload digest (tags 5092 and 5093) is not one digest and its algorithm")
	}
	number := binary.BigEndian.Uint32(alg.data)
	name, ok := payloadAlgorithms[number]
	if !ok {
		return digest.Checksum{}, fmt.Errorf("the payload digest has algorithm %d, want SHA-256 or better", number)
	}
	return digest.Parse(name, string(digits))
}

// value is an entry with the bytes of its data, at most pgp.MaxSignature.
type value struct {
	entry
	data []byte
}

// find checks every entry of a header and returns the values of some tags. One that
// stands there twice is refused: readers would not agree on it.
func (i intro) find(r io.ReaderAt, size int64, tags ...uint32) (map[uint32]value, error) {
	index := make([]byte, entrySize*i.entries)
	if err := readAt(r, size, index, i.start+introSize); err != nil {
		return nil, err
	}
	found := map[uint32]value{}
	for ; len(index) > 0; index = index[entrySize:] {
		e := parseEntry(index)
		if err := e.check(i.data); err != nil {
			return nil, err
		}
		if !slices.Contains(tags, e.tag) {
			continue
		}
		if _, twice := found[e.tag]; twice {
			return nil, fmt.Errorf("tag %d stands in the header twice", e.tag)
		}
		v := value{entry: e, data: make([]byte, e.length(i.data))}
		if err := readAt(r, size, v.data, i.start+introSize+entrySize*i.entries+int64(e.offset)); err != nil {
			return nil, err
		}
		found[e.tag] = v
	}
	return found, nil
}

// length is how many bytes of a checked entry are read: all of a binary one or a
// number, and of a string what may be one, to the end of the data at most.
func (e entry) length(data int64) int64 {
	n := int64(e.count) * elementSize[e.kind]
	if e.kind == typeString || e.kind >= typeStringArray {
		n = min(maxValue, data-int64(e.offset))
	}
	return min(n, pgp.MaxSignature+1)
}
