package update

import (
	"context"
	"errors"
	"fmt"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

const maxTries = release.MaxTries

// What going back does with the data.
const (
	keepData    = "keep"
	restoreData = "restore"
)

// ErrRefused says that there is no way back to a version.
var ErrRefused = errors.New("there is no way back to this version")

// isBack says whether a record leads to a version from before.
func (m *Manager) isBack(t *record.Trial) bool { return appliance.CompareVersions(t.To, t.From) < 0 }

// schemas are those of the services' data in the version that runs.
func (m *Manager) schemas() map[string]appliance.Service {
	all := map[string]appliance.Service{}
	for _, s := range m.o.Definition.Services {
		all[s.Name] = s
	}
	return all
}

// oneWay says why there is no way back from a release; "" when there is.
func (m *Manager) oneWay(next release.Manifest) string {
	ours := m.schemas()
	for _, d := range next.Data {
		s, ok := ours[d.Service]
		if ok && d.Schema != s.Data.Schema && d.Snapshot == release.SnapshotNone {
			return fmt.Sprintf("version %s changes the data of %s, which is not kept before", next.Version, d.Service)
		}
	}
	return ""
}

// wayBack says what going back to a slot does with the data, with the snapshot
// that would be put in place, or why it cannot be.
func (m *Manager) wayBack(s slot.Slot, snapshots []snapshot.Info) (data string, from *snapshot.Info, refused string) {
	if s.Version == m.running {
		return "", nil, "this version runs"
	}
	if appliance.CompareVersions(s.Version, m.running) > 0 {
		return "", nil, "this version is newer"
	}
	ours, changed := m.schemas(), s.Manifest.Config > m.o.Config // an older format can be made
	for _, d := range s.Manifest.Data {
		now, ok := ours[d.Service]
		if !ok || now.Data.Schema == d.Schema {
			continue
		}
		if now.Data.Snapshot == release.SnapshotNone {
			return "", nil, fmt.Sprintf("version %s cannot read the data of %s, and it was not kept", s.Version, d.Service)
		}
		changed = true
	}
	if !changed {
		return keepData, nil, ""
	}
	for i := range snapshots {
		if snapshots[i].Version == s.Version {
			return restoreData, &snapshots[i], ""
		}
	}
	return "", nil, fmt.Sprintf("version %s cannot read the data of this one, and there is no copy from before", s.Version)
}

// Back goes back to a version on the disk, in the way of an update: it has to
// prove itself, and if it does not, the one that runs now comes back.
func (m *Manager) Back(ctx context.Context, by string, want wire.BackUpdate) error {
	slots, _ := m.o.Disk.Slots() // what cannot be read is not there
	snapshots, err := snapshot.List(m.o.DataDir)
	if err != nil {
		m.o.Log("%v", err)
	}
	for _, s := range slots {
		if s.Version != want.Version {
			continue
		}
		data, from, refused := m.wayBack(s, snapshots)
		if refused != "" {
			return fmt.Errorf("%w: %s", ErrRefused, refused)
		}
		if data != want.Data {
			return fmt.Errorf("%w without saying what becomes of the data: with this one it is %q", ErrRefused, data)
		}
		t := &record.Trial{From: m.running, To: s.Version, By: by}
		if from != nil {
			t.Load = from.ID
		}
		older := 0
		if data == keepData && s.Manifest.Config < m.o.Config {
			older = s.Manifest.Config
		}
		return m.start(ctx, wire.StepSnapshot, s.Version, by, func(ctx context.Context, j *job) error { return m.arm(ctx, j, t, older) })
	}
	return fmt.Errorf("%w: it is not on the disk", ErrRefused)
}
