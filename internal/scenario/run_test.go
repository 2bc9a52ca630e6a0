package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/hypervisortest"
	"github.com/ingotvm/ingot/internal/release/releasetest"
)

// box is a guest that plays an appliance that takes updates. It looks into the
// vendor's repository for what is offered.
type box struct {
	t *testing.T
	// well is what becomes of an update.
	well bool
	// panics writes of a panic at the end of each run.
	panics bool

	mu      sync.Mutex
	repo    string // folder with what is released
	updates wire.Updates
	busy    int // as often it works on something else
}

func (b *box) run(ctx context.Context, g *hypervisortest.Guest) {
	fmt.Fprintf(g, "the console\r\n")
	management, err1 := g.Listen(acceptance.ManagementPort)
	front, err2 := g.Listen(80)
	if err := errors.Join(err1, err2); err != nil {
		b.t.Error(err)
		return
	}
	server := httptest.NewUnstartedServer(nil)
	server.Listener.Close()
	server.Listener, server.Config.ErrorLog = management, log.New(io.Discard, "", 0)
	mux := http.NewServeMux()
	server.Config.Handler = mux
	server.StartTLS()
	defer server.Close()
	fingerprint := client.Fingerprint(server.Certificate())
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	began := time.Now()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		state := wire.Healthy
		if b.panics && time.Since(began) < time.Second { // who watches the console has seen it by then
			state = wire.Starting
		}
		answer(w, wire.Status{Name: "hello", Version: b.now().Version, State: state, Fingerprint: fingerprint})
	})
	mux.HandleFunc("POST /v1/login", func(w http.ResponseWriter, _ *http.Request) { answer(w, wire.Session{Token: "token"}) })
	mux.HandleFunc("GET /v1/updates", func(w http.ResponseWriter, _ *http.Request) { answer(w, b.now()) })
	mux.HandleFunc("POST /v1/updates/check", b.check)
	mux.HandleFunc("POST /v1/updates/install", b.install)
	page := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Good day") })}
	go page.Serve(front)
	defer page.Close()
	select {
	case <-ctx.Done():
	case <-g.Button:
	}
	if b.panics {
		fmt.Fprintf(g, "Kernel panic - not syncing: a test\r\n")
	}
}

func (b *box) now() wire.Updates {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.updates
}

func (b *box) check(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy > 0 {
		b.busy--
		w.WriteHeader(http.StatusConflict)
		return
	}
	b.updates.Available = nil
	if entries, err := os.ReadDir(filepath.Join(b.repo, "metadata")); err == nil && len(entries) > 0 && b.updates.Version == "1.0.0" {
		b.updates.Available = &wire.Release{Version: "1.1.0", How: "patch", Download: 10, Whole: 100}
	}
}

func (b *box) install(w http.ResponseWriter, r *http.Request) {
	var want wire.InstallUpdate
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := wire.UpdateEvent{Time: time.Now(), From: b.updates.Version, To: want.Version, Outcome: wire.OutcomeRolledBack, Reason: "it was not well"}
	if b.well {
		e.Outcome, e.Reason, b.updates.Version, b.updates.Available = wire.OutcomeInstalled, "", want.Version, nil
	}
	b.updates.History = append([]wire.UpdateEvent{e}, b.updates.History...)
}

// project builds versions of releasetest's appliance.
type project struct {
	t     *testing.T
	box   *box
	fails error // of builds
}

func (p project) Load(_ *Scenario, v *Version, root, _ string) (*appliance.Definition, error) {
	p.box.repo = filepath.Join(filepath.Dir(filepath.Dir(root)), "repo")
	return &appliance.Definition{Name: "hello", Title: "Hello", Version: v.Name, Updates: &appliance.Updates{Root: root},
		Services: []appliance.Service{{Name: "web", Ports: []appliance.Port{{Port: 80}}}}}, nil
}

func (p project) Disk(context.Context, *appliance.Definition) (hypervisor.Disk, error) {
	file := filepath.Join(p.t.TempDir(), "disk.raw")
	return hypervisor.Disk{Path: file, Format: hypervisor.Raw}, os.WriteFile(file, make([]byte, 512), 0o644)
}

func (p project) Files(_ context.Context, def *appliance.Definition, _, dir string) error {
	if p.fails != nil {
		return p.fails
	}
	return os.CopyFS(dir, os.DirFS(releasetest.Build(p.t, releasetest.Version{
		Version: def.Version, Kernel: []byte("kernel"), Initrd: []byte("initrd"), Images: map[string][]byte{"os": []byte(def.Version)},
	})))
}

// play plays steps on a box.
func play(t *testing.T, b *box, steps string) (acceptance.Report, string) {
	t.Helper()
	b.t, b.updates = t, wire.Updates{Version: "1.0.0"}
	s, err := Parse("s.yaml", []byte("scenario: x\nversions: {1.0.0: {}, 1.1.0: {}}\nbreak: {1.1.0: kernel}\nmachine: {data: 1MiB}\nsteps:\n"+steps))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	report, err := Run(t.Context(), Options{
		Scenario: s, Builder: project{t: t, box: b}, Timeout: 20 * time.Second, Log: &said, Dir: t.TempDir(),
		Driver: func(context.Context) (hypervisor.Driver, error) { return &hypervisortest.Fake{Guest: b.run}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, said.String()
}

// TestRun: what goes as the scenario says has passed.
func TestRun(t *testing.T) {
	report, said := play(t, &box{well: true, busy: 1, panics: true}, `
  - boot: 1.0.0
  - expect: {offered: nothing, page: Good day}
  - release: 1.1.0
  - install: {version: 1.1.0, how: patch}
  - power: cycle
    expect: {offered: nothing}
  - install: 1.1.0
    expect: {refused: nothing is}
  - power: cut
`)
	if !report.Passed() || len(report.Machines[0].Checks) != 7 || strings.Count(said, "passed") != 7 {
		t.Errorf("%s\n%+v", said, report.Machines[0].Checks)
	}
	if m := report.Machines[0]; m.ConsoleLog != "" || m.FirstBoot == nil || m.NextBoot == nil {
		t.Errorf("%+v", m)
	}
}

// TestRunFails: each expectation that is not met is told with what was seen,
// the steps after it are skipped, and the console is kept.
func TestRunFails(t *testing.T) {
	for _, c := range []struct{ step, want string }{
		{"install: 1.1.0", "version: want 1.1.0, got 1.0.0\noutcome: want installed, got rolled-back"},
		{"install: 1.1.0\n    expect: {outcome: rolled-back, reason: too hot}", `reason: want one that holds "too hot", got "it was not well"`},
		{"install: {version: 1.1.0, how: whole}", "it would come by patch, 10 of 100 bytes; want whole"},
		{"install: {version: 1.1.0, most: 9B}", "10 bytes would be downloaded, by patch; want at most 9"},
		{"install: 1.1.0\n    expect: {refused: no}", `it is not refused, want "no"`},
		{"expect: {offered: nothing}", "offered: want nothing, got 1.1.0"},
		{"expect: {version: 1.1.0}", "version: want 1.1.0, got 1.0.0"},
		{"install: 1.0.0", "version 1.0.0 is not offered; 1.1.0 is"},
	} {
		report, said := play(t, &box{}, "\n  - boot: 1.0.0\n  - release: 1.1.0\n  - "+c.step+"\n  - power: cycle\n")
		m := report.Machines[0]
		if report.Passed() || m.Checks[2].Outcome != acceptance.Failed || !strings.Contains(m.Checks[2].Detail, c.want) || m.Checks[3].Outcome != acceptance.Skipped {
			t.Errorf("%s: %s\n%+v", c.step, said, m.Checks)
		}
		if text, err := os.ReadFile(m.ConsoleLog); err != nil || !strings.Contains(string(text), "the console") {
			t.Errorf("the console log is %q, %v", text, err)
		}
	}
}

// TestBuildFails: that is no fault of the appliance's, and no step has failed.
func TestBuildFails(t *testing.T) {
	s, err := Parse("s.yaml", []byte("scenario: x\nversions: {1.0.0: {}}\nsteps: [{release: 1.0.0}, {boot: 1.0.0}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	_, err = Run(t.Context(), Options{
		Scenario: s, Builder: project{t, &box{}, full},
		Driver: func(context.Context) (hypervisor.Driver, error) { return &hypervisortest.Fake{}, nil },
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "step 1 release 1.0.0: ") {
		t.Errorf("it says %v", err)
	}
}

func TestPageOf(t *testing.T) {
	for want, ports := range map[string][]appliance.Port{
		"http://${appliance}/":      nil,
		"http://${appliance:8080}/": {{Port: 53, Protocol: "udp"}, {Port: 8080, Protocol: "tcp"}, {Port: 9000}},
		"https://${appliance:443}/": {{Port: 9000}, {Port: 8090, HTTPS: true}},
		"http://${appliance:80}/":   {{Port: 8080}, {Port: 80}},
	} {
		if got := pageOf(&appliance.Definition{Services: []appliance.Service{{Ports: ports}}}); got != want {
			t.Errorf("the page of %+v is %s, want %s", ports, got, want)
		}
	}
}
