package seed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Medium is an attached disk or CD, or a partition of one, with a file system
// that can be read; never one of the appliance's own.
type Medium struct {
	// Name is the kernel's: sr0, sdb1. Label may be "".
	Name, Label string
}

// Attached lists the media of the machine.
func Attached(ctx context.Context, o Options) ([]Medium, error) {
	o.fill()
	found, err := o.devices(ctx)
	var list []Medium
	for _, d := range found {
		list = append(list, Medium{d.name, d.label})
	}
	return list, err
}

// OpenMedium mounts a medium of [Attached], read-only. The root cannot be left
// by any link; end unmounts it, and may be called once. A medium that is not
// there is an error that wraps [fs.ErrNotExist].
func OpenMedium(ctx context.Context, o Options, name string) (root *os.Root, end func() error, err error) {
	o.fill()
	found, err := o.devices(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range found {
		if d.name == name {
			return o.open(d)
		}
	}
	return nil, nil, fmt.Errorf("there is no medium %q any more: %w", name, fs.ErrNotExist)
}

func (o Options) open(d device) (*os.Root, func() error, error) {
	dir, err := os.MkdirTemp(o.RunDir, "medium-")
	if err != nil {
		return nil, nil, err
	}
	if err := o.Mounter.Mount(filepath.Join(o.Root, "dev", d.name), d.kind, dir); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cannot read %s (%s, %q): %w", d.name, d.kind, d.label, err), os.Remove(dir))
	}
	unmount := func() error { return errors.Join(o.Mounter.Unmount(dir), os.Remove(dir)) }
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, errors.Join(err, unmount())
	}
	return root, func() error { return errors.Join(root.Close(), unmount()) }, nil
}
