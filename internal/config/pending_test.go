package config

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// inBubble runs a test with a clock of its own, by which the machine lives.
func inBubble(t *testing.T, f func(t *testing.T, m *machine)) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		start := time.Now()
		m.uptime = func() time.Duration { return time.Hour + time.Since(start) }
		f(t, m)
	})
}

// runs starts the engine's Run until the test ends.
func (m *machine) runs(e *Engine) {
	ctx, cancel := context.WithCancel(m.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	m.t.Cleanup(func() { cancel(); <-done })
}

func (m *machine) wantHostname(e *Engine, name string, pending bool) {
	m.t.Helper()
	if r, p := e.Current(); r.Document.Network.Hostname != name || (p != nil) != pending {
		m.t.Errorf("%s is in force, pending %v; wanted %s, %v", r.Document.Network.Hostname, p, name, pending)
	}
}

func TestUnconfirmedIsUndone(t *testing.T) {
	inBubble(t, func(t *testing.T, m *machine) {
		e := started(m)
		m.runs(e)
		_, p := m.commit(e, Change{By: By{Who: "anna", Connection: 1}, Edit: everything("new")})
		if want := (&Pending{Revision: 3, RevertTo: 2, Left: ConfirmWithin, Settings: []string{"network"}}); !reflect.DeepEqual(p, want) {
			t.Errorf("pending %+v", p)
		}
		if _, _, err := e.Commit(t.Context(), Change{Edit: title("x")}); !errors.Is(err, ErrPending) {
			t.Errorf("committed over it: %v", err)
		}
		time.Sleep(ConfirmWithin - time.Millisecond)
		synctest.Wait()
		m.wantHostname(e, "new", true)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		m.wantHostname(e, "old", false)
		r, _ := e.Current()
		if r.Number != 4 || r.Who != "system" || r.Why != "revision 3 was not confirmed within two minutes" || r.Document.Application["title"] != "Old" {
			t.Errorf("undone by %+v", r)
		}
		m.check(e)
		if err := e.Confirm(By{Connection: 2}); !errors.Is(err, ErrNotPending) {
			t.Errorf("confirmed what is gone: %v", err)
		}
		m.commit(e, Change{Edit: title("x")})
	})
}

func TestConfirm(t *testing.T) {
	tests := []struct {
		name          string
		commit, reply uint64
		restart       bool
		want          error
	}{
		{"the same connection", 5, 5, false, ErrSameConnection},
		{"an earlier one", 5, 4, false, ErrSameConnection},
		{"a new one", 5, 6, false, nil},
		{"none for one", 5, 0, false, ErrSameConnection},
		{"one for none", 0, 1, false, nil},
		{"none for none", 0, 0, false, nil},
		{"any after a restart of the agent", 5, 1, true, nil},
		{"none after a restart of the agent", 5, 0, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *machine) {
				e := started(m)
				if err := e.Confirm(By{Connection: 9}); !errors.Is(err, ErrNotPending) {
					t.Errorf("nothing to confirm: %v", err)
				}
				m.commit(e, Change{By: By{Connection: tt.commit}, Edit: everything("new")})
				time.Sleep(time.Minute)
				if tt.restart {
					e = m.start()
				}
				m.runs(e)
				if err := e.Confirm(By{Connection: tt.reply}); !errors.Is(err, tt.want) {
					t.Errorf("said %v, wanted %v", err, tt.want)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				want := "new"
				if tt.want != nil {
					want = "old"
				}
				m.wantHostname(e, want, false)
				m.check(e)
				m.reboot()
				m.wantHostname(m.start(), want, false)
			})
		})
	}
}

func TestConfirmIsNotKept(t *testing.T) {
	inBubble(t, func(t *testing.T, m *machine) {
		e := waiting(m)
		m.diskError["head.json"] = errors.New("no space")
		if err := e.Confirm(By{Connection: 8}); err == nil || !strings.Contains(err.Error(), "cannot keep the confirmation") {
			t.Errorf("said %v", err)
		}
		m.wantHostname(e, "new", true)
		time.Sleep(ConfirmWithin)
		if err := e.Confirm(By{Connection: 8}); !errors.Is(err, ErrNotPending) {
			t.Errorf("confirmed too late: %v", err)
		}
	})
}

func TestTrustedNeedsNoConfirmation(t *testing.T) {
	m := newMachine(t)
	if _, p := m.commit(m.start(), Change{Trusted: true, Edit: hostname("new")}); p != nil {
		t.Errorf("pending %+v", p)
	}
}

// panicGuard fails to say whether a change is dangerous.
type panicGuard struct{ *fake }

func (panicGuard) Guards(_, _ *setting.Document) bool { panic("oh") }

func TestGuardThatPanicsGuards(t *testing.T) {
	m := newMachine(t)
	m.settings[0] = panicGuard{m.fake("time")}
	if _, p := m.commit(m.start(), Change{Edit: title("new")}); p == nil || !reflect.DeepEqual(p.Settings, []string{"time"}) {
		t.Errorf("pending %+v", p)
	}
}

func TestRecover(t *testing.T) {
	tests := []struct {
		name   string
		after  time.Duration
		reboot bool
		want   string
		why    string
	}{
		{"in time", time.Minute, false, "new", ""},
		{"too late", ConfirmWithin, false, "old", "revision 3 was not confirmed within two minutes"},
		{"another boot", time.Second, true, "old", "revision 3 was not confirmed before the appliance was started again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *machine) {
				waiting(m)
				time.Sleep(tt.after)
				if tt.reboot {
					m.reboot()
				}
				e := m.open()
				undone, err := e.Recover()
				if err != nil || undone != (tt.want == "old") {
					t.Errorf("undone %v, %v", undone, err)
				}
				m.wantHostname(e, tt.want, tt.want == "new")
				r, p := e.Current()
				if p != nil && p.Left != ConfirmWithin-tt.after || p == nil && r.Why != tt.why {
					t.Errorf("left %v, why %q", p, r.Why)
				}
				if undone, err := e.Recover(); undone || err != nil {
					t.Errorf("undone again: %v, %v", undone, err)
				}
				m.runs(e)
				time.Sleep(ConfirmWithin)
				synctest.Wait()
				m.wantHostname(e, "old", false)
				m.check(e)
			})
		})
	}
}

// TestRunUndoesWhatNobodyRecovered: Run alone is enough.
func TestRunUndoesWhatNobodyRecovered(t *testing.T) {
	inBubble(t, func(t *testing.T, m *machine) {
		waiting(m)
		m.reboot()
		e := m.open()
		m.runs(e)
		synctest.Wait()
		m.wantHostname(e, "old", false)
		m.check(e)
	})
}

// TestUndoIsTriedAgain: the live system or the disk may refuse for a while.
func TestUndoIsTriedAgain(t *testing.T) {
	for _, broken := range []string{"system", "disk"} {
		t.Run(broken, func(t *testing.T) {
			inBubble(t, func(t *testing.T, m *machine) {
				e := waiting(m)
				var refuse atomic.Bool
				refuse.Store(true)
				if broken == "disk" {
					m.diskError["00000004.json"] = errors.New("no space")
				} else {
					m.fake("network").apply = func(context.Context, *setting.Document, bool) error {
						if refuse.Load() {
							return errors.New("busy")
						}
						return nil
					}
				}
				m.runs(e)
				time.Sleep(ConfirmWithin + time.Second)
				synctest.Wait()
				m.wantHostname(e, "old", false) // the document at once
				time.Sleep(time.Minute)
				synctest.Wait()
				refuse.Store(false)
				m.mu.Lock()
				delete(m.diskError, "00000004.json")
				m.mu.Unlock()
				if s := e.get(); !s.unsaved && s.behind == nil {
					t.Error("all is well already")
				}
				time.Sleep(retryAtMost)
				synctest.Wait()
				if s := e.get(); s.unsaved || s.behind != nil {
					t.Errorf("unsaved %v, behind %v", s.unsaved, s.behind)
				}
				m.check(e)
				m.reboot()
				m.wantHostname(m.start(), "old", false)
			})
		})
	}
}

// TestUndoOnAFullDisk: a full disk must not keep anybody locked out.
func TestUndoOnAFullDisk(t *testing.T) {
	m := newMachine(t)
	waiting(m)
	for range 2 { // each start undoes it anew
		m.reboot()
		m.diskError["/config/"] = errors.New("no space")
		e := m.open()
		if undone, err := e.Recover(); !undone || err == nil || !strings.Contains(err.Error(), "cannot write that revision 3 is undone") {
			t.Errorf("undone %v, %v", undone, err)
		}
		if len(e.Warnings()) == 0 {
			t.Error("does not warn")
		}
		m.wantHostname(e, "old", false)
		if _, _, err := e.Commit(t.Context(), Change{Edit: title("x")}); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("committed on a full disk: %v", err)
		}
		m.diskError = map[string]error{}
	}
	e := m.start()
	m.commit(e, Change{Edit: title("x")})
	m.check(e)
}

// TestMachineSleeps: the boot clock goes on while timers stand still.
func TestMachineSleeps(t *testing.T) {
	inBubble(t, func(t *testing.T, m *machine) {
		var slept atomic.Int64
		awake := m.uptime
		m.uptime = func() time.Duration { return awake() + time.Duration(slept.Load()) }
		e := waiting(m)
		m.runs(e)
		time.Sleep(time.Second)
		synctest.Wait()
		m.wantHostname(e, "new", true)
		slept.Store(int64(24 * time.Hour))
		time.Sleep(lookEvery)
		synctest.Wait()
		m.wantHostname(e, "old", false)
	})
}

// TestClockOfTheBootIsOdd: a deadline is never further away than it can be.
func TestClockOfTheBootIsOdd(t *testing.T) {
	m := newMachine(t)
	e := waiting(m)
	m.uptime = func() time.Duration { return 0 }
	if _, p := e.Current(); p.Left != ConfirmWithin {
		t.Errorf("%v left", p.Left)
	}
}

func TestGiveUp(t *testing.T) {
	m := newMachine(t)
	e := waiting(m)
	var conflict *ConflictError
	if _, _, err := e.RevertTo(t.Context(), By{}, 0, 1, ""); !errors.Is(err, ErrPending) {
		t.Errorf("went back to another revision: %v", err)
	}
	if _, _, err := e.RevertTo(t.Context(), By{}, 2, 2, ""); !errors.As(err, &conflict) {
		t.Errorf("went back from another revision: %v", err)
	}
	r, p, err := e.RevertTo(t.Context(), By{Who: "anna"}, 3, 2, "")
	if err != nil || p != nil || r.Number != 4 || r.Who != "anna" || r.Why != "revision 3 is undone" {
		t.Errorf("undone by %+v, %v, %v", r, p, err)
	}
	m.wantHostname(e, "old", false)
	m.check(e)
}

// TestNothingToGoBackTo: the revision before is damaged.
func TestNothingToGoBackTo(t *testing.T) {
	m := newMachine(t)
	waiting(m)
	m.reboot()
	m.damage("revisions/00000002.json")
	e := m.start()
	m.wantHostname(e, "demo", false) // revision 1
	if !hasWarning(e, "revision 1 would come back instead") {
		t.Errorf("warns %q", e.Warnings())
	}

	m = newMachine(t)
	waiting(m)
	m.reboot()
	m.damage("revisions/00000001.json")
	m.damage("revisions/00000002.json")
	e = m.start()
	m.wantHostname(e, "demo", false) // the default
	if !hasWarning(e, "nothing to go back to") {
		t.Errorf("warns %q", e.Warnings())
	}
	m.commit(e, Change{Edit: title("x")})
}

// TestHold keeps the configuration as it is, for as long as it is asked to.
func TestHold(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	release, err := e.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Commit(t.Context(), Change{Edit: title("held")}); !errors.Is(err, ErrHeld) {
		t.Errorf("a change is told %v", err)
	}
	if r, _ := e.Current(); r.Number != 1 {
		t.Errorf("revision %d is in force", r.Number)
	}
	release()
	release()
	if _, _, err := e.Commit(t.Context(), Change{Edit: hostname("new")}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Hold(t.Context()); !errors.Is(err, ErrPending) {
		t.Errorf("beside a change that waits it is told %v", err)
	}
	m.check(e)
}
