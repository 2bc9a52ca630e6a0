package seed

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// The kinds of file system that seeds come on, as mount(2) calls them.
const (
	iso9660 = "iso9660"
	vfat    = "vfat"
)

// identify says which of them a medium holds, and its label; "" for neither.
func identify(r io.ReaderAt) (kind, label string) {
	if label, ok := isoLabel(r); ok {
		return iso9660, label
	}
	if label, ok := fatLabel(r); ok {
		return vfat, label
	}
	return "", ""
}

// isoLabel reads the volume identifier of ISO 9660's primary volume
// descriptor (ECMA-119, 8.4).
func isoLabel(r io.ReaderAt) (string, bool) {
	const (
		sector = 2048
		first  = 16
		most   = 16 // descriptors; real discs have two or three
	)
	d := make([]byte, 72)
	for n := range int64(most) {
		if _, err := r.ReadAt(d, (first+n)*sector); err != nil || string(d[1:6]) != "CD001" {
			return "", false
		}
		switch d[0] {
		case 1:
			return trimLabel(d[40:72]), true
		case 255: // the end of the list
			return "", false
		}
	}
	return "", false
}

// fatBoot is what of a FAT file system's first sector says where things are
// (Microsoft's FAT specification, section 3).
type fatBoot struct {
	sector, cluster    int64 // bytes
	reserved, tables   int64 // sectors before the tables, number of tables
	tableSectors       int64
	rootEntries        int64 // 0 on FAT32
	rootCluster        int64 // of FAT32
	label              string
	rootDir, rootBytes int64 // where the root folder is, and how much of it is looked at
}

func parseFAT(s []byte) (b fatBoot, ok bool) {
	u16 := func(at int) int64 { return int64(binary.LittleEndian.Uint16(s[at:])) }
	u32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(s[at:])) }
	if len(s) < 512 || s[510] != 0x55 || s[511] != 0xaa || s[0] != 0xeb && s[0] != 0xe9 {
		return b, false
	}
	b.sector, b.cluster = u16(11), int64(s[13])
	powers := b.sector >= 512 && b.sector <= 4096 && b.sector&(b.sector-1) == 0 && b.cluster > 0 && b.cluster&(b.cluster-1) == 0
	b.cluster *= b.sector
	b.reserved, b.tables, b.rootEntries = u16(14), int64(s[16]), u16(17)
	media := s[21] == 0xf0 || s[21] >= 0xf8
	if !powers || !media || b.reserved == 0 || b.tables == 0 || b.tables > 4 {
		return b, false
	}
	extended := 38 // where the extended boot signature is
	if b.tableSectors = u16(22); b.tableSectors == 0 {
		extended = 66
		b.tableSectors, b.rootCluster = u32(36), u32(44)
	}
	if s[extended] == 0x29 {
		b.label = fatName(s[extended+5 : extended+16])
	}
	data := (b.reserved + b.tables*b.tableSectors) * b.sector
	const entry = 32
	switch {
	case b.rootEntries > 0:
		b.rootDir, b.rootBytes = data, b.rootEntries*entry
	case b.rootCluster >= 2:
		// The first cluster is enough: the label is written when the file
		// system is made.
		b.rootDir, b.rootBytes = data+(b.rootCluster-2)*b.cluster, b.cluster
	default:
		return b, false
	}
	return b, b.tableSectors > 0
}

// fatLabel is the label in the root folder, which is what systems that
// relabel a disk change, else the one in the first sector.
func fatLabel(r io.ReaderAt) (string, bool) {
	const entry, maxRoot = 32, 64 << 10
	s := make([]byte, 512)
	if _, err := r.ReadAt(s, 0); err != nil {
		return "", false
	}
	b, ok := parseFAT(s)
	if !ok {
		return "", false
	}
	root := make([]byte, min(b.rootBytes, maxRoot))
	n, _ := r.ReadAt(root, b.rootDir) // what cannot be read is zero: the end of the list
	for ; n >= entry; root, n = root[entry:], n-entry {
		const label, longName, deleted = 0x08, 0x0f, 0xe5
		if root[0] == 0 {
			break
		}
		if root[0] != deleted && root[11]&label != 0 && root[11] != longName {
			return fatName(root[:11]), true
		}
	}
	return b.label, true
}

// fatName is a label as it stands in 11 bytes; "NO NAME" is how none is
// written.
func fatName(b []byte) string {
	if name := trimLabel(b); name != "NO NAME" {
		return name
	}
	return ""
}

func trimLabel(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.TrimSpace(string(b))
}
