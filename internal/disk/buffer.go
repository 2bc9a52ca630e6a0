package disk

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// pageSize is the unit in which a Buffer takes memory.
const pageSize = 64 << 10

// Buffer is a writable image in memory that takes room only for the pages
// written to. It may be read from several goroutines, but not while it is
// being written.
type Buffer struct {
	size  int64
	pages map[int64]*[pageSize]byte
}

// NewBuffer makes a buffer of size zero bytes.
func NewBuffer(size int64) *Buffer {
	return &Buffer{size: size, pages: make(map[int64]*[pageSize]byte)}
}

// Size implements [Image].
func (b *Buffer) Size() int64 { return b.size }

// WriteAt implements [io.WriterAt]. Nothing can be written past the end.
func (b *Buffer) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > b.size || int64(len(p)) > b.size-off {
		return 0, fmt.Errorf("cannot write %d bytes at offset %d: the image has %d", len(p), off, b.size)
	}
	n := len(p)
	for len(p) > 0 {
		page := b.pages[off/pageSize]
		if page == nil {
			page = new([pageSize]byte)
			b.pages[off/pageSize] = page
		}
		k := copy(page[off%pageSize:], p)
		p, off = p[k:], off+int64(k)
	}
	return n, nil
}

// ReadAt implements [io.ReaderAt].
func (b *Buffer) ReadAt(p []byte, off int64) (int, error) {
	n, err := clip(len(p), off, b.size)
	for p = p[:n]; len(p) > 0; {
		in := off % pageSize
		k := int(min(int64(len(p)), pageSize-in))
		if page := b.pages[off/pageSize]; page != nil {
			copy(p[:k], page[in:])
		} else {
			clear(p[:k])
		}
		p, off = p[k:], off+int64(k)
	}
	return n, err
}

// Extents implements [Image].
func (b *Buffer) Extents() iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for _, i := range slices.Sorted(maps.Keys(b.pages)) {
			off := i * pageSize
			if !yield(Extent{off, min(pageSize, b.size-off)}, nil) {
				return
			}
		}
	}
}
