package mirror

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flatstream/fixtures"
	"flatstream/mirror/tree"
	"flatstream/repodata/digest"
	"flatstream/repodata/pgp"
)

// matrix is an upstream of two days, found by a metalink and signed, and a store that
// has the first of them while the upstream offers the second.
type matrix struct {
	t        *testing.T
	up       *fixtures.Server
	src      Source
	tree     *tree.Tree
	days     [2]string
	old, new map[string]string // what is published, before and after
	keys     *pgp.Keyring
}

const metalinkName = "metalink.xml"

// writeDays writes the two days of a signed repository.
func writeDays(t *testing.T, key *fixtures.Key) (days [2]string) {
	t.Helper()
	const stays = "package bash 5.2-1 x86_64\npackage jq 1.6-1 x86_64\nmodule perl:5.26:1:aaaaaaaa:x86_64\n"
	for i, text := range []string{stays + "package old 1-1 noarch\n", stays + "package new 1-1 noarch\npackage newer 2-1 noarch\n"} {
		days[i] = small(t, fixtures.Options{Revision: fmt.Sprint(i + 1), Time: fixtures.Epoch + int64(i)*86400}, text)
		signRepoMD(t, days[i], key.V4(built))
	}
	return days
}

func newMatrix(t *testing.T, days [2]string, keys string) *matrix {
	t.Helper()
	m := &matrix{t: t, days: [2]string{t.TempDir(), t.TempDir()}, tree: store(t), keys: pgp.NewKeyring(built)}
	public, err := os.ReadFile(keys)
	if err := cmp.Or(err, m.keys.Add(keys, public)); err != nil {
		t.Fatal(err)
	}
	m.up = upstream(t, m.days[0])
	for i, day := range days {
		if err := os.CopyFS(m.days[i], os.DirFS(day)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(day, repomdPath))
		if err != nil {
			t.Fatal(err)
		}
		list := fmt.Sprintf(`<metalink><files><file name="repomd.xml"><size>%d</size><verification><hash type="sha256">%s</hash></verification>`+
			`<resources><url preference="100">%s/repodata/repomd.xml</url></resources></file></files></metalink>`, len(b), digest.OfBytes(b).Hex, m.up.URL)
		if err := os.WriteFile(filepath.Join(m.days[i], metalinkName), []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m.src = at("r")
	m.src.Metalink, m.src.RepoGPGCheck, m.src.GPGKeys = m.up.URL+"/"+metalinkName, true, []string{keys}
	m.src.Fetch.LowSpeed, m.src.Fetch.LowSpeedTime, m.src.Fetch.HeaderTimeout = 1, 100*time.Millisecond, 100*time.Millisecond
	m.mustSync()
	m.old = m.mirrored()
	if err := m.up.Switch(m.days[1]); err != nil {
		t.Fatal(err)
	}
	m.new = content(t, days[1])
	delete(m.new, signaturePath)
	return m
}

// mirrored are the files of the repository that are published. Its signature has no
// checksum: any that is good for repomd.xml is the right one.
func (m *matrix) mirrored() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	for p, sum := range current(m.t, m.tree) {
		if p, ok := strings.CutPrefix(p, "mirror/r/"); ok {
			out[p] = sum
		}
	}
	dir := filepath.Join(m.tree.Dir(), "current", "mirror", "r")
	md, err := os.Open(filepath.Join(dir, repomdPath))
	if err != nil {
		m.t.Fatal(err)
	}
	defer md.Close()
	asc, err := os.ReadFile(filepath.Join(dir, signaturePath))
	if err == nil {
		_, err = m.keys.Verify(md, asc)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	delete(out, signaturePath)
	return out
}

func (m *matrix) sync() (*Report, error) {
	return SyncAll(context.Background(), []Source{m.src}, m.tree, Options{}, false, 0)
}

func (m *matrix) mustSync() *Report {
	m.t.Helper()
	rep, err := m.sync()
	if err != nil {
		m.t.Fatal(err)
	}
	return rep
}

// oldOrNew says which of the two good states is published; nothing else may be.
func (m *matrix) oldOrNew() string {
	m.t.Helper()
	switch have := m.mirrored(); {
	case maps.Equal(have, m.old):
		return "old"
	case maps.Equal(have, m.new):
		return "new"
	}
	m.t.Fatal("what is published is neither the old nor the new repository")
	return ""
}

// tally counts outcomes of parallel tests.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[what]++
}

// suffer syncs while something is wrong, and again when nothing is any more. A frozen
// upstream looks like one in which nothing has changed.
func (m *matrix) suffer(c *tally, frozen bool) {
	m.t.Helper()
	rep, err := m.sync()
	state := m.oldOrNew()
	if err == nil && state != "new" && !(frozen && rep.Repos[0].Outcome == Unchanged) {
		m.t.Error("the run says that all is well, and the old repository is published")
	}
	if err != nil && state != "old" {
		m.t.Errorf("the run fails, and the new repository is published: %v", err)
	}
	c.add(state)
	m.up.Fault(nil)
	m.mustSync()
	if m.oldOrNew() != "new" {
		m.t.Error("the next run does not heal it")
	}
	left, err := filepath.Glob(filepath.Join(m.tree.Dir(), "objects", "*", "*", "*.part"))
	if err != nil || len(left) > 0 {
		m.t.Errorf("left behind: %v, %v", left, err)
	}
}

// Each answer of an upstream goes wrong in each way, once and for good. What is
// published is the old repository or the new one to the byte, and the next run heals.
func TestFaultMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("the matrix is left out of short tests")
	}
	key := newKey(t, fixtures.KeyOptions{})
	days, keys := writeDays(t, key), keyFile(t, key)
	type cell struct {
		path  string
		fault fixtures.Fault
		times int
	}
	m := newMatrix(t, days, keys)
	m.up.Reset()
	m.mustSync()
	asked := m.up.Requests()
	if len(asked) < 8 {
		t.Fatalf("a sync asks %d times", len(asked))
	}
	var cells []cell
	for _, r := range asked {
		for _, f := range fixtures.Faults() {
			cells = append(cells, cell{r.Path, f, 1}, cell{r.Path, f, -1})
		}
	}
	if all := len(cells); os.Getenv("FLATSTREAM_FULL") != "1" {
		rand.New(rand.NewPCG(20260101, uint64(all))).Shuffle(all, func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		cells = cells[:50]
	}
	var c tally
	t.Run("cells", func(t *testing.T) {
		for _, cell := range cells {
			t.Run(fmt.Sprintf("%s of %s, %d times", cell.fault.Name, cell.path, cell.times), func(t *testing.T) {
				t.Parallel()
				m := newMatrix(t, days, keys)
				m.up.Break(cell.path, cell.fault, cell.times)
				m.suffer(&c, cell.path == "/"+metalinkName && cell.fault.Name == "the old file")
			})
		}
	})
	t.Logf("%d answers, %d faults, %d cells: %v", len(asked), len(fixtures.Faults()), len(cells), c.counts)
	if c.counts["old"] == 0 || c.counts["new"] == 0 {
		t.Error("faults that all pass, or none that passes, prove nothing")
	}
}

// The upstream becomes another one at each request in turn, forward and then back.
func TestSwapAtEveryRequest(t *testing.T) {
	key := newKey(t, fixtures.KeyOptions{})
	days, keys := writeDays(t, key), keyFile(t, key)
	var c tally
	k := 0
	for done := false; !done; k++ {
		m := newMatrix(t, days, keys)
		if err := m.up.Switch(m.days[0]); err != nil {
			t.Fatal(err)
		}
		n, swapped := 0, false
		var mu sync.Mutex
		m.tree = store(t) // empty: everything is fetched
		m.up.Fault(func(http.ResponseWriter, *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if n++; n == k+1 {
				swapped = true
				if err := m.up.Switch(m.days[1]); err != nil {
					t.Error(err)
				}
			}
			return false
		})
		_, err := m.sync()
		if done = !swapped; done {
			break
		}
		if err == nil {
			c.add(m.oldOrNew())
		} else if have := current(t, m.tree); have != nil {
			t.Errorf("request %d: it fails (%v), and something is published", k, err)
		} else {
			c.add("nothing")
		}
		m.up.Fault(nil)
		m.mustSync()
		if m.oldOrNew() != "new" {
			t.Errorf("request %d: the next run does not heal it", k)
		}
	}
	t.Logf("swapped at each of %d requests: %v", k, c.counts)
	if k < 8 {
		t.Errorf("a sync asks only %d times", k)
	}
}
