package update

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/release/trust"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/fetch"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// Policies of what is done without anybody asking.
const (
	Notify   = "notify"
	Download = "download"
	Install  = "install"
)

// Settings are what administrators chose.
type Settings struct {
	URL, Channel string
	// Policy is for all releases, Security for those that mend weaknesses.
	Policy, Security string
	Window           Window
	// Pinned is the last version that is installed by itself; "" is any.
	Pinned string
	// Postponed is until when nothing is installed by itself.
	Postponed time.Time
	// Every is the pause between checks; 0 is never.
	Every       time.Duration
	Proxy       string
	Authorities []byte
}

// Machine is what an update does to the machine it runs on.
type Machine interface {
	// StopServices stops the application, StartServices starts it again.
	StopServices(ctx context.Context) error
	StartServices(ctx context.Context) error
	// HoldSettings keeps the configuration as it is until release is called.
	HoldSettings(ctx context.Context) (release func(), err error)
	// Reboot restarts the machine, some time after it has returned.
	Reboot(ctx context.Context) error
	// Missing says what is not well, a sentence each; none is healthy.
	Missing(ctx context.Context) []string
	// Log are the last lines of the log of a boot.
	Log(ctx context.Context, boot string) []string
	// Proved ends the timer that restarts a version on trial.
	Proved(ctx context.Context) error
}

// Options are what a manager works with.
type Options struct {
	DataDir string
	Disk    *slot.Disk
	Trust   *trust.Store
	Machine Machine
	// Hook runs the services' save commands.
	Hook snapshot.Hook
	// Definition is the appliance's that runs.
	Definition *appliance.Definition
	// Config is the format of the configuration document, Downgrade brings a copy
	// of the configuration's folder to an older one.
	Config    int
	Downgrade func(dir string, format int) error
	Instance  string
	// Settings are asked for whenever they matter.
	Settings func() Settings
	// Changed is called when there is something new to show.
	Changed func()
	Log     func(format string, args ...any)
	Now     func() time.Time
	// Tick is how often a trial looks; default a second.
	Tick time.Duration
}

// Manager is the updates of one appliance. Its methods may be called from any
// goroutine.
type Manager struct {
	o       Options
	running string
	product string
	cache   *fetch.Cache
	wake    chan struct{}

	mu      sync.Mutex
	found   *found // what is offered; nil when nothing is
	waiting wire.Updates
	checked time.Time
	problem string
	due     time.Time // of the next check, by the monotonic clock
	job     *job
	trial   *wire.UpdateTrial
	history []wire.UpdateEvent
}

// Errors of what somebody asked for.
var (
	ErrBusy    = errors.New("another update is being worked on")
	ErrNothing = errors.New("there is no such version to install")
)

// New opens what is known of updates.
func New(o Options) *Manager {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	m := &Manager{
		o: o, running: o.Definition.Version, wake: make(chan struct{}, 1),
		product: productOf(o.Definition),
		cache:   &fetch.Cache{Dir: filepath.Join(o.DataDir, "cache", "updates")},
	}
	var err error
	if m.history, err = readHistory(o.DataDir); err != nil {
		o.Log("%v", err)
	}
	if t := m.trialRecord(); t != nil && t.To == m.running && t.Open() { // nothing else may begin before that has ended
		m.trial = &wire.UpdateTrial{Version: t.To, From: t.From}
	}
	return m
}

// Run goes on with what a restart interrupted, and then checks and installs as
// the settings say, until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	m.resume(ctx)
	if m.runTrial(ctx) {
		return // the machine restarts
	}
	m.schedule(ctx, time.Minute)
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.stop()
			return
		case <-tick.C:
		case <-m.wake:
		}
		m.byItself(ctx)
	}
}

// byItself does what nobody has to ask for.
func (m *Manager) byItself(ctx context.Context) {
	s := m.o.Settings()
	m.mu.Lock()
	due := s.Every > 0 && s.URL != "" && !m.due.IsZero() && !time.Now().Before(m.due)
	busy := m.job != nil
	m.mu.Unlock()
	if busy {
		return
	}
	if due {
		if err := m.Check(ctx); err != nil {
			m.o.Log("%v", err)
		}
		m.schedule(ctx, s.Every)
	}
	m.mu.Lock()
	f := m.found
	m.mu.Unlock()
	if f == nil || m.hold(s, f) != "" {
		return
	}
	policy := s.Policy
	if f.release.Security && s.Security != "" && s.Security != "same" {
		policy = s.Security
	}
	var err error
	switch policy {
	case Install:
		err = m.Install(ctx, "policy", wire.InstallUpdate{Version: f.entry.Version, Window: true})
	case Download:
		if !m.downloaded(f) {
			err = m.Download(ctx, "policy", f.entry.Version)
		}
	}
	if err != nil {
		m.o.Log("%v", err)
	}
}

// schedule sets when the next check is, up to a tenth earlier or later, so that
// appliances do not ask all at once.
func (m *Manager) schedule(_ context.Context, every time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = time.Now().Add(every - every/10 + jitter(every/5))
}

func (m *Manager) kick() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// source is the repository that the settings name.
func (m *Manager) source(s Settings) (source.Source, error) {
	if s.URL == "" {
		return nil, errors.New("no repository is set: updates come as bundles only")
	}
	return source.HTTP(s.URL, source.HTTPOptions{Proxy: s.Proxy, Authorities: s.Authorities, UserAgent: "ingotd"})
}

// trialRecord reads the record of an update; nil when there is none.
func (m *Manager) trialRecord() *record.Trial {
	t, err := record.Read(m.o.DataDir)
	if errors.Is(err, record.ErrNone) {
		return nil
	}
	if err != nil {
		m.o.Log("%v", err)
		return nil
	}
	return t
}

// impossible says why there can be no update; "" when there can.
func (m *Manager) impossible() string {
	if _, err := m.o.Disk.State(); err != nil {
		return fmt.Sprintf("the boot state cannot be read, so nothing can be installed: %v", err)
	}
	return ""
}
