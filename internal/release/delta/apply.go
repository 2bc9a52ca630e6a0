package delta

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	patchMagic = "INGOTDL1"
	opCopy     = 'C'
	opFill     = 'F'
	opZstd     = 'Z'
	opEnd      = 'E'

	// maxRun is how much one frame makes, maxDict how much of the old file it
	// may refer to, in bytes: together they bound the memory.
	maxRun  = 4 << 20
	maxDict = 12 << 20
	// maxFrame is what a run takes that does not compress.
	maxFrame = maxRun + maxRun/128 + 1024
	// maxWindow holds a run and its dictionary.
	maxWindow = 16 << 20
)

// Apply writes the new file to w, in order, and reads the patch once, in order.
// It writes size bytes, or fails: the error wraps [ErrDamaged], or is that of a
// reader or writer.
func Apply(ctx context.Context, w io.Writer, patch io.Reader, old io.ReaderAt, oldSize, size int64) error {
	a := &applier{ctx: ctx, w: w, patch: bufio.NewReader(patch), old: old, oldSize: oldSize, left: size}
	if err := a.run(); err != nil {
		return fmt.Errorf("cannot apply the patch: %w", err)
	}
	return nil
}

type applier struct {
	ctx     context.Context
	w       io.Writer
	patch   *bufio.Reader
	old     io.ReaderAt
	oldSize int64
	at      int64 // end of the last copy in the old file
	left    int64 // bytes to be written
	buffer  []byte
}

func (a *applier) run() error {
	magic := make([]byte, len(patchMagic))
	if _, err := io.ReadFull(a.patch, magic); err != nil {
		return short(err)
	}
	if string(magic) != patchMagic {
		return fmt.Errorf("%w: it is no patch", ErrDamaged)
	}
	for {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		op, err := a.patch.ReadByte()
		if err != nil {
			return short(err)
		}
		switch op {
		case opCopy:
			err = a.copy()
		case opFill:
			err = a.fill()
		case opZstd:
			err = a.frame()
		case opEnd:
			if a.left != 0 {
				return fmt.Errorf("%w: it ends %d bytes too early", ErrDamaged, a.left)
			}
			return nil
		default:
			return fmt.Errorf("%w: what is %q?", ErrDamaged, op)
		}
		if err != nil {
			return err
		}
	}
}

// short says that the end of a patch that ends too early is damage.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	return err
}

// length reads a length of at most limit bytes, and takes it off what is left
// to write.
func (a *applier) length(limit int64) (int64, error) {
	n, err := binary.ReadUvarint(a.patch)
	if err != nil {
		return 0, numberError(err)
	}
	if n == 0 || n > uint64(min(limit, a.left)) {
		return 0, fmt.Errorf("%w: %d bytes are more than there can be", ErrDamaged, n)
	}
	a.left -= int64(n)
	return int64(n), nil
}

// numberError tells a reader's failure from a number that is too long.
func numberError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return short(err)
	}
	if err != nil && err.Error() == "binary: varint overflows a 64-bit integer" {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// place reads a place in the old file from which length bytes can be read.
func (a *applier) place() (int64, error) {
	moved, err := binary.ReadVarint(a.patch)
	if err != nil {
		return 0, numberError(err)
	}
	if moved < -a.at || moved > a.oldSize-a.at {
		return 0, fmt.Errorf("%w: it refers to what lies outside of the old file", ErrDamaged)
	}
	return a.at + moved, nil
}

func (a *applier) copy() error {
	from, err := a.place()
	if err != nil {
		return err
	}
	n, err := a.length(a.oldSize - from)
	if err != nil {
		return err
	}
	a.at = from + n
	if a.buffer == nil {
		a.buffer = make([]byte, 256<<10)
	}
	for n > 0 {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		part := a.buffer[:min(n, int64(len(a.buffer)))]
		if _, err := a.old.ReadAt(part, from); err != nil {
			return oldError(err)
		}
		if _, err := a.w.Write(part); err != nil {
			return err
		}
		from, n = from+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// oldError says that an old file that is shorter than it should be is another.
func oldError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the old file is shorter than it should be", ErrDamaged)
	}
	return fmt.Errorf("cannot read the old file: %w", err)
}

var zeros [64 << 10]byte

func (a *applier) fill() error {
	n, err := a.length(a.left)
	if err != nil {
		return err
	}
	for n > 0 {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		part := min(n, int64(len(zeros)))
		if _, err := a.w.Write(zeros[:part]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

func (a *applier) frame() error {
	n, err := a.length(maxRun)
	if err != nil {
		return err
	}
	from, err := a.place()
	if err != nil {
		return err
	}
	dictSize, err := binary.ReadUvarint(a.patch)
	if err != nil {
		return numberError(err)
	}
	frameSize, err := binary.ReadUvarint(a.patch)
	if err != nil {
		return numberError(err)
	}
	if dictSize > uint64(min(maxDict, a.oldSize-from)) || frameSize > maxFrame {
		return fmt.Errorf("%w: a frame of %d bytes with a dictionary of %d", ErrDamaged, frameSize, dictSize)
	}
	dict := make([]byte, dictSize)
	if len(dict) > 0 {
		if _, err := a.old.ReadAt(dict, from); err != nil {
			return oldError(err)
		}
	}
	// Read as it comes: what is not there takes no memory.
	var frame bytes.Buffer
	if got, err := io.CopyN(&frame, a.patch, int64(frameSize)); err != nil {
		return fmt.Errorf("%d of %d bytes: %w", got, frameSize, short(err))
	}
	return decode(a.w, frame.Bytes(), dict, n)
}

// dictID is what frames call their dictionary.
const dictID = 1

// decode writes what a frame holds, n bytes.
func decode(w io.Writer, frame, dict []byte, n int64) error {
	options := []zstd.DOption{
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow),
	}
	if len(dict) > 0 {
		options = append(options, zstd.WithDecoderDictRaw(dictID, dict))
	}
	d, err := zstd.NewReader(bytes.NewReader(frame), options...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer d.Close()
	out := &writeErrors{w: w}
	got, err := io.Copy(out, io.LimitReader(onlyReader{d}, n))
	if out.err != nil {
		return out.err
	}
	if err == nil && got == n {
		var more [1]byte
		if _, err = io.ReadFull(d, more[:]); err == io.EOF {
			return nil
		}
	}
	return fmt.Errorf("%w: a frame holds other than %d bytes (%v)", ErrDamaged, n, err)
}

// onlyReader hides WriteTo, which would pass over the limit.
type onlyReader struct{ io.Reader }

// writeErrors tells a writer's failure from a frame's.
type writeErrors struct {
	w   io.Writer
	err error
}

func (w *writeErrors) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}
