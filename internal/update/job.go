package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/update/fetch"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// job is what is being done.
type job struct {
	cancel context.CancelFunc
	done   chan struct{}
	by     string

	mu      sync.Mutex
	shown   wire.UpdateJob
	started time.Time // of the step
	first   int64     // what was done when it started
	fetched int64
	// firm says that it cannot be cancelled any more.
	firm bool
}

// step begins a step of so many bytes.
func (j *job) step(name string, total int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shown.Step, j.shown.Done, j.shown.Total, j.shown.Rate, j.shown.Until = name, 0, total, 0, nil
	j.started, j.first = time.Now(), -1
}

func (j *job) progress(done int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.first < 0 {
		j.first = done
	}
	j.shown.Done = done
	if d := time.Since(j.started); d > 500*time.Millisecond {
		j.shown.Rate = int64(float64(done-j.first) / d.Seconds())
	}
}

func (j *job) show() wire.UpdateJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.shown
}

// begin makes a job the only one.
func (m *Manager) begin(ctx context.Context, step, version, by string) (context.Context, *job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.job != nil || m.trial != nil {
		return nil, nil, ErrBusy
	}
	ctx, cancel := context.WithCancel(ctx)
	m.job = &job{cancel: cancel, done: make(chan struct{}), by: by, shown: wire.UpdateJob{Version: version, Since: m.o.Now()}}
	m.job.step(step, 0)
	return ctx, m.job, nil
}

func (m *Manager) end(j *job) {
	j.cancel()
	m.mu.Lock()
	m.job = nil
	m.mu.Unlock()
	close(j.done)
	m.o.Changed()
}

// exclusive does something as the only one, and waits for it.
func (m *Manager) exclusive(ctx context.Context, step, version string, do func(context.Context, *job) error) error {
	ctx, j, err := m.begin(ctx, step, version, "")
	if err != nil {
		return err
	}
	defer m.end(j)
	return do(ctx, j)
}

// start does something as the only one in the background. What fails is
// entered into the history.
func (m *Manager) start(ctx context.Context, step, version, by string, do func(context.Context, *job) error) error {
	ctx, j, err := m.begin(context.WithoutCancel(ctx), step, version, by)
	if err != nil {
		return err
	}
	go func() {
		err := do(ctx, j)
		if err != nil {
			e := wire.UpdateEvent{Time: m.o.Now(), From: m.running, To: version, By: by, Outcome: wire.OutcomeFailed, Reason: err.Error(), Downloaded: j.fetched}
			if ctx.Err() != nil {
				e.Outcome, e.Reason = wire.OutcomeCancelled, ""
			}
			m.o.Log("update to %s: %v", version, err)
			m.enter(e)
		}
		m.end(j)
	}()
	return nil
}

// Cancel ends what is being done, unless the machine is about to restart.
func (m *Manager) Cancel() {
	m.mu.Lock()
	j := m.job
	m.mu.Unlock()
	if j == nil {
		return
	}
	j.mu.Lock()
	firm := j.firm
	j.mu.Unlock()
	if !firm {
		j.cancel()
	}
}

// stop ends what is being done, and waits for it. What cannot be cancelled any
// more is only waiting for the restart.
func (m *Manager) stop() {
	m.mu.Lock()
	j := m.job
	m.mu.Unlock()
	if j != nil {
		j.cancel()
		<-j.done
	}
}

// wanted is what was found, if it is that version.
func (m *Manager) wanted(version string) (*found, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil || m.found.entry.Version != version {
		return nil, fmt.Errorf("%w: %s", ErrNothing, version)
	}
	return m.found, nil
}

// Download fetches a version and writes its slot; nothing is restarted.
func (m *Manager) Download(ctx context.Context, by, version string) error {
	f, err := m.wanted(version)
	if err != nil {
		return err
	}
	return m.start(ctx, wire.StepDownload, version, by, func(ctx context.Context, j *job) error { return m.obtain(ctx, j, f) })
}

// ErrOneWay says that somebody has to consent to there being no way back.
var ErrOneWay = errors.New("there is no way back from this version")

// Install fetches a version, writes it, and restarts into it, at once or in the
// next window.
func (m *Manager) Install(ctx context.Context, by string, want wire.InstallUpdate) error {
	f, err := m.wanted(want.Version)
	if err != nil {
		return err
	}
	if text := m.oneWay(f.release.Manifest); text != "" && !want.OneWay {
		return fmt.Errorf("%w: %s", ErrOneWay, text)
	}
	return m.start(ctx, wire.StepDownload, want.Version, by, func(ctx context.Context, j *job) error {
		// Before anything is downloaded in vain.
		if err := snapshot.CheckRoom(m.keeping()); err != nil {
			return err
		}
		if err := m.obtain(ctx, j, f); err != nil {
			return err
		}
		if want.Window {
			if err := m.await(ctx, j); err != nil {
				return err
			}
		}
		// It may have been withdrawn while it was downloaded, or after.
		if err := m.still(ctx, f); err != nil {
			return err
		}
		return m.arm(ctx, j, &record.Trial{From: m.running, To: want.Version, By: by}, 0)
	})
}

// await waits for the window.
func (m *Manager) await(ctx context.Context, j *job) error {
	for {
		now, s := m.o.Now(), m.o.Settings()
		next := s.Window.Next(now)
		if s.Postponed.After(next) {
			next = s.Window.Next(s.Postponed)
		}
		if !next.After(now) {
			return nil
		}
		j.step(wire.StepWait, 0)
		j.mu.Lock()
		j.shown.Until = &next
		j.mu.Unlock()
		m.o.Changed()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(next.Sub(now), 30*time.Second)): // settings and clock may change
		}
	}
}

// still asks once more, as a version may have been withdrawn since: a
// repository that does not answer says nothing.
func (m *Manager) still(ctx context.Context, f *found) error {
	if f.bundle {
		return nil
	}
	v, err := m.o.Trust.Refresh(ctx, f.source, m.o.Now())
	if err != nil {
		m.o.Log("%v", err)
		return ctx.Err()
	}
	channel, err := v.Channel(ctx, m.product, m.o.Settings().Channel)
	if err != nil {
		m.o.Log("%v", err)
		return ctx.Err()
	}
	for _, e := range channel.Releases {
		if e.Version == f.entry.Version && e.Yanked != nil {
			m.mu.Lock()
			m.take(nil)
			m.mu.Unlock()
			return fmt.Errorf("version %s was withdrawn by its vendor: %s", e.Version, e.Yanked.Reason)
		}
	}
	return nil
}

// obtain fetches a version and writes its slot, on another way when one turns
// out wrong.
func (m *Manager) obtain(ctx context.Context, j *job, f *found) error {
	if m.written(f.entry.Version) {
		return nil
	}
	if err := m.still(ctx, f); err != nil {
		return err
	}
	avoid := fetch.Avoid{}
	for {
		err := m.obtainOnce(ctx, j, f, avoid)
		var wrong *fetch.WrongError
		if !errors.As(err, &wrong) || wrong.Way == fetch.Whole || slices.Contains(avoid[wrong.Name], wrong.Way) {
			return err
		}
		m.o.Log("%v; trying another way", err)
		avoid[wrong.Name] = append(avoid[wrong.Name], wrong.Way)
	}
}

// systemReserve stays free on the system partition, in bytes.
const systemReserve = 16 << 20

func (m *Manager) obtainOnce(ctx context.Context, j *job, f *found, avoid fetch.Avoid) error {
	p, err := m.plan(ctx, f, avoid)
	if err != nil {
		return err
	}
	state, err := m.o.Disk.State()
	if err != nil {
		return err
	}
	if err := m.cache.Keep(p); err != nil {
		return err
	}
	before := p.Missing()
	j.step(wire.StepDownload, p.Download())
	if err := p.Fetch(ctx, j.progress); err != nil {
		return err
	}
	j.fetched += before
	if err := m.o.Disk.Prune(ctx, p.Room()+systemReserve, m.running, state.Good); err != nil {
		return err
	}
	if p, err = m.plan(ctx, f, avoid); err != nil { // what was linked may have been removed
		return err
	}
	if p.Missing() > 0 {
		return m.obtainOnce(ctx, j, f, avoid)
	}
	err = m.o.Disk.Write(ctx, f.entry.Version, func(d *slot.Draft) error {
		j.step(wire.StepWrite, p.Written())
		if err := p.Build(ctx, d, j.progress); err != nil {
			return err
		}
		j.step(wire.StepVerify, p.Content())
		return p.Verify(ctx, d, j.progress)
	})
	if err != nil {
		return err
	}
	return m.cache.Keep(nil)
}

// keeping is what is kept of the data before a trial.
func (m *Manager) keeping() snapshot.Options {
	return snapshot.Options{DataDir: m.o.DataDir, Version: m.running, Services: m.o.Definition.Services, Hook: m.o.Hook}
}

// convert makes a copy of the configuration in an older format, which the initrd
// puts in place before the version that knows it starts.
func (m *Manager) convert(ctx context.Context, t *record.Trial, format int) error {
	t.Load = t.Snapshot + "-older"
	return snapshot.Take(ctx, snapshot.Options{
		DataDir: m.o.DataDir, ID: t.Load, Version: m.running, Now: t.Armed,
		Config: func(dir string) error { return m.o.Downgrade(dir, format) },
	})
}

// arm keeps the data, writes down what is about to happen, names the trial, and
// restarts. The configuration stays as it is from before it is kept until the
// machine goes down. When something fails, everything is as it was. A version
// that knows only an older format of the configuration finds it in that one; 0
// is this version's.
func (m *Manager) arm(ctx context.Context, j *job, t *record.Trial, older int) (err error) {
	j.step(wire.StepSnapshot, 0)
	letGo, err := m.o.Machine.HoldSettings(ctx)
	if err != nil {
		return err
	}
	defer letGo()
	if err := m.o.Machine.StopServices(ctx); err != nil {
		return errors.Join(err, m.o.Machine.StartServices(context.WithoutCancel(ctx)))
	}
	stopped := m.o.Now()
	t.Armed = stopped
	t.Snapshot, t.Downloaded = fmt.Sprintf("%s-%d", m.running, stopped.Unix()), j.fetched
	defer func() {
		if err == nil {
			return
		}
		back := context.WithoutCancel(ctx)
		if e := m.o.Disk.SetState(slot.State{Good: m.running}); e != nil {
			// The next start may be the trial: it needs the record and the data.
			err = errors.Join(err, e, m.o.Machine.StartServices(back))
			return
		}
		err = errors.Join(err, record.Remove(m.o.DataDir), snapshot.Remove(m.o.DataDir, t.Snapshot), m.o.Machine.StartServices(back))
		if older > 0 {
			err = errors.Join(err, snapshot.Remove(m.o.DataDir, t.Load))
		}
	}()
	kept := m.keeping()
	kept.ID, kept.Now = t.Snapshot, stopped
	kept.Progress = func(done, total int64) {
		j.mu.Lock()
		j.shown.Done, j.shown.Total = done, total
		j.mu.Unlock()
	}
	if err := snapshot.Take(ctx, kept); err != nil {
		return err
	}
	if older > 0 {
		if err := m.convert(ctx, t, older); err != nil {
			return err
		}
	}
	j.mu.Lock()
	j.firm = true
	j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	j.step(wire.StepRestart, 0)
	t.Stage = record.Armed
	if err := record.Write(m.o.DataDir, t); err != nil {
		return err
	}
	if err := m.o.Disk.SetState(slot.State{Good: m.running, Trial: t.To, Tries: release.MaxTries}); err != nil {
		return err
	}
	m.o.Log("restarting into version %s", t.To)
	if err := m.o.Machine.Reboot(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	<-ctx.Done() // the machine goes down, and with it this program
	return nil
}
