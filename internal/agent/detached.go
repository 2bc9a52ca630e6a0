package agent

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ingotvm/ingot/internal/agent/kernel"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
)

// isAppliance says whether the agent runs on an appliance that ingot-init has
// started. Anywhere else it must not touch the machine: a trial on somebody's
// own would rename it and shut its ports.
func isAppliance(opts Options) bool {
	if opts.Root != "/" || filepath.Clean(opts.RunDir) != defaultRunDir {
		return false
	}
	_, err := os.Stat(filepath.Join(opts.RunDir, "init.json"))
	return err == nil
}

// system is the machine as settings touch it.
func system(opts Options, manager *systemd.Manager) *setting.System {
	if !isAppliance(opts) {
		machine := &detached{}
		return &setting.System{
			Root: filepath.Join(opts.RunDir, "trial"), Units: machine, Net: machine, Kernel: machine, Runner: opts.Runner, Log: opts.Log,
		}
	}
	local := &kernel.Local{Root: opts.Root}
	return &setting.System{
		Root: opts.Root, Units: units{manager, opts}, Net: local, Kernel: local, Runner: opts.Runner, Log: opts.Log,
	}
}

// managerFor is the system manager as the agent may use it.
func managerFor(opts Options, pid1 *systemd.Manager) manager {
	if !isAppliance(opts) {
		return onlooker{pid1}
	}
	return pid1
}

// providersFor are those of seeds. They mount disks and talk to the
// hypervisor, so a trial has none.
func providersFor(opts Options, env setting.Env) []seed.Provider {
	if !isAppliance(opts) {
		return nil
	}
	var keys []string
	for _, p := range setting.Properties(env) {
		keys = append(keys, p.Key)
	}
	return seed.Providers(seed.Options{Root: opts.Root, RunDir: opts.RunDir, Keys: keys})
}

// errTrial says why a trial does not do what it is asked.
var errTrial = errors.New("this is a trial, not an appliance: the machine is let be")

// onlooker is the system manager of a trial's machine: it may be asked, and is
// told nothing.
type onlooker struct{ manager }

func (onlooker) PowerOff(context.Context) error        { return errTrial }
func (onlooker) Reboot(context.Context) error          { return errTrial }
func (onlooker) Restart(context.Context, string) error { return errTrial }

// detached is the machine of a trial: files go to a folder of their own, and
// everything else is let be.
type detached struct {
	mu    sync.Mutex
	name  string
	rules []setting.Rule
}

func (*detached) Start(context.Context, string) error           { return nil }
func (*detached) Stop(context.Context, string) error            { return nil }
func (*detached) Restart(context.Context, string) error         { return nil }
func (*detached) ReloadOrRestart(context.Context, string) error { return nil }
func (*detached) DaemonReload(context.Context) error            { return nil }

func (*detached) Active(context.Context, string) (bool, error) { return true, nil }
func (*detached) LogTail(context.Context, string) string       { return "" }
func (*detached) Links() ([]setting.Link, error)               { return nil, nil }
func (*detached) Routes() ([]setting.Route, error)             { return nil, nil }
func (*detached) DeleteLink(string) error                      { return nil }
func (*detached) SetMTU(string, int) error                     { return nil }
func (*detached) Servers() ([]netip.Addr, []string, error)     { return nil, nil, nil }
func (*detached) SetKeymap(keyboards.Keymap) error             { return nil }

func (d *detached) SetRules(rules []setting.Rule) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = slices.Clone(rules)
	return nil
}

func (d *detached) Rules() ([]setting.Rule, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.rules), nil
}

func (d *detached) Sethostname(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name = name
	return nil
}

func (d *detached) Hostname() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.name == "" {
		return os.Hostname()
	}
	return d.name, nil
}
