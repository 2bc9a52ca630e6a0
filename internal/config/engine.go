package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Options are what an engine works with.
type Options struct {
	// Dir is the store's folder: /data/config.
	Dir string
	Env setting.Env
	// System is the machine that follows the document.
	System *setting.System
	// Settings are the parts of the document; nil means all.
	Settings []setting.Setting
	// Now is the time of day; nil means the machine's.
	Now func() time.Time
	// Uptime is the time since the machine started, sleep included; nil
	// means the kernel's. Deadlines go by it: the time of day may be set.
	Uptime func() time.Duration
	// BootID tells this start of the machine from others; "" asks the kernel.
	BootID string
	// Log takes one line per event; may be nil.
	Log func(format string, args ...any)

	disk disk // nil means the machine's
}

func (o Options) withDefaults() (Options, error) {
	if o.System == nil {
		return o, errors.New("cannot open the configuration: there is no system to configure")
	}
	if o.Settings == nil {
		o.Settings = setting.All()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Uptime == nil {
		o.Uptime = uptime
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.disk == nil {
		o.disk = realDisk{}
	}
	if o.BootID == "" {
		id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		if err != nil {
			return o, fmt.Errorf("cannot tell this boot from others: %w", err)
		}
		o.BootID = strings.TrimSpace(string(id))
	}
	return o, nil
}

func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("config: the kernel has no boot clock: %v", err)) // since Linux 2.6.39
	}
	return time.Duration(t.Nano())
}

// Engine is the configuration of one appliance. Its methods may be called from
// any goroutine; one program at a time may have a store open.
type Engine struct {
	o     Options
	env   setting.Env
	parts settings
	store *store
	live  *live
	// turn is taken by whoever changes the document or the live system.
	turn chan struct{}
	// held says that nothing can be changed for the time being; see [Engine.Hold].
	held atomic.Bool
	// wake tells Run that there is something new to wait for.
	wake chan struct{}

	mu    sync.Mutex // guards state; only who has the turn changes it
	state state
}

// state is what is in force.
type state struct {
	current Revision
	waiter  *headWaiter
	// before is the revision to go back to while there is a waiter.
	before Revision
	// connection carried the change that waits. It is not kept on the disk:
	// when the agent has started again, every connection is a new one.
	connection uint64
	// unsaved says that current could not be written: it holds in memory, is
	// written as soon as the disk takes it, and made anew by the next start.
	unsaved bool
	// behind is a document that the live system may still follow instead.
	behind   *setting.Document
	warnings []string
}

// Open opens the store, and makes the default document revision 1 of a new
// one. What is damaged is set aside and worked around, with a warning; an
// error means that there can be no configuration at all: the folder cannot be
// read, or a newer version wrote it (*[FormatError]).
//
// Who opens a store calls [Engine.Recover] next.
func Open(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{o: o, env: o.Env, live: &live{root: o.System.Root, disk: o.disk},
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	e.parts = settings{list: o.Settings, env: o.Env, sys: o.System, logf: e.logf}
	if e.store, err = openStore(o.Dir, o.disk, e.logf); err != nil {
		return nil, err
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	return e, nil
}

// load finds the revision in force, as a story: the head says which; without a
// head it is the newest; if it is damaged, the newest before it; if there is
// none, the default.
func (e *Engine) load() error {
	if len(e.store.list()) == 0 && e.store.last == 0 {
		return e.begin("the appliance's own defaults")
	}
	h, err := e.store.readHead()
	number := h.Current
	if err == nil {
		e.store.adopt(h)
	} else {
		number = e.store.last
		if !(errors.Is(err, os.ErrNotExist) && number == 1) { // the first start was cut short
			e.warnf("cannot tell which revision is in force, so it is the newest: %v", err)
		}
		e.store.setHeadAside(err)
	}
	r, err := e.newest(number)
	switch {
	case errors.Is(err, ErrNoRevision):
		e.warnf("no revision can be read: the appliance starts from its defaults")
		return e.begin("no revision could be read: the appliance's own defaults")
	case err != nil:
		return err
	}
	e.set(func(s *state) { s.current = r })
	if r.Number == h.Current && h.Pending != nil {
		e.resume(*h.Pending) // fitted when it is confirmed or undone
		return nil
	}
	return e.settle(r, number)
}

// begin makes the default document the one in force.
func (e *Engine) begin(why string) error {
	d, err := e.parts.defaults()
	if err != nil {
		return err
	}
	e.force(d, By{Who: "system"}, why)
	return nil
}

// settle commits what the start itself has to change of the document: that it
// is an older one, as the newest is damaged, or what this version of the
// appliance knows otherwise.
func (e *Engine) settle(r Revision, named int) error {
	var whys []string
	if named > r.Number {
		whys = append(whys, fmt.Sprintf("revision %d is damaged or gone: the document of revision %d is in force again", named, r.Number))
	}
	d, notes, err := e.parts.fit(r.Document)
	if err != nil {
		return err
	}
	whys = append(whys, notes...)
	for _, note := range notes {
		e.warnf("%s", note)
	}
	// The format may be another without a word: compare with what is stored.
	rec, err := e.store.read(r.Number)
	if err == nil && len(whys) == 0 {
		if stored, err := decodeObject(rec.Document); err == nil && fmt.Sprint(stored["format"]) != fmt.Sprint(d.Format) {
			whys = append(whys, fmt.Sprintf("brought from format %v to %d", stored["format"], d.Format))
		}
	}
	if len(whys) > 0 {
		e.force(d, By{Who: "system"}, strings.Join(whys, "; "))
		return nil
	}
	if e.store.head.Current != r.Number {
		if err := e.store.setHead(head{Current: r.Number}); err != nil {
			e.warnf("cannot write which revision is in force: %v", err)
		}
	}
	return nil
}

// newest is the newest revision up to a number that can be read; damaged ones
// are set aside. The error is [ErrNoRevision], or a *[FormatError].
func (e *Engine) newest(number int) (Revision, error) {
	for _, n := range slices.Backward(e.store.list()) {
		if n > number {
			continue
		}
		r, err := e.read(n)
		var newer *FormatError
		if err == nil || errors.As(err, &newer) {
			return r, err
		}
		e.warnf("%v", err)
		if errors.Is(err, errDamaged) {
			e.store.setAside(n)
		}
	}
	return Revision{}, ErrNoRevision
}

// read reads a revision with its document.
func (e *Engine) read(number int) (Revision, error) {
	rec, err := e.store.read(number)
	if err != nil {
		return Revision{}, err
	}
	r := rec.Revision
	r.Document, err = rec.decodeDocument()
	return r, err
}

// Current is the revision in force, and the change that waits to be confirmed
// if it is one.
func (e *Engine) Current() (Revision, *Pending) {
	s := e.get()
	return s.current.clone(), e.pending(s)
}

// Warnings are what the start had to work around: damaged files, settings that
// this version does not know. They are for the status page and the console.
func (e *Engine) Warnings() []string { return slices.Clone(e.get().warnings) }

func (e *Engine) warnf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	e.o.Log("configuration: %s", text)
	e.set(func(s *state) { s.warnings = append(s.warnings, text) })
}

func (e *Engine) logf(format string, args ...any) { e.o.Log("configuration: "+format, args...) }

// get is the state; its documents are not to be changed.
func (e *Engine) get() state {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *Engine) set(change func(s *state)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.state)
}

// Hold keeps the configuration as it is, on the disk too, until release is
// called: whoever would change it is told [ErrHeld]. While a change waits to be
// confirmed the error is [ErrPending], as its end could not be held off.
func (e *Engine) Hold(ctx context.Context) (release func(), err error) {
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	if e.get().waiter != nil {
		e.leave()
		return nil, ErrPending
	}
	e.held.Store(true)
	return sync.OnceFunc(func() { e.held.Store(false); e.leave() }), nil
}

// take waits for the turn; [Engine.leave] gives it back.
func (e *Engine) take(ctx context.Context) error {
	if e.held.Load() {
		return ErrHeld
	}
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot change the configuration: another change takes too long: %w", ctx.Err())
	}
}

func (e *Engine) leave() { <-e.turn }

// nudge makes Run look again.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// next is the revision after another one.
func (e *Engine) next(after Revision, d *setting.Document, by By, why string) Revision {
	return Revision{
		Number: e.store.next(after.Number), Time: e.o.Now().UTC().Round(0),
		Who: by.Who, From: by.From, Why: why, Previous: after.Hash, Document: d,
	}
}

// force makes a document the one in force, on the disk if that takes it, and
// in memory in any case: a full disk must not keep the appliance from
// starting, nor from undoing what cut somebody off.
func (e *Engine) force(d *setting.Document, by By, why string) {
	r := e.next(e.get().current, d, by, why)
	err := e.store.commit(&r, nil)
	if err != nil {
		e.warnf("%v; it is in force until the next start and then made anew", err)
	}
	e.set(func(s *state) {
		s.current, s.waiter, s.before, s.unsaved = r, nil, Revision{}, err != nil
	})
	e.logf("revision %d is in force: %s", r.Number, why)
	e.nudge()
}

// save writes a revision that the disk did not take before.
func (e *Engine) save() error {
	s := e.get()
	if !s.unsaved {
		return nil
	}
	r := s.current
	if err := e.store.commit(&r, nil); err != nil {
		return err
	}
	e.set(func(s *state) { s.unsaved = false })
	return nil
}

func (r Revision) clone() Revision {
	r.Document = r.Document.Clone()
	return r
}
