package vmdk

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ingotvm/ingot/internal/disk"
)

// GrainSize is the unit, in bytes, of which a disk's size must be a multiple.
const GrainSize = grainSize

// Options of Write. The zero value works.
type Options struct {
	disk.Options
	// ContentID identifies what the disk holds; part of a digest of its inputs
	// is a good one.
	ContentID [16]byte
	// Name is the file name in the descriptor, by default "disk.vmdk". No
	// product looks at it: the file may be renamed.
	Name string
}

// Write writes the image as a streamOptimized VMDK and returns the length of
// the file. The same image and options give the same bytes.
func Write(ctx context.Context, w io.Writer, img disk.Image, opts Options) (int64, error) {
	s := &stream{w: bufio.NewWriterSize(w, 1<<20), capacity: img.Size()}
	if err := s.write(ctx, img, opts); err != nil {
		return 0, fmt.Errorf("cannot write VMDK: %w", err)
	}
	return s.off, nil
}

// stream is a VMDK being written.
type stream struct {
	w        *bufio.Writer
	off      int64 // bytes written so far
	capacity int64 // bytes of the disk

	directory []uint32             // where each table starts, in sectors
	table     [tableEntries]uint32 // the one being filled
	tableNr   int64                // its place in the directory
}

func (s *stream) write(ctx context.Context, img disk.Image, opts Options) error {
	if s.capacity <= 0 || s.capacity%grainSize != 0 || s.capacity/sector > maxCapacity {
		return fmt.Errorf("a disk of %d bytes: want a multiple of %d", s.capacity, grainSize)
	}
	h := header{
		version: 3, flags: flagNewlines | flagCompressed | flagMarkers,
		capacity: uint64(s.capacity / sector), grainSectors: grainSectors,
		descriptorOffset: 1, descriptorSize: descriptorSectors,
		tableEntries: tableEntries, directory: directoryAtEnd,
		// Grains start at the first multiple of their size.
		overhead: grainSectors, compression: compressDeflate,
	}
	s.directory = make([]uint32, h.tables())

	text, err := descriptor(s.capacity/sector, opts)
	if err != nil {
		return err
	}
	head := make([]byte, grainSize)
	copy(head, h.encode())
	copy(head[sector:], text)
	if err := s.put(head); err != nil {
		return err
	}
	if err := compressGrains(ctx, img, opts.Progress, s.grain); err != nil {
		return err
	}
	if err := s.endTable(); err != nil {
		return err
	}
	return s.end(h)
}

// grain writes one compressed grain, with its header and padding in front and
// behind; grains come in ascending order.
func (s *stream) grain(nr int64, data []byte) error {
	if t := nr / tableEntries; t != s.tableNr {
		if err := s.endTable(); err != nil {
			return err
		}
		s.tableNr = t
	}
	at, err := s.sector()
	if err != nil {
		return err
	}
	s.table[nr%tableEntries] = at
	return s.put(data)
}

// endTable writes the current table if it names any grain.
func (s *stream) endTable() error {
	if s.table == [tableEntries]uint32{} {
		return nil
	}
	if err := s.put(marker(markerTable, tableSectors)); err != nil {
		return err
	}
	at, err := s.sector()
	if err != nil {
		return err
	}
	s.directory[s.tableNr] = at
	err = s.put(encode32(s.table[:]))
	clear(s.table[:])
	return err
}

// end writes what follows the last table.
func (s *stream) end(h header) error {
	directory := encode32(s.directory)
	if err := s.put(marker(markerDirectory, uint64(len(directory)/sector))); err != nil {
		return err
	}
	at, err := s.sector()
	if err != nil {
		return err
	}
	h.directory = uint64(at)
	for _, b := range [][]byte{directory, marker(markerFooter, 1), h.encode(), marker(markerEnd, 0)} {
		if err := s.put(b); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

// sector is the current place; tables have 32 bits for it.
func (s *stream) sector() (uint32, error) {
	if s.off/sector > math.MaxUint32 {
		return 0, errors.New("the compressed disk is larger than 2 TiB")
	}
	return uint32(s.off / sector), nil
}

func (s *stream) put(b []byte) error {
	n, err := s.w.Write(b)
	s.off += int64(n)
	return err
}

// encode32 stores numbers, little endian, padded to a whole sector.
func encode32(list []uint32) []byte {
	b := make([]byte, (len(list)*4+sector-1)/sector*sector)
	for i, v := range list {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}
