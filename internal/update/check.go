package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/fetch"
)

// found is a version that could be installed, and from where.
type found struct {
	entry   release.Entry
	then    []string
	release *release.Release
	source  source.Source
	bundle  bool
	// close ends the source; may be nil.
	close func()

	download, whole, room int64
	way                   fetch.Way
}

func productOf(d *appliance.Definition) string { return release.ProductOf(d) }

func jitter(span time.Duration) time.Duration {
	if span <= 0 {
		return 0
	}
	return rand.N(span)
}

// Check asks the repository what it offers.
func (m *Manager) Check(ctx context.Context) error {
	err := m.exclusive(ctx, wire.StepCheck, "", func(ctx context.Context, _ *job) error {
		s := m.o.Settings()
		src, err := m.source(s)
		if err != nil {
			return err
		}
		return m.look(ctx, src, s)
	})
	m.mu.Lock()
	switch {
	case err == nil:
		m.checked, m.problem = m.o.Now(), ""
	case ctx.Err() == nil && !errors.Is(err, ErrBusy):
		m.problem = err.Error()
	}
	m.mu.Unlock()
	m.o.Changed()
	m.kick()
	return err
}

// look finds what a repository has for us.
func (m *Manager) look(ctx context.Context, src source.Source, s Settings) error {
	v, err := m.o.Trust.Refresh(ctx, src, m.o.Now())
	if err != nil {
		return err
	}
	channel, err := v.Channel(ctx, m.product, s.Channel)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the repository has no channel %s for %s", s.Channel, m.product)
	}
	if err != nil {
		return err
	}
	c := channel.Choose(m.running, m.o.Instance, m.o.Trust.Now(m.o.Now()), s.Pinned)
	var f *found
	if c.Next != nil {
		r, err := v.Release(ctx, m.product, c.Next.Version)
		if err != nil {
			return err
		}
		f = &found{entry: *c.Next, then: c.Then, release: r, source: src}
		if err := m.measure(ctx, f); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(f)
	m.waiting = wire.Updates{}
	if c.Waiting != nil {
		m.waiting.Held, m.waiting.HeldUntil = "wave", &c.Until
	}
	return nil
}

// take replaces what was found; the lock is held.
func (m *Manager) take(f *found) {
	if m.found != nil && m.found.close != nil && (f == nil || f.source != m.found.source) {
		m.found.close()
	}
	m.found = f
}

// plan works out how a release is got now. The slots come with the one that
// runs first.
func (m *Manager) plan(ctx context.Context, f *found, avoid fetch.Avoid) (*fetch.Plan, error) {
	slots, err := m.o.Disk.Slots()
	if err != nil {
		m.o.Log("%v", err)
	}
	slices.SortStableFunc(slots, func(a, b slot.Slot) int {
		switch m.running {
		case a.Version:
			return -1
		case b.Version:
			return 1
		}
		return 0
	})
	return fetch.Choose(ctx, f.source, f.release, slots, m.cache, avoid)
}

// measure works out what it costs.
func (m *Manager) measure(ctx context.Context, f *found) error {
	p, err := m.plan(ctx, f, nil)
	if err != nil {
		return err
	}
	f.download, f.whole, f.room, f.way = p.Download(), p.Size(), p.Room(), p.Way()
	return nil
}

// downloaded says whether the slot is there, or all of it is in the cache.
func (m *Manager) downloaded(f *found) bool {
	if m.written(f.entry.Version) {
		return true
	}
	p, err := m.plan(context.Background(), f, nil)
	return err == nil && p.Missing() == 0
}

// written says whether a version lies in its slot.
func (m *Manager) written(version string) bool {
	slots, _ := m.o.Disk.Slots()
	return slices.ContainsFunc(slots, func(s slot.Slot) bool { return s.Version == version })
}

// hold says why something is not installed by itself now.
func (m *Manager) hold(s Settings, f *found) string {
	if !s.Postponed.IsZero() && m.o.Now().Before(s.Postponed) {
		return "postponed"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.history { // the newest first
		if e.To != f.entry.Version {
			continue
		}
		ago := m.o.Now().Sub(e.Time)
		switch {
		case e.Outcome == wire.OutcomeRolledBack: // a person may try it again
			return "failed"
		case e.Outcome == wire.OutcomeFailed && ago < againAfter, e.Outcome == wire.OutcomeCancelled && ago < cancelledFor:
			return "failed"
		}
	}
	return ""
}

// How long nothing is tried again by itself: after something failed, as the
// network may be back, and after somebody cancelled it.
const (
	againAfter   = 2 * time.Hour
	cancelledFor = 24 * time.Hour
)

// Bundle takes a bundle, or a repository on a medium, for what is offered; end
// is called when it is not needed any more. The version in it that can be
// installed is then available as if the repository had it.
func (m *Manager) Bundle(ctx context.Context, src source.Source, end func()) error {
	err := m.exclusive(ctx, wire.StepCheck, "", func(ctx context.Context, _ *job) error {
		v, err := m.o.Trust.Refresh(ctx, src, m.o.Now())
		if err != nil {
			return err
		}
		var best *found
		for _, name := range v.Channels(m.product) {
			channel, err := v.Channel(ctx, m.product, name)
			if err != nil {
				continue // a bundle has one of them
			}
			for _, e := range channel.Releases {
				if e.Yanked != nil || appliance.CompareVersions(e.Version, m.running) <= 0 ||
					e.Minimum != "" && appliance.CompareVersions(m.running, e.Minimum) < 0 || passesFloor(channel, m.running, e) {
					continue
				}
				r, err := v.Release(ctx, m.product, e.Version)
				if err == nil {
					best = &found{entry: e, release: r, source: src, bundle: true, close: end}
				}
			}
		}
		if best == nil {
			return fmt.Errorf("%w: the bundle has nothing newer than version %s for %s that can be installed over it", ErrNothing, m.running, m.product)
		}
		if err := m.measure(ctx, best); err != nil {
			return err
		}
		m.mu.Lock()
		m.take(best)
		m.mu.Unlock()
		return nil
	})
	if err != nil && end != nil {
		end()
	}
	m.o.Changed()
	return err
}

// passesFloor says whether a version lies behind a floor that was not installed.
func passesFloor(c *release.Channel, running string, e release.Entry) bool {
	for _, f := range c.Releases {
		if f.Floor && f.Yanked == nil && appliance.CompareVersions(f.Version, running) > 0 && appliance.CompareVersions(f.Version, e.Version) < 0 {
			return true
		}
	}
	return false
}
