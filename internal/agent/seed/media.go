package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
)

// Mounter mounts media; tests hand in a fake.
type Mounter interface {
	// Mount mounts a device read-only, with neither devices nor programs.
	Mount(device, kind, dir string) error
	Unmount(dir string) error
}

// device is a disk or partition with a file system that seeds come on.
type device struct {
	name        string // the kernel's: sr0, vdb1
	kind, label string
}

// volume is what was read of a medium: files by their names in lower case.
type volume struct {
	device string
	files  map[string][]byte
}

// media reads files of all media that are wanted. What could be read is
// returned with the error of what could not.
func (o Options) media(ctx context.Context, want func(device) bool, names ...string) ([]volume, error) {
	found, err := o.devices(ctx)
	if err != nil {
		return nil, err
	}
	var volumes []volume
	var errs []error
	for _, d := range found {
		if !want(d) {
			continue
		}
		files, err := o.readMedium(d, names)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot read %s (%s, %q): %w", d.name, d.kind, d.label, err))
			continue
		}
		volumes = append(volumes, volume{d.name, files})
	}
	return volumes, errors.Join(errs...)
}

// maxDevices bounds how many disks and partitions are looked at.
const maxDevices = 256

// devices are the media of the machine, the appliance's own disks left out,
// in the order of their names.
func (o Options) devices(ctx context.Context) ([]device, error) {
	class := filepath.Join(o.Root, "sys/class/block")
	entries, err := os.ReadDir(class)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list disks: %w", err)
	}
	own := map[string]bool{}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if !slices.ContainsFunc([]string{"sr", "vd", "sd", "xvd", "nvme"}, func(kind string) bool { return strings.HasPrefix(name, kind) }) {
			continue
		}
		names = append(names, name)
		if strings.Contains(readSmall(class, name, "uevent")+"\n", "PARTNAME=ingot-") {
			own[disk(class, name)] = true
		}
	}
	var found []device
	for _, name := range names[:min(len(names), maxDevices)] {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if own[disk(class, name)] || readSmall(class, name, "size") == "0" {
			continue
		}
		f, err := os.Open(filepath.Join(o.Root, "dev", name))
		if err != nil {
			continue // a drive without a medium
		}
		kind, label := identify(f)
		f.Close()
		if kind != "" {
			found = append(found, device{name, kind, label})
		}
	}
	return found, nil
}

// disk is the name of the disk that a partition is on; a disk's own.
func disk(class, name string) string {
	if _, err := os.Stat(filepath.Join(class, name, "partition")); err != nil {
		return name
	}
	path, err := filepath.EvalSymlinks(filepath.Join(class, name))
	if err != nil {
		return name
	}
	return filepath.Base(filepath.Dir(path))
}

// readMedium mounts a medium, reads files of its root and unmounts it.
func (o Options) readMedium(d device, names []string) (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp(o.RunDir, "seed-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	if err := o.Mounter.Mount(filepath.Join(o.Root, "dev", d.name), d.kind, dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Mounter.Unmount(dir)) }()
	return readFiles(dir, names)
}

// maxEntries is how many names in the root of a medium are looked at.
const maxEntries = 1000

// readFiles reads those of the named files that a folder has, whatever the
// case of their letters. Links out of the folder are not followed.
func readFiles(dir string, names []string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	list, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer list.Close()
	entries, err := list.Readdirnames(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		name := strings.ToLower(entry)
		if !slices.Contains(names, name) {
			continue
		}
		data, err := readRegular(root, entry)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", entry, err)
		}
		files[name] = data
	}
	return files, nil
}

func readRegular(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would block
		return nil, errors.New("it is not a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUpTo(f, seedtext.MaxBytes)
}
