package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

// fakeManager is a system manager in memory.
type fakeManager struct {
	units    map[string]systemd.Unit
	failures map[string]systemd.Failure
	err      error

	off, reboots int
	restarted    []string
}

func (f *fakeManager) Units(_ context.Context, names ...string) ([]systemd.Unit, error) {
	var list []systemd.Unit
	for _, n := range names {
		u, ok := f.units[n]
		if !ok {
			u = systemd.Unit{Name: n, Load: "not-found", Active: "inactive"}
		}
		list = append(list, u)
	}
	return list, f.err
}

func (f *fakeManager) Failed(context.Context) ([]systemd.Unit, error) {
	var list []systemd.Unit
	for _, u := range f.units {
		if u.Active == "failed" {
			list = append(list, u)
		}
	}
	return list, f.err
}

func (f *fakeManager) Failure(_ context.Context, unit string) (systemd.Failure, error) {
	return f.failures[unit], f.err
}

func (f *fakeManager) Jobs(context.Context) ([]string, error) { return []string{"late.service"}, f.err }

func (f *fakeManager) BootTimes(context.Context) (systemd.BootTimes, error) {
	return systemd.BootTimes{Userspace: 3_000_000, Finish: 9_500_000}, f.err
}

func (f *fakeManager) UnitTimes(context.Context) ([]systemd.UnitTimes, error) {
	return []systemd.UnitTimes{{Name: "foo.service", Start: 4_000_000, Ready: 4_200_999}}, f.err
}

func (f *fakeManager) PowerOff(context.Context) error { f.off++; return f.err }
func (f *fakeManager) Reboot(context.Context) error   { f.reboots++; return f.err }
func (f *fakeManager) Restart(_ context.Context, unit string) error {
	f.restarted = append(f.restarted, unit)
	return f.err
}
func (f *fakeManager) Close() {}

// fakeRunner is journalctl.
type fakeRunner struct{}

func (fakeRunner) Run(_ context.Context, cmd host.Command) error {
	if cmd.Name != "journalctl" {
		return fmt.Errorf("cannot run %s: %w", cmd.Name, host.ErrNotFound)
	}
	_, err := fmt.Fprintf(cmd.Stdout, "the end of the log of %s\n", cmd.Args[0])
	return err
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var demo = &appliance.Definition{
	Name: "demo", Title: "Demo", Vendor: "Example", Version: "1.2.3",
	Services: []appliance.Service{
		{Name: "web", Title: "Web server", Ports: []appliance.Port{{Port: 80, Title: "Shop"}, {Port: 8443, Title: "Admin", Scheme: "https", Path: "/admin/"}, {Port: 514, Protocol: "udp", Title: "Logs"}, {Port: 9000}},
			Health: &appliance.Health{TCP: "127.0.0.1:80"}},
		{Name: "db", Packages: []string{"mariadb-server"}, Unit: "mariadb.service"},
	},
}

// newTestAgent is an agent on a made-up machine that is set up.
func newTestAgent(t *testing.T, m *fakeManager) *Agent {
	t.Helper()
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: demo, Units: map[string]string{"app-web.service": "x"}}, demoInit)
	a := startAgent(t, root, m)
	finishSetup(t, a)
	a.opts.DataDir = "/data" // as the made-up mount table has it
	return a
}

const demoInit = `{"first_boot":true,"kernel_to_init_ms":1500,"init_ms":700,"data":"second-disk","warnings":["the clock was wrong"]}`

// makeMachine makes up a machine below a folder.
func makeMachine(t *testing.T, root string, boot release.Boot, init string) {
	t.Helper()
	write(t, root, map[string]string{
		"proc/meminfo":         "MemTotal: 245760 kB\nMemAvailable: 163840 kB\n",
		"proc/uptime":          "100.00 1.0\n",
		"proc/self/stat":       "300 (ingotd) S 1 300 300 0 -1 4194560 900 0 0 0 5 2 0 0 20 0 9 0 9000 1270923264 3000\n",
		"proc/self/status":     "VmRSS: 11000 kB\n",
		"proc/1/status":        "VmRSS: 9000 kB\n",
		"proc/1/comm":          "systemd\n",
		"proc/300/status":      "VmRSS: 11000 kB\n",
		"proc/300/comm":        "ingotd\n",
		"proc/1/mountinfo":     "1 0 8:1 / / ro - erofs x ro\n2 1 8:17 / /data rw - ext4 /dev/sdb1 rw\n3 1 8:17 /app /srv rw - ext4 /dev/sdb1 rw\n4 1 0:5 / /run rw - tmpfs tmpfs rw\n5 1 8:3 / /boot rw - vfat /dev/sda2 rw\n",
		"proc/1/net/tcp":       "head\n 0: 00000000:0050 0:0 0A 0 0 0 0 0 7\n 0: 00000000:1568 0:0 0A 0 0 0 0 0 8\n 0: 00000000:0016 0:0 0A 0 0 0 0 0 9\n 0: 0100007F:0CEA 0:0 0A 0 0 0 0 0 10\n",
		"proc/1/net/udp":       "head\n 0: 00000000:0044 0:0 07 0 0 0 0 0 11\n 0: 00000000:0202 0:0 07 0 0 0 0 0 12\n",
		"run/ingot/boot.json":  marshal(t, boot),
		"run/ingot/init.json":  init,
		"proc/300/fd/fake.txt": "",
	})
	var users strings.Builder
	for _, s := range boot.Definition.Services {
		fmt.Fprintf(&users, "app-%s:x:%d:%d::/:/none\n", s.Name, os.Getuid(), os.Getgid())
	}
	write(t, filepath.Join(root, "run/ingot/trial"), map[string]string{"etc/passwd": users.String()})
}

// startAgent is an agent on such a machine.
func startAgent(t *testing.T, root string, m *fakeManager) *Agent {
	t.Helper()
	a, err := New(Options{Version: "0.9", Root: root, RunDir: filepath.Join(root, "run/ingot"), DataDir: filepath.Join(root, "data"), Runner: fakeRunner{}})
	if err != nil {
		t.Fatal(err)
	}
	a.manager = m
	a.sys.Kernel = &named{name: "box"}
	a.cpus = 2
	a.watcher = health.New(a.targets(), unitStates{m}, nil)
	a.links = func() ([]machine.Link, error) {
		return []machine.Link{{Name: "eth0", Up: true, Carrier: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}}, nil
	}
	return a
}

// named is a kernel that knows the machine's name.
type named struct{ name string }

func (n *named) Hostname() (string, error)      { return n.name, nil }
func (n *named) Sethostname(name string) error  { n.name = name; return nil }
func (*named) SetKeymap(keyboards.Keymap) error { return nil }

const adminPassword = "correct horse battery"

// finishSetup sets the appliance up, as a seed would.
func finishSetup(t *testing.T, a *Agent) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { commitSetup(t, a) }) // services are watched for a while
}

func commitSetup(t *testing.T, a *Agent) {
	t.Helper()
	_, _, err := a.engine.Commit(t.Context(), config.Change{Trusted: true, Edit: func(d *setting.Document) error {
		d.Access.Accounts = []setting.Account{{Name: "admin", Role: setting.Admin, Hash: passwords.Hash(adminPassword)}}
		d.Setup.Complete = true
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	s := a.Status(t.Context())
	if s.Name != "demo" || s.Title != "Demo" || s.Version != "1.2.3" || s.Agent != "0.9" || s.Hostname != "demo" || s.Uptime != 100 {
		t.Errorf("Status() = %+v", s)
	}
	if s.Memory != (wire.Memory{Total: 240 << 20, Available: 160 << 20, Agent: 11000 << 10}) {
		t.Errorf("Memory = %+v", s.Memory)
	}
	wantURLs := []wire.URL{{Title: "Shop", URL: "http://192.0.2.7/"}, {Title: "Admin", URL: "https://192.0.2.7:8443/admin/"}}
	if !reflect.DeepEqual(s.URLs, wantURLs) || s.Management != "https://192.0.2.7:5480/" {
		t.Errorf("URLs = %v, Management = %q", s.URLs, s.Management)
	}
	if len(s.Services) != 2 || s.State != wire.Starting || s.Services[1].Title != "db" {
		t.Errorf("Services = %+v, State = %s", s.Services, s.State)
	}
	if !slices.Equal(s.Warnings, []string{"the clock was wrong"}) {
		t.Errorf("Warnings = %q", s.Warnings)
	}
	if got := demo.Services[0].RunUnit() + " " + demo.Services[1].RunUnit(); got != "app-web.service mariadb.service" {
		t.Errorf("units = %s", got)
	}
	if data := marshal(t, s); strings.Contains(data, "null") {
		t.Errorf("the status holds null: %s", data)
	}
}

func TestStatusIsKeptForAMoment(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	asked := 0
	links := a.links
	a.links = func() ([]machine.Link, error) { asked++; return links() }
	for range 100 {
		a.Status(t.Context())
	}
	if asked > 2 {
		t.Errorf("100 askers cost %d looks at the machine", asked)
	}
	a.cache.drop()
	before := asked
	a.Status(t.Context())
	if asked != before+1 {
		t.Error("a dropped status was used again")
	}
}

func TestFailedUnitsDegrade(t *testing.T) {
	m := &fakeManager{
		units:    map[string]systemd.Unit{"foo.service": {Name: "foo.service", Active: "failed"}},
		failures: map[string]systemd.Failure{"foo.service": {Result: "exit-code", ExitStatus: 1}},
	}
	a := newTestAgent(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.watchUnits(ctx); close(done) }()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		a.cache.drop()
		if s := a.Status(ctx); s.State == wire.Degraded && slices.Contains(s.Warnings, "the system unit foo.service failed") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("State = %s, Warnings = %q", s.State, s.Warnings)
		}
	}
	cancel()
	<-done
}

func TestChecks(t *testing.T) {
	m := &fakeManager{
		units:    map[string]systemd.Unit{"foo.service": {Name: "foo.service", Active: "failed"}},
		failures: map[string]systemd.Failure{"foo.service": {Result: "exit-code", ExitStatus: 1}},
	}
	a := newTestAgent(t, m)
	root := a.opts.Root
	for fd, inode := range map[string]string{"1": "7", "2": "8"} {
		if err := os.Symlink("socket:["+inode+"]", filepath.Join(root, "proc/300/fd", fd)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "proc/1/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[11]", filepath.Join(root, "proc/1/fd/5")); err != nil {
		t.Fatal(err)
	}
	a.Ready()
	c := a.Checks(t.Context())
	if len(c.Errors) != 0 {
		t.Errorf("Errors = %q", c.Errors)
	}
	wantUnits := []wire.FailedUnit{{Name: "foo.service", Result: "exit-code", LogTail: "the end of the log of --unit=foo.service"}}
	if !reflect.DeepEqual(c.FailedUnits, wantUnits) {
		t.Errorf("FailedUnits = %+v", c.FailedUnits)
	}
	wantListening := []wire.Listening{
		{Protocol: "tcp", Address: "0.0.0.0", Port: 80, Process: "ingotd[300]", Declared: true},
		{Protocol: "tcp", Address: "0.0.0.0", Port: 5480, Process: "ingotd[300]", Declared: true},
		{Protocol: "tcp", Address: "0.0.0.0", Port: 22},
		{Protocol: "tcp", Address: "127.0.0.1", Port: 3306, Loopback: true},
		{Protocol: "udp", Address: "0.0.0.0", Port: 68, Process: "systemd[1]", Declared: true},
		{Protocol: "udp", Address: "0.0.0.0", Port: 514, Declared: true},
	}
	if !reflect.DeepEqual(c.Listening, wantListening) {
		t.Errorf("Listening =\n%+v; want\n%+v", c.Listening, wantListening)
	}
	places := map[string]string{}
	for _, m := range c.Writable {
		places[m.MountPoint] = m.Place
	}
	if !reflect.DeepEqual(places, map[string]string{"/data": "data", "/srv": "data", "/run": "memory", "/boot": "other"}) {
		t.Errorf("places = %v", places)
	}
	if len(c.Processes) != 2 || c.Processes[0].Name != "ingotd" {
		t.Errorf("Processes = %v", c.Processes)
	}
	if b := c.BootTimes; b.Kernel != 1500 || b.Init != 700 || b.Userspace != 6500 || b.AgentStart != 90_000 || b.AgentReady != 100_000 || !b.FirstBoot || b.Healthy != 0 ||
		!slices.Equal(b.Units, []wire.UnitTimes{{Name: "foo.service", Start: 4000, Ready: 4200}}) {
		t.Errorf("BootTimes = %+v", b)
	}
	if !slices.Equal(c.Jobs, []string{"late.service"}) || !slices.Equal(c.Warnings, []string{"the clock was wrong"}) {
		t.Errorf("Jobs = %q, Warnings = %q", c.Jobs, c.Warnings)
	}
	if data := marshal(t, wire.Checks(c)); strings.Contains(data, "null") {
		t.Errorf("the checks hold null: %s", data)
	}
}

func TestChecksSayWhatTheyCouldNotSee(t *testing.T) {
	a := newTestAgent(t, &fakeManager{err: errors.New("cannot reach the system manager")})
	for _, gone := range []string{"proc/1/mountinfo", "proc/1/net", "proc/meminfo"} {
		if err := os.RemoveAll(filepath.Join(a.opts.Root, gone)); err != nil {
			t.Fatal(err)
		}
	}
	c := a.Checks(t.Context())
	for _, want := range []string{"system manager", "mounts", "listening", "memory"} {
		if !slices.ContainsFunc(c.Errors, func(e string) bool { return strings.Contains(e, want) }) {
			t.Errorf("Errors = %q; none speaks of %q", c.Errors, want)
		}
	}
	if data := marshal(t, c); strings.Contains(data, "null") {
		t.Errorf("the checks hold null: %s", data)
	}
}

func TestAgentComesUpWithNothing(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file")
	write(t, dir, map[string]string{"file": "", "run/boot.json": "{torn"})
	a, err := New(Options{Root: dir, RunDir: filepath.Join(dir, "run"), DataDir: blocked})
	if err != nil {
		t.Fatal(err)
	}
	a.links = func() ([]machine.Link, error) { return nil, nil }
	s := a.Status(t.Context())
	if s.Title != "appliance" || s.Fingerprint == "" {
		t.Errorf("Status() = %+v", s)
	}
	for _, want := range []string{"boot.json", "init.json", "TLS identity", "no network adapter", "uptime", "memory"} {
		if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("Warnings = %q; none speaks of %q", s.Warnings, want)
		}
	}
}

func TestOverall(t *testing.T) {
	for _, test := range []struct {
		states []wire.State
		failed bool
		want   wire.State
	}{
		{nil, false, wire.Healthy},
		{nil, true, wire.Degraded},
		{[]wire.State{wire.Healthy, wire.Healthy}, false, wire.Healthy},
		{[]wire.State{wire.Healthy, wire.Starting}, false, wire.Starting},
		{[]wire.State{wire.Starting, wire.Failing}, false, wire.Degraded},
		{[]wire.State{wire.Failing, wire.Starting}, false, wire.Degraded},
		{[]wire.State{wire.Healthy, wire.Starting}, true, wire.Degraded},
	} {
		var list []wire.Service
		for _, s := range test.states {
			list = append(list, wire.Service{State: s})
		}
		if got := overall(list, test.failed); got != test.want {
			t.Errorf("overall(%v, %v) = %s; want %s", test.states, test.failed, got, test.want)
		}
	}
}

func TestNetworkTellsTheTruth(t *testing.T) {
	address := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}
	for _, test := range []struct {
		name           string
		link           machine.Link
		up             time.Duration
		state, problem string
	}{
		{"static", machine.Link{Up: true, Carrier: true, Name: "eth1"}, time.Second, "no-address", "no address is set on eth1"},
		{"fine", machine.Link{Up: true, Carrier: true, Addresses: address}, time.Hour, "up", ""},
		{"early", machine.Link{Up: true, Carrier: true}, time.Second, "no-address", "waiting for a DHCP answer on eth0"},
		{"no DHCP", machine.Link{Up: true, Carrier: true}, time.Minute, "no-address", "no address: no DHCP answer on eth0"},
		{"only link-local", machine.Link{Up: true, Carrier: true, LinkLocal: true}, time.Minute, "no-address", "no address: no DHCP answer on eth0"},
		{"unplugged", machine.Link{Up: true}, time.Second, "no-link", "no link on eth0: connect the virtual network adapter"},
		{"unplugged with an address left", machine.Link{Up: true, Addresses: address}, time.Hour, "no-link", "no link on eth0: connect the virtual network adapter"},
		{"not up yet", machine.Link{}, time.Second, "down", "is being set up"},
		{"never up", machine.Link{}, time.Hour, "down", "not in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.link.Name == "" {
				test.link.Name = "eth0"
			}
			got := network([]machine.Link{test.link}, test.up, map[string]bool{"eth1": true})[0]
			if got.State != test.state || got.Problem != test.problem {
				t.Errorf("network() = %s %q; want %s %q", got.State, got.Problem, test.state, test.problem)
			}
		})
	}
}

// TestHeld: whose services may not run is neither healthy nor to be set up.
func TestHeld(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	a.init.Held = true
	if s := a.Status(t.Context()); s.State != wire.Degraded || s.Setup != wire.SetupComplete || len(s.URLs) != 0 {
		t.Errorf("without its data it is %s, set-up %s, with the pages %v", s.State, s.Setup, s.URLs)
	}
	a.init.Adopt = &owner{Name: "demo", Version: "1.0.0"}
	a.cache.drop()
	if s := a.Status(t.Context()); s.State != wire.SetUp || s.Setup != wire.SetupNeeded {
		t.Errorf("with a disk to take over it is %s, set-up %s", s.State, s.Setup)
	}
}

func TestFirstAddress(t *testing.T) {
	link := func(carrier bool, addrs ...string) machine.Link {
		l := machine.Link{Carrier: carrier}
		for _, a := range addrs {
			l.Addresses = append(l.Addresses, netip.MustParsePrefix(a))
		}
		return l
	}
	for _, test := range []struct {
		links []machine.Link
		want  string
	}{
		{nil, ""},
		{[]machine.Link{link(false, "192.0.2.1/24")}, ""},
		{[]machine.Link{link(true, "2001:db8::1/64"), link(true, "192.0.2.1/24")}, "192.0.2.1"},
		{[]machine.Link{link(true, "2001:db8::1/64")}, "2001:db8::1"},
	} {
		got, ok := firstAddress(test.links)
		if ok != (test.want != "") || (ok && got.String() != test.want) {
			t.Errorf("firstAddress(%v) = %v, %v; want %q", test.links, got, ok, test.want)
		}
	}
	if got := pageURL(appliance.Port{Port: 443}, netip.MustParseAddr("2001:db8::1")); got != "https://[2001:db8::1]/" {
		t.Errorf("pageURL() = %s", got)
	}
}

func TestPhrase(t *testing.T) {
	for _, test := range []struct {
		failure systemd.Failure
		want    string
	}{
		{systemd.Failure{Result: "success"}, ""},
		{systemd.Failure{Result: "exit-code", ExitStatus: 203}, "exit status 203"},
		{systemd.Failure{Result: "signal", ExitStatus: 9}, "ended by signal 9 (killed)"},
		{systemd.Failure{Result: "oom-kill"}, "out of memory"},
		{systemd.Failure{Result: "protocol"}, "protocol"},
	} {
		if got := phrase(test.failure); got != test.want {
			t.Errorf("phrase(%+v) = %q; want %q", test.failure, got, test.want)
		}
	}
}

func TestFirstAddressIsNoted(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.watchLinks(ctx)
	if got := a.Checks(t.Context()).BootTimes.Address; got != 100_000 {
		t.Errorf("Address = %d; want 100000", got)
	}
}

func TestPowerOff(t *testing.T) {
	m := &fakeManager{}
	newTestAgent(t, m).powerOff(t.Context())
	if m.off != 1 {
		t.Errorf("the manager was asked %d times to power off", m.off)
	}
}

// TestManyAskAtOnce lets everything that happens by itself happen while
// everybody asks; the race detector looks on.
func TestManyAskAtOnce(t *testing.T) {
	a, _ := newShop(t, "{}")
	by := config.By{Who: "root"}
	var wg sync.WaitGroup
	for _, f := range []func(){
		func() { a.Status(t.Context()) },
		func() { a.Checks(t.Context()) },
		func() { a.Setup(t.Context(), true) },
		func() { a.warn("something happened") },
		func() { _, _ = a.Settings(t.Context(), func(string) bool { return true }) },
		func() { _, _ = a.Revisions(t.Context()) },
		func() { _, _ = a.Firewall(t.Context()) },
		func() { _, _ = a.Log(t.Context(), "", 10) },
		func() { a.report(newOffer(a.env(), []seed.Answers{{Provider: "x", Values: values("no.such", "x")}})) },
		func() {
			_, _ = a.Change(t.Context(), by, 0, wire.Change{Values: values("network.hostname", "x"+fmt.Sprint(len(a.seedWarnings())))})
		},
		func() {
			_, _ = a.Answer(t.Context(), by, true, wire.Answer{Step: "time", Values: values("time.zone", "UTC")})
		},
		func() { _, _ = a.NewToken(t.Context(), by, wire.NewToken{Name: "x", Role: "admin"}) },
		func() { _ = a.DeleteToken(t.Context(), by, "x") },
	} {
		wg.Go(func() {
			for range 5 {
				f()
				a.cache.drop()
			}
		})
	}
	wg.Wait()
	if got := a.Status(t.Context()).Warnings; !slices.Contains(got, "something happened") {
		t.Errorf("the warnings are %q", got)
	}
}
