package bucket

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"flatstream/repodata/digest"
)

// A manifest or a state that is gone, cut off or overwritten stops a publication before it
// changes anything; clients still read what they read. Check names it, and Mend finds out
// what is there, uploads next to nothing, and forgets nothing that must be deleted later.
func TestWordsOfThePrefixDamaged(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	first := merged(aRepo("mirror/r", "one", "a.rpm", "b.rpm"), aRepo("flat/d", "one", "a.rpm"), map[string]string{"index.html": "1"})
	second := merged(aRepo("mirror/r", "two", "a.rpm", "c.rpm"), aRepo("flat/d", "two", "c.rpm"), map[string]string{"index.html": "2"})
	one := snapshot(t, s, night1, 0, first)
	two := snapshot(t, s, night1.Add(time.Hour), 0, second)
	for name, break_ := range map[string]func(r *remote, s state){
		"no manifest":          func(r *remote, s state) { must(t, r.remove(t.Context(), []string{manifestPrefix + s.Manifest})) },
		"manifest overwritten": func(r *remote, s state) { put(t, r, manifestPrefix+s.Manifest, "garbage") },
		"state overwritten":    func(r *remote, _ state) { put(t, r, stateName, "garbage") },
		"empty state":          func(r *remote, _ state) { put(t, r, stateName, "") },
	} {
		t.Run(name, func(t *testing.T) {
			l := at(t, strings.ReplaceAll(name, " ", "-"))
			opt := Options{Endpoint: g.url, MaxDelete: 1, Grace: time.Hour, Snapshot: one, Now: night1}
			_, err := Publish(t.Context(), s, l, opt)
			must(t, err)
			opt.Snapshot, opt.Now = two, night1.Add(time.Hour)
			_, err = Publish(t.Context(), s, l, opt)
			must(t, err)
			_, err = Publish(t.Context(), s, at(t, l.Prefix+"/tags/ga"), Options{Endpoint: g.url, Snapshot: one, CopyFrom: []Location{l}})
			must(t, err)
			r, err := open(t.Context(), l, opt)
			must(t, err)
			state, err := r.readState(t.Context())
			must(t, err)
			break_(r, state)
			opt.Snapshot, opt.Now = one, night1.Add(2*time.Hour)
			_, err = Publish(t.Context(), s, l, opt)
			if damage, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(damage.Hint(), "--repair") {
				t.Fatalf("publish: %v", err)
			}
			must(t, consistent(g, l.Prefix, "mirror/r", "flat/d"))
			c, err := Check(t.Context(), l, opt)
			must(t, err)
			if len(c.Damage) != 1 || c.Damage[0].Code != BadManifest {
				t.Fatalf("%+v", c)
			}
			opt.Snapshot, opt.Now = two, night1.Add(2*time.Hour)
			must(t, c.Mend(t.Context(), s, l, opt))
			if c.Repair.Uploaded+c.Repair.Copied != 0 {
				t.Errorf("uploaded again: %+v", c.Repair)
			}
			opt.Now = opt.Now.Add(2 * time.Hour)
			_, err = Publish(t.Context(), s, l, opt)
			must(t, err)
			for _, d := range differences(t, g, l.Prefix, second) { // and nothing else but the tag
				if !strings.Contains(d, "/tags/ga/") && d != "2 manifests" {
					t.Error(d)
				}
			}
			holds(t, g, l.Prefix+"/tags/ga", first)
		})
	}
}

func put(t *testing.T, r *remote, path, text string) {
	t.Helper()
	_, err := r.putBytes(t.Context(), path, []byte(text), "", cond{})
	must(t, err)
}

// A prefix of a newer version is left alone.
func TestNewerVersion(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm"))
	l, opt := at(t, "p"), Options{Endpoint: g.url}
	r, err := open(t.Context(), l, opt)
	must(t, err)
	put(t, r, stateName, `{"schema":2,"manifest":"x"}`)
	_, err = Publish(t.Context(), s, l, opt)
	_, errCheck := Check(t.Context(), l, opt)
	for _, err := range []error{err, errCheck} {
		if _, ok := errors.AsType[*NewerError](err); !ok {
			t.Errorf("%v", err)
		}
	}
	if n := len(g.keys(t, "p/")); n != 1 {
		t.Errorf("%d objects", n)
	}
}

// careless is a server that knows nothing of conditions but one header's.
type careless struct {
	knows   string
	objects map[string]string
}

func (c *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, there := c.objects[r.URL.Path]
	tag := fmt.Sprintf("%q", digest.OfBytes([]byte(text)).Hex)
	switch want := r.Header.Get(c.knows); {
	case r.Method == http.MethodPut && (want == "*" && there || want != "" && want != "*" && want != tag):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body) // what is there counts
		c.objects[r.URL.Path] = string(body)
	case r.Method == http.MethodPost: // all deletions here are of the lock
		delete(c.objects, "/"+testBucket+"/p/"+lockName)
		_, _ = io.WriteString(w, "<DeleteResult/>")
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("ETag", tag)
		_, _ = io.WriteString(w, text)
	}
}

// A server that writes whatever the conditions say is found out before anything else is
// written.
func TestServerWithoutConditions(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm"))
	for ignored, knows := range map[string]string{"If-None-Match": "If-Match", "If-Match": "If-None-Match"} {
		server := startProxy(t, g, nil)
		c := &careless{knows, map[string]string{}}
		server.Config.Handler = c
		_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: server.URL})
		if e, ok := errors.AsType[*ConditionsError](err); !ok || e.Header != ignored {
			t.Errorf("%s ignored: %v", ignored, err)
		}
		if len(c.objects) != 0 {
			t.Errorf("%s ignored: left are %v", ignored, c.objects)
		}
	}
}

// Now and then a request is answered SlowDown, and the one after it with a connection that
// is reset: all the same everything arrives. What a server refuses for good is said in one
// sentence, with a hint, and not asked again and again.
func TestRefusals(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	content := aRepo("r", "one", "a.rpm", "b.rpm", "c.rpm")
	snapshot(t, s, night1, 0, content)
	p := startProxy(t, g, func(n int, _ *http.Request) fate {
		switch n % 13 {
		case 1:
			return slowDown
		case 2:
			return lost
		}
		return pass
	})
	_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: p.URL, Jobs: 1})
	must(t, err)
	holds(t, g, "p", content)

	for code, want := range map[string]string{
		"403 RequestTimeTooSkewed": "clock", "403 AccessDenied": "may not do that", "301 PermanentRedirect": "another region", "400 AuthorizationHeaderMalformed": "another region",
		"400 ExpiredToken": "expired", "403 InvalidAccessKeyId": "access key", "501 NotImplemented": "lacks", "404 NoSuchBucket": "no such bucket",
	} {
		asked := 0
		server := startProxy(t, g, nil)
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			status, name, _ := strings.Cut(code, " ")
			n := 0
			_, err := fmt.Sscan(status, &n)
			must(t, err)
			w.WriteHeader(n)
			_, _ = io.WriteString(w, "<Error><Code>"+name+"</Code><Message>AKIAEXAMPLE test-secret-key</Message></Error>")
		})
		_, err := Publish(t.Context(), s, at(t, "q"), Options{Endpoint: server.URL})
		e, ok := errors.AsType[*RequestError](err)
		if !ok || !strings.Contains(err.Error(), want) || strings.Contains(err.Error()+e.Hint(), "secret-key") || strings.Contains(err.Error(), "\n") || e.Hint() == "" || asked > 3 {
			t.Errorf("%s: %d requests: %v", code, asked, err)
		}
	}
}

// A store that vanishes in the middle ends the publication in reasonable time.
func TestServerVanishes(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm", "b.rpm"))
	p := startProxy(t, g, func(n int, _ *http.Request) fate {
		if n > 6 {
			return lost
		}
		return pass
	})
	begun := time.Now()
	_, err := Publish(t.Context(), s, at(t, "p"), Options{Endpoint: p.URL, tries: 2})
	if _, ok := errors.AsType[*RequestError](err); !ok || time.Since(begun) > time.Minute {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

// A snapshot that prune takes away in the middle of its publication is named as such, and
// the next publication goes on from what is there.
func TestPrunedMeanwhile(t *testing.T) {
	g, s := startGateway(t), newStore(t)
	name := snapshot(t, s, night1, 0, aRepo("r", "one", "a.rpm", "b.rpm"))
	snap, err := s.Snapshot(name)
	must(t, err)
	p := startProxy(t, g, func(_ int, r *http.Request) fate {
		if strings.HasSuffix(r.URL.Path, intentName) && r.Method == http.MethodPut {
			must(t, os.RemoveAll(snap.Dir))
		}
		return pass
	})
	_, err = Publish(t.Context(), s, at(t, "p"), Options{Endpoint: p.URL})
	if _, ok := errors.AsType[*PrunedError](err); !ok {
		t.Errorf("%v", err)
	}
	second := aRepo("r", "two", "c.rpm")
	snapshot(t, s, night1.Add(time.Hour), 0, second)
	_, err = Publish(t.Context(), s, at(t, "p"), Options{Endpoint: g.url, MaxDelete: 1})
	must(t, err)
	holds(t, g, "p", second)
}
