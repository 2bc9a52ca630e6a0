package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ingotvm/ingot/internal/update/record"
)

// Restore puts a snapshot in the place of what is there: the configuration,
// the identity, and the data of the services named, nil for all that are in
// it. It uses the snapshot up. A service whose data is restored by a command
// has what that needs in [RestoreDir] then.
//
// Nothing else may use the data disk meanwhile. When it was cut off it is to
// be called again with the same arguments, as often as it takes; once it has
// succeeded, calling it again does nothing. The error wraps [ErrNone] when
// there is no such snapshot, and then nothing was changed.
func Restore(dataDir, id string, services []string) error {
	return restore(realDisk{}, dataDir, id, services)
}

func restore(d disk, dataDir, id string, services []string) error {
	if !record.IsID(id) {
		return fmt.Errorf("cannot put the data back: %q is no ID of a snapshot", id)
	}
	dir := snapshots(dataDir)
	m, err := readMarker(dataDir, id)
	if errors.Is(err, ErrNone) {
		if _, err := os.Lstat(filepath.Join(dir, usedPrefix+id)); err == nil {
			return d.Flush(dir) // it was cut off after the last step
		}
	}
	if err != nil {
		return fmt.Errorf("cannot put the data of snapshot %s back: %w", id, err)
	}
	for _, i := range m.Items {
		if i.Service != "" && services != nil && !slices.Contains(services, i.Service) {
			continue
		}
		if err := i.restore(d, dataDir, filepath.Join(dir, id)); err != nil {
			return fmt.Errorf("cannot put %s back: %w", i.Path, err)
		}
	}
	// The disk has everything before the snapshot is gone.
	if err := d.Flush(dir); err != nil {
		return fmt.Errorf("cannot put the data back: %w", err)
	}
	if err := d.Rename(filepath.Join(dir, id), filepath.Join(dir, usedPrefix+id)); err != nil {
		return fmt.Errorf("cannot put the data back: %w", err)
	}
	return d.Flush(dir)
}

// restore puts one item back. Where it is tells how far an attempt before has
// come: as long as the item is in the snapshot, what is in its place, if
// anything, is what has to go.
func (i item) restore(d disk, dataDir, from string) error {
	live, kept, old := filepath.Join(dataDir, i.Path), filepath.Join(from, dataPart, i.Path), filepath.Join(from, oldPart, i.Path)
	if !i.Absent {
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			return nil // it is back
		} else if err != nil {
			return err
		}
	}
	if err := moveAway(d, live, old); err != nil {
		return err
	}
	if i.Absent {
		return nil
	}
	if err := makeParent(d, live); err != nil {
		return err
	}
	return d.Rename(kept, live)
}

// moveAway moves what is at a path, if anything, to another, and away what an
// attempt before has moved there.
func moveAway(d disk, from, to string) error {
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := makeParent(d, to); err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		if err := d.RemoveAll(to); err != nil {
			return err
		}
	}
	return d.Rename(from, to)
}

// makeParent makes the folder of a path. It is there, unless the whole disk
// was emptied: making one takes room that there may not be.
func makeParent(d disk, path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Lstat(parent); err == nil {
		return nil
	}
	return d.MkdirAll(parent, 0o755)
}

// TakenIn says that a service's restore command has succeeded: from now on
// [RestoreDir] is not there. It is durable when TakenIn returns.
func TakenIn(dataDir, service string) error {
	if !record.IsID(service) {
		return fmt.Errorf("cannot note that %q has its data back: that is no service", service)
	}
	dir := snapshots(dataDir)
	used := filepath.Join(dir, usedPrefix+"restore-"+service)
	err := errors.Join(os.MkdirAll(dir, 0o700), os.RemoveAll(used)) // of one before
	if err == nil {
		err = os.Rename(RestoreDir(dataDir, service), used)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = realDisk{}.Flush(dir)
	}
	if err == nil {
		err = os.RemoveAll(used)
	}
	if err != nil {
		return fmt.Errorf("cannot note that %s has its data back: %w", service, err)
	}
	return nil
}
