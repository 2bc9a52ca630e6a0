package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// ErrStrange says that a file system is not one that this package wrote, or
// that it is damaged.
var ErrStrange = errors.New("this is not a FAT file system as it was written")

// Locate finds a file whose name, and those of the folders above it, are their
// own short ones but for the case. It gives the place of its content in bytes,
// which ends with the file's first cluster at the latest: the rest is not
// looked for. The error wraps [fs.ErrNotExist] or [ErrStrange], or is the
// reader's.
//
// It is for those who write into a file in place, as a boot loader does, and
// trusts nothing that it reads.
func Locate(r io.ReaderAt, path string) (offset, size int64, err error) {
	offset, size, err = locate(r, path)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot find %s: %w", path, err)
	}
	return offset, size, nil
}

func locate(r io.ReaderAt, path string) (offset, size int64, err error) {
	l, root, err := readLayout(r)
	if err != nil {
		return 0, 0, err
	}
	folder := place{offset: (l.reserved + 2*l.perFAT) * sector, size: l.root * sector}
	if l.fat32 {
		if folder, err = l.cluster(root); err != nil {
			return 0, 0, err
		}
	}
	parts := strings.Split(path, "/")
	for i, name := range parts {
		short, ok := shortName(strings.ToUpper(name))
		if !ok {
			return 0, 0, fmt.Errorf("%w: %q has no short name", fs.ErrNotExist, name)
		}
		e, err := find(r, folder, short)
		if err != nil {
			return 0, 0, err
		}
		if last := i == len(parts)-1; e.folder == last {
			return 0, 0, fmt.Errorf("%w: %q is of another kind", fs.ErrNotExist, name)
		}
		if folder, err = l.cluster(e.cluster); err != nil {
			return 0, 0, err
		}
		size = e.size
	}
	return folder.offset, min(size, folder.size), nil
}

// place is a run of bytes.
type place struct{ offset, size int64 }

// cluster is where one lies.
func (l layout) cluster(n int64) (place, error) {
	if n < 2 || n >= l.clusters+2 {
		return place{}, fmt.Errorf("%w: it names cluster %d of %d", ErrStrange, n, l.clusters)
	}
	return place{(l.dataStart() + (n-2)*l.perCluster) * sector, l.clusterSize()}, nil
}

// readLayout reads the boot sector; root is FAT32's cluster of the root folder.
func readLayout(r io.ReaderAt) (l layout, root int64, err error) {
	b := make([]byte, sector)
	if _, err := r.ReadAt(b, 0); err != nil {
		return l, 0, err
	}
	le := binary.LittleEndian
	l = layout{
		sectors: int64(le.Uint16(b[19:])), perCluster: int64(b[13]), reserved: int64(le.Uint16(b[14:])),
		perFAT: int64(le.Uint16(b[22:])), root: int64(le.Uint16(b[17:])) * entrySize / sector,
	}
	if l.sectors == 0 {
		l.sectors = int64(le.Uint32(b[32:]))
	}
	if l.perFAT == 0 {
		l.fat32, l.perFAT, root = true, int64(le.Uint32(b[36:])), int64(le.Uint32(b[44:]))
	}
	switch {
	case b[510] != 0x55 || b[511] != 0xaa, le.Uint16(b[11:]) != sector, b[16] != 2,
		l.perCluster == 0, l.perCluster&(l.perCluster-1) != 0, l.reserved == 0, l.perFAT == 0,
		!l.fat32 && l.root == 0, l.dataStart() >= l.sectors:
		return l, 0, ErrStrange
	}
	l.clusters = (l.sectors - l.dataStart()) / l.perCluster
	return l, root, nil
}

// entry is a file or folder.
type entry struct {
	cluster, size int64
	folder        bool
}

// find looks for a short name in the first cluster of a folder.
func find(r io.ReaderAt, folder place, short [11]byte) (entry, error) {
	b := make([]byte, folder.size)
	if _, err := r.ReadAt(b, folder.offset); err != nil {
		return entry{}, err
	}
	le := binary.LittleEndian
	for ; len(b) >= entrySize && b[0] != 0; b = b[entrySize:] {
		attributes := b[11]
		if attributes&attrLabel != 0 || [11]byte(b[:11]) != short { // long names have that bit, too
			continue
		}
		return entry{
			cluster: int64(le.Uint16(b[20:]))<<16 | int64(le.Uint16(b[26:])), size: int64(le.Uint32(b[28:])),
			folder: attributes&attrFolder != 0,
		}, nil
	}
	return entry{}, fs.ErrNotExist
}
