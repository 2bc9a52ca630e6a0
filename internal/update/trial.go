package update

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// resume closes what a restart left open, in the version that it led to.
//
//	running   record    boot state      what happened
//	to        armed     trial           the trial runs: [Manager.runTrial]
//	to        armed     good = to       it was found good, and power went before that was written down
//	to        good      good = to       likewise, a moment later
//	from      returned  any             the trial failed; the initrd put the data back
//	from      armed     any             the initrd could not read or write the record: the data is as it is
//	to        none      trial           the record is lost: [Manager.runUnrecorded]
//	other     any       any             somebody chose a third version in the boot menu
func (m *Manager) resume(ctx context.Context) {
	t := m.trialRecord()
	if t == nil {
		if err := snapshot.Clean(m.o.DataDir); err != nil {
			m.o.Log("%v", err)
		}
		return
	}
	state, err := m.o.Disk.State()
	if err != nil {
		m.o.Log("%v", err)
	}
	switch {
	case t.To == m.running && (t.Stage == record.Good || t.Open() && state.Good == m.running):
		m.closeGood(ctx, t)
	case t.From == m.running && t.Stage == record.Returned:
		m.closeReturned(ctx, t)
	case t.From == m.running && t.Open() && state.Trial != t.To:
		m.closeReturned(ctx, t)
	}
}

// limits of a trial.
func (m *Manager) limits() (healthy, within time.Duration) {
	healthy, within = time.Minute, 10*time.Minute
	if u := m.o.Definition.Updates; u != nil {
		if u.Trial.Healthy > 0 {
			healthy = time.Duration(u.Trial.Healthy)
		}
		if u.Trial.Within > 0 {
			within = time.Duration(u.Trial.Within)
		}
	}
	return healthy, within
}

// runTrial proves the version that runs, if it is on trial. True says that it
// failed, and that the machine restarts.
func (m *Manager) runTrial(ctx context.Context) bool {
	t := m.trialRecord()
	if t == nil {
		m.runUnrecorded(ctx)
		return false
	}
	if t.To != m.running || !t.Open() {
		return false
	}
	healthy, within := m.limits()
	begun := time.Now()
	well := time.Time{} // since when
	var missing []string
	for {
		now := time.Now()
		missing = m.o.Machine.Missing(ctx)
		if ctx.Err() != nil {
			return false // the agent is restarted: the trial begins anew, its timer does not
		}
		if len(missing) > 0 {
			well = time.Time{}
		} else if well.IsZero() {
			well = now
		}
		shown := &wire.UpdateTrial{
			Version: t.To, From: t.From, Needed: int(healthy.Seconds()), Left: int((within - now.Sub(begun)).Seconds()), Missing: missing,
		}
		if !well.IsZero() {
			shown.Healthy = int(now.Sub(well).Seconds())
		}
		m.mu.Lock()
		m.trial = shown
		m.mu.Unlock()
		switch {
		case !well.IsZero() && now.Sub(well) >= healthy:
			m.proved(ctx, t)
			return false
		case now.Sub(begun) >= within:
			m.failed(ctx, t, missing)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(m.o.Tick):
		}
	}
}

// runUnrecorded lets a version that the boot loader takes for a trial prove
// itself when the record of that is gone: it was damaged, or the data disk is
// another one. There is nothing to go back to then, but without being found
// good it would be given up by the boot loader some day, with the data its own.
func (m *Manager) runUnrecorded(ctx context.Context) {
	state, err := m.o.Disk.State()
	if err != nil || state.Trial != m.running || state.Good == m.running {
		return
	}
	m.o.Log("version %s is on trial, and nothing is written down about that", m.running)
	healthy, within := m.limits()
	well := time.Time{}
	for begun := time.Now(); time.Since(begun) < within; {
		switch missing := m.o.Machine.Missing(ctx); {
		case ctx.Err() != nil:
			return
		case len(missing) > 0:
			well = time.Time{}
		case well.IsZero():
			well = time.Now()
		}
		if !well.IsZero() && time.Since(well) >= healthy {
			if err := m.o.Disk.SetState(slot.State{Good: m.running}); err != nil {
				m.o.Log("version %s has proved itself, and that cannot be kept: %v", m.running, err)
			}
			m.o.Changed()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(m.o.Tick):
		}
	}
}

// proved makes the version the good one: first for the boot loader, which is
// the moment from which it stays.
func (m *Manager) proved(ctx context.Context, t *record.Trial) {
	if err := m.o.Disk.SetState(slot.State{Good: m.running}); err != nil {
		m.o.Log("version %s has proved itself, and that cannot be kept: %v", m.running, err)
		return // the timer restarts the machine; the boot loader counts
	}
	m.closeGood(ctx, t)
	m.o.Log("version %s has proved itself", m.running)
	m.o.Changed()
}

// closeGood is after the boot loader knows.
func (m *Manager) closeGood(ctx context.Context, t *record.Trial) {
	if err := m.o.Machine.Proved(ctx); err != nil {
		m.o.Log("%v", err)
	}
	outcome := wire.OutcomeInstalled
	if t.Load != "" || m.isBack(t) {
		outcome = wire.OutcomeWentBack
	}
	m.enterOnce(t, wire.UpdateEvent{
		Time: m.o.Now(), From: t.From, To: t.To, By: t.By, Outcome: outcome, Downloaded: t.Downloaded, Downtime: m.downtime(t),
	})
	m.keepOne(t.Snapshot)
	if err := record.Remove(m.o.DataDir); err != nil {
		m.o.Log("%v", err)
	}
	m.mu.Lock()
	m.trial = nil
	m.mu.Unlock()
}

// downtime is for how many seconds the services stood still; 0 when the record
// does not say, or the clock was set meanwhile.
func (m *Manager) downtime(t *record.Trial) int {
	d := m.o.Now().Sub(t.Armed)
	if t.Armed.IsZero() || d < 0 || d > 24*time.Hour {
		return 0
	}
	return int(d.Seconds())
}

// keepOne removes all snapshots but one: that of the version before.
func (m *Manager) keepOne(id string) {
	list, err := snapshot.List(m.o.DataDir)
	for _, s := range list {
		if s.ID != id {
			err = errors.Join(err, snapshot.Remove(m.o.DataDir, s.ID))
		}
	}
	if err = errors.Join(err, snapshot.Clean(m.o.DataDir)); err != nil {
		m.o.Log("%v", err)
	}
}

// failed writes down why, and goes back: first the reason, then the boot state.
func (m *Manager) failed(ctx context.Context, t *record.Trial, missing []string) {
	_, within := m.limits()
	t.Reason = fmt.Sprintf("version %s was not well within %v: %s", t.To, within, strings.Join(missing, "; "))
	t.Log = m.o.Machine.Log(ctx, lastBoot(t))
	m.o.Log("%s: going back to %s", t.Reason, t.From)
	if err := record.Write(m.o.DataDir, t); err != nil {
		m.o.Log("%v", err)
	}
	if err := m.o.Disk.SetState(slot.State{Good: t.From}); err != nil {
		m.o.Log("%v", err) // the boot loader counts down all the same
	}
	if err := m.o.Machine.Reboot(ctx); err != nil {
		m.o.Log("%v", err) // the timer does it
	}
}

func lastBoot(t *record.Trial) string {
	if len(t.Boots) == 0 {
		return ""
	}
	return t.Boots[len(t.Boots)-1].ID
}

// closeReturned is in the version of before, with its data.
func (m *Manager) closeReturned(ctx context.Context, t *record.Trial) {
	e := wire.UpdateEvent{
		Time: m.o.Now(), From: t.From, To: t.To, By: t.By, Outcome: wire.OutcomeRolledBack, Reason: t.Reason, Log: t.Log,
		Downloaded: t.Downloaded, Downtime: m.downtime(t),
	}
	state, err := m.o.Disk.State()
	if err != nil {
		m.o.Log("%v", err)
	}
	switch {
	case e.Reason != "":
	case len(t.Boots) == 0 && state.Trial == t.To && state.Tries == maxTries:
		e.Outcome, e.Reason = wire.OutcomeFailed, "the appliance was restarted before the new version could be"
	case len(t.Boots) == 0:
		e.Reason = fmt.Sprintf("version %s did not start: its kernel or its first program failed", t.To)
	default:
		e.Reason = fmt.Sprintf("version %s was started %d times, and never came as far as being found well", t.To, len(t.Boots))
		e.Log = m.o.Machine.Log(ctx, lastBoot(t))
	}
	m.enterOnce(t, e)
	if state.Trial != "" || state.Good != m.running {
		if err := m.o.Disk.SetState(slot.State{Good: m.running}); err != nil {
			m.o.Log("%v", err)
		}
	}
	m.keepOne("")
	if err := record.Remove(m.o.DataDir); err != nil {
		m.o.Log("%v", err)
	}
	m.o.Changed()
}
