package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// WritePair writes a new certificate for 127.0.0.1 and its key.
func WritePair(t testing.TB, cert, key string, serial int64) {
	t.Helper()
	private, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "mirror"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err2 := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	secret, err3 := x509.MarshalPKCS8PrivateKey(private)
	err4 := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
	err5 := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
}

func TestRenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	c := &certificate{certFile: filepath.Join(dir, "cert"), keyFile: filepath.Join(dir, "key"), now: func() time.Time { return now }}
	serial := func() int64 {
		now = now.Add(certCheck)
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	WritePair(t, c.certFile, c.keyFile, 1)
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.certFile, []byte("half a certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 1 {
		t.Errorf("a certificate that cannot be read replaced the good one: %d", got)
	}
	WritePair(t, c.certFile, c.keyFile, 2)
	if got := serial(); got != 2 {
		t.Errorf("the renewed certificate is not in use: %d", got)
	}
}
