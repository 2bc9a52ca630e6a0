package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"unicode/utf16"
)

const (
	gptSignature  = "EFI PART"
	gptRevision   = 0x00010000 // 1.0, the only one (UEFI 5.3.2)
	gptHeaderSize = 92
)

// WriteGPT writes the table to a disk of size bytes: protective MBR, primary
// and backup copy. The backup goes first and, when w has a Sync method as
// *os.File has, is made durable before the primary, which follows in one
// write: a power cut leaves the old table, the new one, or a damaged primary
// for which ReadGPT finds the new backup. On a disk that has grown, the backup
// so moves to the new end.
func WriteGPT(w io.WriterAt, size int64, g GPT) error {
	primary, backup, err := g.render(size)
	if err != nil {
		return fmt.Errorf("cannot write partition table: %w", err)
	}
	sync := func() error {
		if s, ok := w.(interface{ Sync() error }); ok {
			return s.Sync()
		}
		return nil
	}
	for _, step := range []func() error{
		func() error { _, err := w.WriteAt(backup, size-int64(len(backup))); return err },
		sync,
		func() error { _, err := w.WriteAt(primary, 0); return err },
		sync,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("cannot write partition table: %w", err)
		}
	}
	return nil
}

// Parts renders the table for Compose: the protective MBR with the primary
// copy at the start of the disk, and the backup copy at its end.
func (g GPT) Parts(size int64) ([]Part, error) {
	primary, backup, err := g.render(size)
	if err != nil {
		return nil, fmt.Errorf("cannot make partition table: %w", err)
	}
	return []Part{
		{Offset: 0, Image: Dense(bytesReader(primary), int64(len(primary)))},
		{Offset: size - int64(len(backup)), Image: Dense(bytesReader(backup), int64(len(backup)))},
	}, nil
}

// bytesReader is the part of bytes.Reader needed here, without its state.
type bytesReader []byte

func (b bytesReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := clip(len(p), off, int64(len(b)))
	if n > 0 {
		copy(p, b[off:])
	}
	return n, err
}

// render gives the bytes that the disk starts with and ends with.
func (g GPT) render(size int64) (primary, backup []byte, err error) {
	if err := g.check(size); err != nil {
		return nil, nil, err
	}
	sector := g.sector()
	lastLBA := size/sector - 1
	table := g.entries()

	primary = append(primary, g.protectiveMBR(size)...)
	primary = append(primary, g.header(size, table, 1, lastLBA, 2)...)
	primary = append(primary, table...)

	backup = append(backup, table...)
	backup = append(backup, g.header(size, table, lastLBA, 1, lastLBA-g.entrySectors())...)
	return primary, backup, nil
}

func (g GPT) entries() []byte {
	table := make([]byte, entryCount*entrySize)
	for _, p := range g.Partitions {
		e := table[(p.Number-1)*entrySize:][:entrySize]
		typ, _ := p.TypeGUID.encode() // check has seen both
		id, _ := p.GUID.encode()
		copy(e[0:], typ[:])
		copy(e[16:], id[:])
		binary.LittleEndian.PutUint64(e[32:], uint64(p.FirstLBA))
		binary.LittleEndian.PutUint64(e[40:], uint64(p.LastLBA))
		binary.LittleEndian.PutUint64(e[48:], p.Attributes)
		for i, u := range utf16.Encode([]rune(p.Name)) {
			binary.LittleEndian.PutUint16(e[56+2*i:], u)
		}
	}
	return table
}

// header is one sector, by UEFI's table 5.5.
func (g GPT) header(size int64, table []byte, my, alternate, entries int64) []byte {
	h := make([]byte, g.sector())
	id, _ := g.DiskGUID.encode()
	copy(h[0:], gptSignature)
	binary.LittleEndian.PutUint32(h[8:], gptRevision)
	binary.LittleEndian.PutUint32(h[12:], gptHeaderSize)
	binary.LittleEndian.PutUint64(h[24:], uint64(my))
	binary.LittleEndian.PutUint64(h[32:], uint64(alternate))
	binary.LittleEndian.PutUint64(h[40:], uint64(g.FirstUsable()))
	binary.LittleEndian.PutUint64(h[48:], uint64(g.LastUsable(size)))
	copy(h[56:], id[:])
	binary.LittleEndian.PutUint64(h[72:], uint64(entries))
	binary.LittleEndian.PutUint32(h[80:], entryCount)
	binary.LittleEndian.PutUint32(h[84:], entrySize)
	binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(table))
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
	return h
}

// protectiveMBR is one sector, by UEFI's table 5.3: one partition of type
// 0xEE over the whole disk, not marked active (some firmware then refuses to
// boot by UEFI; BIOSes that demand an active one are not virtual).
func (g GPT) protectiveMBR(size int64) []byte {
	mbr := make([]byte, g.sector())
	copy(mbr, g.BootCode)
	e := mbr[446:462]
	copy(e[1:], []byte{0x00, 0x02, 0x00}) // first sector: cylinder 0, head 0, sector 2
	e[4] = 0xee
	copy(e[5:], []byte{0xff, 0xff, 0xff}) // last sector: more than CHS can say
	binary.LittleEndian.PutUint32(e[8:], 1)
	binary.LittleEndian.PutUint32(e[12:], uint32(min(size/g.sector()-1, math.MaxUint32)))
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}
