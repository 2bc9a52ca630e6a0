package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// maxEntries bounds what is read of a foreign table; the kernel's own bound
// on partitions of a disk is 256.
const maxEntries = 1024

// ReadGPT reads the table of a disk of size bytes, with sectors of 512 or
// 4096 bytes. Of a damaged primary copy it falls back to the backup at the end
// of the disk, and says so in FromBackup. It checks every checksum and bound,
// and that partitions lie on the disk and do not overlap. The error is
// [ErrNoGPT] when there is no trace of a table.
func ReadGPT(r io.ReaderAt, size int64) (GPT, error) {
	firstErr := ErrNoGPT
	for _, sector := range []int64{512, 4096} {
		if size < 6*sector {
			continue
		}
		g, err := readCopy(r, size, sector, 1)
		if err == nil {
			return g, nil
		}
		backup, backupErr := readCopy(r, size, sector, size/sector-1)
		if backupErr == nil {
			backup.FromBackup = true
			return backup, nil
		}
		if errors.Is(firstErr, ErrNoGPT) {
			firstErr = err
		}
		if errors.Is(firstErr, ErrNoGPT) {
			firstErr = backupErr
		}
	}
	return GPT{}, fmt.Errorf("cannot read partition table: %w", firstErr)
}

func readCopy(r io.ReaderAt, size, sector, lba int64) (GPT, error) {
	h := make([]byte, sector)
	if err := readFull(r, h, lba*sector); err != nil {
		return GPT{}, err
	}
	if string(h[:8]) != gptSignature {
		return GPT{}, ErrNoGPT
	}
	headerSize := binary.LittleEndian.Uint32(h[12:])
	if headerSize < gptHeaderSize || int64(headerSize) > sector {
		return GPT{}, fmt.Errorf("header says that it has %d bytes", headerSize)
	}
	sum := binary.LittleEndian.Uint32(h[16:])
	clear(h[16:20]) // is computed with itself zero
	if crc32.ChecksumIEEE(h[:headerSize]) != sum {
		return GPT{}, errors.New("header is damaged: its checksum does not match")
	}
	if my := binary.LittleEndian.Uint64(h[24:]); my != uint64(lba) {
		return GPT{}, fmt.Errorf("header at sector %d says that it is at %d", lba, my)
	}
	table, err := readEntries(r, size, sector, h)
	if err != nil {
		return GPT{}, err
	}
	g := GPT{DiskGUID: decodeGUID(h[56:72]), SectorSize: sector}
	if g.Partitions, err = parseEntries(table, int(binary.LittleEndian.Uint32(h[84:])), size/sector); err != nil {
		return GPT{}, err
	}
	mbr := make([]byte, bootCodeSize)
	if err := readFull(r, mbr, 0); err != nil {
		return GPT{}, err
	}
	if code := bytes.TrimRight(mbr, "\x00"); len(code) > 0 {
		g.BootCode = mbr
	}
	return g, nil
}

// readEntries reads the array of entries that the header h points to.
func readEntries(r io.ReaderAt, size, sector int64, h []byte) ([]byte, error) {
	lba := binary.LittleEndian.Uint64(h[72:])
	count := binary.LittleEndian.Uint32(h[80:])
	each := binary.LittleEndian.Uint32(h[84:])
	if count < 1 || count > maxEntries || each < entrySize || each > 4096 || each%entrySize != 0 {
		return nil, fmt.Errorf("header says that there are %d entries of %d bytes", count, each)
	}
	table := make([]byte, int64(count)*int64(each))
	if lba < 2 || lba > uint64(size/sector) || int64(len(table)) > size-int64(lba)*sector {
		return nil, fmt.Errorf("header says that the entries lie at sector %d, outside of the disk", lba)
	}
	if err := readFull(r, table, int64(lba)*sector); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(table) != binary.LittleEndian.Uint32(h[88:]) {
		return nil, errors.New("entries are damaged: their checksum does not match")
	}
	return table, nil
}

func parseEntries(table []byte, each int, sectors int64) ([]Partition, error) {
	var parts []Partition
	for i := 0; (i+1)*each <= len(table); i++ {
		e := table[i*each:][:entrySize]
		if IsZero(e[:16]) { // type 0: not used
			continue
		}
		first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
		if first < 1 || last < first || last >= uint64(sectors) {
			return nil, fmt.Errorf("partition %d (sectors %d to %d) is not on the disk", i+1, first, last)
		}
		parts = append(parts, Partition{
			Number: i + 1, TypeGUID: decodeGUID(e[:16]), GUID: decodeGUID(e[16:32]),
			Name: decodeName(e[56:128]), FirstLBA: int64(first), LastLBA: int64(last),
			Attributes: binary.LittleEndian.Uint64(e[48:]),
		})
	}
	if err := checkOverlap(parts); err != nil {
		return nil, err
	}
	return parts, nil
}

// decodeName reads up to the first zero; what is no character becomes U+FFFD.
func decodeName(raw []byte) string {
	units := make([]uint16, nameUnits)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	if i := slices.Index(units, 0); i >= 0 {
		units = units[:i]
	}
	return strings.ToValidUTF8(string(utf16.Decode(units)), "\ufffd")
}
