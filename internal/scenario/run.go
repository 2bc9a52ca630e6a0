package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Builder makes the versions of a scenario.
type Builder interface {
	// Load reads the definition of a version, whose updates are signed by the
	// root in a file, and come from a URL.
	Load(s *Scenario, v *Version, root, url string) (*appliance.Definition, error)
	// Disk builds the disk of a version. It is only read.
	Disk(ctx context.Context, def *appliance.Definition) (hypervisor.Disk, error)
	// Files puts the files of a release into a folder. agent is the program
	// that is the agent, "" for the real one.
	Files(ctx context.Context, def *appliance.Definition, agent, dir string) error
}

// Options are what to play, and on what. Scenario, Builder and Driver have no
// default.
type Options struct {
	Scenario *Scenario
	Builder  Builder
	// Driver is asked for once all definitions are right.
	Driver func(context.Context) (hypervisor.Driver, error)
	// Timeout is how long a boot may take; default two minutes, six where
	// guests are emulated.
	Timeout time.Duration
	// Log gets a line for each step as it ends.
	Log io.Writer
	// Dir is where what helps to understand a failure goes; by default a new
	// folder among the temporary files.
	Dir string
}

// Run plays a scenario. What did not go as it says is in the report; an error
// means that it could not be played, or that ctx ended.
func Run(ctx context.Context, o Options) (report acceptance.Report, err error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	dir, err := os.MkdirTemp("", "ingot-scenario-")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p := &player{
		Options: o, dir: dir, definitions: map[string]*appliance.Definition{},
		report: &acceptance.Machine{Firmware: o.Scenario.Machine.Firmware, Checks: []acceptance.Check{}},
	}
	if p.report.Firmware == "" {
		p.report.Firmware = hypervisor.BIOS
	}
	if p.vendor, err = newVendor(dir, o.Scenario.Repository); err != nil {
		return report, err
	}
	defer p.vendor.close()
	for _, v := range o.Scenario.Versions { // mistakes are found before the first build
		if p.definitions[v.Name], err = o.Builder.Load(o.Scenario, v, p.vendor.root(), p.vendor.url); err != nil {
			return report, err
		}
	}
	if p.driver, err = o.Driver(ctx); err != nil {
		return report, err
	}
	started := time.Now()
	err = p.play(ctx)
	d := p.definitions[o.Scenario.Versions[0].Name]
	return acceptance.Report{
		Name: d.Name, Title: d.Title + ": " + o.Scenario.Title, Variant: d.Variant,
		Driver: p.driver.Name(), Emulated: hypervisor.Emulates(p.driver), CPUs: p.spec.CPUs, Memory: p.spec.Memory, Data: p.spec.Data,
		Machines: []*acceptance.Machine{p.report}, Seconds: time.Since(started).Round(time.Millisecond).Seconds(),
	}, err
}

// player plays one scenario on one machine.
type player struct {
	Options
	dir         string
	vendor      *vendor
	definitions map[string]*appliance.Definition
	report      *acceptance.Machine

	driver            hypervisor.Driver
	spec              hypervisor.Spec
	machine           hypervisor.Machine
	account, password string
	session           *client.Client // nil after a restart
	// version is what ran when nothing was under way for the last time, last
	// the newest event of the history then.
	version string
	last    wire.UpdateEvent
	// open says that an update was begun that nobody has waited for.
	open bool
	// offer says how the last version that was installed came.
	offer string
}

// play goes through the steps; after one that failed the others are skipped.
func (p *player) play(ctx context.Context) (err error) {
	defer func() {
		p.forget()
		if p.machine != nil {
			err = errors.Join(err, p.machine.Remove())
		}
	}()
	lost := false
	for i, step := range p.Scenario.Steps {
		c := acceptance.Check{Name: fmt.Sprintf("%d %s", i+1, step.Name()), Outcome: acceptance.Skipped}
		if !lost && ctx.Err() == nil {
			began := time.Now()
			seen, err := p.step(ctx, step)
			var unplayable *unplayableError
			if errors.As(err, &unplayable) {
				return fmt.Errorf("step %s: %w", c.Name, unplayable.err)
			}
			c.Outcome, c.Detail, c.Seconds = acceptance.Passed, seen, time.Since(began).Round(time.Millisecond).Seconds()
			if err != nil {
				c.Outcome, c.Detail, lost = acceptance.Failed, err.Error(), true
			}
			fmt.Fprintln(p.Log, c.Line())
		}
		p.report.Checks = append(p.report.Checks, c)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the scenario was given up: %w", context.Cause(ctx))
	}
	if lost && p.machine != nil {
		return acceptance.KeepEvidence(ctx, p.machine, p.Dir, p.report)
	}
	return nil
}

// unplayableError says that a step could not be made; the appliance has no part
// in it.
type unplayableError struct{ err error }

func (e *unplayableError) Error() string { return e.err.Error() }

func (p *player) step(ctx context.Context, s Step) (seen string, err error) {
	switch s.Do {
	case Boot:
		seen, err = p.boot(ctx, s)
	case Release:
		return p.release(ctx, s)
	case Withdraw:
		return "", p.vendor.withdraw(ctx, s.Version)
	case Install:
		return p.install(ctx, s)
	case Back:
		return p.back(ctx, s)
	case Power:
		seen, err = p.power(ctx, s)
	case Set:
		err = p.set(ctx, s.Settings)
	}
	if err != nil {
		return "", err
	}
	want := *s.Expect
	if s.Do == Power && !p.open && want.Version == "" {
		want.Version = p.version
	}
	p.open = false
	looked, err := p.judge(ctx, want)
	if seen == "" {
		seen = looked
	}
	return seen, err
}

// boot makes the machine and its first boot.
func (p *player) boot(ctx context.Context, s Step) (string, error) {
	def := p.definitions[s.Version]
	disk, err := p.Builder.Disk(ctx, def)
	if err != nil {
		return "", &unplayableError{err}
	}
	answers := acceptance.Answers(def)
	if p.vendor.proxy != "" {
		answers["network.proxy"] = p.vendor.proxy
	}
	maps.Copy(answers, p.Scenario.Answers)
	p.account, p.password = answers["access.administrator"], answers["access.password"]
	if p.account == "" {
		p.account = "admin"
	}
	m := p.Scenario.Machine
	o := acceptance.Options{Driver: p.driver, Disk: disk, Definition: def, CPUs: m.CPUs, Memory: m.Memory, Data: m.Data}
	if o.Seed, err = json.Marshal(answers); err != nil {
		return "", err
	}
	if p.spec, err = o.Spec(p.report.Firmware); err != nil {
		return "", err
	}
	p.spec.Clock = m.Clock
	if p.machine, err = p.driver.Create(ctx, p.spec); err != nil {
		return "", &unplayableError{err}
	}
	p.version = s.Version
	return p.start(ctx, &p.report.FirstBoot)
}

// start switches on and waits until the appliance is healthy.
func (p *player) start(ctx context.Context, into **acceptance.Boot) (string, error) {
	limit := p.bootLimit()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the limit is %v", limit))
	defer cancel()
	p.forget()
	var said int64
	if log, err := os.Stat(p.machine.ConsoleLog()); err == nil { // it has run before
		said = log.Size()
	}
	began := time.Now()
	if err := p.machine.Start(ctx); err != nil {
		return "", err
	}
	up, err := acceptance.WaitHealthyAgain(ctx, p.machine, began, said)
	if err != nil {
		return "", err
	}
	*into = &acceptance.Boot{Management: up.Management.Seconds(), Healthy: up.Healthy.Seconds()}
	return fmt.Sprintf("version %s is healthy after %.1f s", up.Status.Version, up.Healthy.Seconds()), nil
}

func (p *player) bootLimit() time.Duration {
	switch {
	case p.Timeout > 0:
		return p.Timeout
	case hypervisor.Emulates(p.driver):
		return 6 * time.Minute
	}
	return 2 * time.Minute
}

// release builds a version, breaks it if it is to be, and signs it.
func (p *player) release(ctx context.Context, s Step) (string, error) {
	dir, err := os.MkdirTemp(p.dir, "files-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	agent, v := "", p.Scenario.Version(s.Version)
	if v.Break == BreakAgent {
		agent = filepath.Join(p.dir, "agent")
		if err := os.WriteFile(agent, []byte(brokenAgent), 0o755); err != nil {
			return "", err
		}
	}
	if err := p.Builder.Files(ctx, p.definitions[s.Version], agent, dir); err != nil {
		return "", &unplayableError{err}
	}
	if err := spoil(dir, v.Break); err != nil {
		return "", &unplayableError{err}
	}
	added, err := p.vendor.release(ctx, dir, s)
	if err != nil {
		return "", &unplayableError{err}
	}
	var size int64
	for _, payload := range added.Release.Payloads {
		size += payload.Whole.Size
	}
	return fmt.Sprintf("%.1f MiB", float64(size)/(1<<20)), nil
}

// power switches off, by the button or by pulling the plug, and on again.
func (p *player) power(ctx context.Context, s Step) (string, error) {
	if s.Cut {
		if err := p.machine.Stop(ctx); err != nil {
			return "", err
		}
		return p.start(ctx, &p.report.NextBoot)
	}
	if err := p.machine.PowerButton(ctx); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, p.bootLimit())
	defer cancel()
	end, err := p.machine.Wait(limited)
	if err != nil {
		return "", fmt.Errorf("it does not switch off by the power button: %w", err)
	}
	if end != hypervisor.EndGuest {
		return "", fmt.Errorf("the machine ended otherwise: %s", end)
	}
	return p.start(ctx, &p.report.NextBoot)
}
