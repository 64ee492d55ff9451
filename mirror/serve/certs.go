package serve

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certCheck is how often the files of a certificate are looked at again.
const certCheck = 10 * time.Second

// Certificate reads a certificate with its chain and its key, both PEM files, for
// [Run]. Files that are renewed are read again within ten seconds, without a
// restart; while they do not fit together the old ones stay in use.
func Certificate(certFile, keyFile string) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, now: time.Now}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("read the certificate %s: %w", certFile, err)
	}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}, nil
}

type certificate struct {
	certFile, keyFile string
	now               func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   string    // of the files that pair was made of
	checked time.Time // when they were last looked at
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= certCheck {
		c.checked = now
		_ = c.load() // the old one is better than none
	}
	return c.pair, nil
}

func (c *certificate) load() error {
	stamp := fileStamp(c.certFile) + fileStamp(c.keyFile)
	if c.pair != nil && stamp == c.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.stamp = &pair, stamp
	return nil
}

// fileStamp changes when a file is written or replaced.
func fileStamp(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	return etag(info)
}
