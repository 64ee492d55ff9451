package bucket

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
)

const (
	// stateLife is how long an answer about what is published counts; troubleLife, that
	// there is none.
	stateLife   = 10 * time.Second
	troubleLife = time.Minute
	// publicTimeout ends a request for a small answer, and manifestTimeout one for a
	// manifest: somebody waits.
	publicTimeout   = 5 * time.Second
	manifestTimeout = 2 * time.Minute
)

// Public is a published prefix as its clients read it: over plain HTTP, without
// credentials, from the bucket or a CDN before it. It knows by the manifest what is there,
// some 300 bytes of memory for each path, and asks for that anew when the state changes.
type Public struct {
	base    string // without a slash at its end
	note    func(string)
	client  *http.Client
	mu      sync.Mutex
	etag    string    // of the state that was read last; empty: none
	next    time.Time // to ask
	trouble string
	items   []item // sorted by path
	bySum   []int32
}

// OpenPublic takes the http or https URL of a prefix, and asks it at once. note is told,
// in a sentence, when what is published there cannot be read, and when it can be again;
// neither is an error.
func OpenPublic(ctx context.Context, base string, note func(string)) (*Public, error) {
	if err := CheckPublic(base); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	p := &Public{base: strings.TrimRight(base, "/"), note: note, client: &http.Client{Transport: transport}}
	p.refresh(ctx)
	return p, nil
}

// PublicError says that a text is no address at which clients read a bucket.
type PublicError struct{ Reason string }

func (e *PublicError) Error() string { return "the address to redirect to " + e.Reason }

// Hint says what to try next.
func (e *PublicError) Hint() string {
	return "write the URL by which clients read the prefix, such as https://cdn.example.org/el8"
}

// CheckPublic wants an http or https URL without password, query and fragment. Errors are
// a [*PublicError].
func CheckPublic(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return &PublicError{"is no http or https URL"}
	case u.User != nil:
		return &PublicError{"may hold no user and password"}
	case u.RawQuery != "" || u.Fragment != "":
		return &PublicError{"may hold no query and no fragment"}
	}
	return nil
}

// Find returns the URL of an object with a content: the one at path, or else any with that
// checksum, since content is what counts. Without a checksum it is the one at path, if
// its name promises one content for ever (tree.ImmutableName). Empty: there is none, or
// nobody can say. The server is asked whether it really is there.
func (p *Public) Find(ctx context.Context, path string, sum digest.Checksum, size int64) string {
	p.mu.Lock()
	p.refresh(ctx)
	i, ok := p.lookUp(path, sum, size)
	p.mu.Unlock()
	if !ok {
		return ""
	}
	to := p.base + "/" + escapeKey(i.path)
	if !p.there(ctx, to, i) {
		return ""
	}
	return to
}

func (p *Public) lookUp(path string, sum digest.Checksum, size int64) (i item, ok bool) {
	n, found := slices.BinarySearchFunc(p.items, path, func(i item, path string) int { return strings.Compare(i.path, path) })
	if found {
		i = p.items[n]
	}
	if sum.IsZero() {
		return i, found && tree.ImmutableName(path)
	}
	if found && i.sum == sum && i.size == size {
		return i, true
	}
	n, found = slices.BinarySearchFunc(p.bySum, sum, func(n int32, sum digest.Checksum) int { return compareSums(p.items[n].sum, sum) })
	if !found || p.items[p.bySum[n]].size != size {
		return item{}, false
	}
	return p.items[p.bySum[n]], true
}

func compareSums(a, b digest.Checksum) int {
	return cmp.Or(strings.Compare(a.Hex, b.Hex), strings.Compare(a.Algo, b.Algo))
}

// refresh asks what is published, and waits
// a while before it asks again. When that cannot be read nothing is known.
func (p *Public) refresh(ctx context.Context) {
	if time.Now().Before(p.next) {
		return
	}
	err := p.read(context.WithoutCancel(ctx)) // the next one will be glad
	p.next = time.Now().Add(stateLife)
	trouble := ""
	if err != nil {
		trouble = err.Error()
		p.etag, p.items, p.bySum = "", nil, nil
		p.next = time.Now().Add(troubleLife)
	}
	switch {
	case trouble != "" && p.trouble == "":
		p.note(fmt.Sprintf("nothing is redirected to %s: %s", p.base, trouble))
	case trouble == "" && p.trouble != "":
		p.note(fmt.Sprintf("redirecting to %s again", p.base))
	}
	p.trouble = trouble
}

func (p *Public) read(ctx context.Context) error {
	doc, etag, err := p.get(ctx, stateName, maxDoc, p.etag, publicTimeout)
	if err != nil || doc == nil {
		return err
	}
	var s state
	if json.Unmarshal(doc, &s) != nil || s.Schema != 1 {
		return fmt.Errorf("%s is no state that this version knows", stateName)
	}
	doc, _, err = p.get(ctx, manifestPrefix+s.Manifest, maxManifest, "", manifestTimeout)
	if err != nil {
		return err
	}
	if digest.OfBytes(doc).Hex != s.Manifest {
		return fmt.Errorf("the manifest is damaged")
	}
	items, err := decodeItems(doc)
	if err != nil {
		return err
	}
	if s.Unfinished {
		if items, err = p.sure(ctx, items); err != nil {
			return err
		}
	}
	p.etag, p.items, p.bySum = etag, items, make([]int32, len(items))
	for n := range items {
		p.bySum[n] = int32(n)
	}
	slices.SortStableFunc(p.bySum, func(a, b int32) int { return compareSums(items[a].sum, items[b].sum) })
	return nil
}

// sure leaves out what the publication under way is about to change. Where its intent is
// gone it is done, but for the last word.
func (p *Public) sure(ctx context.Context, items []item) ([]item, error) {
	doc, _, err := p.get(ctx, intentName, maxManifest, "", manifestTimeout)
	if errors.Is(err, fs.ErrNotExist) {
		return items, nil
	}
	if err != nil {
		return nil, err
	}
	unsure, err := decodeItems(doc)
	if err != nil {
		return nil, err
	}
	doubt := pathsOf(unsure)
	return slices.DeleteFunc(items, func(i item) bool { return doubt[i.path] }), nil
}

// get reads a document of ours; nil where it still is the version etag.
func (p *Public) get(ctx context.Context, name string, limit int64, etag string, timeout time.Duration) (doc []byte, newTag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := p.ask(ctx, http.MethodGet, p.base+"/"+name, etag)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	switch {
	case etag != "" && answer.StatusCode == http.StatusNotModified:
		return nil, etag, nil
	case answer.StatusCode == http.StatusNotFound:
		return nil, "", fmt.Errorf("GET %s: %w", name, fs.ErrNotExist)
	case answer.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("GET %s: %s", name, answer.Status)
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(answer.Body, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	if err != nil {
		return nil, "", fmt.Errorf("GET %s: %w", name, err)
	}
	return buf.Bytes(), answer.Header.Get("ETag"), nil
}

func (p *Public) ask(ctx context.Context, method, to, etag string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, nil)
	if err != nil {
		return nil, err
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	r.Header.Set("Accept-Encoding", "identity")
	return p.client.Do(r)
}

// there asks whether an object is at a URL, and is what the manifest says of it.
func (p *Public) there(ctx context.Context, to string, i item) bool {
	ctx, cancel := context.WithTimeout(ctx, publicTimeout)
	defer cancel()
	answer, err := p.ask(ctx, http.MethodHead, to, "")
	if err != nil {
		return false
	}
	answer.Body.Close()
	sum := answer.Header.Get("X-Amz-Meta-" + sumKey)
	return answer.StatusCode == http.StatusOK && answer.ContentLength == i.size && (sum == "" || sum == i.sum.String())
}
