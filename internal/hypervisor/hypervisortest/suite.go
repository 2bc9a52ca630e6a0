package hypervisortest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// limit is how long one step may take. The echo guest answers in less than a
// second, in translation too; the rest is for busy machines.
const limit = 30 * time.Second

// Run is the suite that every driver must pass. newDriver is called for each
// test; its driver must be able to boot the echo guest.
func Run(t *testing.T, newDriver func(t *testing.T) hypervisor.Driver) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, d hypervisor.Driver)
	}{
		{"a wrong spec is refused", wrongSpec},
		{"a guest that switches itself off", guestOff},
		{"the power button", powerButton},
		{"a power cut keeps the disk", powerCut},
		{"a reboot does not end the run", reboot},
		{"the reset button", reset},
		{"two machines of one artifact", twoMachines},
		{"the end of the context", contextEnds},
		{"a machine that is off", notRunning},
		{"forwards", forwards},
		{"a port of the host that is taken", portTaken},
		{"the channel", channel},
		{"removal", removal},
		{"a folder of one's own", ownFolder},
		{"a larger system disk and a data disk", disks},
		{"a seed, CDs and further disks", attached},
		{"a screenshot", screenshot},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newDriver(t)) })
	}
}

// artifact writes the echo guest's image.
func artifact(t *testing.T) hypervisor.Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "echo, guest.raw") // drivers must not stumble over the comma
	if err := os.WriteFile(path, EchoImage(), 0o400); err != nil {
		t.Fatal(err)
	}
	return hypervisor.Disk{Path: path, Format: hypervisor.Raw}
}

func echoSpec(t *testing.T) hypervisor.Spec {
	return hypervisor.Spec{Name: "echo", System: artifact(t), Memory: 16 << 20}
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// create makes a machine that is removed at the test's end.
func create(t *testing.T, d hypervisor.Driver, spec hypervisor.Spec) hypervisor.Machine {
	t.Helper()
	m, err := d.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Remove(); err != nil {
			t.Errorf("Remove() = %v", err)
		}
	})
	return m
}

func start(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	if err := m.Start(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if s := m.State(); s != hypervisor.Running {
		t.Errorf("State() after Start = %q; want %q", s, hypervisor.Running)
	}
	select {
	case <-m.Done():
		t.Error("Done() is closed while the machine runs")
	default:
	}
}

// logged waits until the console log holds the text.
func logged(t *testing.T, m hypervisor.Machine, text string) {
	t.Helper()
	ctx := deadline(t)
	for {
		data, err := os.ReadFile(m.ConsoleLog())
		if err == nil && strings.Contains(string(data), text) {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the console log does not hold %q; it holds %q, %v", text, data, err)
		}
	}
}

// console attaches and returns functions to send and to wait for a line.
func console(t *testing.T, m hypervisor.Machine) (conn io.ReadWriteCloser, expect func(line string)) {
	t.Helper()
	conn, err := m.Console(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stuck := time.AfterFunc(limit, func() { conn.Close() })
	t.Cleanup(func() { stuck.Stop() })
	lines := bufio.NewScanner(conn)
	return conn, func(line string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasSuffix(strings.TrimSpace(lines.Text()), line) {
				return
			}
		}
		t.Fatalf("the console ended before it said %q: %v", line, lines.Err())
	}
}

func send(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end of the run.
func ended(t *testing.T, m hypervisor.Machine, want hypervisor.End) {
	t.Helper()
	end, err := m.Wait(deadline(t))
	if end != want || err != nil {
		t.Fatalf("Wait() = %q, %v; want %q", end, err, want)
	}
	if s := m.State(); s != hypervisor.Off {
		t.Errorf("State() after the end = %q; want %q", s, hypervisor.Off)
	}
	select {
	case <-m.Done():
	default:
		t.Error("Done() is open though the machine is off")
	}
}

func wrongSpec(t *testing.T, d hypervisor.Driver) {
	good := echoSpec(t)
	for name, change := range map[string]func(*hypervisor.Spec){
		"no memory":                   func(s *hypervisor.Spec) { s.Memory = 0 },
		"no disk":                     func(s *hypervisor.Spec) { s.System = hypervisor.Disk{} },
		"absent disk":                 func(s *hypervisor.Spec) { s.System.Path += ".absent" },
		"unknown format":              func(s *hypervisor.Spec) { s.System.Format = "floppy" },
		"unknown firmware":            func(s *hypervisor.Spec) { s.Firmware = "openboot" },
		"port twice":                  func(s *hypervisor.Spec) { s.Forwards = []hypervisor.Forward{{Guest: 80}, {Guest: 80}} },
		"absent CD":                   func(s *hypervisor.Spec) { s.CDs = []string{s.System.Path + ".absent"} },
		"absent further disk":         func(s *hypervisor.Spec) { s.Disks = []string{s.System.Path + ".absent"} },
		"seed of 2 MiB":               func(s *hypervisor.Spec) { s.Seed = make([]byte, 2<<20) },
		"seven CDs":                   func(s *hypervisor.Spec) { s.CDs = slices.Repeat([]string{s.System.Path}, 7) },
		"an SMBIOS string of nothing": func(s *hypervisor.Spec) { s.SMBIOS = []string{""} },
		"port out of range": func(s *hypervisor.Spec) {
			s.Forwards = []hypervisor.Forward{{Guest: 65536}}
		},
		"name that injects options": func(s *hypervisor.Spec) { s.Name = "a,debug-threads=on" },
	} {
		spec := good
		spec.Dir = filepath.Join(t.TempDir(), "machine")
		change(&spec)
		m, err := d.Create(t.Context(), spec)
		if err == nil {
			t.Errorf("%s: Create() succeeded", name)
			m.Remove()
		}
		if _, err := os.Stat(spec.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a refused machine left its folder behind: %v", name, err)
		}
	}
}

func guestOff(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	ended(t, m, hypervisor.EndStopped) // never ran
	start(t, m)
	if err := m.Start(deadline(t)); !errors.Is(err, hypervisor.ErrRunning) {
		t.Errorf("second Start() = %v; want %v", err, hypervisor.ErrRunning)
	}
	logged(t, m, "ready 1\n")
	c, expect := console(t, m)
	send(t, c, "x")
	expect("echo x")
	send(t, c, "p")
	ended(t, m, hypervisor.EndGuest)
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("reading the console after the end = %v; want EOF", err)
	}
	logged(t, m, "echo x\n")
}

// attached: the guest is started with all of it, and none of it is left
// behind or written to.
func attached(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	medium := filepath.Join(t.TempDir(), "medium, of a seed.iso")
	if err := os.WriteFile(medium, make([]byte, 64<<10), 0o400); err != nil {
		t.Fatal(err)
	}
	spec.Dir = filepath.Join(t.TempDir(), "machine")
	spec.Seed = []byte("network.hostname: echo\n")
	spec.CDs, spec.Disks = []string{medium, medium}, []string{medium}
	spec.SMBIOS = []string{"ingot.seed:network.dns=192.0.2.1,192.0.2.2", "another"}
	m := create(t, d, spec)
	start(t, m)
	logged(t, m, "ready 1\n")
	if err := m.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spec.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left of the machine: %v", err)
	}
}

func powerButton(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	start(t, m)
	logged(t, m, "ready 1\n")
	if err := m.PowerButton(deadline(t)); err != nil {
		t.Fatal(err)
	}
	ended(t, m, hypervisor.EndGuest)
	logged(t, m, "button\n")
}

func powerCut(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	m := create(t, d, spec)
	start(t, m)
	logged(t, m, "ready 1\n")
	if err := m.Stop(deadline(t)); err != nil {
		t.Fatal(err)
	}
	ended(t, m, hypervisor.EndStopped)
	if err := m.Stop(deadline(t)); err != nil {
		t.Errorf("second Stop() = %v; want nil", err)
	}
	start(t, m)
	logged(t, m, "ready 2\n")
	logged(t, m, "ready 1\n") // the log goes on, run after run
	if err := m.Stop(deadline(t)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(spec.System.Path)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(data) != sha256.Sum256(EchoImage()) {
		t.Error("the artifact was written to")
	}
}

func reboot(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	start(t, m)
	done := m.Done()
	logged(t, m, "ready 1\n")
	c, expect := console(t, m)
	send(t, c, "r")
	expect("ready 2")
	if m.Done() != done {
		t.Error("a reboot inside the guest made another run")
	}
}

func reset(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	r, ok := m.(hypervisor.Resetter)
	if !ok {
		t.Skip("the driver has no reset button")
	}
	if err := r.Reset(deadline(t)); !errors.Is(err, hypervisor.ErrNotRunning) {
		t.Errorf("Reset() of a machine that is off = %v; want %v", err, hypervisor.ErrNotRunning)
	}
	start(t, m)
	logged(t, m, "ready 1\n")
	if err := r.Reset(deadline(t)); err != nil {
		t.Fatal(err)
	}
	logged(t, m, "ready 2\n")
}

func twoMachines(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	one, two := create(t, d, spec), create(t, d, spec)
	start(t, one)
	start(t, two)
	logged(t, one, "ready 1\n")
	logged(t, two, "ready 1\n")
}

func contextEnds(t *testing.T, d hypervisor.Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, err := d.Create(ctx, echoSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	cancel()
	ended(t, m, hypervisor.EndStopped)
	if err := m.Remove(); err != nil {
		t.Error(err)
	}
}

func notRunning(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	spec.Forwards = []hypervisor.Forward{{Guest: 80}}
	m := create(t, d, spec)
	ctx := deadline(t)
	_, consoleErr := m.Console(ctx)
	_, channelErr := m.Channel(ctx)
	_, addressErr := m.Address(80)
	for name, err := range map[string]error{
		"Console": consoleErr, "Channel": channelErr, "Address": addressErr, "PowerButton": m.PowerButton(ctx),
	} {
		if !errors.Is(err, hypervisor.ErrNotRunning) {
			t.Errorf("%s() of a machine that is off = %v; want %v", name, err, hypervisor.ErrNotRunning)
		}
	}
}

func forwards(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	spec.Forwards = []hypervisor.Forward{{Guest: 80}, {Guest: 5480}}
	m := create(t, d, spec)
	start(t, m)
	seen := map[string]bool{}
	for _, port := range []int{80, 5480} {
		address, err := m.Address(port)
		if err != nil {
			t.Fatal(err)
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("Address(%d) = %q; want a loopback address", port, address)
		}
		if seen[address] {
			t.Errorf("Address(%d) = %q, which is another port's", port, address)
		}
		seen[address] = true
		var dialer net.Dialer
		conn, err := dialer.DialContext(deadline(t), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if _, err := m.Address(81); err == nil {
		t.Error("Address(81) succeeded for a port that is not forwarded")
	}
}

func portTaken(t *testing.T, d hypervisor.Driver) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	spec := echoSpec(t)
	spec.Forwards = []hypervisor.Forward{{Guest: 80, Host: port}}
	m := create(t, d, spec)
	err = m.Start(deadline(t))
	if err == nil || !strings.Contains(err.Error(), "not free") {
		t.Errorf("Start() = %v; want an error that says that the port is not free", err)
	}
	if s := m.State(); s != hypervisor.Off {
		t.Errorf("State() after a failed Start = %q; want %q", s, hypervisor.Off)
	}
	taken.Close()
	start(t, m)
	if address, err := m.Address(80); address != taken.Addr().String() || err != nil {
		t.Errorf("Address(80) = %q, %v; want %q", address, err, taken.Addr())
	}
}

func channel(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	start(t, m)
	conn, err := m.Channel(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	// The line can be opened again.
	if conn, err = m.Channel(deadline(t)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func removal(t *testing.T, d hypervisor.Driver) {
	m, err := d.Create(t.Context(), echoSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	if err := m.Remove(); err != nil {
		t.Fatal(err)
	}
	ended(t, m, hypervisor.EndStopped)
	if _, err := os.Stat(filepath.Dir(m.ConsoleLog())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the machine's folder is still there: %v", err)
	}
	if err := m.Remove(); err != nil {
		t.Errorf("second Remove() = %v; want nil", err)
	}
	if err := m.Start(deadline(t)); err == nil {
		t.Error("a removed machine started")
	}
}

func ownFolder(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	spec.Dir = t.TempDir()
	m, err := d.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if dir := filepath.Dir(m.ConsoleLog()); dir != spec.Dir {
		t.Errorf("the console log lies in %s; want %s", dir, spec.Dir)
	}
	start(t, m)
	if err := m.Remove(); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(spec.Dir); err != nil || len(list) > 0 {
		t.Errorf("Remove() left %v, %v", list, err)
	}
	if err := os.WriteFile(filepath.Join(spec.Dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := d.Create(t.Context(), spec); err == nil {
		t.Error("Create() took a folder that is not empty")
		m.Remove()
	}
	if _, err := os.Stat(filepath.Join(spec.Dir, "precious")); err != nil {
		t.Error(err)
	}
}

func disks(t *testing.T, d hypervisor.Driver) {
	spec := echoSpec(t)
	spec.SystemSize = 1 << 30
	spec.Data = 1 << 30
	m := create(t, d, spec)
	start(t, m)
	logged(t, m, "ready 1\n")
}

func screenshot(t *testing.T, d hypervisor.Driver) {
	m := create(t, d, echoSpec(t))
	s, ok := m.(hypervisor.Screener)
	if !ok {
		t.Skip("the driver cannot look at the screen")
	}
	start(t, m)
	logged(t, m, "ready 1\n")
	img, err := s.Screenshot(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() < 320 || b.Dy() < 200 {
		t.Errorf("the screenshot is %v; want at least 320x200", b)
	}
}
