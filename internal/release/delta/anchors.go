package delta

import (
	"context"
	"io"
)

// anchors are places of the old file that can be recognised wherever they have
// moved to, by what stands before them: for runs of which no block is left as
// it was.
type anchors struct {
	mask   uint64
	places map[uint64]int64
}

// apart is how far anchors are apart on average, in bytes, in files of up to
// 1 GiB; in longer ones further.
const apart = 1 << 10

func findAnchors(ctx context.Context, r io.ReaderAt, size int64) (*anchors, error) {
	mask := uint64(apart - 1)
	for size/int64(mask+1) > 1<<20 {
		mask = mask<<1 | 1
	}
	a := &anchors{mask: mask << 20, places: map[uint64]int64{}}
	err := eachChunk(ctx, r, size, func(at int64, data []byte) error {
		a.each(data, func(i int, sum uint64) {
			if _, ok := a.places[sum]; !ok {
				a.places[sum] = at + int64(i)
			}
		})
		return nil
	})
	return a, err
}

// each calls f for the anchors of some data. The hash is of the last 64 bytes:
// each byte is shifted out after so many.
func (a *anchors) each(data []byte, f func(i int, sum uint64)) {
	var sum uint64
	for i, b := range data {
		sum = sum<<1 + gear[b]
		if i >= 64 && sum&a.mask == 0 {
			f(i, sum)
		}
	}
}

// window is how finely places are told apart, in bytes.
const window = 256 << 10

// best is the part of the old file, of at most length bytes, that has most
// anchors in common with a run, and how many. The place where it is expected
// wins over another of the same worth.
func (a *anchors) best(run []byte, expected, length, oldSize int64) (from int64, votes int) {
	count := map[int64]int{}
	a.each(run, func(_ int, sum uint64) {
		if at, ok := a.places[sum]; ok {
			count[at/window]++
		}
	})
	sum := func(from int64) (n int) {
		for w := from / window; w <= (from+length-1)/window; w++ {
			n += count[w]
		}
		return n
	}
	from, votes = expected, sum(expected)
	for w := range count {
		start := max(0, min(w*window-length/4, oldSize-length))
		if n := sum(start); n > votes || n == votes && from != expected && start < from {
			from, votes = start, n
		}
	}
	return from, votes
}

// gear is a random number for each byte, always the same: splitmix64.
var gear = func() (table [256]uint64) {
	x := uint64(0x9e3779b97f4a7c15)
	for i := range table {
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		table[i] = z ^ z>>31
	}
	return table
}()
