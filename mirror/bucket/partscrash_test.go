package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"flatstream/mirror/tree"
)

// leastPart is the smallest part that S3 allows but for the last.
const leastPart = 5 << 20

// unfinishedUploads lists what was begun in parts and not ended.
func (g *gateway) unfinishedUploads(t testing.TB, prefix string) (keys []string) {
	t.Helper()
	list, err := g.api.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(testBucket), Prefix: aws.String(prefix + "/")})
	must(t, err)
	for _, up := range list.Uploads {
		keys = append(keys, aws.ToString(up.Key))
	}
	return keys
}

// withLarge is a repository with a package that goes up in three parts.
func withLarge(generation string, packages ...string) map[string]string {
	r := aRepo("mirror/r", generation, append(packages, "large-"+generation+".rpm")...)
	r["mirror/r/Packages/large-"+generation+".rpm"] = "package " + strings.Repeat(generation+" large ", (2*leastPart+1000)/(len(generation)+7))
	return r
}

// A publication with a package in parts is broken off at each request, those of the parts
// too: from then on nothing gets through, or just that one request does not and no second
// attempt is made, so that the upload is taken back. Clients see no half repository, and
// the next publication ends as it should, in whichever direction it goes, with no upload
// left unfinished.
func TestPartsBrokenOff(t *testing.T) { breakParts(t, false) }

// The same, where one before it was broken off too, in the middle of its parts: what it
// left is taken back by one that is broken off itself.
func TestRecoveryBrokenOff(t *testing.T) { breakParts(t, true) }

func breakParts(t *testing.T, again bool) {
	g, s := startGateway(t), newStore(t)
	content := [2]map[string]string{withLarge("one", "a.rpm"), withLarge("two", "b.rpm")}
	var names [2]string
	for n, c := range content {
		names[n] = snapshot(t, s, night1.Add(time.Duration(n)*time.Hour), 0, c)
	}
	run, tried, left, late, seen := 0, 0, 0, 0, map[string]int{}
	for k, ended := 1, false; !ended; k++ {
		for _, how := range []fate{lost, deaf, cutMidway} {
			for _, dies := range []bool{true, false} {
				if tried++; os.Getenv("FLATSTREAM_FULL") != "1" && tried%29 != 0 {
					continue
				}
				run++
				prefix, next := fmt.Sprintf("p%d", run), run%2
				opt := Options{Endpoint: g.url, Now: night1, MaxDelete: 1, tries: 2, Jobs: 1, Snapshot: names[0], single: leastPart, part: leastPart}
				_, err := Publish(t.Context(), s, at(t, prefix), opt)
				must(t, err)
				broken := opt
				broken.Snapshot, broken.tries, broken.owner = names[1], 1, deadOwner(prefix)
				if again {
					breakAtPart(t, g, s, at(t, prefix), broken)
				}
				p := startProxy(t, g, func(n int, r *http.Request) fate {
					switch {
					case n == k:
						seen[kindOf(r)]++
						return how
					case n > k && dies:
						return lost
					}
					return pass
				})
				broken.Endpoint = p.URL
				_, err = Publish(t.Context(), s, at(t, prefix), broken)
				p.Close()
				ended = err == nil && int(p.n.Load()) < k
				left += len(g.unfinishedUploads(t, prefix))
				if e := consistent(g, prefix, "mirror/r"); e != nil {
					t.Errorf("request %d, %d: a client sees: %v", k, how, e)
				}
				opt.Snapshot, opt.Now = names[next], night1.Add(time.Hour)
				for range 2 {
					if _, err := Publish(t.Context(), s, at(t, prefix), opt); err != nil {
						t.Fatalf("request %d, %d: the next publication: %v", k, how, err)
					}
					opt.Now = opt.Now.Add(time.Second)
				}
				for _, d := range differences(t, g, prefix, content[next]) {
					if !strings.Contains(d, lockName) {
						t.Errorf("request %d, %d, to %s: %s", k, how, names[next], d)
					}
				}
				// A part that the server still worked on when its upload was taken back may bring
				// it back; S3 says so of itself. Then Check finds it.
				if len(g.unfinishedUploads(t, prefix)) > 0 {
					c, err := Check(t.Context(), at(t, prefix), opt)
					must(t, err)
					must(t, c.Mend(t.Context(), s, at(t, prefix), opt))
					late++
				}
				if keys := g.unfinishedUploads(t, prefix); len(keys) > 0 {
					t.Errorf("request %d, %d: still unfinished: %v", k, how, keys)
				}
			}
		}
	}
	t.Logf("%d publications broken off, %d uploads in parts left for the next one, %d for Check; requests hit: %v", run, left, late, seen)
}

// breakAtPart lets nothing through from the second part on.
func breakAtPart(t testing.TB, g *gateway, s *tree.Tree, l Location, opt Options) {
	t.Helper()
	var parts atomic.Int64
	p := startProxy(t, g, func(_ int, r *http.Request) fate {
		if kindOf(r) == "part" {
			parts.Add(1)
		}
		if parts.Load() > 1 {
			return lost
		}
		return pass
	})
	defer p.Close()
	opt.Endpoint = p.URL
	if _, err := Publish(t.Context(), s, l, opt); err == nil {
		t.Error("a publication without its parts succeeds")
	}
	if len(g.unfinishedUploads(t, l.Prefix)) != 1 {
		t.Error("it leaves no upload")
	}
}

// kindOf names a request of an upload in parts.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "create"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	}
	return "other"
}

// Uploads that nobody will end are found by Check and taken back by Mend; those of a
// prefix below this one are not ours.
func TestUnfinishedUploadsAreFound(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := aRepo("r", "one", "a.rpm")
	snapshot(t, s, night1, 0, content)
	opt, l := Options{Endpoint: g.url, MaxDelete: 1}, at(t, "p")
	_, err := Publish(t.Context(), s, l, opt)
	must(t, err)
	for _, key := range []string{"p/r/Packages/a.rpm", "p/tags/ga/r/Packages/a.rpm"} {
		_, err := g.api.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(testBucket), Key: &key})
		must(t, err)
	}
	c, err := Check(t.Context(), l, opt)
	must(t, err)
	if len(c.Damage) != 1 || c.Damage[0].Code != UnfinishedUpload || c.Damage[0].Path != "r/Packages/a.rpm" {
		t.Fatalf("%+v", c.Damage)
	}
	must(t, c.Mend(t.Context(), s, l, opt))
	if c.Repair.Aborted != 1 || c.Repair.Uploaded != 0 {
		t.Errorf("%+v", c.Repair)
	}
	if keys := g.unfinishedUploads(t, "p"); len(keys) != 1 || keys[0] != "p/tags/ga/r/Packages/a.rpm" {
		t.Errorf("left: %v", keys)
	}
	holds(t, g, "p", content)
}

// Bytes that change on the disk, or are damaged, never appear as an object in parts.
func TestDamagedPartsDoNotAppear(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	name := snapshot(t, s, night1, 0, withLarge("one"))
	snap, err := s.Snapshot(name)
	must(t, err)
	damage(t, snap.Dir+"/mirror/r/Packages/large-one.rpm")
	_, err = Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url, single: leastPart, part: leastPart})
	if _, ok := errors.AsType[*DamagedError](err); !ok {
		t.Errorf("%v", err)
	}
	if _, _, code, _ := g.read("p/mirror/r/Packages/large-one.rpm"); code != http.StatusNotFound {
		t.Errorf("it is there: %d", code)
	}
	if keys := g.unfinishedUploads(t, "p"); len(keys) > 0 {
		t.Errorf("unfinished: %v", keys)
	}
}
