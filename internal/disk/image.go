package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Extent is a run of bytes of an image.
type Extent struct {
	Offset, Length int64
}

// End is the offset of the first byte after the extent.
func (e Extent) End() int64 { return e.Offset + e.Length }

// Image is a disk or partition that can be read. ReadAt may be called from
// several goroutines at once.
type Image interface {
	io.ReaderAt
	// Size in bytes.
	Size() int64
	// Extents yields the runs that may hold bytes other than zero, in
	// ascending order, neither empty nor overlapping; all else reads as zero.
	// After an error nothing more is yielded.
	Extents() iter.Seq2[Extent, error]
}

// Zero is an image of so many zero bytes: an empty virtual disk.
type Zero int64

// Size implements [Image].
func (z Zero) Size() int64 { return int64(z) }

// Extents implements [Image]: there are none.
func (z Zero) Extents() iter.Seq2[Extent, error] {
	return func(func(Extent, error) bool) {}
}

// ReadAt implements [io.ReaderAt].
func (z Zero) ReadAt(p []byte, off int64) (int, error) {
	n, err := clip(len(p), off, int64(z))
	clear(p[:n])
	return n, err
}

// Dense is an image of which every byte may be data: the size bytes that r
// starts with.
func Dense(r io.ReaderAt, size int64) Image {
	return dense{io.NewSectionReader(r, 0, size)}
}

type dense struct{ *io.SectionReader }

func (d dense) Extents() iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		if d.Size() > 0 {
			yield(Extent{0, d.Size()}, nil)
		}
	}
}

// clip says how many of n bytes at off lie in an image of the given size, with
// the error that ReadAt owes when it is fewer.
func clip(n int, off, size int64) (int, error) {
	switch {
	case off < 0:
		return 0, errors.New("cannot read at a negative offset")
	case off >= size:
		if n == 0 {
			return 0, nil
		}
		return 0, io.EOF
	case int64(n) > size-off:
		return int(size - off), io.EOF
	}
	return n, nil
}

// readFull reads all of p, which must lie in the image.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("cannot read %d bytes at offset %d: %w", len(p), off, err)
}

// Blocks yields the extents of img widened to whole blocks of the given size
// and merged where they then touch: what a format that allocates in such
// blocks has to look at. The last block is cut at the end of the image.
func Blocks(img Image, block int64) iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		var have Extent
		for e, err := range img.Extents() {
			if err != nil {
				yield(Extent{}, err)
				return
			}
			start := e.Offset / block * block
			end := min((e.End()+block-1)/block*block, img.Size())
			if have.Length > 0 && start <= have.End() {
				have.Length = end - have.Offset
				continue
			}
			if have.Length > 0 && !yield(have, nil) {
				return
			}
			have = Extent{start, end - start}
		}
		if have.Length > 0 {
			yield(have, nil)
		}
	}
}

// IsZero says whether all bytes of p are zero.
func IsZero(p []byte) bool {
	// Zero is what starts with a zero and equals itself moved by one byte: the
	// runtime compares with vector instructions, a loop over bytes does not.
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
