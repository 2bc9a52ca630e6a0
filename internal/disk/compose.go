package disk

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
)

// Part is an image at its place in a larger one.
type Part struct {
	Offset int64
	Image  Image
}

func (p Part) end() int64 { return p.Offset + p.Image.Size() }

// Compose lays the parts, in any order, into an image of the given size
// without copying; what no part covers is zero. It refuses parts that overlap
// or stick out.
func Compose(size int64, parts ...Part) (Image, error) {
	c := &composed{size: size}
	for _, p := range parts {
		if p.Offset < 0 || p.Offset > size || p.Image.Size() > size-p.Offset {
			return nil, fmt.Errorf("cannot compose a disk of %d bytes: a part of %d bytes at offset %d does not fit",
				size, p.Image.Size(), p.Offset)
		}
		if p.Image.Size() > 0 {
			c.parts = append(c.parts, p)
		}
	}
	slices.SortStableFunc(c.parts, func(a, b Part) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := 1; i < len(c.parts); i++ {
		if a, b := c.parts[i-1], c.parts[i]; a.end() > b.Offset {
			return nil, fmt.Errorf("cannot compose a disk: the parts at offsets %d and %d overlap", a.Offset, b.Offset)
		}
	}
	return c, nil
}

type composed struct {
	size  int64
	parts []Part // sorted, disjoint, none empty
}

func (c *composed) Size() int64 { return c.size }

func (c *composed) ReadAt(p []byte, off int64) (int, error) {
	n, eof := clip(len(p), off, c.size)
	done := 0
	// The first part that ends after off.
	i := sort.Search(len(c.parts), func(i int) bool { return c.parts[i].end() > off })
	for ; done < n; i++ {
		at := off + int64(done)
		gap := n - done
		if i < len(c.parts) {
			gap = int(min(int64(gap), max(0, c.parts[i].Offset-at)))
		}
		clear(p[done : done+gap])
		done, at = done+gap, at+int64(gap)
		if done == n {
			break
		}
		part := c.parts[i]
		k := int(min(int64(n-done), part.end()-at))
		m, err := part.Image.ReadAt(p[done:done+k], at-part.Offset)
		done += m
		if m < k {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
	}
	return n, eof
}

func (c *composed) Extents() iter.Seq2[Extent, error] {
	return func(yield func(Extent, error) bool) {
		for _, p := range c.parts {
			for e, err := range p.Image.Extents() {
				if err != nil {
					yield(Extent{}, err)
					return
				}
				if !yield(Extent{p.Offset + e.Offset, e.Length}, nil) {
					return
				}
			}
		}
	}
}
