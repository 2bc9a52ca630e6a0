package slot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

// Folder is where the versions lie on the system partition.
const Folder = "slots"

// draftPrefix begins the name of a version that is being written. No version
// begins with a dot.
const draftPrefix = ".new-"

// Disk is the system disk of a running appliance.
type Disk struct {
	// Dir is where the system partition is mounted.
	Dir string
	// ESP is the device, or a file, of the EFI system partition.
	ESP string
	// Running is the version that runs.
	Running string

	volume volume
	mu     sync.Mutex // held while the partition is writable
}

// Open takes the system partition that is mounted read-only at dir, and the
// device of the EFI system partition.
func Open(dir, esp, running string) *Disk {
	return &Disk{Dir: dir, ESP: esp, Running: running, volume: mounted{dir}}
}

// OpenFolder is a disk for tests and trials: a folder that is always writable.
func OpenFolder(dir, esp, running string) *Disk {
	return &Disk{Dir: dir, ESP: esp, Running: running, volume: folder{}}
}

// Slot is one version on the disk.
type Slot struct {
	Version string
	// Dir is its folder.
	Dir string
	// Manifest is its manifest.json.
	Manifest release.Manifest
	// Size is what removing it would free, in bytes: files that it shares with
	// another version do not count.
	Size int64
}

// Path is where a file of the slot lies.
func (s Slot) Path(name string) string { return filepath.Join(s.Dir, name) }

// Slots are the versions on the disk, the newest first. A folder that is no
// version, or whose manifest cannot be read, is left out, and problem says so.
func (d *Disk) Slots() (list []Slot, problem error) {
	entries, err := os.ReadDir(filepath.Join(d.Dir, Folder))
	if err != nil {
		return nil, fmt.Errorf("cannot list the versions on the system disk: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), draftPrefix) {
			continue
		}
		s, err := d.slot(e.Name())
		if err != nil {
			problem = errors.Join(problem, err)
			continue
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Slot) int { return appliance.CompareVersions(b.Version, a.Version) })
	return list, problem
}

// maxManifest bounds what is read of a manifest, in bytes.
const maxManifest = 4 << 20

func (d *Disk) slot(version string) (Slot, error) {
	s := Slot{Version: version, Dir: filepath.Join(d.Dir, Folder, version)}
	data, err := readFile(s.Path("manifest.json"), maxManifest)
	if err == nil {
		err = json.Unmarshal(data, &s.Manifest)
	}
	if err == nil && s.Manifest.Version != version {
		err = fmt.Errorf("it is the manifest of version %q", s.Manifest.Version)
	}
	if err != nil {
		return s, fmt.Errorf("cannot read what version %s is: %w", version, err)
	}
	files, err := os.ReadDir(s.Dir)
	if err != nil {
		return s, fmt.Errorf("cannot read what version %s is: %w", version, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return s, fmt.Errorf("cannot read what version %s is: %w", version, err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink == 1 {
			s.Size += st.Blocks * 512 // stat(2) counts in 512 bytes everywhere
		}
	}
	return s, nil
}

// bootable says whether GRUB finds what it needs of a version.
func (d *Disk) bootable(version string) error {
	if !appliance.IsVersion(version) {
		return fmt.Errorf("%q is no version", version)
	}
	for _, name := range []string{"vmlinuz", "initrd"} {
		info, err := os.Stat(filepath.Join(d.Dir, Folder, version, name))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() == 0 {
			return fmt.Errorf("its %s is empty", name)
		}
	}
	return nil
}

// Room is how many bytes are free on the system partition.
func (d *Disk) Room() (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.Dir, &st); err != nil {
		return 0, fmt.Errorf("cannot tell how much room the system disk has: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// ErrInUse says that a version must stay.
var ErrInUse = errors.New("this version is in use")

// Remove removes a version. It refuses the one that runs and those that the
// boot state names, and all when that cannot be read: the error wraps [ErrInUse].
func (d *Disk) Remove(ctx context.Context, version string) error {
	if !appliance.IsVersion(version) {
		return fmt.Errorf("cannot remove version %q: it is none", version)
	}
	state, err := d.State()
	if err != nil {
		return fmt.Errorf("cannot remove version %s: %w: %w", version, ErrInUse, err)
	}
	if version == d.Running || version == state.Good || version == state.Trial && state.Tries > 0 {
		return fmt.Errorf("cannot remove version %s: %w", version, ErrInUse)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.writable(func() error { return d.remove(version) })
}

// remove takes the name first, so that no half of a version has one.
func (d *Disk) remove(version string) error {
	dir := filepath.Join(d.Dir, Folder)
	draft := filepath.Join(dir, draftPrefix+version)
	if err := os.RemoveAll(draft); err != nil {
		return fmt.Errorf("cannot remove version %s: %w", version, err)
	}
	err := os.Rename(filepath.Join(dir, version), draft)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = host.SyncDir(dir)
	}
	if err == nil {
		err = os.RemoveAll(draft)
	}
	if err != nil {
		return fmt.Errorf("cannot remove version %s: %w", version, err)
	}
	return nil
}

// Prune removes versions until need bytes are free: the oldest first, never one
// that is in use nor one of keep. The error says how much is missing.
func (d *Disk) Prune(ctx context.Context, need int64, keep ...string) error {
	if err := d.clear(); err != nil {
		return err
	}
	list, _ := d.Slots() // what cannot be read is not removed either
	slices.SortFunc(list, func(a, b Slot) int { return cmp.Or(appliance.CompareVersions(a.Version, b.Version)) })
	for {
		free, err := d.Room()
		if err != nil {
			return err
		}
		if free >= need {
			return nil
		}
		i := slices.IndexFunc(list, func(s Slot) bool { return !slices.Contains(keep, s.Version) })
		if i < 0 {
			return fmt.Errorf("there is no room on the system disk: %d MiB are needed and %d MiB are free", need>>20, free>>20)
		}
		if err := d.Remove(ctx, list[i].Version); err != nil && !errors.Is(err, ErrInUse) {
			return err
		}
		list = slices.Delete(list, i, i+1)
	}
}

// clear removes what a cut left of versions that were being written or removed.
func (d *Disk) clear() error {
	left, err := d.drafts()
	if err != nil || len(left) == 0 {
		return err
	}
	return d.writable(func() error { return removeAll(left) })
}

func (d *Disk) drafts() ([]string, error) {
	left, err := filepath.Glob(filepath.Join(d.Dir, Folder, draftPrefix+"*"))
	if err != nil {
		return nil, err
	}
	return left, nil
}

func removeAll(paths []string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("cannot remove the rest of a version that was never finished: %w", err)
		}
	}
	return nil
}
