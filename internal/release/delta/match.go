package delta

import (
	"bytes"
	"context"
	"io"

	"github.com/cespare/xxhash/v2"
)

// match is a run of bytes that both files have.
type match struct{ new, old, length int64 }

// chunk is how much of a file is looked at in one go, in bytes.
const chunk = 1 << 20

// oldBlocks are the places of the old file's blocks by their hash. Blocks of
// zeros are left out: they say nothing about where one is.
type oldBlocks map[uint64]int64

func indexBlocks(ctx context.Context, old io.ReaderAt, size int64) (oldBlocks, error) {
	places := oldBlocks{}
	err := eachChunk(ctx, old, size, func(at int64, data []byte) error {
		for i := 0; i+blockSize <= len(data); i += blockSize {
			block := data[i : i+blockSize]
			if bytes.Equal(block, zeros[:blockSize]) {
				continue
			}
			sum := xxhash.Sum64(block)
			if _, ok := places[sum]; !ok {
				places[sum] = at + int64(i)
			}
		}
		return nil
	})
	return places, err
}

// eachChunk reads a file from beginning to end.
func eachChunk(ctx context.Context, r io.ReaderAt, size int64, do func(at int64, data []byte) error) error {
	buffer := make([]byte, chunk)
	for at := int64(0); at < size; at += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		data := buffer[:min(chunk, size-at)]
		if _, err := readAt(r, data, at); err != nil {
			return err
		}
		if err := do(at, data); err != nil {
			return err
		}
	}
	return nil
}

// readAt is ReadAt for what must be there.
func readAt(r io.ReaderAt, p []byte, at int64) (int, error) {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// findMatches finds the runs of blocks of the new file that the old one has,
// ascending and apart. One that goes on where the last ended is preferred to
// the same blocks elsewhere.
func findMatches(ctx context.Context, places oldBlocks, old io.ReaderAt, oldSize int64, next io.ReaderAt, size int64) ([]match, error) {
	var list []match
	theirs := make([]byte, blockSize)
	same := func(block []byte, at int64) (bool, error) {
		if at < 0 || at+int64(len(block)) > oldSize {
			return false, nil
		}
		if _, err := readAt(old, theirs[:len(block)], at); err != nil {
			return false, err
		}
		return bytes.Equal(block, theirs[:len(block)]), nil
	}
	err := eachChunk(ctx, next, size, func(at int64, data []byte) error {
		for i := 0; i < len(data); i += blockSize {
			block, here := data[i:min(i+blockSize, len(data))], at+int64(i)
			var last *match
			if len(list) > 0 {
				last = &list[len(list)-1]
				if last.new+last.length == here {
					ok, err := same(block, last.old+last.length)
					if err != nil {
						return err
					}
					if ok {
						last.length += int64(len(block))
						continue
					}
				}
			}
			if len(block) < blockSize || bytes.Equal(block, zeros[:blockSize]) {
				continue
			}
			place, ok := places[xxhash.Sum64(block)]
			if last != nil { // where it would be if nothing had moved since
				if moved := last.old + here - last.new; moved != place {
					stays, err := same(block, moved)
					if err != nil {
						return err
					}
					if stays {
						place, ok = moved, true
					}
				}
			}
			if !ok {
				continue
			}
			ok, err := same(block, place)
			if err != nil {
				return err
			}
			if ok {
				list = append(list, match{here, place, blockSize})
			}
		}
		return nil
	})
	return list, err
}
