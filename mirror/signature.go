package mirror

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"flatstream/mirror/fetch"
	"flatstream/repodata"
	"flatstream/repodata/pgp"
	"flatstream/repodata/rpmfile"
)

const signaturePath = repomdPath + ".asc"

// SignatureError says that something is not signed by a configured key.
type SignatureError struct {
	What string // file
	Why  string
	Try  string
}

func (e *SignatureError) Error() string { return fmt.Sprintf("%s: %s; %s", e.What, e.Why, e.Try) }

const tryNewKey = "if upstream has a new key, check its fingerprint and add its file to gpgkey="

// trust is what a run holds signatures against.
type trust struct {
	keys *pgp.Keyring // nil: nothing is verified
	mark string       // what is verified, and with which keys; it stands in the state
	verified
}

// loadKeys reads the configured keys, once in a run. They come from where the user
// says, and from the mirror itself only when they are pinned: who can change packages
// there could change its key as well.
func (r *run) loadKeys(ctx context.Context) error {
	if r.trust.keys != nil || !r.src.GPGCheck && !r.src.RepoGPGCheck {
		return nil
	}
	keys := pgp.NewKeyring(r.opt.Now)
	for _, text := range r.src.GPGKeys {
		place, pin, err := pinned(text)
		if err != nil {
			return err
		}
		if pin == "" && onMirror(place, append(append([]string{r.src.Mirrorlist, r.src.Metalink}, r.src.URLs...), r.mirrors.bases...)) {
			return fmt.Errorf("key %s is on the mirror itself, which could sign anything with its own key; fetch it once, check its fingerprint, and name the file: gpgkey=file:///PATH, or pin it: gpgkey=URL#FINGERPRINT", fetch.Redact(place))
		}
		b, err := r.readKey(ctx, place, pin != "")
		if err != nil {
			return err
		}
		if err := keys.AddPinned(fetch.Redact(place), b, pin); err != nil {
			return err
		}
	}
	if len(keys.IDs()) == 0 {
		return errors.New("gpgcheck or repo_gpgcheck is on, and no key is configured; name the key file in gpgkey=, or turn the check off")
	}
	r.trust.keys = keys
	r.trust.mark = fmt.Sprintf("repomd %t, packages %t, keys %s", r.src.RepoGPGCheck, r.src.GPGCheck, keys.Fingerprint())
	return nil
}

// pinned takes a key's place and its fingerprint apart, URL#FINGERPRINT: 40 or 64
// hexadecimal digits, as gpg --show-keys prints them. The fragment of a URL is never
// sent, so that DNF reads such a gpgkey, too.
func pinned(text string) (place, fingerprint string, err error) {
	at := strings.LastIndexByte(text, '#')
	if at < 0 {
		return text, "", nil
	}
	place, fingerprint = text[:at], text[at+1:]
	_, bad := hex.DecodeString(fingerprint)
	switch {
	case bad == nil && (len(fingerprint) == 40 || len(fingerprint) == 64):
		return place, fingerprint, nil
	case !strings.Contains(text, "://"):
		return text, "", nil // a file's name
	}
	return "", "", fmt.Errorf("gpgkey %s#%.80s: what follows # is no fingerprint; it has 40 or 64 hexadecimal digits", fetch.Redact(place), fingerprint)
}

// KeyPlaces are the key files without their fingerprints, for other programs.
func (s *Source) KeyPlaces() []string {
	places := slices.Clone(s.GPGKeys)
	for i, text := range places {
		if place, _, err := pinned(text); err == nil {
			places[i] = place
		}
	}
	return places
}

// readKey reads one key file, at most [pgp.MaxKeys] bytes. A key's host sees no
// credentials and no client certificate, and must have a good certificate whatever
// sslverify= says.
func (r *run) readKey(ctx context.Context, place string, pinned bool) ([]byte, error) {
	opt := r.src.Fetch
	opt.User, opt.Password, opt.Trusted = "", "", nil
	opt.TLS.ClientCert, opt.TLS.ClientKey, opt.TLS.Insecure = "", "", false
	c, err := fetch.New(opt)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	resp, err := c.Get(ctx, place, pgp.MaxKeys, fetch.Cond{})
	if err != nil {
		return nil, fmt.Errorf("read key of gpgkey=: %w", err)
	}
	if u, err := url.Parse(place); err == nil && strings.EqualFold(u.Scheme, "http") && !pinned {
		r.warn("key %s comes without encryption, so that anyone on the way can replace it: use https, or name a file", fetch.Redact(place))
	}
	return resp.Body, nil
}

// onMirror says whether a key lies on the host of one of the places, or below a
// local one.
func onMirror(key string, places []string) bool {
	host, path := placeOf(key)
	for _, place := range places {
		h, dir := placeOf(place)
		if place == "" || host != h {
			continue
		}
		if host != "" || path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// placeOf returns the host and port of a remote place, or the path of a local one.
func placeOf(place string) (host, path string) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" || u.Scheme == "file" {
		path = localBase(place)
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return "", path
	}
	// One host, whether it is asked with or without encryption.
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), ":443"), ":80"), ""
}

// accept runs check. Where signatures are checked and one fails, repomd.xml is read
// again, since it may have changed between the two requests: then it takes the
// former one's place in resp and is checked instead.
func (r *run) accept(ctx context.Context, base string, resp *fetch.Response, check func() error) error {
	for try := 0; ; try++ {
		err := check()
		if err == nil || !r.src.RepoGPGCheck || try == maxRestarts {
			return err
		}
		again, failed := r.c.Get(ctx, join(base, repomdPath), repodata.MaxRepoMD, fetch.Cond{})
		if failed != nil || bytes.Equal(again.Body, resp.Body) {
			return err
		}
		*resp = *again
	}
}

// checkRepoMD holds repomd.xml against its signature on the same mirror, where that
// is asked for. A missing signature is as bad as a wrong one: whoever could change
// the file could also take its signature away.
func (r *run) checkRepoMD(ctx context.Context, base string, repomd []byte) error {
	if !r.src.RepoGPGCheck {
		return nil
	}
	asc, err := r.c.Get(ctx, join(base, signaturePath), pgp.MaxSignature, fetch.Cond{})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &SignatureError{signaturePath, "repo_gpgcheck is on, and the signature cannot be read: " + err.Error(),
			"turn repo_gpgcheck off only if upstream never signs this repository"}
	}
	if _, err := r.trust.keys.Verify(bytes.NewReader(repomd), asc.Body); err != nil {
		return &SignatureError{repomdPath, err.Error(), tryNewKey}
	}
	r.sum.asc = asc.Body
	return nil
}

// verifyPackage holds a stored package against the keys.
func (r *run) verifyPackage(f file) error {
	b, err := r.t.OpenObject(f.sum)
	if err != nil {
		return err
	}
	defer b.Close()
	info, err := b.Stat()
	if err != nil {
		return err
	}
	if err := rpmfile.Verify(b, info.Size(), r.trust.keys); err != nil {
		return &SignatureError{f.path, err.Error(), tryNewKey}
	}
	r.trust.add(f.sum)
	return nil
}
