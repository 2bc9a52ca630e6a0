package vmdk

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes and numbers of the specification, chapter "Hosted Sparse Extents".
const (
	sector = 512
	// grainSectors: 64 KiB, the specification's default and the only size
	// that VMware's products write.
	grainSectors = 128
	grainSize    = grainSectors * sector
	// tableEntries per grain table: the only number VMware's library takes.
	tableEntries = 512
	tableSectors = tableEntries * 4 / sector

	magic = 0x564d444b // "KDMV" as bytes

	flagNewlines   = 1 << 0  // the header's newline bytes are valid
	flagCompressed = 1 << 16 // grains are compressed
	flagMarkers    = 1 << 17 // and have headers; metadata follows markers

	compressNone    = 0
	compressDeflate = 1 // RFC 1950: zlib's wrapping around deflate

	// directoryAtEnd in the first header says: read the footer.
	directoryAtEnd = ^uint64(0)

	markerEnd       = 0
	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3

	// descriptorSectors is the room for the text that describes the disk: 20
	// in the disks that VMware's products export.
	descriptorSectors = 20
)

// header is the SparseExtentHeader, in sectors throughout.
type header struct {
	version          uint32
	flags            uint32
	capacity         uint64
	grainSectors     uint64
	descriptorOffset uint64
	descriptorSize   uint64
	tableEntries     uint32
	directory        uint64
	overhead         uint64
	compression      uint16
}

func (h header) encode() []byte {
	b := make([]byte, sector)
	le := binary.LittleEndian
	le.PutUint32(b[0:], magic)
	le.PutUint32(b[4:], h.version)
	le.PutUint32(b[8:], h.flags)
	le.PutUint64(b[12:], h.capacity)
	le.PutUint64(b[20:], h.grainSectors)
	le.PutUint64(b[28:], h.descriptorOffset)
	le.PutUint64(b[36:], h.descriptorSize)
	le.PutUint32(b[44:], h.tableEntries)
	le.PutUint64(b[48:], 0) // no redundant directory
	le.PutUint64(b[56:], h.directory)
	le.PutUint64(b[64:], h.overhead)
	b[72] = 0 // shut down cleanly
	copy(b[73:], "\n \r\n")
	le.PutUint16(b[77:], h.compression)
	return b
}

func decodeHeader(b []byte) (header, error) {
	le := binary.LittleEndian
	if le.Uint32(b) != magic {
		return header{}, errors.New("not a sparse VMDK")
	}
	h := header{
		version:          le.Uint32(b[4:]),
		flags:            le.Uint32(b[8:]),
		capacity:         le.Uint64(b[12:]),
		grainSectors:     le.Uint64(b[20:]),
		descriptorOffset: le.Uint64(b[28:]),
		descriptorSize:   le.Uint64(b[36:]),
		tableEntries:     le.Uint32(b[44:]),
		directory:        le.Uint64(b[56:]),
		overhead:         le.Uint64(b[64:]),
		compression:      le.Uint16(b[77:]),
	}
	if h.flags&flagNewlines != 0 && string(b[73:77]) != "\n \r\n" {
		return header{}, errors.New("damaged: its newlines were converted, as a transfer in text mode does")
	}
	return h, h.check()
}

// maxCapacity in sectors, 62 TiB: the largest disk that VMware's products make.
const maxCapacity = 62 << 40 / sector

func (h header) check() error {
	switch g := h.grainSectors; {
	case h.version < 1 || h.version > 3:
		return fmt.Errorf("version %d of the format is not known", h.version)
	case h.capacity > maxCapacity:
		return fmt.Errorf("capacity of %d sectors is more than a disk can have", h.capacity)
	case g < 1 || g > grainSectors || g&(g-1) != 0:
		return fmt.Errorf("grains of %d sectors are not supported", g)
	case h.tableEntries != tableEntries:
		return fmt.Errorf("grain tables of %d entries are not supported", h.tableEntries)
	case h.flags&flagCompressed != 0 && h.compression != compressDeflate:
		return fmt.Errorf("compression %d is not known", h.compression)
	case h.flags&flagMarkers != 0 && h.flags&flagCompressed == 0:
		return errors.New("markers without compression")
	}
	return nil
}

// tables is the number of grain tables that the capacity needs.
func (h header) tables() uint64 {
	per := h.grainSectors * tableEntries
	return (h.capacity + per - 1) / per
}

// marker is one sector that says what the next sectors are.
func marker(kind uint32, sectors uint64) []byte {
	b := make([]byte, sector)
	binary.LittleEndian.PutUint64(b[0:], sectors)
	binary.LittleEndian.PutUint32(b[12:], kind)
	return b
}

// grainHeader precedes the compressed bytes of a grain without a gap.
func grainHeader(b []byte, firstSector int64, compressed int) {
	binary.LittleEndian.PutUint64(b[0:], uint64(firstSector))
	binary.LittleEndian.PutUint32(b[8:], uint32(compressed))
}

const grainHeaderSize = 12
