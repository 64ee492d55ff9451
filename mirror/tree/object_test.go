package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/repodata/digest"
)

func TestObjectHasItsTimeAndName(t *testing.T) {
	s := locked(t)
	c := put(t, s, "hello")
	info, err := os.Stat(s.ObjectPath(c))
	must(t, err)
	if !info.ModTime().Equal(time.Unix(1e9, 0)) || !s.Has(c, 5) || s.Has(c, 6) {
		t.Fatalf("mtime %v, has(5)=%v, has(6)=%v", info.ModTime(), s.Has(c, 5), s.Has(c, 6))
	}
	if want := filepath.Join("objects", "sha256", c.Hex[:2], c.Hex); !strings.HasSuffix(s.ObjectPath(c), want) {
		t.Fatalf("object at %s, want .../%s", s.ObjectPath(c), want)
	}
}

func TestWrongBytesNeverGetAName(t *testing.T) {
	for name, text := range map[string]string{"other content": "jello", "short": "hell", "long": "hello!"} {
		t.Run(name, func(t *testing.T) {
			s := locked(t)
			c := digest.OfBytes([]byte("hello"))
			w, err := s.CreateObject(c, 5, 0)
			must(t, err)
			_, err = w.Write([]byte(text))
			if err == nil {
				err = w.Commit()
			} else {
				must(t, w.Abort())
			}
			var mismatch *digest.MismatchError
			if !errors.As(err, &mismatch) {
				t.Fatalf("got %v, want a MismatchError", err)
			}
			if left := files(t, filepath.Join(s.Dir(), "objects")); left != "" {
				t.Fatalf("left behind: %s", left)
			}
		})
	}
}

func TestResume(t *testing.T) {
	s := locked(t)
	c := digest.OfBytes([]byte("hello"))
	w, err := s.CreateObject(c, 5, 0)
	must(t, err)
	w.Write([]byte("hel"))
	must(t, w.Keep())

	w, err = s.CreateObject(c, 5, 0)
	must(t, err)
	if w.Offset() != 3 {
		t.Fatalf("resumed at %d, want 3", w.Offset())
	}
	w.Write([]byte("lo"))
	must(t, w.Commit())
	if !s.Has(c, 5) {
		t.Fatal("the resumed object is not there")
	}
}

func TestResumeOfDamagedPart(t *testing.T) {
	s := locked(t)
	c := digest.OfBytes([]byte("hello"))
	must(t, os.MkdirAll(filepath.Dir(s.ObjectPath(c)), 0o755))
	must(t, os.WriteFile(s.ObjectPath(c)+".part", []byte("more than was announced"), 0o644))
	w, err := s.CreateObject(c, 5, 0)
	must(t, err)
	if w.Offset() != 0 {
		t.Fatalf("resumed at %d, want 0", w.Offset())
	}
	w.Write([]byte("jel"))
	must(t, w.Restart())
	w.Write([]byte("hello"))
	must(t, w.Commit())
}

// A store that somebody removes while a package is fetched is an error, not an endless
// attempt.
func TestObjectOfARemovedStore(t *testing.T) {
	s := locked(t)
	must(t, os.RemoveAll(s.Dir()))
	if _, err := s.CreateObject(digest.OfBytes([]byte("hello")), 5, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v, want that the directory is not there", err)
	}
}

// A run killed between link and unlink leaves a .part that shares the object's
// inode. It must not be written into (P28).
func TestPartThatSharesAnObjectIsNotTouched(t *testing.T) {
	s := locked(t)
	c := put(t, s, "hello")
	must(t, os.Link(s.ObjectPath(c), s.ObjectPath(c)+".part"))
	w, err := s.CreateObject(c, 9, 0)
	must(t, err)
	w.Write([]byte("corrupted"))
	w.Abort()
	if got, _ := os.ReadFile(s.ObjectPath(c)); string(got) != "hello" {
		t.Fatalf("the object now is %q", got)
	}
}

func TestAttackSymlinkForAPart(t *testing.T) {
	s := locked(t)
	c := digest.OfBytes([]byte("hello"))
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, nil, 0o600))
	must(t, os.MkdirAll(filepath.Dir(s.ObjectPath(c)), 0o755))
	must(t, os.Symlink(victim, s.ObjectPath(c)+".part"))
	w, err := s.CreateObject(c, 5, 0)
	if err == nil {
		w.Write([]byte("hello"))
		w.Commit()
	}
	if got, _ := os.ReadFile(victim); len(got) > 0 {
		t.Fatalf("written through a planted link: %q", got)
	}
}

func TestWritersOfOneObjectDoNotMix(t *testing.T) {
	s := locked(t)
	text := strings.Repeat("0123456789", 1000)
	c := digest.OfBytes([]byte(text))
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for range 16 {
		wg.Go(func() {
			w, err := s.CreateObject(c, int64(len(text)), 1e9)
			if err != nil {
				errs <- err
				return
			}
			if w.Offset() > 0 {
				errs <- w.Restart()
			}
			for i := range 10 {
				if _, err := w.Write([]byte(text[i*1000 : (i+1)*1000])); err != nil {
					errs <- err
				}
			}
			errs <- w.Commit()
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
	if left := files(t, filepath.Join(s.Dir(), "objects")); left != filepath.Join("sha256", c.Hex[:2], c.Hex) {
		t.Fatalf("objects: %s", left)
	}
}

func TestDamagedObjectIsReplacedNotRewritten(t *testing.T) {
	s := locked(t)
	c := put(t, s, "hello")
	must(t, os.Truncate(s.ObjectPath(c), 2)) // the disk's fault
	old, err := os.Stat(s.ObjectPath(c))
	must(t, err)
	put(t, s, "hello")
	info, err := os.Stat(s.ObjectPath(c))
	must(t, err)
	if os.SameFile(old, info) || !s.Has(c, 5) {
		t.Fatal("the damaged inode is still the object")
	}
}

func TestForgedChecksumIsNoPath(t *testing.T) {
	s := locked(t)
	evil := digest.Checksum{Algo: "..", Hex: "../../../../tmp/x"}
	if _, err := s.CreateObject(evil, 1, 0); err == nil || s.ObjectPath(evil) != "" {
		t.Fatalf("accepted: %v, %q", err, s.ObjectPath(evil))
	}
}

// ext4 lets an inode have 65,000 names; what comes after shares a fresh inode.
func TestPastTheLinkLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 66,000 links")
	}
	s := locked(t)
	c := put(t, s, "hello")
	extra := filepath.Join(s.Dir(), "many")
	must(t, os.Mkdir(extra, 0o755))
	for i := range 70000 {
		err := os.Link(s.ObjectPath(c), filepath.Join(extra, string(rune('a'+i%26))+strings.Repeat("x", i/26%200)+time.Duration(i).String()))
		if err != nil {
			break
		}
		if i == 69999 {
			t.Skip("this file system has no limit of 65,000 links")
		}
	}
	stage, err := s.NewStage()
	must(t, err)
	must(t, stage.Link("a.rpm", c, 5))
	must(t, stage.Link("b.rpm", c, 5))
	a, err := os.Stat(filepath.Join(stage.Dir(), "a.rpm"))
	must(t, err)
	b, err := os.Stat(filepath.Join(stage.Dir(), "b.rpm"))
	must(t, err)
	if !os.SameFile(a, b) || !a.ModTime().Equal(time.Unix(1e9, 0)) {
		t.Fatalf("a and b share an inode: %v, mtime %v", os.SameFile(a, b), a.ModTime())
	}
	if _, err := stage.Publish(night1); err != nil {
		t.Fatal(err)
	}
}
