package delta

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// Stats say what a patch is made of, in bytes.
type Stats struct {
	// Copied is taken from the old file as it is, Filled are zeros, Coded is
	// compressed with parts of the old file; Patch is how long the patch is.
	Copied, Filled, Coded, Patch int64
}

// Encode writes a patch that makes a new file of an old one, the same bytes
// for the same files. It works on all CPUs. In memory it has some 40 bytes for
// each 4096 of the old file, and 100 MiB for each CPU.
func Encode(ctx context.Context, w io.Writer, old io.ReaderAt, oldSize int64, next io.ReaderAt, size int64) (Stats, error) {
	e := &encoder{ctx: ctx, old: old, oldSize: oldSize, next: next, size: size, out: bufio.NewWriter(w)}
	if err := e.run(); err != nil {
		return Stats{}, fmt.Errorf("cannot make a patch: %w", err)
	}
	return e.stats, nil
}

type encoder struct {
	ctx     context.Context
	old     io.ReaderAt
	oldSize int64
	next    io.ReaderAt
	size    int64
	out     *bufio.Writer
	anchors *anchors
	at      int64 // as in applier
	stats   Stats
}

// piece is one operation of the patch.
type piece struct {
	op          byte
	new, length int64
	old, dict   int64       // place and length in the old file
	done        chan result // of opZstd
}

type result struct {
	frame []byte
	err   error
}

func (e *encoder) run() error {
	places, err := indexBlocks(e.ctx, e.old, e.oldSize)
	if err != nil {
		return err
	}
	matches, err := findMatches(e.ctx, places, e.old, e.oldSize, e.next, e.size)
	if err != nil {
		return err
	}
	if e.anchors, err = findAnchors(e.ctx, e.old, e.oldSize); err != nil {
		return err
	}
	if _, err := e.out.WriteString(patchMagic); err != nil {
		return err
	}
	e.stats.Patch += int64(len(patchMagic)) + 1
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	queue, failed := make(chan *piece, runtime.NumCPU()), make(chan error, 1)
	go func() {
		defer close(queue)
		failed <- e.plan(ctx, matches, queue)
	}()
	for p := range queue {
		if err := e.write(p); err != nil {
			return err
		}
	}
	if err := <-failed; err != nil {
		return err
	}
	if err := e.out.WriteByte(opEnd); err != nil {
		return err
	}
	return e.out.Flush()
}

// plan queues the pieces in order; frames are worked on meanwhile.
func (e *encoder) plan(ctx context.Context, matches []match, queue chan<- *piece) error {
	slots := make(chan struct{}, runtime.NumCPU())
	send := func(p *piece) error {
		if p.op == opZstd {
			p.done = make(chan result, 1)
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() {
				frame, err := e.frame(p)
				p.done <- result{frame, err}
				<-slots
			}()
		}
		select {
		case queue <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	at, oldEnd := int64(0), int64(0)
	for i := 0; i <= len(matches); i++ {
		m := match{new: e.size, old: e.oldSize}
		if i < len(matches) {
			m = matches[i]
		}
		if err := e.gap(ctx, at, m.new, oldEnd, m.old, send); err != nil {
			return err
		}
		if m.length > 0 {
			if err := send(&piece{op: opCopy, new: m.new, length: m.length, old: m.old}); err != nil {
				return err
			}
		}
		at, oldEnd = m.new+m.length, m.old+m.length
	}
	return nil
}

// gap queues what lies between two matches: runs, and the zeros in between.
// left and right are the old file's places beside the gap.
func (e *encoder) gap(ctx context.Context, from, to, left, right int64, send func(*piece) error) error {
	block := make([]byte, chunk)
	start := from // of the run that is being gathered
	flush := func(end int64) error {
		for start < end {
			n := min(end-start, maxRun)
			// Where this run would be if the gap had grown evenly.
			expected := left + start - from
			if right >= left && to > from {
				expected = left + int64(float64(start-from)/float64(to-from)*float64(right-left))
			}
			p := &piece{op: opZstd, new: start, length: n, old: expected}
			if right-left < n*2 && right > left && n == to-from { // all of the gap fits
				p.old, p.dict = left, right-left
			}
			if err := send(p); err != nil {
				return err
			}
			start += n
		}
		return nil
	}
	zeroFrom := int64(-1)
	endZeros := func(at int64) error {
		if zeroFrom < 0 {
			return nil
		}
		if err := flush(zeroFrom); err != nil {
			return err
		}
		err := send(&piece{op: opFill, new: zeroFrom, length: at - zeroFrom})
		start, zeroFrom = at, -1
		return err
	}
	for at := from; at < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		data := block[:min(int64(len(block)), to-at)]
		if _, err := readAt(e.next, data, at); err != nil {
			return err
		}
		for len(data) > 0 {
			n := min(blockSize, len(data))
			if n == blockSize && bytes.Equal(data[:n], zeros[:n]) {
				if zeroFrom < 0 {
					zeroFrom = at
				}
			} else if err := endZeros(at); err != nil {
				return err
			}
			at, data = at+int64(n), data[n:]
		}
	}
	if err := endZeros(to); err != nil {
		return err
	}
	return flush(to)
}

// frame compresses a run with the part of the old file that looks most like it.
func (e *encoder) frame(p *piece) ([]byte, error) {
	run := make([]byte, p.length)
	if _, err := readAt(e.next, run, p.new); err != nil {
		return nil, err
	}
	e.dictionary(p, run)
	dict := make([]byte, p.dict)
	if _, err := readAt(e.old, dict, p.old); err != nil {
		return nil, err
	}
	options := []zstd.EOption{
		zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(windowFor(p.length + p.dict)), zstd.WithSingleSegment(false), zstd.WithLowerEncoderMem(true),
	}
	if len(dict) > 0 {
		options = append(options, zstd.WithEncoderDictRaw(dictID, dict))
	}
	enc, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll(run, nil), enc.Close()
}

// windowFor is the power of two that holds n bytes.
func windowFor(n int64) int {
	size := int64(zstd.MinWindowSize)
	for size < n && size < maxWindow {
		size *= 2
	}
	return int(size)
}

// dictionary chooses it: around where the run is expected, or elsewhere when
// much more of it is found there. Small runs get small ones: they are many.
func (e *encoder) dictionary(p *piece, run []byte) {
	length := max(p.dict, min(maxDict, 512<<10+4*p.length), 0)
	length = min(length+256<<10, maxDict, e.oldSize)
	expected := max(0, min(p.old-(length-max(p.length, p.dict))/2, e.oldSize-length))
	p.old, _ = e.anchors.best(run, expected, length, e.oldSize)
	p.dict = length
}

func (e *encoder) write(p *piece) error {
	head := []byte{p.op}
	var frame []byte
	switch p.op {
	case opCopy:
		head = binary.AppendVarint(head, p.old-e.at)
		head = binary.AppendUvarint(head, uint64(p.length))
		e.at = p.old + p.length
		e.stats.Copied += p.length
	case opFill:
		head = binary.AppendUvarint(head, uint64(p.length))
		e.stats.Filled += p.length
	case opZstd:
		r := <-p.done
		if r.err != nil {
			return r.err
		}
		frame = r.frame
		head = binary.AppendUvarint(head, uint64(p.length))
		head = binary.AppendVarint(head, p.old-e.at)
		head = binary.AppendUvarint(head, uint64(p.dict))
		head = binary.AppendUvarint(head, uint64(len(frame)))
		e.stats.Coded += p.length
	}
	for _, b := range [][]byte{head, frame} {
		if _, err := e.out.Write(b); err != nil {
			return err
		}
		e.stats.Patch += int64(len(b))
	}
	return nil
}
