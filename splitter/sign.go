package splitter

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"flatstream/repodata"
	"flatstream/repodata/pgp"
)

// KeyName is the public key at the top of a signed target, for clients to import.
const KeyName = "RPM-GPG-KEY-flatstream"

// Signer signs the metadata of a target.
type Signer = pgp.Signer

// ReadSigner reads the secret key that signs a target, from a file as
// `gpg --armor --export-secret-keys` writes it: RSA of 2048 bits or more, or an
// elliptic curve, without a passphrase, good at now.
func ReadSigner(file string, now time.Time) (*Signer, error) {
	f, err := repodata.OpenInput(file)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, pgp.MaxKeys+1))
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	return pgp.ReadSigner(file, b, now)
}

// trust is what the .repo files say: about packages what the sources agree on, about
// metadata that it is signed where it is. DNF takes the keys for both from one list.
func (p *Plan) trust(base string) trust {
	t := signedBy(p.Sources)
	if p.Options.Signer != nil {
		t.metadata = true
		t.keys = append(t.keys, base+"/"+KeyName)
	}
	return t
}

// sign puts the signature of f beside repomd.xml in dir. Its time is that of the
// metadata, not of the clock: the same input gives the same bytes.
func (s *splitting) sign(md *repodata.RepoMD, f *Flat, dir string) error {
	if s.Options.Signer == nil {
		return nil
	}
	asc, err := s.Options.Signer.Sign(md.Raw, time.Unix(s.stamp(f), 0))
	if err != nil {
		return err
	}
	const name = "repodata/repomd.xml.asc"
	return repodata.WriteAgain(s.earlierFile(f, name), filepath.Join(dir, name), asc)
}

// writeKey puts the public key at the top of the target.
func (s *splitting) writeKey() error {
	if s.Options.Signer == nil {
		return nil
	}
	key, err := s.Options.Signer.Public()
	if err != nil {
		return err
	}
	return repodata.WriteFile(filepath.Join(s.dst, KeyName), key)
}
