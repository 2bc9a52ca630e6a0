// Package fat writes FAT16 and FAT32 file systems, as an EFI system partition
// holds: once, whole, with the same bytes for the same input.
//
// By Microsoft's "FAT: General Overview of On-Disk Format", 1.03. Up to about
// 256 MiB it writes FAT16, above that FAT32, both with clusters of 4 KiB (less
// below 17 MiB); firmware has to read both (UEFI 13.3). Each file and folder is
// one run of clusters, so that a boot loader may write into a file in place.
//
// [Locate] finds a file again, to write into it in place.
//
// Not supported: other reading, changing, and other sectors than of 512 bytes.
//
// It is our own although go-diskfs (1.9.4) has FAT too: that wants storage
// shaped like an open file of the host, takes times from the environment
// (SOURCE_DATE_EPOCH) and, to be reproducible, gives every volume the ID 0;
// nor does it promise that a file is one run of clusters.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// File is one file: Path from the root with slashes, as "EFI/BOOT/BOOTX64.EFI".
// The folders above it are made.
type File struct {
	Path string
	Data []byte
}

// Options of Write. The zero value works.
type Options struct {
	// Label is the volume's name, at most 11 characters, upper case. None when empty.
	Label string
	// VolumeID is the serial number; part of a digest is a good one.
	VolumeID uint32
	// Time of all entries, to two seconds, in UTC; 1980 when earlier, as FAT begins there.
	Time time.Time
	// Offset of the partition on its disk in bytes, which the boot sector repeats.
	Offset int64
}

const (
	sector     = 512
	entrySize  = 32
	rootSize   = 512 * entrySize // FAT16's fixed root folder: 512 entries, as usual
	max16      = 65524           // clusters; more is FAT32, by definition
	min16      = 4085            // clusters; less is FAT12, by definition
	margin     = 16              // clusters to stay away from both: some drivers count wrong by so many
	media      = 0xf8            // a fixed disk
	attrFolder = 0x10
	attrFile   = 0x20
	attrLabel  = 0x08
	attrLong   = 0x0f
)

// layout is where things are, in sectors, of a file system of so many.
type layout struct {
	fat32      bool
	sectors    int64
	perCluster int64
	reserved   int64 // before the first FAT
	perFAT     int64
	root       int64 // sectors of FAT16's root folder
	clusters   int64
}

// dataStart is the sector of cluster 2, the first.
func (l layout) dataStart() int64 { return l.reserved + 2*l.perFAT + l.root }

func (l layout) clusterSize() int64 { return l.perCluster * sector }

// newLayout chooses the kind and the cluster size.
func newLayout(size int64) (layout, error) {
	if size%sector != 0 || size > 2<<40-sector {
		return layout{}, fmt.Errorf("%d bytes are no size of a partition that FAT can have", size)
	}
	// The last is for the MiB in which FAT16 has too many clusters of 4 KiB and
	// FAT32 too few.
	for _, try := range []struct {
		fat32      bool
		perCluster int64
	}{{false, 8}, {false, 4}, {false, 2}, {false, 1}, {true, 8}, {true, 16}, {true, 32}, {true, 64}, {true, 128}, {false, 16}} {
		l := layout{fat32: try.fat32, sectors: size / sector, perCluster: try.perCluster, reserved: 1, root: rootSize / sector}
		few, many := int64(min16+margin), int64(max16-margin)
		if try.fat32 {
			// 32 reserved sectors, as every tool has them: boot sector,
			// information sector, and copies of both. Four million clusters are
			// as many as are sensible to keep track of.
			l.reserved, l.root = 32, 0
			few, many = max16+margin, 4<<20
		}
		if l.fit(); l.clusters >= few && l.clusters <= many {
			return l, nil
		}
	}
	return layout{}, fmt.Errorf("%d bytes are too few for a FAT file system", size)
}

// fit computes the length of a FAT and the number of clusters, and enlarges
// the reserved area so that clusters lie aligned.
func (l *layout) fit() {
	entry := int64(2) // bytes
	if l.fat32 {
		entry = 4
	}
	// As if there were no FATs: generous by a few sectors at most.
	clusters := (l.sectors - l.reserved - l.root) / l.perCluster
	l.perFAT = ((clusters+2)*entry + sector - 1) / sector
	if rest := l.dataStart() % l.perCluster; rest != 0 {
		l.reserved += l.perCluster - rest
	}
	l.clusters = (l.sectors - l.dataStart()) / l.perCluster
}

// Write writes a file system of size bytes with the files to w, which reads as
// zeros where nothing was written.
func Write(w io.WriterAt, size int64, files []File, opts Options) error {
	if err := write(w, size, files, opts); err != nil {
		return fmt.Errorf("cannot write FAT file system: %w", err)
	}
	return nil
}

func write(w io.WriterAt, size int64, files []File, opts Options) error {
	l, err := newLayout(size)
	if err != nil {
		return err
	}
	label, err := encodeLabel(opts.Label)
	if err != nil {
		return err
	}
	root, err := tree(files)
	if err != nil {
		return err
	}
	root.labelled = opts.Label != ""
	v := &volume{w: w, layout: l, next: 2, date: opts.Time, label: label}
	if err := v.place(root); err != nil {
		return err
	}
	if err := v.store(root, nil); err != nil {
		return err
	}
	return v.finish(opts)
}

// volume is a file system being written.
type volume struct {
	layout
	w     io.WriterAt
	next  int64    // first free cluster
	chain []uint32 // the FAT, from cluster 2 on
	date  time.Time
	label [11]byte
}

// place gives each node its clusters, folders before what is in them.
func (v *volume) place(n *node) error {
	length := n.length()
	switch {
	case n.parent == nil && !v.fat32:
		if length > rootSize {
			return errors.New("too many entries in the root folder")
		}
	case length > 0:
		count := (length + v.clusterSize() - 1) / v.clusterSize()
		if v.next+count > v.clusters+2 {
			return fmt.Errorf("%q does not fit: only %d bytes", n.name, v.clusters*v.clusterSize())
		}
		n.first = v.next
		for i := range count {
			link := uint32(v.next + i + 1)
			if i == count-1 {
				link = 0x0fffffff // the end of the chain; FAT16 keeps the low half
			}
			v.chain = append(v.chain, link)
		}
		v.next += count
	}
	for _, c := range n.children {
		if err := v.place(c); err != nil {
			return err
		}
	}
	return nil
}

// store writes the node and what is in it.
func (v *volume) store(n *node, parent *node) error {
	data := n.data
	if n.folder {
		data = v.folder(n, parent)
	}
	at := (v.dataStart() + (n.first-2)*v.perCluster) * sector
	if n.parent == nil && !v.fat32 {
		at = (v.reserved + 2*v.perFAT) * sector
	}
	if len(data) > 0 {
		if _, err := v.w.WriteAt(data, at); err != nil {
			return err
		}
	}
	for _, c := range n.children {
		if err := v.store(c, n); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the FATs and the boot sector.
func (v *volume) finish(opts Options) error {
	var table []byte
	if v.fat32 {
		table = binary.LittleEndian.AppendUint32(table, 0x0fffff00|media)
		table = binary.LittleEndian.AppendUint32(table, 0x0fffffff)
	} else {
		table = binary.LittleEndian.AppendUint16(table, 0xff00|media)
		table = binary.LittleEndian.AppendUint16(table, 0xffff)
	}
	for _, link := range v.chain {
		if v.fat32 {
			table = binary.LittleEndian.AppendUint32(table, link)
		} else {
			table = binary.LittleEndian.AppendUint16(table, uint16(link))
		}
	}
	boot := v.bootSector(opts)
	pieces := map[int64][]byte{0: boot, v.reserved: table, v.reserved + v.perFAT: table}
	if v.fat32 {
		info := v.infoSector()
		pieces[1], pieces[6], pieces[7] = info, boot, info
	}
	for at, b := range pieces {
		if _, err := v.w.WriteAt(b, at*sector); err != nil {
			return err
		}
	}
	return nil
}

func (v *volume) bootSector(opts Options) []byte {
	b := make([]byte, sector)
	le := binary.LittleEndian
	// The name that the specification recommends, as old drivers look at it.
	copy(b[3:], "MSWIN4.1")
	le.PutUint16(b[11:], sector)
	b[13] = byte(v.perCluster)
	le.PutUint16(b[14:], uint16(v.reserved))
	b[16] = 2 // FATs
	le.PutUint16(b[17:], uint16(v.root*sector/entrySize))
	if v.sectors < 1<<16 && !v.fat32 {
		le.PutUint16(b[19:], uint16(v.sectors))
	} else {
		le.PutUint32(b[32:], uint32(v.sectors))
	}
	b[21] = media
	le.PutUint16(b[24:], 63)  // sectors and
	le.PutUint16(b[26:], 255) // heads of a geometry that only the BIOS sees
	le.PutUint32(b[28:], uint32(opts.Offset/sector))

	ext, kind := b[36:], "FAT16   "
	jump := byte(0x3c)
	if v.fat32 {
		le.PutUint32(b[36:], uint32(v.perFAT))
		le.PutUint32(b[44:], 2) // the root folder's cluster: placed first
		le.PutUint16(b[48:], 1) // information sector
		le.PutUint16(b[50:], 6) // copy of the boot sector
		ext, kind = b[64:], "FAT32   "
		jump = 0x58
	} else {
		le.PutUint16(b[22:], uint16(v.perFAT))
	}
	ext[0] = 0x80 // drive
	ext[2] = 0x29 // the next three are valid
	le.PutUint32(ext[3:], opts.VolumeID)
	copy(ext[7:], v.label[:])
	copy(ext[18:], kind)
	// Who boots it by mistake hangs in an endless loop behind these fields.
	copy(b, []byte{0xeb, jump, 0x90})
	copy(b[int(jump)+2:], []byte{0xeb, 0xfe})
	b[510], b[511] = 0x55, 0xaa
	return b
}

func (v *volume) infoSector() []byte {
	b := make([]byte, sector)
	copy(b, "RRaA")
	copy(b[484:], "rrAa")
	binary.LittleEndian.PutUint32(b[488:], uint32(v.clusters+2-v.next)) // free
	binary.LittleEndian.PutUint32(b[492:], uint32(v.next))
	b[510], b[511] = 0x55, 0xaa
	return b
}

func encodeLabel(label string) (b [11]byte, err error) {
	if len(label) > len(b) || label != strings.ToUpper(label) || strings.TrimFunc(label, labelRune) != "" {
		return b, fmt.Errorf("label %q: want at most 11 upper case letters, digits, - or _", label)
	}
	if label == "" {
		label = "NO NAME"
	}
	copy(b[:], label+"           ")
	return b, nil
}

func labelRune(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
