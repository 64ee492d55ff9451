package mirror

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/repofile"
)

func TestAttackRollback(t *testing.T) {
	one, two := nights(t)
	up := upstream(t, two)
	tr := store(t)
	src := at("baseos", up.URL+"/baseos")
	mustPublish(t, tr, src)
	if err := up.Switch(one); err != nil {
		t.Fatal(err)
	}
	before := current(t, tr)
	_, err := publish(t, tr, src)
	if _, ok := errors.AsType[*RollbackError](err); !ok || !maps.Equal(before, current(t, tr)) {
		t.Errorf("an older repomd.xml gives %v", err)
	}
	if _, err := SyncAll(context.Background(), []Source{src}, tr, Options{AllowRollback: true}, false, 0); err != nil {
		t.Error(err)
	}
	mustServe(t, tr, "mirror/baseos", one+"/baseos")
}

func TestRollbackIsSeenWithoutARevisionThatCounts(t *testing.T) {
	day := func(time int64, text string) string {
		return small(t, fixtures.Options{Revision: "nightly", Time: time}, text)
	}
	up := upstream(t, day(fixtures.Epoch+86400, two))
	tr := store(t)
	mustPublish(t, tr, at("r", up.URL))
	if err := up.Switch(day(fixtures.Epoch, two+"package a 1-1 noarch\n")); err != nil {
		t.Fatal(err)
	}
	_, err := publish(t, tr, at("r", up.URL))
	if _, ok := errors.AsType[*RollbackError](err); !ok {
		t.Errorf("older records give %v", err)
	}
}

func TestAttackMassRemoval(t *testing.T) {
	up := upstream(t, small(t, fixtures.Options{Revision: "1"}, two+"package a 1-1 noarch\npackage b 1-1 noarch\n"))
	tr := store(t)
	mustPublish(t, tr, at("r", up.URL))
	if err := up.Switch(small(t, fixtures.Options{Revision: "10"}, "package bash 5.2-1 x86_64\n")); err != nil {
		t.Fatal(err)
	}
	_, err := publish(t, tr, at("r", up.URL))
	if _, ok := errors.AsType[*ShrinkError](err); !ok {
		t.Errorf("4 packages become 1: %v", err)
	}
}

func TestSourcesThatMeetAreRefused(t *testing.T) {
	for _, pair := range [][2]string{{"mirror/a", "mirror/a"}, {"mirror/a", "mirror/a/b"}} {
		a, b := at("a", "x"), at("b", "y")
		a.Path, b.Path = pair[0], pair[1]
		if _, err := publish(t, store(t), a, b); err == nil {
			t.Errorf("%v: no error", pair)
		}
	}
}

func TestRepoFileToSource(t *testing.T) {
	repos, err := repofile.Parse(strings.NewReader("[r]\nbaseurl=https://h/$basearch\nsslverify=0\nusername=u\npassword=p\nretries=0\nminrate=0\ntimeout=7\nthrottle=1M\ngpgcheck=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := repos[0].Expand(repofile.NewVars("8", "i686"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromRepo(r)
	if err != nil || s.URLs[0] != "https://h/i386" || !s.GPGCheck || !s.Fetch.TLS.Insecure || s.Fetch.User != "u" ||
		s.Fetch.Retries != 20 || s.Fetch.LowSpeed != -1 || s.Fetch.ConnectTimeout != 7*time.Second || s.Fetch.LimitRate != 1<<20 {
		t.Errorf("%+v, %v", s, err)
	}
	bad, err := repofile.Parse(strings.NewReader("[r]\nbaseurl=x\ngpgcheck=ture\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromRepo(bad[0]); err == nil {
		t.Error("gpgcheck=ture is taken for no")
	}
}
