package settingtest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/keyboards"
)

// Units plays the system manager.
type Units struct {
	calls *calls
	mu    sync.Mutex
	// Running are the units that run.
	Running map[string]bool
	// Logs are the ends of units' logs.
	Logs map[string]string
	// On, when not nil, is called for each start, stop, restart and reload
	// ("restart"), so that a test can make the machine follow; its error is
	// the job's.
	On func(ctx context.Context, action, unit string) error
}

// job plays one job of the manager.
func (u *Units) job(ctx context.Context, action, unit string, runs bool) error {
	if err := u.calls.add(action + " " + unit); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if u.On != nil {
		if err := u.On(ctx, action, unit); err != nil {
			return err
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Running[unit] = runs
	return nil
}

// Start implements [setting.Units], as do the methods below.
func (u *Units) Start(ctx context.Context, unit string) error { return u.job(ctx, "start", unit, true) }

// Stop stops a unit.
func (u *Units) Stop(ctx context.Context, unit string) error { return u.job(ctx, "stop", unit, false) }

// Restart restarts a unit.
func (u *Units) Restart(ctx context.Context, unit string) error {
	return u.job(ctx, "restart", unit, true)
}

// ReloadOrRestart reloads a unit.
func (u *Units) ReloadOrRestart(ctx context.Context, unit string) error {
	return u.job(ctx, "reload-or-restart", unit, true)
}

// DaemonReload does nothing but remember.
func (u *Units) DaemonReload(ctx context.Context) error {
	if err := u.calls.add("daemon-reload"); err != nil {
		return err
	}
	return ctx.Err()
}

// Active says whether a unit runs.
func (u *Units) Active(_ context.Context, unit string) (bool, error) {
	if err := u.calls.look("active " + unit); err != nil {
		return false, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.Running[unit], nil
}

// SetRunning plays a unit that starts or ends by itself, while others may look.
func (u *Units) SetRunning(unit string, runs bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Running[unit] = runs
}

// LogTail is the unit's entry in Logs.
func (u *Units) LogTail(_ context.Context, unit string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.Logs[unit]
}

// Net plays the kernel's network.
type Net struct {
	calls *calls
	mu    sync.Mutex
	// LinkList, RouteList, DNS and Domains are what there is.
	LinkList  []setting.Link
	RouteList []setting.Route
	DNS       []netip.Addr
	Domains   []string
	// RuleList are the rules in force.
	RuleList []setting.Rule
}

// Change changes what there is while others may read it.
func (n *Net) Change(change func(n *Net)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// Links implements [setting.Net], as do the methods below.
func (n *Net) Links() ([]setting.Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.LinkList), n.calls.look("links")
}

// Routes are RouteList.
func (n *Net) Routes() ([]setting.Route, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.RouteList), n.calls.look("routes")
}

// DeleteLink takes a link out of LinkList.
func (n *Net) DeleteLink(name string) error {
	if err := n.calls.add("delete-link " + name); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i := slices.IndexFunc(n.LinkList, func(l setting.Link) bool { return l.Name == name })
	if i < 0 {
		return fmt.Errorf("cannot delete the link %s: there is none", name)
	}
	n.LinkList = slices.Delete(slices.Clone(n.LinkList), i, i+1)
	return nil
}

// SetMTU changes a link of LinkList.
func (n *Net) SetMTU(name string, mtu int) error {
	if err := n.calls.add(fmt.Sprintf("set-mtu %s %d", name, mtu)); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.LinkList = slices.Clone(n.LinkList)
	for i := range n.LinkList {
		if n.LinkList[i].Name == name {
			n.LinkList[i].MTU = mtu
			return nil
		}
	}
	return fmt.Errorf("cannot set the MTU of %s: there is no such link", name)
}

// Servers are DNS and Domains.
func (n *Net) Servers() ([]netip.Addr, []string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.DNS), slices.Clone(n.Domains), n.calls.look("servers")
}

// SetRules replaces RuleList.
func (n *Net) SetRules(rules []setting.Rule) error {
	if err := n.calls.add(fmt.Sprintf("set-rules %d", len(rules))); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.RuleList = slices.Clone(rules)
	return nil
}

// Rules are RuleList.
func (n *Net) Rules() ([]setting.Rule, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.RuleList), n.calls.look("rules")
}

// Kernel plays the calls of their own.
type Kernel struct {
	calls *calls
	mu    sync.Mutex
	// Name is the host name, Keymap the layout that was loaded last.
	Name   string
	Keymap keyboards.Keymap
}

// Sethostname implements [setting.Kernel], as do the methods below.
func (k *Kernel) Sethostname(name string) error {
	if err := k.calls.add("sethostname " + name); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Name = name
	return nil
}

// SetKeymap remembers the layout.
func (k *Kernel) SetKeymap(keymap keyboards.Keymap) error {
	if err := k.calls.add("set-keymap"); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Keymap = keymap
	return nil
}

// Hostname is Name.
func (k *Kernel) Hostname() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Name, k.calls.look("hostname")
}
