package disks

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/disk"
)

// Scan lists the disks, real or virtual, with what is on them. A disk that
// cannot be read is listed without a table, because one broken disk must not
// keep the appliance from starting.
func Scan(sysfs, dev string) ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(sysfs, "block"))
	if err != nil {
		return nil, fmt.Errorf("cannot list disks: %w", err)
	}
	var all []Disk
	for _, e := range entries {
		dir := filepath.Join(sysfs, "block", e.Name())
		// Loop, RAM, zram and device-mapper disks have no device behind them.
		if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
			continue
		}
		d := Disk{
			Name:      e.Name(),
			Size:      number(dir, "size") * 512, // sysfs counts so whatever the sector
			Sector:    max(number(dir, "queue/logical_block_size"), 512),
			ReadOnly:  number(dir, "ro") != 0,
			Removable: number(dir, "removable") != 0 || strings.HasPrefix(e.Name(), "sr"),
			Nodes:     nodes(dir, e.Name()),
		}
		// No medium, a floppy, a CD: nothing that we read.
		if d.Size == 0 || strings.HasPrefix(d.Name, "fd") || strings.HasPrefix(d.Name, "sr") {
			continue
		}
		look(&d, filepath.Join(dev, d.Name))
		all = append(all, d)
	}
	return sorted(all), nil
}

// Again looks at one disk again.
func Again(sysfs, dev, name string) (Disk, error) {
	all, err := Scan(sysfs, dev)
	if err != nil {
		return Disk{}, err
	}
	for _, d := range all {
		if d.Name == name {
			return d, nil
		}
	}
	return Disk{}, fmt.Errorf("disk %s has gone", name)
}

// look reads the partition table, or sees whether the disk is blank.
func look(d *Disk, node string) {
	f, err := os.Open(node)
	if err != nil {
		return
	}
	defer f.Close()
	table, err := disk.ReadGPT(f, d.Size)
	switch {
	case err == nil:
		d.Table = &table
	case errors.Is(err, disk.ErrNoGPT):
		d.Blank = len(d.Nodes) == 0 && zeroAt(f, 0) && zeroAt(f, d.Size-mib)
	}
}

const mib = 1 << 20

// zeroAt says whether the MiB at that offset is all zero.
func zeroAt(r io.ReaderAt, offset int64) bool {
	buf := make([]byte, mib)
	if offset < 0 {
		return false
	}
	if _, err := r.ReadAt(buf, offset); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return disk.IsZero(buf)
}

// nodes are the partitions that the kernel knows, by number.
func nodes(dir, name string) map[int]string {
	found := map[int]string{}
	parts, _ := filepath.Glob(filepath.Join(dir, name+"*", "partition")) // the pattern is good
	for _, file := range parts {
		child := filepath.Dir(file)
		if n := number(child, "partition"); n > 0 {
			found[int(n)] = filepath.Base(child)
		}
	}
	return found
}

// number reads an attribute of sysfs; one that is missing counts as 0.
func number(dir, name string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
