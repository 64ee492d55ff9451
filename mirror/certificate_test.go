package mirror

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
)

// Two weeks before a client certificate ends each run says so, and after that, too.
func TestClientCertificateIsNamedBeforeItEnds(t *testing.T) {
	end := time.Unix(fixtures.Epoch, 0)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-90 * 24 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "entitlement.pem")
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, both, 0o600); err != nil {
		t.Fatal(err)
	}
	src := at("r", small(t, fixtures.Options{}, two))
	src.Fetch.TLS.ClientCert = file
	for days, want := range map[int]string{-15: "", -13: "expires 20", 1: "expired on 20"} {
		sum, err := Sync(t.Context(), src, store(t), Options{Now: end.Add(time.Duration(days) * 24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(sum.Warnings, "\n")
		if (got == "") != (want == "") || want != "" && !strings.Contains(got, file+" "+want) {
			t.Errorf("%d days: warnings %q, want %q", days, got, want)
		}
	}
}
