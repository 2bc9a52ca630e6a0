package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// crash is something that the power may cut.
type crash struct {
	name string
	// before leads to the state in which do is cut; it returns the engine.
	before func(m *machine) *Engine
	do     func(m *machine, e *Engine)
	// start and reboot are the host names that may be in force after the
	// agent, or the whole machine, starts again.
	start, reboot []string
	// warns says that the start may say something.
	warns bool
	// first says that there may be no revision before.
	first bool
}

// started is an appliance with two revisions and everything in force.
func started(m *machine) *Engine {
	e := m.start()
	m.commit(e, Change{By: By{Who: "system"}, Trusted: true, Edit: func(d *setting.Document) error {
		d.Network.Hostname, d.Application["password"], d.Application["title"] = "old", "secret", "Old"
		return nil
	}})
	return e
}

// waiting has a change that waits to be confirmed besides.
func waiting(m *machine) *Engine {
	e := started(m)
	if _, p := m.commit(e, Change{By: By{Who: "admin", Connection: 7}, Edit: everything("new")}); p == nil {
		m.t.Fatal("a new host name needs no confirmation")
	}
	return e
}

// everything changes all settings: a guarded one, a file that goes and one
// that comes.
func everything(name string) func(*setting.Document) error {
	return func(d *setting.Document) error {
		d.Network.Hostname, d.Time.Zone = name, "Europe/Berlin"
		d.Application["password"], d.Application["title"] = "", "New"
		d.Application["workers"] = "7"
		return nil
	}
}

func crashes() []crash {
	old, either, fresh := []string{"old"}, []string{"old", "new"}, []string{"new"}
	return []crash{
		{name: "first start", before: func(m *machine) *Engine { return nil }, first: true,
			do:    func(m *machine, e *Engine) { m.start() },
			start: []string{"demo"}, reboot: []string{"demo"}},
		{name: "commit", before: started,
			do: func(m *machine, e *Engine) {
				m.commit(e, Change{By: By{Who: "admin"}, Trusted: true, Edit: everything("new")})
			},
			start: either, reboot: either},
		{name: "guarded commit", before: started,
			do: func(m *machine, e *Engine) {
				m.commit(e, Change{By: By{Who: "admin", Connection: 1}, Edit: everything("new")})
			},
			start: either, reboot: old},
		{name: "failing commit", before: started,
			do: func(m *machine, e *Engine) {
				m.fake("application").verify = func(_ context.Context, d *setting.Document) error {
					if d.Network.Hostname == "new" {
						return errors.New("no")
					}
					return nil
				}
				_, _, _ = e.Commit(m.t.Context(), Change{Trusted: true, Edit: everything("new")})
			},
			start: old, reboot: old},
		{name: "commit on a full disk", before: started,
			do: func(m *machine, e *Engine) {
				m.diskError["00000003.json"] = errors.New("no space left on device")
				_, _, _ = e.Commit(m.t.Context(), Change{Trusted: true, Edit: everything("new")})
			},
			start: old, reboot: old},
		{name: "confirmation", before: waiting,
			do: func(m *machine, e *Engine) {
				if err := e.Confirm(By{Who: "admin", Connection: 8}); err != nil {
					m.t.Error(err)
				}
			},
			start: fresh, reboot: either},
		{name: "undoing in time", before: waiting,
			do: func(m *machine, e *Engine) {
				m.uptime = func() time.Duration { return time.Hour + ConfirmWithin }
				e.attend(m.t.Context())
			},
			start: old, reboot: old},
		{name: "undoing on request", before: waiting,
			do: func(m *machine, e *Engine) {
				if _, _, err := e.RevertTo(m.t.Context(), By{Who: "admin"}, 3, 2, ""); err != nil {
					m.t.Error(err)
				}
			},
			start: either, reboot: old},
		{name: "start after a reboot", before: waiting,
			do: func(m *machine, e *Engine) {
				m.reboot()
				m.start()
			},
			start: either, reboot: old},
		{name: "start with a damaged revision",
			before: func(m *machine) *Engine {
				e := started(m)
				m.commit(e, Change{Trusted: true, Edit: everything("new")})
				m.damage("revisions/00000003.json")
				return nil
			},
			do:    func(m *machine, e *Engine) { m.start() },
			start: old, reboot: old, warns: true},
		{name: "start with a damaged head",
			before: func(m *machine) *Engine {
				e := started(m)
				m.commit(e, Change{Trusted: true, Edit: everything("new")})
				m.damage("head.json")
				return nil
			},
			do:    func(m *machine, e *Engine) { m.start() },
			start: fresh, reboot: fresh, warns: true},
		{name: "pruning", before: started,
			do: func(m *machine, e *Engine) {
				e.store.keep = 2
				m.commit(e, Change{Trusted: true, Edit: everything("new")})
			},
			start: either, reboot: either},
	}
}

// damage cuts a file of the store in half.
func (m *machine) damage(name string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// TestCrashAtEveryStep cuts the power before, in the middle of and after every
// write, and around every call of a setting; then only the agent starts again,
// or the whole machine.
func TestCrashAtEveryStep(t *testing.T) {
	for _, c := range crashes() {
		for _, reboot := range []bool{false, true} {
			name := c.name + ", agent starts"
			if reboot {
				name = c.name + ", machine starts"
			}
			t.Run(name, func(t *testing.T) {
				steps := 0
				for cut := 1; ; cut++ {
					if !c.cutAt(t, cut, reboot) {
						break
					}
					steps++
				}
				if steps < 3 {
					t.Errorf("only %d steps: the power is not cut where it matters", steps)
				}
			})
		}
	}
}

// cutAt cuts once and looks at what comes up. It is false when there was no
// such step.
func (c crash) cutAt(t *testing.T, cut int, reboot bool) bool {
	t.Helper()
	m := newMachine(t)
	e := c.before(m)
	if m.run(cut, func() { c.do(m, e) }) {
		return false
	}
	where := m.cutAt
	m.diskError = map[string]error{}
	m.fake("application").verify = nil
	allowed := c.start
	if reboot {
		m.reboot()
		allowed = c.reboot
	}
	e = m.start()
	current, _ := e.Current()
	if !c.whole(current.Document, allowed) {
		t.Errorf("cut %s: %s is in force, wanted one of %v, whole", where, current.Document.Network.Hostname, allowed)
	}
	if len(e.Warnings()) > 0 && !c.warns {
		t.Errorf("cut %s: warns %q", where, e.Warnings())
	}
	m.check(e)
	if _, p := e.Current(); p != nil {
		if err := e.Confirm(By{Connection: 1}); err != nil {
			t.Errorf("cut %s: cannot confirm: %v", where, err)
		}
	}
	r, _ := m.commit(e, Change{Trusted: true, Edit: hostname("after")})
	m.check(e)
	m.reboot()
	e = m.start()
	if again, _ := e.Current(); again.Hash != r.Hash || len(e.Warnings()) > 0 {
		t.Errorf("cut %s: then committed %d, found %d, warnings %q", where, r.Number, again.Number, e.Warnings())
	}
	m.check(e)
	if t.Failed() {
		t.Fatalf("cut %s", where)
	}
	return true
}

// whole says whether a document is one of those that were committed, by host
// name, with everything that belongs to it.
func (c crash) whole(d *setting.Document, allowed []string) bool {
	titles := map[string]string{"demo": "Hello", "old": "Old", "new": "New"}
	for _, name := range allowed {
		if d.Network.Hostname == name {
			return d.Application["title"] == titles[name] && (d.Time.Zone == "Europe/Berlin") == (name == "new")
		}
	}
	return false
}
