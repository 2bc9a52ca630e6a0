package acceptance

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Run boots the artifact under each firmware and checks it. What is wrong
// with the appliance is in the report; an error means that it could not be
// tested, or that ctx ended, and the report is then as far as it came.
func Run(ctx context.Context, o Options) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	report := Report{
		Driver: o.Driver.Name(), Emulated: hypervisor.Emulates(o.Driver),
		CPUs: o.CPUs, Memory: o.Memory, Data: o.Data, Machines: []*Machine{},
	}
	if d := o.Definition; d != nil {
		report.Name, report.Title, report.Version, report.Variant = d.Name, d.Title, d.Version, d.Variant
	}
	started := time.Now()
	for _, f := range o.Firmwares {
		s := &session{options: o, limits: o.limits(), report: &Machine{Firmware: f, Checks: []Check{}}}
		err := s.test(ctx)
		report.Machines = append(report.Machines, s.report)
		if s.status.Name != "" && o.Definition == nil {
			report.Name, report.Title, report.Version, report.Variant = s.status.Name, s.status.Title, s.status.Version, s.status.Variant
		}
		report.Seconds = inSeconds(time.Since(started))
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

// session is the test of one machine.
type session struct {
	options Options
	limits  limits
	report  *Machine

	machine hypervisor.Machine
	status  wire.Status // of the last boot, once healthy
	key     string      // of that boot
	facts   wire.Checks
	lost    bool // a check failed that the others need
}

// test makes the machine, goes through the checks and removes the machine.
func (s *session) test(ctx context.Context) (err error) {
	spec, err := s.options.spec(s.report.Firmware)
	if err != nil {
		return err
	}
	s.machine, err = s.options.Driver.Create(ctx, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.machine.Remove()) }()

	s.must(ctx, "boots", s.boot(&s.report.FirstBoot))
	s.tests(ctx, "")
	s.must(ctx, "completes its boot", s.settle(&s.report.FirstBoot))
	s.judge(ctx)
	s.must(ctx, "switches off by the power button", s.powerOff)
	if !s.options.NoRestart {
		before := s.key
		s.must(ctx, "boots again", s.boot(&s.report.NextBoot))
		s.check(ctx, "keeps its identity", func(context.Context) (string, error) { return s.sameIdentity(before) })
		s.tests(ctx, " after the restart")
		s.must(ctx, "completes its boot after the restart", s.settle(&s.report.NextBoot))
		s.check(ctx, "the same checks after the restart", s.judgeAgain)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the test was given up: %w", context.Cause(ctx))
	}
	if !s.report.Passed() {
		return s.keepEvidence(ctx)
	}
	return nil
}

// check makes one check and notes what became of it.
func (s *session) check(ctx context.Context, name string, do func(context.Context) (string, error)) bool {
	if s.lost || ctx.Err() != nil {
		s.note(Check{Name: name, Outcome: Skipped})
		return false
	}
	started := time.Now()
	seen, err := do(ctx)
	c := Check{Name: name, Outcome: Passed, Detail: seen, Seconds: inSeconds(time.Since(started))}
	if err != nil {
		c.Outcome, c.Detail = Failed, err.Error()
	}
	s.note(c)
	return err == nil
}

// must is a check without which the rest makes no sense.
func (s *session) must(ctx context.Context, name string, do func(context.Context) (string, error)) {
	if !s.check(ctx, name, do) {
		s.lost = true
	}
}

func (s *session) note(c Check) {
	name := c.Name
	for n := 2; slices.ContainsFunc(s.report.Checks, func(b Check) bool { return b.Name == c.Name }); n++ {
		c.Name = fmt.Sprintf("%s (%d)", name, n) // two tests of one name are two rows
	}
	s.report.Checks = append(s.report.Checks, c)
	if c.Outcome != Skipped {
		fmt.Fprintf(s.options.Log, "%s: %s\n", s.report.Firmware, c.Line())
	}
}

// boot switches the machine on and waits until it is healthy.
func (s *session) boot(into **Boot) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		limit := fmt.Errorf("the limit is %v", s.limits.healthy)
		ctx, cancel := context.WithTimeoutCause(ctx, s.limits.healthy, limit)
		defer cancel()
		started := time.Now()
		if err := s.machine.Start(ctx); err != nil {
			return "", err
		}
		up, err := WaitHealthy(ctx, s.machine, started)
		if err != nil {
			return "", err
		}
		s.status, s.key = up.Status, up.Key
		*into = &Boot{Management: inSeconds(up.Management), Healthy: inSeconds(up.Healthy)}
		if err := s.isWhatWasBuilt(); err != nil {
			return "", err
		}
		return fmt.Sprintf("management URL after %.1f s, healthy after %.1f s", up.Management.Seconds(), up.Healthy.Seconds()), nil
	}
}

// isWhatWasBuilt: an artifact of another version is easily tested by mistake.
func (s *session) isWhatWasBuilt() error {
	d := s.options.Definition
	if d == nil || (s.status.Name == d.Name && s.status.Version == d.Version && s.status.Variant == d.Variant) {
		return nil
	}
	return fmt.Errorf("it says that it is %s %s, not %s %s", s.status.Name, strings.TrimSpace(s.status.Version+" "+s.status.Variant),
		d.Name, strings.TrimSpace(d.Version+" "+d.Variant))
}

func (s *session) sameIdentity(before string) (string, error) {
	if s.key != before {
		return "", fmt.Errorf("the SHA-256 of its TLS key was %s and is now %s", before, s.key)
	}
	return "the same TLS key", nil
}

// tests runs the definition's tests.
func (s *session) tests(ctx context.Context, suffix string) {
	if s.options.Definition == nil {
		return
	}
	for _, t := range s.options.Definition.Tests {
		s.check(ctx, "test: "+testName(t)+suffix, func(ctx context.Context) (string, error) {
			return runTest(ctx, t, s.machine.Address, s.limits.request)
		})
	}
}

// settle waits until the system manager has started everything, and keeps
// the facts.
func (s *session) settle(boot **Boot) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, s.limits.settle)
		defer cancel()
		agent := client.New(s.machine.Channel)
		defer agent.Close()
		for {
			one, cancel := context.WithTimeout(ctx, s.limits.request)
			facts, err := agent.Checks(one)
			cancel()
			if err == nil && len(facts.Jobs) == 0 {
				s.facts = facts
				(*boot).tell(facts)
				return memoryUsed(facts), nil
			}
			select {
			case <-time.After(attemptPause):
			case <-ctx.Done():
				if err != nil {
					return "", fmt.Errorf("the agent does not tell its facts over the channel: %w", err)
				}
				return "", fmt.Errorf("after %v the system manager still waits for %s", s.limits.settle, strings.Join(facts.Jobs, ", "))
			}
		}
	}
}

// tell notes what the appliance says of its boot.
func (b *Boot) tell(facts wire.Checks) {
	millis := func(n int64) float64 { return inSeconds(time.Duration(n) * time.Millisecond) }
	t := facts.BootTimes
	b.Kernel, b.Init, b.Userspace, b.AgentReady = millis(t.Kernel), millis(t.Init), millis(t.Userspace), millis(t.AgentReady)
	b.MemoryUsed = facts.Memory.Total - facts.Memory.Available
	b.AgentMemory = facts.Memory.Agent
}

func memoryUsed(facts wire.Checks) string {
	return fmt.Sprintf("%s of %s in use, the agent %s", mebibytes(facts.Memory.Total-facts.Memory.Available),
		mebibytes(facts.Memory.Total), mebibytes(facts.Memory.Agent))
}

// judge makes a check of each finding.
func (s *session) judge(ctx context.Context) {
	for _, f := range judge(s.facts, s.options.Definition) {
		s.check(ctx, f.name, func(context.Context) (string, error) { return f.seen, f.err() })
	}
}

// judgeAgain makes one check of all findings.
func (s *session) judgeAgain(context.Context) (string, error) {
	var errs []error
	for _, f := range judge(s.facts, s.options.Definition) {
		errs = append(errs, f.err())
	}
	return "", errors.Join(errs...)
}

// powerOff presses the power button and waits for the guest to switch off.
func (s *session) powerOff(ctx context.Context) (string, error) {
	started := time.Now()
	if err := s.machine.PowerButton(ctx); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, s.limits.off)
	defer cancel()
	end, err := s.machine.Wait(limited)
	if err != nil && limited.Err() != nil {
		return "", fmt.Errorf("it still runs %v after the power button", s.limits.off)
	}
	if err != nil {
		return "", err
	}
	if end != hypervisor.EndGuest {
		return "", fmt.Errorf("the machine ended otherwise: %s", end)
	}
	s.report.Shutdown = inSeconds(time.Since(started))
	return fmt.Sprintf("off after %.1f s", s.report.Shutdown), nil
}

// keepEvidence saves what helps to understand a failure before the machine
// is removed.
func (s *session) keepEvidence(ctx context.Context) error {
	return KeepEvidence(ctx, s.machine, s.options.Dir, s.report)
}

// KeepEvidence saves the console's log of a machine, and a picture of its
// screen, in a folder, and notes in the report where they are. The folder is
// made; "" is a new temporary one.
func KeepEvidence(ctx context.Context, machine hypervisor.Machine, dir string, into *Machine) (err error) {
	if dir == "" {
		dir, err = os.MkdirTemp("", "ingot-test-")
	} else {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the console log: %w", err)
	}
	if m, ok := machine.(hypervisor.Screener); ok && machine.State() == hypervisor.Running {
		path := filepath.Join(dir, fmt.Sprintf("screen-%s.png", into.Firmware))
		if err := saveScreen(ctx, m, path); err == nil { // a picture less is no reason to fail
			into.Screen = path
		}
	}
	path := filepath.Join(dir, fmt.Sprintf("console-%s.log", into.Firmware))
	if err := copyFile(path, machine.ConsoleLog()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it never started
		}
		return fmt.Errorf("cannot keep the console log: %w", err)
	}
	into.ConsoleLog = path
	return nil
}

func saveScreen(ctx context.Context, m hypervisor.Screener, path string) error {
	img, err := m.Screenshot(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, img), f.Close())
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
