package disk

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf16"
)

// GPT is a partition table as data.
type GPT struct {
	DiskGUID GUID
	// Partitions in ascending order of Number.
	Partitions []Partition
	// BootCode is what the BIOS runs: the first 440 bytes of the disk at most.
	BootCode []byte
	// SectorSize is the unit of all LBAs: 512 (also when 0) or 4096.
	SectorSize int64
	// FromBackup is set by ReadGPT when the primary copy is damaged. Linux
	// then sees no partitions; WriteGPT repairs it.
	FromBackup bool
}

// Partition is one entry of a GPT. LBAs count sectors from the start of the
// disk; LastLBA is part of the partition.
type Partition struct {
	// Number is the entry's place in the table, from 1; the kernel's number.
	Number     int
	TypeGUID   GUID
	GUID       GUID
	Name       string // at most 36 UTF-16 units
	FirstLBA   int64
	LastLBA    int64
	Attributes uint64
}

// Sectors is the length of the partition in sectors.
func (p Partition) Sectors() int64 { return p.LastLBA - p.FirstLBA + 1 }

const (
	// entryCount and entrySize are what the UEFI specification (5.3) reserves
	// at least (16 KiB) and what every tool writes.
	entryCount = 128
	entrySize  = 128
	nameUnits  = 36
	// bootCodeSize is the room before the disk signature of an MBR.
	bootCodeSize = 440
)

// Alignment is the multiple, in bytes, at which partitions start: what every
// partitioner uses, a multiple of any erase block and RAID stripe that matters.
const Alignment = 1 << 20

// ErrNoGPT says that a disk has no GPT at all, as an empty one: neither copy
// even starts with a signature.
var ErrNoGPT = errors.New("the disk has no GUID partition table")

// sector is SectorSize with its default.
func (g GPT) sector() int64 { return cmp.Or(g.SectorSize, 512) }

// FirstUsable is the first LBA that a partition may use.
func (g GPT) FirstUsable() int64 { return 2 + g.entrySectors() }

// LastUsable is the last LBA that a partition may use on a disk of size bytes.
func (g GPT) LastUsable(size int64) int64 { return size/g.sector() - 2 - g.entrySectors() }

func (g GPT) entrySectors() int64 { return entryCount * entrySize / g.sector() }

// Partition finds a partition by its type; there is none when ok is false.
func (g GPT) Partition(typ GUID) (p Partition, ok bool) {
	i := slices.IndexFunc(g.Partitions, func(p Partition) bool { return p.TypeGUID == typ })
	if i < 0 {
		return Partition{}, false
	}
	return g.Partitions[i], true
}

// Append adds a partition behind all others, on a disk of size bytes. Number
// 0 means the first that is free; FirstLBA 0 the next aligned sector; LastLBA
// 0 all that is left. It returns a new table and the partition as added.
func (g GPT) Append(size int64, p Partition) (GPT, Partition, error) {
	step := Alignment / g.sector()
	if p.FirstLBA == 0 {
		next := g.FirstUsable()
		for _, o := range g.Partitions {
			next = max(next, o.LastLBA+1)
		}
		p.FirstLBA = (next + step - 1) / step * step
	}
	if p.LastLBA == 0 {
		p.LastLBA = g.lastAligned(size)
	}
	if p.Number == 0 {
		p.Number = 1
		for slices.ContainsFunc(g.Partitions, func(o Partition) bool { return o.Number == p.Number }) {
			p.Number++
		}
	}
	g.Partitions = append(slices.Clone(g.Partitions), p)
	slices.SortFunc(g.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
	if err := g.check(size); err != nil {
		return GPT{}, Partition{}, fmt.Errorf("cannot add partition %q: %w", p.Name, err)
	}
	return g, p, nil
}

// Grown is the table for a disk that has grown to size bytes: the partition
// that lies last reaches to the new end. It says false when that gains
// nothing; the table may then still be FromBackup and want writing.
func (g GPT) Grown(size int64) (GPT, bool) {
	if len(g.Partitions) == 0 {
		return g, false
	}
	last := 0
	for i, p := range g.Partitions {
		if p.LastLBA > g.Partitions[last].LastLBA {
			last = i
		}
	}
	end := g.lastAligned(size)
	if end <= g.Partitions[last].LastLBA {
		return g, false
	}
	g.Partitions = slices.Clone(g.Partitions)
	g.Partitions[last].LastLBA = end
	return g, true
}

// lastAligned is the last usable LBA that ends an aligned unit, so that the
// size of a partition is a multiple of any file system's block.
func (g GPT) lastAligned(size int64) int64 {
	step := Alignment / g.sector()
	return (g.LastUsable(size)+1)/step*step - 1
}

// check says whether the table can stand on a disk of size bytes.
func (g GPT) check(size int64) error {
	sector := g.sector()
	if sector != 512 && sector != 4096 {
		return fmt.Errorf("sectors of %d bytes are not supported", sector)
	}
	if size%sector != 0 || g.LastUsable(size) < g.FirstUsable() {
		return fmt.Errorf("%d bytes are no size for a disk with a partition table", size)
	}
	if len(g.BootCode) > bootCodeSize {
		return fmt.Errorf("boot code has %d bytes, more than %d", len(g.BootCode), bootCodeSize)
	}
	if _, err := g.DiskGUID.encode(); err != nil {
		return err
	}
	for i, p := range g.Partitions {
		if p.Number < 1 || p.Number > entryCount {
			return fmt.Errorf("partition number %d is not between 1 and %d", p.Number, entryCount)
		}
		if i > 0 && g.Partitions[i-1].Number >= p.Number {
			return fmt.Errorf("partition numbers %d and %d do not ascend", g.Partitions[i-1].Number, p.Number)
		}
		if p.FirstLBA < g.FirstUsable() || p.LastLBA < p.FirstLBA || p.LastLBA > g.LastUsable(size) {
			return fmt.Errorf("partition %d (sectors %d to %d) is not within sectors %d to %d",
				p.Number, p.FirstLBA, p.LastLBA, g.FirstUsable(), g.LastUsable(size))
		}
		for _, id := range []GUID{p.TypeGUID, p.GUID} {
			if _, err := id.encode(); err != nil {
				return fmt.Errorf("partition %d: %w", p.Number, err)
			}
		}
		if n := len(utf16.Encode([]rune(p.Name))); n > nameUnits {
			return fmt.Errorf("partition %d: name %q has %d characters, more than %d", p.Number, p.Name, n, nameUnits)
		}
	}
	return checkOverlap(g.Partitions)
}

func checkOverlap(parts []Partition) error {
	sorted := slices.SortedFunc(slices.Values(parts), func(a, b Partition) int { return cmp.Compare(a.FirstLBA, b.FirstLBA) })
	last := Partition{LastLBA: math.MinInt64}
	for _, p := range sorted {
		if p.FirstLBA <= last.LastLBA {
			return fmt.Errorf("partitions %d and %d overlap", last.Number, p.Number)
		}
		last = p
	}
	return nil
}
