package verity

import (
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
)

// BlockSize of data and of the tree, in bytes.
const BlockSize = 4096

// perBlock is how many digests one block of the tree holds.
const perBlock = BlockSize / sha256.Size

// batchSize is what one goroutine hashes at a time: the data below exactly
// one block of the tree, so that no two goroutines write to the same block.
const batchSize = perBlock * BlockSize

// hashers bounds the goroutines, and with them the memory: that many batches
// of 512 KiB and the one being filled. More help little: reading and
// decompressing the image is then what takes the time.
const hashers = 2

type block = [BlockSize]byte

// Tree is computed while an image is written to it, in order and once. Besides
// the batches at work it holds 32 bytes for each 4096 of the image.
type Tree struct {
	salt  []byte
	size  int64
	batch []byte // being filled; nil when there is none

	levels [][]*block // lowest first; the lowest is filled in by goroutines
	made   int        // buffers that exist
	free   chan []byte
	work   sync.WaitGroup
	root   []byte // nil until summed
}

// NewTree begins the tree of an image. The salt may be empty; veritysetup and
// the kernel take up to 256 bytes.
func NewTree(salt []byte) *Tree {
	return &Tree{
		salt:   append([]byte(nil), salt...),
		levels: make([][]*block, 1),
		free:   make(chan []byte, hashers+1),
	}
}

// TreeSize is the length in bytes of the tree of an image of that many bytes.
func TreeSize(imageSize int64) int64 {
	var size int64
	for n := (imageSize + BlockSize - 1) / BlockSize; n > 1; {
		n = (n + perBlock - 1) / perBlock
		size += n * BlockSize
	}
	return size
}

// Write takes the next bytes of the image. It fails only after Sum.
func (t *Tree) Write(p []byte) (int, error) {
	if t.root != nil {
		return 0, fmt.Errorf("cannot add to a hash tree that is complete")
	}
	total := len(p)
	for len(p) > 0 {
		if t.batch == nil {
			t.batch = t.buffer()
		}
		n := min(batchSize-len(t.batch), len(p))
		t.batch = append(t.batch, p[:n]...)
		p = p[n:]
		if len(t.batch) == batchSize {
			t.start()
		}
	}
	t.size += int64(total)
	return total, nil
}

// buffer is an empty batch; when all are at work it waits for one.
func (t *Tree) buffer() []byte {
	select {
	case b := <-t.free:
		return b
	default:
	}
	if t.made <= hashers {
		t.made++
		return make([]byte, 0, batchSize)
	}
	return <-t.free
}

// start hashes the batch in the background.
func (t *Tree) start() {
	data, out := t.batch, new(block)
	t.batch = nil
	t.levels[0] = append(t.levels[0], out)
	t.work.Go(func() {
		h := newHasher(t.salt)
		for i := 0; len(data) > i*BlockSize; i++ {
			h.sum(out, i, data[i*BlockSize:][:BlockSize])
		}
		t.free <- data[:0]
	})
}

// Sum ends the image and gives the root. It fails when the image is empty or
// not whole blocks. Calling it again gives the same.
func (t *Tree) Sum() ([]byte, error) {
	if t.root != nil {
		return t.root, nil
	}
	if t.size == 0 || t.size%BlockSize != 0 {
		return nil, fmt.Errorf("cannot make the hash tree of %d bytes: not a multiple of %d", t.size, BlockSize)
	}
	h := newHasher(t.salt)
	var top block
	if t.size == BlockSize {
		h.sum(&top, 0, t.batch)
		t.levels = nil
		t.root = top[:sha256.Size]
		return t.root, nil
	}
	if len(t.batch) > 0 {
		t.start()
	}
	t.work.Wait()
	for level := t.levels[0]; len(level) > 1; {
		var above []*block
		for i, b := range level {
			if i%perBlock == 0 {
				above = append(above, new(block))
			}
			h.sum(above[len(above)-1], i%perBlock, b[:])
		}
		t.levels = append(t.levels, above)
		level = above
	}
	h.sum(&top, 0, t.levels[len(t.levels)-1][0][:])
	t.root = top[:sha256.Size]
	return t.root, nil
}

// WriteTo writes the tree; Sum must have succeeded. It belongs directly behind
// the image in the same file, or at the start of one of its own.
func (t *Tree) WriteTo(w io.Writer) (int64, error) {
	if t.root == nil {
		return 0, fmt.Errorf("cannot write a hash tree that is not complete")
	}
	var written int64
	for i := len(t.levels) - 1; i >= 0; i-- {
		for _, b := range t.levels[i] {
			n, err := w.Write(b[:])
			written += int64(n)
			if err != nil {
				return written, err
			}
		}
	}
	return written, nil
}
