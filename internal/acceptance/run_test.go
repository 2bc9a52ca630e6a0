package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

func TestRun(t *testing.T) {
	o := options(t, &fakeAppliance{})
	o.Firmwares = nil
	var log bytes.Buffer
	o.Log = &log
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed() {
		t.Fatalf("the report has not passed: %+v", failures(r))
	}
	if len(r.Machines) != 2 || r.Machines[0].Firmware != hypervisor.BIOS || r.Machines[1].Firmware != hypervisor.UEFI {
		t.Fatalf("machines = %+v; want one of BIOS and one of UEFI", r.Machines)
	}
	m := r.Machines[1]
	want := []string{
		"boots", "test: http://${appliance}/", "test: old page", "completes its boot",
		"the appliance can tell its facts", "no failed unit", "no undeclared port", "nothing writable besides data disk and memory",
		"switches off by the power button", "boots again", "keeps its identity",
		"test: http://${appliance}/ after the restart", "test: old page after the restart",
		"completes its boot after the restart", "the same checks after the restart",
	}
	if got := names(m); !slices.Equal(got, want) {
		t.Errorf("checks = %q; want %q", got, want)
	}
	if r.Name != "hello" || r.Memory != 256<<20 || r.CPUs != 2 || r.Data != 1<<30 || r.Seconds <= 0 {
		t.Errorf("report = %+v", r)
	}
	b := m.NextBoot
	if b == nil || b.Management <= 0 || b.Healthy < b.Management || b.Kernel != 3.2 || b.MemoryUsed != 96<<20 || b.AgentMemory != 20<<20 {
		t.Errorf("next boot = %+v", b)
	}
	if m.ConsoleLog != "" {
		t.Errorf("kept %s of a machine that passed", m.ConsoleLog)
	}
	if n := strings.Count(log.String(), "\n"); n != 2*len(want) {
		t.Errorf("the log has %d lines; want one for each check: %s", n, log.String())
	}
	text := table(t, r)
	for _, want := range []string{"Hello 1.0.0, 2 CPUs, 256 MiB of memory, fake", "check", "bios", "uefi", "no undeclared port", "ok ", "96 MiB", "first boot, to healthy"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

// TestRunAnswers: a seed is made up and reaches the machine, which completes
// its set-up.
func TestRunAnswers(t *testing.T) {
	r, err := Run(t.Context(), options(t, &fakeAppliance{asks: true}))
	if err != nil || !r.Passed() {
		t.Errorf("Run() = %v, %+v", err, failures(r))
	}
}

// TestWatch tells of the wizard while it waits.
func TestWatch(t *testing.T) {
	o := options(t, &fakeAppliance{asks: true})
	o.Seed = []byte("time.zone: UTC")
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := o.spec(hypervisor.BIOS)
	if err != nil {
		t.Fatal(err)
	}
	m, err := o.Driver.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Remove()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = Watch(ctx, m, time.Now(), func(s wire.Status) {
		if s.Setup == wire.SetupNeeded {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Watch() = %v; want that it was told of the set-up, and cancelled", err)
	}
}

// TestRunFinds holds each thing that may be wrong against the check that must
// find it.
func TestRunFinds(t *testing.T) {
	for name, test := range map[string]struct {
		appliance fakeAppliance
		options   func(*Options)
		check     string // the first that fails
		says      string
		skipped   bool // everything after it
	}{
		"an appliance that never answers": {
			appliance: fakeAppliance{dead: true},
			options:   func(o *Options) { o.Timeout = 1500 * time.Millisecond },
			check:     "boots", says: "the management URL did not answer", skipped: true,
		},
		"a service that never becomes healthy": {
			appliance: fakeAppliance{stuckAt: 1},
			options:   func(o *Options) { o.Timeout = 1500 * time.Millisecond },
			check:     "boots", says: "service web is starting (connection refused)", skipped: true,
		},
		"a set-up that nobody answers": {
			appliance: fakeAppliance{asks: true},
			options:   func(o *Options) { o.Timeout, o.Seed = 1500*time.Millisecond, []byte("time.zone: UTC") },
			check:     "boots", says: "its set-up waits for answers", skipped: true,
		},
		"a panic of the kernel": {
			appliance: fakeAppliance{dead: true, says: "[    1.0] \x1b[31mKernel panic - not syncing: VFS: Unable to mount root fs\r\n[    1.1] ---[ end"},
			check:     "boots", says: "Kernel panic - not syncing: VFS", skipped: true,
		},
		"an initrd that gives up": {
			appliance: fakeAppliance{dead: true, says: "This appliance cannot start:\r\n  cannot open the root: damaged"},
			check:     "boots", says: "cannot open the root: damaged", skipped: true,
		},
		"a firmware without a disk": {
			appliance: fakeAppliance{dead: true, says: "BdsDxe: starting Boot0001\r\n\x1b[2JUEFI Interactive Shell v2.2\r\n"},
			check:     "boots", says: "the firmware finds nothing to boot", skipped: true,
		},
		"a panic at the second boot": {
			appliance: fakeAppliance{stuckAt: 2, says: "Kernel panic - not syncing: again", saysAt: 2},
			check:     "boots again", says: "not syncing: again", skipped: true,
		},
		"a machine that switches itself off": {
			appliance: fakeAppliance{offAtOnce: true}, check: "boots", says: "the appliance switched itself off", skipped: true,
		},
		"a hypervisor that fails": {
			appliance: fakeAppliance{fails: errors.New("out of luck")}, check: "boots", says: "out of luck", skipped: true,
		},
		"another version": {
			appliance: fakeAppliance{change: func(s *wire.Status, _ *wire.Checks) { s.Version = "0.9.0" }},
			check:     "boots", says: "it says that it is hello 0.9.0, not hello 1.0.0", skipped: true,
		},
		"a certificate that is not the one told": {
			appliance: fakeAppliance{otherCert: true},
			options:   func(o *Options) { o.Timeout = 1500 * time.Millisecond },
			check:     "boots", says: "the status tells the fingerprint", skipped: true,
		},
		"no fingerprint": {
			appliance: fakeAppliance{change: func(s *wire.Status, _ *wire.Checks) { s.Fingerprint = "" }},
			options:   func(o *Options) { o.Timeout = 1500 * time.Millisecond },
			check:     "boots", says: "fingerprint", skipped: true,
		},
		"a page that is not there": {
			options: func(o *Options) { o.Definition.Tests[0].HTTP += "missing" },
			check:   "test: http://${appliance}/missing", says: "answered 404 Not Found instead of 200",
		},
		"a page with another text": {
			options: func(o *Options) { o.Definition.Tests[0].Contains = "Goodbye" },
			check:   "test: http://${appliance}/", says: `does not hold "Goodbye": Hello, world`,
		},
		"a port that nobody serves": {
			options: func(o *Options) { o.Definition.Tests[0].HTTP = "http://${appliance:81}/" },
			check:   "test: http://${appliance:81}/", says: "Get",
		},
		"an agent that does not tell": {
			appliance: fakeAppliance{noChannel: true},
			options:   func(o *Options) { o.Driver = impatient{o.Driver} },
			check:     "completes its boot", says: "does not tell its facts", skipped: true,
		},
		"a boot that is never complete": {
			appliance: fakeAppliance{change: func(_ *wire.Status, c *wire.Checks) { c.Jobs = []string{"slow.service"} }},
			options:   func(o *Options) { o.Driver = impatient{o.Driver} },
			check:     "completes its boot", says: "slow.service", skipped: true,
		},
		"a failed unit": {
			appliance: fakeAppliance{change: func(_ *wire.Status, c *wire.Checks) {
				c.FailedUnits = []wire.FailedUnit{{Name: "foo.service", Result: "exit-code", LogTail: "no such file"}}
			}},
			check: "no failed unit", says: "foo.service failed (exit-code):\nno such file",
		},
		"a button that does nothing": {
			appliance: fakeAppliance{ignoresPower: true},
			options:   func(o *Options) { o.Driver = impatient{o.Driver} },
			check:     "switches off by the power button", says: "it still runs", skipped: true,
		},
		"an identity that is forgotten": {
			appliance: fakeAppliance{forgets: true}, check: "keeps its identity", says: "of its TLS key was",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, &test.appliance)
			if test.options != nil {
				test.options(&o)
			}
			r, err := run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Passed() {
				t.Fatal("the report has passed")
			}
			m := r.Machines[0]
			i := slices.IndexFunc(m.Checks, func(c Check) bool { return c.Outcome == Failed })
			if i < 0 || m.Checks[i].Name != test.check || !strings.Contains(m.Checks[i].Detail, test.says) {
				t.Fatalf("checks = %+v; want that %q fails and says %q", m.Checks, test.check, test.says)
			}
			for _, c := range m.Checks[i+1:] {
				if test.skipped != (c.Outcome == Skipped) && c.Name != "the same checks after the restart" &&
					c.Name != m.Checks[i].Name+" after the restart" {
					t.Errorf("%q after the failure is %s: %s", c.Name, c.Outcome, c.Detail)
				}
			}
			log, err := os.ReadFile(m.ConsoleLog)
			if err != nil || !strings.Contains(string(log), "boot 1") {
				t.Errorf("the console log kept is %q, %v", log, err)
			}
			if text := table(t, r); !strings.Contains(text, "FAILED") || !strings.Contains(text, m.ConsoleLog) {
				t.Errorf("the table tells neither FAILED nor where the console log is:\n%s", text)
			}
		})
	}
}

// impatient is a driver for whose machines a second is long.
type impatient struct{ hypervisor.Driver }

// run is Run with short limits for an impatient driver.
func run(ctx context.Context, o Options) (Report, error) {
	d, ok := o.Driver.(impatient)
	if !ok {
		return Run(ctx, o)
	}
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	o.Driver = d.Driver
	s := &session{options: o, report: &Machine{Firmware: hypervisor.BIOS}}
	s.limits = limits{healthy: 10 * time.Second, off: 300 * time.Millisecond, settle: 1500 * time.Millisecond, request: 300 * time.Millisecond}
	err = s.test(ctx)
	return Report{Machines: []*Machine{s.report}}, err
}

func TestRunCannot(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no driver":            func(o *Options) { o.Driver = nil },
		"no disk":              func(o *Options) { o.Disk = hypervisor.Disk{} },
		"an absent disk":       func(o *Options) { o.Disk.Path += ".absent" },
		"an unknown firmware":  func(o *Options) { o.Firmwares = []hypervisor.Firmware{"openboot"} },
		"a port out of range":  func(o *Options) { o.Definition.Tests[0].HTTP = "http://${appliance:65536}/" },
		"a port that is none":  func(o *Options) { o.Definition.Tests[0].HTTP = "http://${appliance:0}/" },
		"a folder that is not": func(o *Options) { o.Dir = os.DevNull; o.Definition.Tests[0].Contains = "x" },
	} {
		o := options(t, &fakeAppliance{})
		change(&o)
		if r, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: Run() = %+v; want an error", name, failures(r))
		}
	}
}

func TestRunGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, &fakeAppliance{dead: true})
	o.Timeout = time.Minute
	time.AfterFunc(300*time.Millisecond, cancel)
	if r, err := Run(ctx, o); !errors.Is(err, context.Canceled) || r.Passed() {
		t.Errorf("Run() = %+v, %v; want %v", r, err, context.Canceled)
	}
}

// TestRunNewCertificate: a new certificate of the same key is no other identity.
func TestRunNewCertificate(t *testing.T) {
	o := options(t, &fakeAppliance{renews: true})
	if r, err := Run(t.Context(), o); err != nil || !r.Passed() {
		t.Fatalf("Run() = %+v, %v; want that it passes", failures(r), err)
	}
}

// TestRunFile tests an artifact without its definition.
func TestRunFile(t *testing.T) {
	a := &fakeAppliance{}
	o := options(t, a)
	o.NoRestart = true
	o.Definition.Tests = nil
	def := o.Definition
	o.Definition = nil
	// The fake serves port 80, which nobody asks for without a definition.
	o.Driver = forwarding{o.Driver}
	r, err := Run(t.Context(), o)
	if err != nil || !r.Passed() {
		t.Fatalf("Run() = %+v, %v; want that it passes", failures(r), err)
	}
	if r.Name != def.Name || r.Version != def.Version || r.CPUs != 2 || r.Memory != 1<<30 || r.Data != 0 {
		t.Errorf("report = %+v", r)
	}
	if r.Machines[0].NextBoot != nil || slices.Contains(names(r.Machines[0]), "boots again") {
		t.Error("it was booted again")
	}
}

// forwarding forwards port 80 too.
type forwarding struct{ hypervisor.Driver }

func (d forwarding) Create(ctx context.Context, s hypervisor.Spec) (hypervisor.Machine, error) {
	s.Forwards = append(s.Forwards, hypervisor.Forward{Guest: 80})
	return d.Driver.Create(ctx, s)
}

func TestJudge(t *testing.T) {
	good := wire.Checks{
		Processes: []wire.Process{{PID: 1}},
		Writable:  []wire.Mount{{MountPoint: "/run", Place: wire.PlaceMemory}},
	}
	for name, test := range map[string]struct {
		change func(*wire.Checks)
		def    *appliance.Definition
		wrong  string // "" when all is well
	}{
		"well":         {change: func(*wire.Checks) {}},
		"no facts":     {change: func(c *wire.Checks) { *c = wire.Checks{} }, wrong: "no process"},
		"unknown fact": {change: func(c *wire.Checks) { c.Errors = []string{"cannot list mounts"} }, wrong: "cannot list mounts"},
		"undeclared port": {
			change: func(c *wire.Checks) {
				c.Listening = []wire.Listening{{Protocol: "tcp", Address: "::", Port: 22, Process: "sshd[7]"}}
			},
			wrong: "tcp [::]:22 (sshd[7]) is open and no service declares it",
		},
		"undeclared port on loopback": {
			change: func(c *wire.Checks) { c.Listening = []wire.Listening{{Protocol: "tcp", Port: 22, Loopback: true}} },
		},
		"port that the agent takes for declared": {
			change: func(c *wire.Checks) {
				c.Listening = []wire.Listening{{Protocol: "udp", Address: "0.0.0.0", Port: 80, Declared: true}}
			},
			def: helloDefinition(), wrong: "udp 0.0.0.0:80 is open",
		},
		"declared ports": {
			change: func(c *wire.Checks) {
				for _, p := range []string{"tcp/80", "tcp/5480", "udp/68", "udp/546"} {
					l := wire.Listening{Declared: true}
					l.Protocol = p[:3]
					_, port, _ := strings.Cut(p, "/")
					_ = json.Unmarshal([]byte(port), &l.Port)
					c.Listening = append(c.Listening, l)
				}
			},
			def: helloDefinition(),
		},
		"writable root": {
			change: func(c *wire.Checks) {
				c.Writable = append(c.Writable, wire.Mount{MountPoint: "/", FSType: "ext4", Source: "/dev/vda3", Place: wire.PlaceOther})
			},
			wrong: "/ (ext4 of /dev/vda3) can be written to",
		},
		"place that nobody knows": {
			change: func(c *wire.Checks) { c.Writable = append(c.Writable, wire.Mount{MountPoint: "/x"}) }, wrong: "/x",
		},
	} {
		facts := good
		test.change(&facts)
		var wrong []string
		for _, f := range judge(facts, test.def) {
			wrong = append(wrong, f.wrong...)
		}
		text := strings.Join(wrong, "\n")
		if (test.wrong == "") != (text == "") || !strings.Contains(text, test.wrong) {
			t.Errorf("%s: judge() finds %q; want %q", name, text, test.wrong)
		}
	}
}

func TestJUnit(t *testing.T) {
	dir := t.TempDir()
	log := dir + "/console.log"
	if err := os.WriteFile(log, []byte("\x1b[2Jlast \x00words\xff\r\n]]> & <b>"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Report{Name: "hello", Seconds: 12.5, Machines: []*Machine{{
		Firmware: hypervisor.BIOS, ConsoleLog: log,
		Checks: []Check{
			{Name: "boots", Outcome: Passed, Seconds: 9.25},
			{Name: `test: "x" <y>`, Outcome: Failed, Detail: "first \x07line\nsecond", Seconds: 1},
			{Name: "no failed unit", Outcome: Skipped},
		},
	}}}
	path := dir + "/junit.xml"
	if err := r.WriteJUnitFile(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Fatalf("the file is no XML: %v\n%s", err, data)
	}
	if got.Tests != 3 || got.Failures != 1 || got.Skipped != 1 || got.Time != "12.500" || len(got.Suites) != 1 {
		t.Errorf("suites = %+v", got)
	}
	s := got.Suites[0]
	if s.Name != "hello.bios" || s.Time != "10.250" || !strings.Contains(s.SystemOut, "last words") || !strings.Contains(s.SystemOut, "]]> & <b>") {
		t.Errorf("suite = %+v", s)
	}
	f := s.Cases[1].Failure
	if s.Cases[1].Name != `test: "x" <y>` || f == nil || f.Message != "first line" || !strings.HasSuffix(f.Text, "line\nsecond") {
		t.Errorf("case = %+v, %+v", s.Cases[1], f)
	}
	if s.Cases[0].Failure != nil || s.Cases[2].Skipped == nil {
		t.Errorf("cases = %+v", s.Cases)
	}
	if err := r.WriteJUnitFile(dir + "/absent/junit.xml"); err == nil {
		t.Error("written into an absent folder")
	}
}

func TestSmallestMemory(t *testing.T) {
	for _, test := range []struct {
		needs, low, high, step, want int64 // MiB
	}{
		{needs: 100, low: 64, high: 128, step: 8, want: 104},
		{needs: 64, low: 64, high: 128, step: 8, want: 64},
		{needs: 128, low: 64, high: 128, step: 8, want: 128},
		{needs: 129, low: 64, high: 128, step: 8},
		{needs: 100, low: 64, high: 63, step: 8},
	} {
		t.Run(fmt.Sprint(test.needs), func(t *testing.T) {
			t.Parallel()
			o := options(t, &fakeAppliance{needs: test.needs << 20})
			o.Timeout = 1500 * time.Millisecond
			got, err := SmallestMemory(t.Context(), o, test.low<<20, test.high<<20, test.step<<20)
			if got != test.want<<20 || (err == nil) != (test.want != 0) {
				t.Errorf("SmallestMemory(%+v) = %d MiB, %v", test, got>>20, err)
			}
		})
	}
}

func TestConsoleTail(t *testing.T) {
	path := t.TempDir() + "/log"
	text := strings.Repeat("early\n", 100) + "\x1b[2J\x1b[1;1H\x1b(BBooting\x1b[0m\r\n\x1b]0;title\x07\r\n\x00\x01Kernel panic: no init\r\nCPU: 0\r\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := consoleTail(path, "Kernel panic"), "Kernel panic: no init\nCPU: 0"; got != want {
		t.Errorf("consoleTail() = %q; want %q", got, want)
	}
	if got := consoleTail(path, ""); !strings.HasSuffix(got, "early\nBooting\nKernel panic: no init\nCPU: 0") || strings.Count(got, "\n") != tailLines-1 {
		t.Errorf("consoleTail() = %q", got)
	}
	if got := consoleTail(path+".absent", ""); !strings.Contains(got, "no console log") {
		t.Errorf("consoleTail() = %q", got)
	}
}

func names(m *Machine) []string {
	var list []string
	for _, c := range m.Checks {
		list = append(list, c.Name)
	}
	return list
}

func failures(r Report) []Check {
	var list []Check
	for _, m := range r.Machines {
		for _, c := range m.Checks {
			if c.Outcome != Passed {
				list = append(list, c)
			}
		}
	}
	return list
}

func table(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	return b.String()
}
