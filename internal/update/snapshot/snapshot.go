package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/update/record"
)

// Names below the folder of updates, and in a snapshot.
const (
	snapshotsDir = "snapshots"
	saveDir      = "save"
	restoreDir   = "restore"

	markerFile = "snapshot.json"
	dataPart   = "data"
	oldPart    = "old"

	draftPrefix = ".new-"
	usedPrefix  = ".used-"
	maxMarker   = 1 << 20 // bytes
)

// ErrNone says that there is no such snapshot. It is an [fs.ErrNotExist].
var ErrNone = fmt.Errorf("there is no such snapshot: %w", fs.ErrNotExist)

// Info is what is known of a snapshot.
type Info struct {
	ID string `json:"id"`
	// Version is the appliance's whose data it is.
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	// Size is what it takes on the disk, in bytes.
	Size int64 `json:"size"`
	// Services are those whose data is in it.
	Services []string `json:"services,omitempty"`
}

// marker is the file that makes a folder a snapshot.
type marker struct {
	Format int `json:"format"`
	Info
	Items []item `json:"items"`
}

// item is one file or folder of the data disk.
type item struct {
	// Path is relative to the data disk.
	Path string `json:"path"`
	// Service is the one that it belongs to, "" for the appliance's own.
	Service string `json:"service,omitempty"`
	// Absent says that there was none, so that going back takes away what is
	// there by then.
	Absent bool `json:"absent,omitempty"`
}

// SaveDir is where a service's save command finds ${snapshot}.
func SaveDir(dataDir, service string) string {
	return filepath.Join(dataDir, record.Dir, saveDir, service)
}

// RestoreDir is where a service's restore command finds ${snapshot}. It is
// there only while the command has yet to succeed.
func RestoreDir(dataDir, service string) string {
	return filepath.Join(dataDir, record.Dir, restoreDir, service)
}

func snapshots(dataDir string) string { return filepath.Join(dataDir, record.Dir, snapshotsDir) }

// List says which snapshots there are, the newest first. Those that are
// damaged are not among them; the error, which comes with the others, says so.
func List(dataDir string) ([]Info, error) {
	entries, err := os.ReadDir(snapshots(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the snapshots: %w", err)
	}
	var list []Info
	var damaged error
	for _, e := range entries {
		if !record.IsID(e.Name()) {
			continue
		}
		m, err := readMarker(dataDir, e.Name())
		if err != nil {
			damaged = errors.Join(damaged, fmt.Errorf("snapshot %s: %w", e.Name(), err))
			continue
		}
		list = append(list, m.Info)
	}
	slices.SortFunc(list, func(a, b Info) int { return b.Time.Compare(a.Time) })
	return list, damaged
}

// Remove removes a snapshot; that there is none is fine.
func Remove(dataDir, id string) error {
	if !record.IsID(id) {
		return fmt.Errorf("cannot remove the snapshot %q: that is no ID of one", id)
	}
	dir := snapshots(dataDir)
	err := os.Rename(filepath.Join(dir, id), filepath.Join(dir, draftPrefix+id)) // from now on it is none
	if errors.Is(err, fs.ErrExist) {
		if err = os.RemoveAll(filepath.Join(dir, draftPrefix+id)); err == nil {
			return Remove(dataDir, id)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(dir, draftPrefix+id))
	}
	if err != nil {
		return fmt.Errorf("cannot remove the snapshot %s: %w", id, err)
	}
	return nil
}

// Clean removes what is no snapshot any more: what was displaced by those that
// went back, and drafts that were cut off. It must not run beside [Take].
func Clean(dataDir string) error {
	entries, err := os.ReadDir(snapshots(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot tidy up the snapshots: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			err = errors.Join(err, os.RemoveAll(filepath.Join(snapshots(dataDir), e.Name())))
		}
	}
	err = errors.Join(err, os.RemoveAll(filepath.Join(dataDir, record.Dir, saveDir)))
	if err != nil {
		return fmt.Errorf("cannot tidy up the snapshots: %w", err)
	}
	return nil
}

// readMarker reads what is in a snapshot; the error is [ErrNone] when there is
// none, and says what is wrong otherwise.
func readMarker(dataDir, id string) (*marker, error) {
	f, err := os.Open(filepath.Join(snapshots(dataDir), id, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMarker+1))
	if err != nil {
		return nil, err
	}
	var m marker
	if err := record.Unseal(data, &m); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if m.Format != 1 || m.ID != id {
		return nil, errors.New("it is damaged: it is not what its name says")
	}
	for _, i := range m.Items {
		if !filepath.IsLocal(i.Path) || filepath.Clean(i.Path) != i.Path {
			return nil, errors.New("it is damaged: it holds a path that cannot be")
		}
	}
	return &m, nil
}
