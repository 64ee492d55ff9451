package pgp

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Signed says who signed.
type Signed struct {
	Key  KeyID // of the primary key or subkey that signed
	Time time.Time
}

// Verify holds a detached signature against the bytes of signed, which it reads to
// the end, once. Of several signatures one good one is enough. The error names every
// signature's key id and what is wrong with it; without a key to try, signed is not
// read.
func (k *Keyring) Verify(signed io.Reader, sig []byte) (Signed, error) {
	sigs, failed, err := parseSignatures(sig)
	if err != nil {
		return Signed{}, fmt.Errorf("read signature: %w", err)
	}
	var tries []*try
	var sinks []io.Writer
	for _, s := range sigs {
		keys, err := k.keysFor(s)
		if err != nil {
			failed = append(failed, err)
		}
		for _, key := range keys {
			t := &try{s, key.key, s.hash.New()}
			tries, sinks = append(tries, t), append(sinks, t.h)
		}
	}
	if len(tries) == 0 {
		return Signed{}, refusal(failed)
	}
	if _, err := io.Copy(io.MultiWriter(sinks...), signed); err != nil {
		return Signed{}, err
	}
	for _, t := range tries {
		if t.verify() {
			return Signed{t.sig.id, t.sig.created}, nil
		}
		failed = append(failed, fmt.Errorf("the signature by key %s is bad: what it signed was changed, or it was made by another key", t.sig.id))
	}
	return Signed{}, refusal(failed)
}

// refusal is never nil, whatever was tried.
func refusal(failed []error) error {
	if len(failed) == 0 {
		return errors.New("there is no signature to verify")
	}
	return errors.Join(failed...)
}

// try is one signature with one key that it may be of. Several keys of one id are
// one key in several states, out of several files.
type try struct {
	sig *signature
	key *packet.PublicKey
	h   hash.Hash
}

func (t *try) verify() bool {
	if t.sig.v4 != nil {
		return t.key.VerifySignature(t.h, t.sig.v4) == nil
	}
	t.h.Write(t.sig.v3.suffix[:])
	return verify3(t.key, t.sig, t.h.Sum(nil))
}

// verify3 is RSA as version 3 has it. The number is padded to the key's length, from
// which leading zeros are left out in OpenPGP.
func verify3(pk *packet.PublicKey, s *signature, sum []byte) bool {
	key, ok := pk.PublicKey.(*rsa.PublicKey)
	if !ok || len(s.v3.mpi) > key.Size() {
		return false
	}
	number := make([]byte, key.Size())
	copy(number[len(number)-len(s.v3.mpi):], s.v3.mpi)
	return rsa.VerifyPKCS1v15(key, s.hash, sum, number) == nil
}

// keysFor finds the keys that a signature names and that were good when it was made.
func (k *Keyring) keysFor(s *signature) (keys []signer, err error) {
	known := false
	for _, e := range k.entities {
		for _, key := range signers(e) {
			if KeyID(key.key.KeyId) != s.id {
				continue
			}
			known = true
			if revoked(key, s.created) { // in one file is enough
				return nil, fmt.Errorf("signed by key %s, which is revoked", s.id)
			}
			unfit := k.fit(key, s)
			if unfit == nil {
				keys = append(keys, key)
			}
			err = unfit
		}
	}
	switch {
	case !known:
		return nil, k.unknown(s.id)
	case len(keys) > 0:
		return keys, nil
	}
	return nil, err
}

func (k *Keyring) unknown(id KeyID) error {
	for _, s := range k.skipped {
		if s.ID == id {
			return fmt.Errorf("signed by key %s, which is not used: %s", id, s.Why)
		}
	}
	if have := k.IDs(); len(have) > 0 {
		return fmt.Errorf("signed by key %s, which is none of the configured ones (%s)", id, list(have))
	}
	return fmt.Errorf("signed by key %s, and no key is configured", id)
}

// fit says why a key does not vouch for a signature of that time.
func (k *Keyring) fit(key signer, s *signature) error {
	at := s.created
	switch {
	case at.After(k.now.Add(clockTolerance)):
		return fmt.Errorf("the signature by key %s is from the future (%s); is the clock right?", s.id, day(at))
	case s.v4 != nil && ended(s.v4, k.now):
		return fmt.Errorf("the signature by key %s has expired", s.id)
	case s.v4 != nil && criticalNotation(s.v4):
		return fmt.Errorf("the signature by key %s has a critical notation, which is not understood", s.id)
	case key.key.CreationTime.After(at):
		return fmt.Errorf("the signature by key %s is from %s, before the key was made", s.id, day(at))
	case key.entity.PrimaryKey.KeyExpired(key.self, at) || ended(key.self, at) ||
		key.bind != nil && (key.key.KeyExpired(key.bind, at) || ended(key.bind, at)):
		return fmt.Errorf("key %s had expired when it signed on %s", s.id, day(at))
	}
	return nil
}

// ended says whether a signature had an end, and that before at. One over a key may
// well be younger than at: a key's owner renews it, and the old packages stay.
func ended(s *packet.Signature, at time.Time) bool {
	return s.SigLifetimeSecs != nil && *s.SigLifetimeSecs > 0 &&
		at.After(s.CreationTime.Add(time.Duration(*s.SigLifetimeSecs)*time.Second))
}

// revoked says whether the key, its primary key or its name were revoked.
func revoked(key signer, at time.Time) bool {
	if withdrawn(key.entity.Revocations, at) || withdrawn(key.gone, at) {
		return true
	}
	id := key.entity.PrimaryIdentity()
	return id != nil && withdrawn(id.Revocations, at)
}

// withdrawn judges revocations: of a key that was replaced or retired, from that day
// on; for any other reason, or none, the key was never worth anything.
func withdrawn(revocations []*packet.Signature, at time.Time) bool {
	for _, r := range revocations {
		why := packet.NoReason
		if r.RevocationReason != nil {
			why = *r.RevocationReason
		}
		soft := why == packet.KeySuperseded || why == packet.KeyRetired || why == packet.UserIDNotValid
		if !soft || !r.CreationTime.After(at) {
			return true
		}
	}
	return false
}

func criticalNotation(s *packet.Signature) bool {
	for _, n := range s.Notations {
		if n.IsCritical {
			return true
		}
	}
	return false
}
