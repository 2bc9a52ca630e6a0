package disk

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"syscall"
)

// Linux's lseek(2): the next offset that holds data, and the next hole.
const (
	seekData = 3
	seekHole = 4
)

// scanBlock is the unit in which an image without known holes is searched for
// zeros: the size of a VMDK grain and a qcow2 cluster.
const scanBlock = 64 << 10

// Sparse is an image of the size bytes that r starts with. When r is also an
// io.Seeker that knows SEEK_DATA and SEEK_HOLE, as *os.File is, its holes are
// skipped without being read, and its file position is moved. Otherwise
// blocks of zeros are found by reading.
func Sparse(r io.ReaderAt, size int64) Image {
	s := &sparse{SectionReader: io.NewSectionReader(r, 0, size), source: r}
	// Only Linux's numbers are known here (Darwin has them the other way round).
	if seeker, ok := r.(io.Seeker); ok && runtime.GOOS == "linux" {
		s.seeker = seeker
	}
	return s
}

type sparse struct {
	*io.SectionReader
	source io.ReaderAt
	seeker io.Seeker // nil when holes cannot be asked for
}

func (s *sparse) Extents() iter.Seq2[Extent, error] {
	if s.seeker != nil {
		if _, err := s.seeker.Seek(0, seekHole); err == nil {
			return s.seek
		}
		// Not a file, or a file system that does not know its holes.
	}
	return s.scan
}

func (s *sparse) seek(yield func(Extent, error) bool) {
	for off := int64(0); off < s.Size(); {
		start, err := s.seeker.Seek(off, seekData)
		if errors.Is(err, syscall.ENXIO) { // nothing but a hole up to the end
			return
		}
		var end int64
		if err == nil {
			end, err = s.seeker.Seek(start, seekHole)
		}
		if err != nil {
			yield(Extent{}, fmt.Errorf("cannot find the holes of an image: %w", err))
			return
		}
		start, end = min(start, s.Size()), min(end, s.Size())
		if end <= start {
			return // shortened under our hands; reading will tell
		}
		if !yield(Extent{start, end - start}, nil) {
			return
		}
		off = end
	}
}

func (s *sparse) scan(yield func(Extent, error) bool) {
	buf := make([]byte, scanBlock)
	var have Extent
	for off := int64(0); off < s.Size(); off += scanBlock {
		block := buf[:min(scanBlock, s.Size()-off)]
		if err := readFull(s, block, off); err != nil {
			yield(Extent{}, err)
			return
		}
		switch zero := IsZero(block); {
		case !zero && have.Length > 0:
			have.Length += int64(len(block))
		case !zero:
			have = Extent{off, int64(len(block))}
		case have.Length > 0:
			if !yield(have, nil) {
				return
			}
			have = Extent{}
		}
	}
	if have.Length > 0 {
		yield(have, nil)
	}
}
