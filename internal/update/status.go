package update

import (
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// Brief is what everybody should know of updates: all that costs nothing to
// find out. Its slots are left out.
func (m *Manager) Brief() wire.Updates {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := wire.Updates{Version: m.running, CheckProblem: m.problem, Trial: m.trial}
	if m.job != nil {
		shown := m.job.show()
		u.Job = &shown
	}
	if m.found != nil {
		u.Available = &wire.Release{Version: m.found.entry.Version, Security: m.found.release.Security, OneWay: m.oneWay(m.found.release.Manifest)}
	}
	if len(m.history) > 0 {
		u.History = m.history[:1]
	}
	return u
}

// Status is how updates are; notes are in a language, if there are such.
func (m *Manager) Status(language string) wire.Updates {
	s := m.o.Settings()
	u := wire.Updates{
		Version: m.running, Channel: s.Channel, Source: s.URL, Impossible: m.impossible(),
		Slots: m.slots(), History: []wire.UpdateEvent{},
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u.CheckProblem, u.Trial = m.problem, m.trial
	if !m.checked.IsZero() {
		checked := m.checked.UTC()
		u.Checked = &checked
	}
	if s.Every > 0 && s.URL != "" && !m.due.IsZero() {
		next := m.o.Now().Add(time.Until(m.due)).UTC()
		u.Next = &next
	}
	if m.job != nil {
		shown := m.job.show()
		u.Job = &shown
	}
	u.History = append(u.History, m.history...)
	u.Held, u.HeldUntil = m.waiting.Held, m.waiting.HeldUntil
	if f := m.found; f != nil {
		u.Available, u.Then = m.describe(f, language), f.then
		u.Held, u.HeldUntil = "", nil
		switch {
		case !s.Postponed.IsZero() && m.o.Now().Before(s.Postponed):
			u.Held, u.HeldUntil = "postponed", &s.Postponed
		case s.Policy != Install && !f.release.Security:
			u.Held = "policy"
		}
	}
	return u
}

func (m *Manager) describe(f *found, language string) *wire.Release {
	r := f.release
	w := &wire.Release{
		Version: f.entry.Version, Published: r.Published, Notes: r.Notes[language], NotesHTML: r.NotesHTML[language], Security: r.Security,
		Download: f.download, How: string(f.way), Whole: f.whole, Room: f.room,
		OneWay: m.oneWay(r.Manifest),
	}
	if w.Notes == "" {
		w.Notes, w.NotesHTML = r.Notes["en"], r.NotesHTML["en"]
	}
	if f.bundle {
		w.How = "bundle"
	}
	for _, a := range r.Advisories {
		w.Advisories = append(w.Advisories, wire.Advisory(a))
	}
	w.Written = m.written(f.entry.Version)
	w.Downloaded = w.Written
	return w
}

// slots are the versions on the disk.
func (m *Manager) slots() []wire.UpdateSlot {
	list := []wire.UpdateSlot{}
	slots, err := m.o.Disk.Slots()
	if err != nil {
		m.o.Log("%v", err)
	}
	state, err := m.o.Disk.State()
	if err != nil {
		m.o.Log("%v", err)
	}
	snapshots, err := snapshot.List(m.o.DataDir)
	if err != nil {
		m.o.Log("%v", err)
	}
	m.mu.Lock()
	started := func(version string) bool {
		return slices.ContainsFunc(m.history, func(e wire.UpdateEvent) bool {
			return e.To == version && e.Outcome != wire.OutcomeFailed && e.Outcome != wire.OutcomeCancelled || e.From == version
		})
	}
	defer m.mu.Unlock()
	for _, s := range slots {
		w := wire.UpdateSlot{Version: s.Version, Good: s.Version == state.Good, Size: s.Size, State: wire.SlotKept}
		switch {
		case s.Version == m.running && s.Version != state.Good:
			w.State = wire.SlotTrial
		case s.Version == m.running:
			w.State = wire.SlotCurrent
		case !started(s.Version):
			w.State = wire.SlotNew
		}
		data, from, refused := m.wayBack(s, snapshots)
		w.Back = data
		if s.Version != m.running && w.State == wire.SlotKept {
			w.Refused = refused
		}
		if from != nil {
			at := from.Time.UTC()
			w.SnapshotTime = &at
		}
		list = append(list, w)
	}
	return list
}
