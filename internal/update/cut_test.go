package update

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/slot"
)

// copied is a box with disks of its own that hold what this one's hold now.
func (b *box) copied(t *testing.T) *box {
	t.Helper()
	c := *b
	c.t, c.dir = t, filepath.Join(t.TempDir(), "data")
	system, esp := filepath.Join(t.TempDir(), "system"), filepath.Join(t.TempDir(), "esp")
	data, err := os.ReadFile(b.disk.ESP)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(esp, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{b.dir: c.dir, b.disk.Dir: system} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	c.disk = slot.OpenFolder(system, esp, "")
	return &c
}

// mostCuts is more than an update takes to the trial's end.
const mostCuts = 60

// TestCutAtEveryStep cuts the power whenever an update asks the repository for
// something, stops the services, says something, or looks whether all is well:
// what is on the disks then starts, as one of both versions with its data, and
// can be updated.
func TestCutAtEveryStep(t *testing.T) {
	b := newBox(t)
	b.release("1.1.0")
	var mu sync.Mutex
	var cuts []*box
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		if len(cuts) < mostCuts { // a trial looks again and again
			cuts = append(cuts, b.copied(t))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cut()
		http.FileServer(http.Dir(b.repo.Dir)).ServeHTTP(w, r)
	}))
	defer server.Close()
	b.settings.URL = server.URL
	watch := func() {
		b.machine.watch = cut
		b.manager.o.Log = func(format string, args ...any) { t.Logf(format, args...); cut() }
	}
	watch()
	b.updates("1.1.0")
	b.boot(b.loads())
	cut()
	b.writeData("data of 1.1.0")
	watch()
	b.runs(2 * time.Second)
	b.last(wire.OutcomeInstalled, "1.0.0", "1.1.0")
	cut()
	if len(cuts) < 20 {
		t.Errorf("only %d cuts", len(cuts))
	}
	t.Logf("%d cuts", len(cuts))
	seen := map[string]int{}
	for _, c := range cuts {
		seen[c.comesUp()]++
	}
	t.Logf("they came up as %v", seen)
	if seen["1.0.0"] == 0 || seen["1.1.0"] == 0 {
		t.Error("all came up as one version")
	}
}

// comesUp starts what is there until it is settled, and says as which version.
func (b *box) comesUp() string {
	b.t.Helper()
	b.settings.URL = b.stay // the one that makes no cuts
	version := b.loads()
	b.boot(version)
	b.runs(100 * time.Millisecond)
	if version == "1.0.0" {
		b.hasData("data of 1.0.0")
		b.updates("1.1.0")
		if got := b.loads(); got != "1.1.0" {
			b.t.Errorf("after an update GRUB loads %s", got)
		}
		b.boot("1.1.0")
		b.writeData("data of 1.1.0")
		b.runs(100 * time.Millisecond)
	} else if u := b.manager.Status(""); u.Trial != nil {
		b.t.Errorf("the trial does not end: %+v", u.Trial)
	}
	b.last(wire.OutcomeInstalled, "1.0.0", "1.1.0")
	if s, err := b.disk.State(); err != nil || s != (slot.State{Good: "1.1.0"}) {
		b.t.Errorf("the boot state is %+v, %v", s, err)
	}
	return version
}
