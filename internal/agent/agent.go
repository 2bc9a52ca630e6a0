package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/agent/frontdoor"
	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/agent/identity"
	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/agent/metrics"
	"github.com/ingotvm/ingot/internal/agent/power"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/agent/support"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/update"
)

// Options are where the agent finds its machine. The zero value is the
// appliance; tests and trials hand in other folders.
type Options struct {
	// Version is the agent's own.
	Version string
	// Root is above /proc, /sys and /dev; default "/".
	Root string
	// RunDir holds boot.json and init.json; default /run/ingot.
	RunDir string
	// DataDir is the data disk; default /data.
	DataDir string
	// ManagementPort is where the pages are, for the URL; default 5480.
	ManagementPort int
	// SupportListen is the address of support sessions; default :5422.
	SupportListen string
	// HTTPS and HTTP are the addresses on which the agent stands in front of
	// the application, if the definition says so; default :443 and :80.
	HTTPS, HTTP string
	// Log takes one line per event; default drops them.
	Log func(format string, args ...any)
	// Runner runs programs; default host.Local.
	Runner host.Runner
}

// ManagementPort is where the agent's pages are by default. It is the port
// that VMware's appliances made customary.
const ManagementPort = 5480

// defaultRunDir is where ingot-init leaves what it found out.
const defaultRunDir = "/run/ingot"

func (o *Options) fill() {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.RunDir == "" {
		o.RunDir = defaultRunDir
	}
	if o.DataDir == "" {
		o.DataDir = "/data"
	}
	if o.ManagementPort == 0 {
		o.ManagementPort = ManagementPort
	}
	if o.SupportListen == "" {
		o.SupportListen = fmt.Sprintf(":%d", appliance.SupportPort)
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Runner == nil {
		o.Runner = host.Local{}
	}
}

// Agent is the daemon without its servers.
type Agent struct {
	opts     Options
	boot     *release.Boot
	init     initFacts
	hostname string
	cpus     int
	machine  *machine.Machine
	links    func() ([]machine.Link, error)
	manager  manager
	watcher  *health.Watcher
	metrics  *metrics.Sampler
	identity *identity.Identity
	// certificates greets browsers.
	certificates *certificates
	// support lets the vendor's people in; nil when the definition has none.
	support *support.Manager
	// updates brings other versions; nil when there can be none.
	updates *update.Manager
	// door stands in front of the application; nil when nobody wants that.
	door   *frontdoor.Door
	engine *config.Engine
	sys    *setting.System
	// outside are the people that are kept elsewhere.
	outside *outside
	// environment is what settings go by, without the adapters.
	environment setting.Env
	code        firstboot.Code
	// providers are where answers to the first boot's questions come from.
	providers []seed.Provider
	seeds     seeds
	started   time.Duration // since the kernel started

	// logging is held while the journal is read.
	logging sync.Mutex

	mu sync.Mutex // guards what follows
	// warnings of the start stay until the agent ends.
	warnings []string
	ready    time.Duration // since the kernel started; 0 before
	address  time.Duration // when the first address was there; 0 before
	failed   []string      // names of failed units
	cache    statusCache
}

// New reads the boot description and the identity. It fails only when no TLS
// key can be had at all.
func New(opts Options) (*Agent, error) {
	opts.fill()
	pid1 := systemd.NewManager()
	a := &Agent{
		opts:    opts,
		cpus:    runtime.NumCPU(),
		machine: machine.New(opts.Root),
		links:   machine.Links,
		manager: managerFor(opts, pid1),
		sys:     system(opts, pid1),
		code:    firstboot.NewCode(),
	}
	a.started, _ = a.machine.Started("self")
	a.boot, a.init, a.warnings = readBoot(opts.RunDir)
	a.hostname, _ = os.Hostname()
	a.environment = environment(a.boot, a.init, a.machine)
	a.providers = providersFor(opts, a.environment)
	if err := a.openConfiguration(); err != nil {
		return nil, err
	}
	a.openDoor()
	if err := a.openCertificates(); err != nil {
		return nil, err
	}
	if err := a.openOutside(); err != nil {
		return nil, err
	}
	a.openSupport(pid1)
	a.openUpdates()
	a.watcher = health.New(a.targets(), unitStates{a.manager}, func(r health.Result) {
		opts.Log("service %s is %s %s", r.Name, r.State, r.Detail)
		a.cache.drop()
	})
	a.metrics = metrics.New(a.measured())
	return a, nil
}

// identityFolder is where the data disk has TLS keys and certificates.
const identityFolder = "identity/tls"

// openIdentity opens the TLS identity where it is kept. On a disk that is only
// to be read it stays the one that administrators know.
func (a *Agent) openIdentity() (*identity.Identity, error) {
	dir := a.tlsDir("")
	if a.init.DataReadOnly && !a.init.foreign() {
		if err := copyOnce(filepath.Join(a.opts.DataDir, identityFolder), dir); err != nil {
			a.opts.Log("the TLS identity is not taken from the damaged disk: %v", err)
		}
	}
	return identity.Open(dir, time.Now, a.names())
}

// Ready notes that the servers listen.
func (a *Agent) Ready() {
	up, _ := a.machine.Uptime()
	a.mu.Lock()
	a.ready = up
	a.mu.Unlock()
}

// Run watches until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	defer a.manager.Close()
	var wg sync.WaitGroup
	wg.Go(func() { a.watcher.Run(ctx) })
	wg.Go(func() { a.metrics.Run(ctx) })
	wg.Go(func() { a.runConfiguration(ctx) })
	wg.Go(func() { a.runSupport(ctx) })
	if a.updates != nil {
		wg.Go(func() { a.updates.Run(ctx) })
	}
	wg.Go(func() { a.watchUnits(ctx) })
	wg.Go(func() { a.watchNames(ctx) })
	wg.Go(func() { a.watchLinks(ctx) })
	wg.Go(func() { a.certificates.authority.Run(ctx) })
	if a.door != nil {
		wg.Go(func() { a.door.Run(ctx) })
	}
	wg.Go(func() {
		power.Watch(ctx, power.Devices(filepath.Join(a.opts.Root, "dev/input")), func() { a.powerOff(ctx) })
	})
	wg.Wait()
}

func (a *Agent) powerOff(ctx context.Context) {
	a.opts.Log("the power button was pressed: shutting down")
	if err := a.manager.PowerOff(ctx); err != nil {
		a.opts.Log("%v", err)
	}
}

// The agent looks at what has no event of its own now and then.
const (
	// unitsEvery is the pause between questions for failed units.
	unitsEvery = 10 * time.Second
	// namesEvery is the pause between looks whether the certificate is still
	// good: by its end, by the host's name, by a clock that was set.
	namesEvery = time.Minute
)

// watchUnits keeps the list of failed units.
func (a *Agent) watchUnits(ctx context.Context) {
	every(ctx, unitsEvery, func() {
		failed, err := a.manager.Failed(ctx)
		if err != nil {
			return // no news; the next round asks again
		}
		var names []string
		for _, u := range failed {
			if !strings.HasPrefix(u.Name, guestUnits) { // gone in a moment
				names = append(names, u.Name)
			}
		}
		a.mu.Lock()
		same := slices.Equal(a.failed, names)
		a.failed = names
		a.mu.Unlock()
		if !same {
			a.opts.Log("failed units: %v", names)
			a.cache.drop()
		}
	})
}

// watchNames looks now and then whether the machine's own certificate is still
// good.
func (a *Agent) watchNames(ctx context.Context) { every(ctx, namesEvery, a.renewOwn) }

// watchLinks notes when the first address comes and lets every change show at
// once.
func (a *Agent) watchLinks(ctx context.Context) {
	look := func() {
		a.cache.drop()
		a.renewOwn()
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.address != 0 {
			return
		}
		links, err := a.links()
		if _, ok := firstAddress(links); ok && err == nil {
			a.address, _ = a.machine.Uptime()
		}
	}
	look() // it may have come before
	if err := machine.WatchLinks(ctx, look); err != nil {
		a.opts.Log("%v", err) // a status shows changes all the same, a moment later
	}
}

// every calls f at once and then after each pause, until ctx ends.
func every(ctx context.Context, pause time.Duration, f func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// targets are the services of the definition as the watcher wants them.
func (a *Agent) targets() []health.Target {
	var list []health.Target
	for _, s := range a.boot.Definition.Services {
		t := health.Target{Name: s.Name, Unit: s.RunUnit(), Off: func() string { return a.whyOff(s) }}
		if h := s.Health; h != nil {
			t.Every, t.Timeout = time.Duration(h.Every), time.Duration(h.Timeout)
			switch {
			case h.HTTP != "":
				t.Probe = health.HTTP(h.HTTP)
			case h.TCP != "":
				t.Probe = health.TCP(h.TCP)
			}
		}
		list = append(list, t)
	}
	return list
}
