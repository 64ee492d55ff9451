package pgp

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Signer is a secret key that signs metadata. It is safe for concurrent use.
type Signer struct {
	packets []rawPacket
	key     openpgp.Key
	now     time.Time
}

// ReadSigner reads a file with one secret key, armored or binary, as
// `gpg --export-secret-keys` writes it. The key must be without a passphrase, since
// nobody is there at night to type it, and must be able to sign at now.
func ReadSigner(file string, b []byte, now time.Time) (*Signer, error) {
	s, err := readSigner(b, now)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %s: %w", file, err)
	}
	return s, nil
}

func readSigner(b []byte, now time.Time) (*Signer, error) {
	if len(b) > MaxKeys {
		return nil, fmt.Errorf("it has over %d bytes", MaxKeys)
	}
	packets, err := unwrap(b, openpgp.PrivateKeyType)
	if err != nil {
		return nil, fmt.Errorf("%w; export it with gpg --armor --export-secret-keys KEY", err)
	}
	runs, err := keysOf(packets, tagSecretKey)
	if err != nil {
		return nil, fmt.Errorf("%w; export it with gpg --armor --export-secret-keys KEY", err)
	}
	if len(runs) != 1 {
		return nil, fmt.Errorf("it holds %d secret keys; export the one that is to sign", len(runs))
	}
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(join(packets))))
	if err != nil {
		return nil, err
	}
	id := KeyID(e.PrimaryKey.KeyId)
	if why := unfit(e); why != "" {
		return nil, fmt.Errorf("key %s cannot sign: %s", id, why)
	}
	key, ok := e.SigningKey(now)
	switch {
	case !ok:
		return nil, fmt.Errorf("key %s cannot sign today: it has expired, is revoked or is not for signing", id)
	case weak(key.PublicKey) != "":
		return nil, fmt.Errorf("key %s cannot sign: %s", KeyID(key.PublicKey.KeyId), weak(key.PublicKey))
	case key.PrivateKey == nil || key.PrivateKey.Dummy():
		return nil, fmt.Errorf("the secret part of key %s is not in it", KeyID(key.PublicKey.KeyId))
	case key.PrivateKey.Encrypted:
		return nil, fmt.Errorf("key %s has a passphrase; make a key of its own for this job, without one, in a file that only its user can read", KeyID(key.PublicKey.KeyId))
	}
	return &Signer{packets, key, now}, nil
}

// ID is the key that signs.
func (s *Signer) ID() KeyID { return KeyID(s.key.PublicKey.KeyId) }

// Sign returns an armored detached signature of data, version 4 with SHA-256. The
// signature's time is at, but not before the key was made nor after now, so that
// the same data, key and time give the same bytes (with RSA and EdDSA).
func (s *Signer) Sign(data []byte, at time.Time) ([]byte, error) {
	for _, least := range []time.Time{s.key.Entity.PrimaryKey.CreationTime, s.key.PublicKey.CreationTime} {
		if at.Before(least) {
			at = least
		}
	}
	if at.After(s.now) {
		at = s.now
	}
	random := false
	sig := &packet.Signature{
		Version: s.key.PublicKey.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: s.key.PublicKey.PubKeyAlgo,
		Hash: crypto.SHA256, CreationTime: at, IssuerKeyId: &s.key.PublicKey.KeyId, IssuerFingerprint: s.key.PublicKey.Fingerprint,
	}
	h := sig.Hash.New()
	h.Write(data)
	if err := sig.Sign(h, s.key.PrivateKey, &packet.Config{NonDeterministicSignaturesViaNotation: &random}); err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.ID(), err)
	}
	return armored(openpgp.SignatureType, sig.Serialize)
}

// Public returns the public key, armored, for clients to import: the packets of the
// file in their order, without what is secret.
func (s *Signer) Public() ([]byte, error) {
	return armored(openpgp.PublicKeyType, func(w io.Writer) error {
		for _, p := range s.packets {
			if err := writePublic(w, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func writePublic(w io.Writer, p rawPacket) error {
	if p.tag != tagSecretKey && p.tag != tagSecretSubkey {
		_, err := w.Write(p.raw)
		return err
	}
	parsed, err := packet.Read(bytes.NewReader(p.raw))
	if err != nil {
		return err
	}
	key, ok := parsed.(*packet.PrivateKey)
	if !ok {
		return fmt.Errorf("a packet of type %d is no secret key", p.tag)
	}
	return key.PublicKey.Serialize(w)
}

func armored(typ string, write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, typ, nil)
	if err == nil {
		err = errors.Join(write(w), w.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("write ASCII armor: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
