package vmdk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/ingotvm/ingot/internal/disk"
)

// Open opens the sparse VMDK that is the first size bytes of r, of either
// variant. What it reads is bounded by size, whatever the file says of itself.
func Open(r io.ReaderAt, size int64) (disk.Image, error) {
	d := &reader{r: r, fileSize: size, cachedNr: -1}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("cannot open VMDK: %w", err)
	}
	return d, nil
}

// reader is an open VMDK. It serves one reader at a time: who wants speed
// reads in order, as a copy does.
type reader struct {
	r         io.ReaderAt
	fileSize  int64
	head      header
	directory []uint32

	mu       sync.Mutex // guards what follows
	tables   map[int64]*[tableEntries]uint32
	cachedNr int64 // the grain in cached, -1 for none
	cached   []byte
	packed   []byte
}

// maxTables bounds the tables kept in memory: 8 MiB of them describe 128 GiB.
const maxTables = 4096

func (d *reader) open() error {
	b, err := d.read(0, sector)
	if err != nil {
		return err
	}
	if d.head, err = decodeHeader(b); err != nil {
		return err
	}
	if err := d.checkDescriptor(); err != nil {
		return err
	}
	if d.head.directory == directoryAtEnd {
		if err := d.readFooter(); err != nil {
			return err
		}
	}
	n := int64(d.head.tables())
	if b, err = d.read(d.head.directory, n*4); err != nil {
		return fmt.Errorf("cannot read the grain directory: %w", err)
	}
	d.directory = decode32(b)
	d.tables = make(map[int64]*[tableEntries]uint32)
	d.cached = make([]byte, d.grain())
	return nil
}

// readFooter replaces the header by its copy at the end: marker, footer,
// end-of-stream marker are the last three sectors.
func (d *reader) readFooter() error {
	if d.fileSize < 4*sector || d.fileSize%sector != 0 {
		return fmt.Errorf("truncated: %d bytes hold no footer", d.fileSize)
	}
	b, err := d.read(uint64(d.fileSize/sector-3), 3*sector)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b[8:]) != 0 || binary.LittleEndian.Uint32(b[12:]) != markerFooter {
		return errors.New("truncated: it does not end with a footer")
	}
	foot, err := decodeHeader(b[sector:])
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if foot.capacity != d.head.capacity || foot.grainSectors != d.head.grainSectors || foot.flags != d.head.flags ||
		foot.directory == directoryAtEnd {
		return errors.New("header and footer disagree")
	}
	d.head = foot
	return nil
}

// checkDescriptor refuses disks that need other files to be complete.
func (d *reader) checkDescriptor() error {
	if d.head.descriptorOffset == 0 {
		return errors.New("no embedded descriptor: one of several files of a disk is not supported")
	}
	// 64 KiB is far more than any program writes there.
	b, err := d.read(d.head.descriptorOffset, int64(min(d.head.descriptorSize, 128))*sector)
	if err != nil {
		return fmt.Errorf("cannot read the descriptor: %w", err)
	}
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("="))
		value = bytes.Trim(bytes.TrimSpace(value), `"`)
		switch string(bytes.ToLower(bytes.TrimSpace(key))) {
		case "parentcid":
			if !bytes.EqualFold(value, []byte("ffffffff")) {
				return errors.New("a delta on a parent disk is not supported")
			}
		case "createtype":
			if t := string(value); t != "streamOptimized" && t != "monolithicSparse" {
				return fmt.Errorf("a disk of type %.40q is not supported", t)
			}
		}
	}
	return nil
}

// read reads n bytes from a sector on.
func (d *reader) read(at uint64, n int64) ([]byte, error) {
	if at > uint64(d.fileSize/sector) || n > d.fileSize-int64(at)*sector {
		return nil, fmt.Errorf("truncated: %d bytes at sector %d lie outside of the file", n, at)
	}
	b := make([]byte, n)
	return b, d.readInto(b, int64(at)*sector)
}

func (d *reader) readInto(b []byte, off int64) error {
	if _, err := io.ReadFull(io.NewSectionReader(d.r, off, int64(len(b))), b); err != nil {
		return fmt.Errorf("cannot read %d bytes at offset %d: %w", len(b), off, err)
	}
	return nil
}

func decode32(b []byte) []uint32 {
	list := make([]uint32, len(b)/4)
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return list
}

// grain is the size of a grain in bytes.
func (d *reader) grain() int64 { return int64(d.head.grainSectors) * sector }

// Size implements [disk.Image].
func (d *reader) Size() int64 { return int64(d.head.capacity) * sector }

// entry is where a grain lies, in sectors; 0 and 1 mean that it is zero.
func (d *reader) entry(nr int64) (uint32, error) {
	t := nr / tableEntries
	if d.directory[t] == 0 {
		return 0, nil
	}
	table := d.tables[t]
	if table == nil {
		b, err := d.read(uint64(d.directory[t]), tableSectors*sector)
		if err != nil {
			return 0, fmt.Errorf("cannot read grain table %d: %w", t, err)
		}
		table = (*[tableEntries]uint32)(decode32(b))
		if len(d.tables) >= maxTables {
			clear(d.tables)
		}
		d.tables[t] = table
	}
	return table[nr%tableEntries], nil
}

// load makes cached hold a grain.
func (d *reader) load(nr int64) error {
	if d.cachedNr == nr {
		return nil
	}
	at, err := d.entry(nr)
	if err != nil {
		return err
	}
	d.cachedNr = -1
	switch {
	case at <= 1:
		clear(d.cached)
	case d.head.flags&flagCompressed != 0:
		err = d.inflate(nr, at)
	default:
		clear(d.cached)
		n := min(d.grain(), d.Size()-nr*d.grain())
		if n > d.fileSize-int64(at)*sector {
			return fmt.Errorf("truncated: grain %d lies outside of the file", nr)
		}
		err = d.readInto(d.cached[:n], int64(at)*sector)
	}
	if err != nil {
		return err
	}
	d.cachedNr = nr
	return nil
}

// inflate reads the compressed grain at a sector into cached.
func (d *reader) inflate(nr int64, at uint32) error {
	h, err := d.read(uint64(at), sector)
	if err != nil {
		return fmt.Errorf("grain %d: %w", nr, err)
	}
	skip := int64(4)
	length := int64(binary.LittleEndian.Uint32(h))
	if d.head.flags&flagMarkers != 0 {
		if first := binary.LittleEndian.Uint64(h); first != uint64(nr)*d.head.grainSectors {
			return fmt.Errorf("grain %d says that it belongs at sector %d", nr, first)
		}
		skip, length = grainHeaderSize, int64(binary.LittleEndian.Uint32(h[8:]))
	}
	off := int64(at)*sector + skip
	// Incompressible data grows by less than a sector.
	if length > d.grain()+sector || length > d.fileSize-off {
		return fmt.Errorf("grain %d says that it has %d bytes", nr, length)
	}
	if int64(cap(d.packed)) < length {
		d.packed = make([]byte, d.grain()+sector)
	}
	if err := d.readInto(d.packed[:length], off); err != nil {
		return err
	}
	z, err := zlib.NewReader(bytes.NewReader(d.packed[:length]))
	if err != nil {
		return fmt.Errorf("grain %d is damaged: %w", nr, err)
	}
	n, err := io.ReadFull(z, d.cached)
	if err == nil { // must end here, with the right checksum
		if _, end := io.ReadFull(z, make([]byte, 1)); end == nil {
			err = errors.New("it is too long")
		} else if !errors.Is(end, io.EOF) {
			err = end
		}
	}
	// The last grain of a disk whose size is no multiple may be cut.
	last := errors.Is(err, io.ErrUnexpectedEOF) && int64(n) >= d.Size()-nr*d.grain()
	if err != nil && !last {
		return fmt.Errorf("grain %d is damaged: %w", nr, err)
	}
	clear(d.cached[n:])
	return nil
}

// ReadAt implements [io.ReaderAt].
func (d *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("cannot read at a negative offset")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= d.Size() {
			return done, io.EOF
		}
		nr := at / d.grain()
		if err := d.load(nr); err != nil {
			return done, err
		}
		n := min(d.grain(), d.Size()-nr*d.grain())
		done += copy(p[done:], d.cached[at-nr*d.grain():n])
	}
	return done, nil
}

// Extents implements [disk.Image].
func (d *reader) Extents() iter.Seq2[disk.Extent, error] {
	return func(yield func(disk.Extent, error) bool) {
		var have disk.Extent
		grains := (d.Size() + d.grain() - 1) / d.grain()
		for nr := int64(0); nr < grains; nr++ {
			if d.directory[nr/tableEntries] == 0 {
				nr = (nr/tableEntries+1)*tableEntries - 1 // nothing in this table
				continue
			}
			d.mu.Lock()
			at, err := d.entry(nr)
			d.mu.Unlock()
			if err != nil {
				yield(disk.Extent{}, err)
				return
			}
			if at <= 1 {
				continue
			}
			off := nr * d.grain()
			n := min(d.grain(), d.Size()-off)
			if have.Length > 0 && have.End() == off {
				have.Length += n
				continue
			}
			if have.Length > 0 && !yield(have, nil) {
				return
			}
			have = disk.Extent{Offset: off, Length: n}
		}
		if have.Length > 0 {
			yield(have, nil)
		}
	}
}
