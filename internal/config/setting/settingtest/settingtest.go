// Package settingtest plays the machine to settings under test: a folder for
// its root, and a system manager, a network and a kernel that remember what
// they were asked, and fail when they are told to.
//
// Guarantees: nothing outside the test's folder is touched; the fakes may be
// used from any goroutine through their methods. Their fields are set up
// before they are used, or under the test's own order.
package settingtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/release"
)

// Machine is a whole fake machine.
type Machine struct {
	Units  *Units
	Net    *Net
	Kernel *Kernel
	Runner *hosttest.Runner
	// Root is the folder that plays "/".
	Root string

	calls calls
	logs  calls
}

// New is a machine with one adapter, eth0, that is up and has no address.
func New(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{Root: t.TempDir(), Runner: &hosttest.Runner{Programs: map[string]hosttest.Program{}}}
	m.Units = &Units{calls: &m.calls, Running: map[string]bool{}, Logs: map[string]string{}}
	m.Net = &Net{calls: &m.calls, LinkList: []setting.Link{
		{Name: "eth0", MAC: "52:54:00:00:00:01", MTU: 1500, Up: true, Carrier: true, Ethernet: true},
	}}
	m.Kernel = &Kernel{calls: &m.calls, Name: "localhost"}
	return m
}

// System is the machine as settings are handed it.
func (m *Machine) System() *setting.System {
	return &setting.System{
		Root: m.Root, Units: m.Units, Net: m.Net, Runner: m.Runner, Kernel: m.Kernel,
		Log: func(format string, args ...any) { _ = m.logs.add(fmt.Sprintf(format, args...)) },
	}
}

// Fail makes every call that begins with prefix return err; nil ends that. A
// call reads as in [Machine.Calls]: "restart x.service", "sethostname y".
func (m *Machine) Fail(prefix string, err error) { m.calls.fail(prefix, err) }

// Calls are the calls so far that could change something, in order:
// "start UNIT", "stop UNIT", "restart UNIT", "reload-or-restart UNIT",
// "daemon-reload", "delete-link NAME", "set-mtu NAME N", "set-rules N",
// "sethostname NAME", "set-keymap".
func (m *Machine) Calls() []string { return m.calls.list() }

// Forget empties the list of calls.
func (m *Machine) Forget() { m.calls.reset() }

// Logs are the lines logged so far.
func (m *Machine) Logs() []string { return m.logs.list() }

// ExpectCalls reports an error unless exactly these calls were made.
func (m *Machine) ExpectCalls(t testing.TB, want ...string) {
	t.Helper()
	if got := m.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls were %q, want %q", got, want)
	}
}

// Write puts files below the root and says whether any was other than before.
func (m *Machine) Write(t testing.TB, files ...setting.File) (changed bool) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(m.Root, f.Path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(f.Mode)
		if mode == 0 {
			mode = 0o644
		}
		if f.Link != "" {
			old, _ := os.Readlink(name)
			changed = changed || old != f.Link
			_ = os.Remove(name)
			if err := os.Symlink(f.Link, name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		old, err := os.ReadFile(name)
		changed = changed || err != nil || string(old) != string(f.Data)
		if err := os.WriteFile(name, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	return changed
}

// Read is a file below the root; "" when there is none.
func (m *Machine) Read(path string) string {
	data, _ := os.ReadFile(filepath.Join(m.Root, path))
	return string(data)
}

// Env is that of a small appliance named "demo" with one service, "web", on
// TCP port 80, in a machine of 1 GiB and two CPUs with the adapter eth0.
// Tests may add to its definition.
func Env() setting.Env {
	return setting.Env{
		Boot: &release.Boot{
			Format: 1,
			Definition: &appliance.Definition{
				Name: "demo", Title: "Demo", Version: "1.0.0",
				Services: []appliance.Service{{
					Name: "web", Title: "Web", Binary: "web",
					Ports: []appliance.Port{{Port: 80, Protocol: "tcp", Title: "Web", Scheme: "http", Path: "/"}},
				}},
			},
			Templates: map[string]string{},
			Licences:  map[string]string{},
		},
		Memory: 1 << 30, CPUs: 2, Adapters: []string{"eth0"},
	}
}

// Files renders files as one text for comparisons: a line "-- PATH MODE OWNER"
// and the content of each, in their order.
func Files(files []setting.File) string {
	var b strings.Builder
	for _, f := range files {
		mode := f.Mode
		if mode == 0 {
			mode = 0o644
		}
		owner := f.Owner
		if owner == "" {
			owner = "root"
		}
		fmt.Fprintf(&b, "-- %s %04o %s", f.Path, mode, owner)
		if f.Link != "" {
			fmt.Fprintf(&b, " -> %s", f.Link)
		}
		b.WriteString("\n")
		b.Write(f.Data)
		if len(f.Data) > 0 && f.Data[len(f.Data)-1] != '\n' {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// calls is a list of calls with the failures that were asked for.
type calls struct {
	mu    sync.Mutex
	lines []string
	fails map[string]error
}

// add notes a call and says whether it is to fail.
func (c *calls) add(line string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	return c.failure(line)
}

// look says whether a call that changes nothing, and so is not noted, is to fail.
func (c *calls) look(line string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure(line)
}

func (c *calls) failure(line string) error {
	for prefix, err := range c.fails {
		if strings.HasPrefix(line, prefix) {
			return err
		}
	}
	return nil
}

func (c *calls) fail(prefix string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails == nil {
		c.fails = map[string]error{}
	}
	c.fails[prefix] = err
	if err == nil {
		delete(c.fails, prefix)
	}
}

func (c *calls) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = nil
}
