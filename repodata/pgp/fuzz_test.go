package pgp

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
)

// Whatever stands in a key file or a signature, reading it ends, without a panic,
// and only real signatures are good.
func FuzzVerify(f *testing.F) {
	for _, name := range []string{"AlmaLinux-8", "redhat8-release"} {
		if b, err := os.ReadFile("../../../shared/data/keys/RPM-GPG-KEY-" + name); err == nil {
			f.Add(b, []byte("\x88\x46\x04\x00"))
		}
	}
	v3 := append([]byte("\x88\x17\x03\x05\x00\x5f\x00\x00\x00\x05\xb5\x55\xb3\x84\x83\xc6\x5d\x01\x08\xab\xcd\x00\x10"), 0x80, 1)
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n"), v3)
	f.Add([]byte{0x99, 0, 1, 4}, []byte("-----BEGIN PGP SIGNATURE-----\n\niQ==\n=aaaa\n-----END PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, keys, sig []byte) {
		k := NewKeyring(today)
		err := k.Add("keys", keys)
		if (err == nil) != (len(k.IDs()) > 0) {
			t.Errorf("%d keys and error %v", len(k.IDs()), err)
		}
		if signed, err := k.Verify(bytes.NewReader(keys), sig); err == nil {
			t.Errorf("%v signed", signed)
		}
		if s, err := ReadSigner("secret", keys, today); err == nil {
			if _, err := s.Public(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A signature may be changed where nothing is signed, but it is by the one key over
// the one text, or it is none.
func FuzzSignature(f *testing.F) {
	key, err := fixtures.NewKey(fixtures.KeyOptions{})
	if err != nil {
		f.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		f.Fatal(err)
	}
	k := NewKeyring(today)
	if err := k.Add("key", public); err != nil {
		f.Fatal(err)
	}
	for _, sign := range []fixtures.Signer{key.V3(today.Add(-time.Hour)), key.V4(today.Add(-time.Hour))} {
		sig, err := sign([]byte("text"))
		if err != nil {
			f.Fatal(err)
		}
		if _, err := k.Verify(strings.NewReader("text"), sig); err != nil {
			f.Fatal(err)
		}
		f.Add(sig, "text")
		f.Add(sig, "other")
	}
	f.Fuzz(func(t *testing.T, sig []byte, text string) {
		if signed, err := k.Verify(strings.NewReader(text), sig); err == nil && (signed.Key.String() != key.ID() || text != "text") {
			t.Errorf("%v signed %q", signed, text)
		}
	})
}

// Packets taken apart are the bytes that came, in their order.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x88\x01\x03\xc2\x01\x04\xc2\xff\x00\x00\x00\x01\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := split(b)
		if err != nil {
			return
		}
		for _, p := range packets {
			if !bytes.HasSuffix(p.raw, p.body) || p.tag > 63 {
				t.Fatalf("packet %x with body %x", p.raw, p.body)
			}
		}
		if again := join(packets); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
