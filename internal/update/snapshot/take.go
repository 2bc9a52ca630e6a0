package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/initrd/copytree"
	"github.com/ingotvm/ingot/internal/update/record"
)

// Hook runs a service's own command.
type Hook interface {
	// Save runs the service's save command, which writes to the folder
	// [SaveDir], as the service's user and in its sandbox. The folder is there
	// and empty.
	Save(ctx context.Context, service string) error
}

// Options say what to keep.
type Options struct {
	// DataDir is where the data disk is mounted.
	DataDir string
	// ID is the snapshot's name, see [record.IsID]; one that is there is replaced.
	ID string
	// Version is the appliance's that runs.
	Version string
	// Services are the definition's: what they declare of their data counts.
	// They must not run.
	Services []appliance.Service
	// Hook is needed when one of them has a save command.
	Hook Hook
	// Config, if any, changes the copy of the configuration, whose folder it is
	// given: into the format of an older version, say.
	Config func(dir string) error
	// Progress, if any, is told how many bytes of how many are copied.
	Progress func(done, total int64)
	// Now is the time that it is given.
	Now time.Time
}

// RoomError says that a snapshot does not fit on the disk; both in bytes.
type RoomError struct{ Need, Free int64 }

func (e *RoomError) Error() string {
	const mib = 1 << 20
	return fmt.Sprintf("there is no room for a copy of the data: it takes %d MiB, and %d MiB are free on the data disk", (e.Need+mib-1)/mib, e.Free/mib)
}

// reserve is what stays free beside a snapshot, in bytes: the new version
// must be able to start, and to write down how that went. reserveFiles is the
// same of files.
const (
	reserve      = 64 << 20
	reserveFiles = 1000
)

// Take makes a snapshot. It is all there and on the disk when Take returns
// without an error; with one, or when it is cut off, there is none, and what
// there was under its ID before is gone. The error is a *[RoomError] when it
// does not fit, which is seen before anything is written.
func Take(ctx context.Context, o Options) error { return take(ctx, realDisk{}, o) }

// CheckRoom says with a *[RoomError] that a snapshot would not fit.
func CheckRoom(o Options) error {
	_, err := checkRoom(realDisk{}, o)
	return err
}

// Size is how many bytes a snapshot takes, but for what save commands write.
func Size(o Options) (int64, error) {
	need, _, err := size(o)
	return need, err
}

func take(ctx context.Context, d disk, o Options) (err error) {
	if !record.IsID(o.ID) {
		return fmt.Errorf("cannot keep the data: %q is no ID of a snapshot", o.ID)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot keep the data: %w", err)
		}
	}()
	if err := o.ready(); err != nil {
		return err
	}
	dir := snapshots(o.DataDir)
	draft := filepath.Join(dir, draftPrefix+o.ID)
	if err := Remove(o.DataDir, o.ID); err != nil {
		return err
	}
	if err := Clean(o.DataDir); err != nil {
		return err
	}
	need, err := checkRoom(d, o)
	if err != nil {
		return err
	}
	if err := d.MkdirAll(draft, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(draft) // frees the room; the next attempt would do it, too
			_ = os.RemoveAll(filepath.Join(o.DataDir, record.Dir, saveDir))
		}
	}()
	w := writer{ctx: ctx, disk: d, o: o, draft: draft, total: need}
	if err := w.write(); err != nil {
		return err
	}
	if err := d.Rename(draft, filepath.Join(dir, o.ID)); err != nil {
		return err
	}
	return d.Flush(dir)
}

// ready says why the data cannot be kept as it is.
func (o Options) ready() error {
	for _, s := range o.Services {
		if _, err := os.Lstat(RestoreDir(o.DataDir, s.Name)); err == nil {
			return fmt.Errorf("the data of %s from before the last update has not been taken in yet", s.Title)
		}
		if s.Data.Snapshot == appliance.SnapshotHook && o.Hook == nil {
			return fmt.Errorf("nothing runs the save command of %s", s.Title)
		}
	}
	return nil
}

// items are what a snapshot consists of.
func (o Options) items() []item {
	list := []item{{Path: "config"}, {Path: "identity"}}
	for _, s := range o.Services {
		if !s.Data.Any() || s.Data.Snapshot == appliance.SnapshotNone {
			continue
		}
		list = append(list, item{Path: record.VersionFile(s.Name), Service: s.Name})
		if s.Data.Snapshot != appliance.SnapshotHook {
			list = append(list, item{Path: filepath.Join("app", s.Name), Service: s.Name})
		}
		list = append(list, item{Path: filepath.Join(record.Dir, restoreDir, s.Name), Service: s.Name})
	}
	return list
}

// writer fills a draft.
type writer struct {
	ctx         context.Context
	disk        disk
	o           Options
	draft       string
	done, total int64
}

func (w *writer) write() error {
	m := marker{Format: 1, Info: Info{ID: w.o.ID, Version: w.o.Version, Time: w.o.Now, Size: w.total}}
	for _, s := range w.o.Services {
		if s.Data.Any() && s.Data.Snapshot != appliance.SnapshotNone {
			m.Services = append(m.Services, s.Name)
		}
	}
	for _, s := range w.o.Services {
		if s.Data.Snapshot == appliance.SnapshotHook {
			if err := w.save(s); err != nil {
				return fmt.Errorf("%s: %w", s.Title, err)
			}
		}
	}
	for _, i := range w.o.items() {
		absent, err := w.copy(i)
		if err != nil {
			return err
		}
		i.Absent = absent
		m.Items = append(m.Items, i)
	}
	if w.o.Config != nil {
		if err := w.o.Config(filepath.Join(w.draft, dataPart, "config")); err != nil {
			return err
		}
	}
	data, err := record.Seal(m)
	if err != nil {
		return err
	}
	if err := w.disk.Flush(w.draft); err != nil {
		return err
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return w.disk.Write(filepath.Join(w.draft, markerFile), data)
}

// copy copies one item, and makes the folder to which what is there then will
// be moved: going back must work on a full disk.
func (w *writer) copy(i item) (absent bool, err error) {
	kept := filepath.Join(w.draft, dataPart, i.Path)
	for _, path := range []string{kept, filepath.Join(w.draft, oldPart, i.Path)} {
		if err := w.disk.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return false, err
		}
	}
	if _, err := os.Lstat(kept); err == nil {
		return false, nil // a service has saved it
	}
	err = copytree.Copy(w.ctx, filepath.Join(w.o.DataDir, i.Path), kept, copytree.Options{
		Changing: i.Service == "", Progress: w.progress,
	})
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := os.Lstat(filepath.Join(w.o.DataDir, i.Path)); errors.Is(e, fs.ErrNotExist) {
			return true, nil
		}
	}
	return false, err
}

func (w *writer) progress(n int64) {
	w.done += n
	if w.o.Progress != nil {
		w.o.Progress(min(w.done, w.total), w.total)
	}
}

// save lets a service write what its restore command needs. A service of ours
// has the folder; of packages it is root's.
func (w *writer) save(s appliance.Service) error {
	folder := SaveDir(w.o.DataDir, s.Name)
	if err := w.disk.MkdirAll(filepath.Dir(folder), 0o711); err != nil {
		return err
	}
	if err := w.disk.Mkdir(folder, 0o700); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(w.o.DataDir, "app", s.Name), &st); err == nil {
		if err := os.Lchown(folder, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := w.o.Hook.Save(w.ctx, s.Name); err != nil {
		return err
	}
	kept := filepath.Join(w.draft, dataPart, record.Dir, restoreDir, s.Name)
	if err := w.disk.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	return w.disk.Rename(folder, kept)
}
