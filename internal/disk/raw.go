package disk

import (
	"context"
	"fmt"
	"io"
)

// Options are common to all that write a disk format.
type Options struct {
	// Progress, when set, is told the bytes of the disk that are done and its
	// size; it is called from the goroutine that called the writer.
	Progress func(done, total int64)
}

// copyBlock is the unit in which WriteRaw copies.
const copyBlock = 1 << 20

// WriteRaw copies the image to w, which reads as zeros where it was not
// written (a new file, truncated to img.Size() by the caller). Blocks of zeros
// within an extent are not written either, so that the file stays sparse.
func WriteRaw(ctx context.Context, w io.WriterAt, img Image, opts Options) error {
	buf := make([]byte, copyBlock)
	for e, err := range img.Extents() {
		if err != nil {
			return fmt.Errorf("cannot write raw disk: %w", err)
		}
		for off := e.Offset; off < e.End(); {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("cannot write raw disk: %w", err)
			}
			// Up to a multiple of copyBlock, so that holes stay aligned.
			n := min(copyBlock-off%copyBlock, e.End()-off)
			if err := readFull(img, buf[:n], off); err != nil {
				return fmt.Errorf("cannot write raw disk: %w", err)
			}
			if err := writeNonzero(w, buf[:n], off); err != nil {
				return fmt.Errorf("cannot write raw disk: %w", err)
			}
			off += n
			if opts.Progress != nil {
				opts.Progress(off, img.Size())
			}
		}
	}
	if opts.Progress != nil {
		opts.Progress(img.Size(), img.Size())
	}
	return nil
}

// writeNonzero writes the runs of p that are not zero.
func writeNonzero(w io.WriterAt, p []byte, off int64) error {
	const block = 4096 // the usual block of a file system: no hole is smaller
	for i := 0; i < len(p); {
		end := min(i+block, len(p))
		if IsZero(p[i:end]) {
			i = end
			continue
		}
		start := i
		for i = end; i < len(p); i = end {
			if end = min(i+block, len(p)); IsZero(p[i:end]) {
				break
			}
		}
		if _, err := w.WriteAt(p[start:i], off+int64(start)); err != nil {
			return err
		}
	}
	return nil
}
