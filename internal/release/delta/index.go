package delta

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	indexMagic = "INGOTIX1"
	// perFrame is how many blocks go into a frame: more compress better, fewer
	// leave less to be read in vain.
	perFrame = 8
	// maxPerFrame bounds what an index may say.
	maxPerFrame = 1 << 10
	maxBlocks   = 1 << 28 // 1 TiB
)

// hash names a block.
type hash [16]byte

func hashOf(block []byte) hash {
	sum := sha256.Sum256(block)
	return hash(sum[:16])
}

// WriteBlocks makes the index of a file, and the file of blocks that ranges are
// read from. The last block may be short.
func WriteBlocks(ctx context.Context, index, blocks io.Writer, content io.ReaderAt, size int64) error {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(windowFor(perFrame*blockSize)), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	defer enc.Close()
	head := binary.AppendUvarint([]byte(indexMagic), uint64(size))
	head = binary.AppendUvarint(head, perFrame)
	var hashes, frame []byte
	out := bufio.NewWriterSize(blocks, 1<<20)
	err = eachChunk(ctx, content, size, func(_ int64, data []byte) error {
		for len(data) > 0 {
			group := data[:min(perFrame*blockSize, len(data))]
			data = data[len(group):]
			if isZero(group) { // nobody reads it
				head = binary.AppendUvarint(head, 0)
			} else {
				frame = enc.EncodeAll(group, frame[:0])
				head = binary.AppendUvarint(head, uint64(len(frame)))
				if _, err := out.Write(frame); err != nil {
					return err
				}
			}
			for len(group) > 0 {
				n := min(blockSize, len(group))
				h := hashOf(group[:n])
				hashes, group = append(hashes, h[:]...), group[n:]
			}
		}
		return nil
	})
	if err == nil {
		err = out.Flush()
	}
	for _, b := range [][]byte{head, hashes} {
		if err == nil {
			_, err = index.Write(b)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot make a block index: %w", err)
	}
	return nil
}

func isZero(b []byte) bool {
	for len(b) > 0 {
		n := min(len(zeros), len(b))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// Index knows the blocks of a file.
type Index struct {
	size     int64
	perFrame int64
	frames   []int64 // where each begins in the file of blocks, and where the last ends
	hashes   []hash
}

// ReadIndex reads the index of a file of size bytes. The error wraps
// [ErrDamaged], or is the reader's.
func ReadIndex(r io.Reader, size int64) (*Index, error) {
	x, err := readIndex(bufio.NewReader(r), size)
	if err != nil {
		return nil, fmt.Errorf("cannot read the block index: %w", err)
	}
	return x, nil
}

func readIndex(r *bufio.Reader, size int64) (*Index, error) {
	magic := make([]byte, len(indexMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, short(err)
	}
	said, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, numberError(err)
	}
	group, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, numberError(err)
	}
	if string(magic) != indexMagic || size < 0 || said != uint64(size) || group < 1 || group > maxPerFrame ||
		(size+blockSize-1)/blockSize > maxBlocks {
		return nil, fmt.Errorf("%w: it is no index of a file of %d bytes", ErrDamaged, size)
	}
	x := &Index{size: size, perFrame: int64(group)}
	blocks := (size + blockSize - 1) / blockSize
	at := int64(0)
	for range (blocks + x.perFrame - 1) / x.perFrame {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, numberError(err)
		}
		if limit := uint64(group*blockSize) * 2; n > limit {
			return nil, fmt.Errorf("%w: a frame of %d bytes", ErrDamaged, n)
		}
		x.frames = append(x.frames, at)
		at += int64(n)
	}
	x.frames = append(x.frames, at)
	for range blocks {
		var h hash
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return nil, short(err)
		}
		x.hashes = append(x.hashes, h)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return x, nil
}

// Range is a part of the file of blocks, in bytes.
type Range struct{ Offset, Length int64 }

// Plan says what has to be read to make a file of an old one.
type Plan struct {
	index  *Index
	places map[hash]int64 // of blocks in the old file
	ranges []Range
}

// near is how far apart two ranges may be to be read as one: a request costs
// about as much.
const near = 8 << 10

// Plan finds the blocks that the old file has. It takes about 50 bytes of
// memory for each of them.
func (x *Index) Plan(ctx context.Context, old io.ReaderAt, oldSize int64) (*Plan, error) {
	p := &Plan{index: x, places: map[hash]int64{hashOf(zeros[:blockSize]): -1}}
	wanted := make(map[hash]struct{}, len(x.hashes))
	for _, h := range x.hashes {
		wanted[h] = struct{}{}
	}
	err := eachChunk(ctx, old, oldSize, func(at int64, data []byte) error {
		for i := 0; i < len(data); i += blockSize {
			h := hashOf(data[i:min(i+blockSize, len(data))])
			_, want := wanted[h]
			if _, have := p.places[h]; want && !have {
				p.places[h] = at + int64(i)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the old file: %w", err)
	}
	for i := range len(x.frames) - 1 {
		if !p.needs(i) {
			continue
		}
		from, to := x.frames[i], x.frames[i+1]
		if n := len(p.ranges); n > 0 && from-p.ranges[n-1].end() <= near {
			p.ranges[n-1].Length = to - p.ranges[n-1].Offset
		} else if to > from {
			p.ranges = append(p.ranges, Range{from, to - from})
		}
	}
	return p, nil
}

func (r Range) end() int64 { return r.Offset + r.Length }

// blocks are the numbers of the blocks of a frame, from and up to.
func (x *Index) blocks(frame int) (from, to int64) {
	from = int64(frame) * x.perFrame
	return from, min(from+x.perFrame, int64(len(x.hashes)))
}

// length of a block.
func (x *Index) length(block int64) int64 { return min(blockSize, x.size-block*blockSize) }

// needs says whether a frame has to be read.
func (p *Plan) needs(frame int) bool {
	from, to := p.index.blocks(frame)
	for b := from; b < to; b++ {
		if _, ok := p.places[p.index.hashes[b]]; !ok {
			return true
		}
	}
	return false
}

// Bytes is how much has to be read.
func (p *Plan) Bytes() (n int64) {
	for _, r := range p.ranges {
		n += r.Length
	}
	return n
}

// Ranges are what has to be read, ascending.
func (p *Plan) Ranges() []Range { return p.ranges }

// Assemble writes the new file, in order. open reads a range of the file of
// blocks; each is read once, in order. The error wraps [ErrDamaged], or is that
// of a reader or writer.
func (p *Plan) Assemble(ctx context.Context, w io.Writer, old io.ReaderAt, open func(ctx context.Context, r Range) (io.ReadCloser, error)) error {
	a := &assembler{Plan: p, ctx: ctx, w: w, old: old, open: open, block: make([]byte, blockSize)}
	defer a.close()
	for i := range len(p.index.frames) - 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.frame(i); err != nil {
			return fmt.Errorf("cannot make the file of its blocks: %w", err)
		}
	}
	return nil
}

type assembler struct {
	*Plan
	ctx   context.Context
	w     io.Writer
	old   io.ReaderAt
	open  func(ctx context.Context, r Range) (io.ReadCloser, error)
	block []byte

	next int           // range
	at   int64         // in the file of blocks
	in   io.ReadCloser // the range that is being read; nil when none is
}

func (a *assembler) close() {
	if a.in != nil {
		a.in.Close()
	}
}

func (a *assembler) frame(i int) error {
	var fresh []byte
	if a.needs(i) {
		packed, err := a.read(i)
		if err != nil {
			return err
		}
		from, to := a.index.blocks(i)
		var out bytes.Buffer
		size := int64(0)
		for b := from; b < to; b++ {
			size += a.index.length(b)
		}
		if err := decode(&out, packed, nil, size); err != nil {
			return err
		}
		fresh = out.Bytes()
	}
	from, to := a.index.blocks(i)
	for b := from; b < to; b++ {
		want, n := a.index.hashes[b], a.index.length(b)
		block := a.block[:n]
		if fresh != nil {
			block, fresh = fresh[:n], fresh[n:]
		} else if place := a.places[want]; place < 0 {
			clear(block)
		} else if _, err := readAt(a.old, block, place); err != nil {
			return oldError(err)
		}
		if hashOf(block) != want {
			return fmt.Errorf("%w: block %d is another", ErrDamaged, b)
		}
		if _, err := a.w.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// read reads a packed frame from the range that it lies in.
func (a *assembler) read(i int) ([]byte, error) {
	from, to := a.index.frames[i], a.index.frames[i+1]
	for a.in == nil || from >= a.ranges[a.next-1].end() {
		a.close()
		if a.in = nil; a.next == len(a.ranges) {
			return nil, fmt.Errorf("%w: frame %d lies in no range", ErrDamaged, i)
		}
		r := a.ranges[a.next]
		in, err := a.open(a.ctx, r)
		if err != nil {
			return nil, err
		}
		a.in, a.at, a.next = in, r.Offset, a.next+1
	}
	if _, err := io.CopyN(io.Discard, a.in, from-a.at); err != nil {
		return nil, ranged(err)
	}
	packed := make([]byte, to-from)
	if _, err := io.ReadFull(a.in, packed); err != nil {
		return nil, ranged(err)
	}
	a.at = to
	return packed, nil
}

func ranged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: a range is shorter than it should be", ErrDamaged)
	}
	return err
}
