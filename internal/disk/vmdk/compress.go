package vmdk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/ingotvm/ingot/internal/disk"
)

// compressionLevel is the first of klauspost's levels that looks thoroughly.
// Most of what fills an Ingot disk is compressed already; of the boot loaders
// and the kernel it leaves 271 kB less than the fastest, in 0.2 s.
const compressionLevel = 7

// job is one grain on its way through compression.
type job struct {
	nr   int64
	data []byte       // grainSize bytes of the disk
	out  bytes.Buffer // header, compressed bytes, padding
	err  error
	done chan struct{} // one token when out or err is set
}

// compressGrains calls emit with each grain of img that is not zero, in
// ascending order, compressed by as many goroutines as there are processors.
// emit is called, as is progress, from the calling goroutine. What it gets
// does not depend on the number of goroutines: grains are compressed apart.
func compressGrains(ctx context.Context, img disk.Image, progress func(done, total int64), emit func(nr int64, data []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	// Jobs circulate: free → reader → todo and order → free. As there are no
	// more than fit in each channel, no send on todo, order or free blocks.
	jobs := 4 * workers
	free, todo, order := make(chan *job, jobs), make(chan *job, jobs), make(chan *job, jobs)
	for range jobs {
		free <- &job{data: make([]byte, grainSize), done: make(chan struct{}, 1)}
	}

	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for range workers {
		group.Go(func() {
			c := compressor{}
			for j := range todo {
				j.err = c.compress(j)
				j.done <- struct{}{}
			}
		})
	}
	var readErr error // set before order is closed
	group.Go(func() {
		readErr = readGrains(ctx, img, free, todo, order)
		close(todo)
		close(order)
	})

	for j := range order {
		<-j.done
		if j.err != nil {
			return j.err
		}
		if err := emit(j.nr, j.out.Bytes()); err != nil {
			return err
		}
		if progress != nil {
			progress((j.nr+1)*grainSize, img.Size())
		}
		free <- j
	}
	if readErr == nil && progress != nil {
		progress(img.Size(), img.Size())
	}
	return readErr
}

// readGrains hands out jobs for the grains that hold data.
func readGrains(ctx context.Context, img disk.Image, free chan *job, todo, order chan<- *job) error {
	for e, err := range disk.Blocks(img, grainSize) {
		if err != nil {
			return err
		}
		for off := e.Offset; off < e.End(); off += grainSize {
			if err := ctx.Err(); err != nil {
				return err
			}
			var j *job
			select {
			case <-ctx.Done():
				return ctx.Err()
			case j = <-free:
			}
			j.nr = off / grainSize
			if _, err := io.ReadFull(io.NewSectionReader(img, off, grainSize), j.data); err != nil {
				return fmt.Errorf("cannot read the disk at offset %d: %w", off, err)
			}
			if disk.IsZero(j.data) {
				free <- j
				continue
			}
			order <- j
			todo <- j
		}
	}
	return nil
}

// compressor is the state that one goroutine reuses.
type compressor struct{ z *zlib.Writer }

func (c *compressor) compress(j *job) error {
	j.out.Reset()
	j.out.Write(make([]byte, grainHeaderSize))
	if c.z == nil {
		z, err := zlib.NewWriterLevel(&j.out, compressionLevel)
		if err != nil {
			return err
		}
		c.z = z
	} else {
		c.z.Reset(&j.out)
	}
	if _, err := c.z.Write(j.data); err != nil {
		return err
	}
	if err := c.z.Close(); err != nil {
		return err
	}
	grainHeader(j.out.Bytes(), j.nr*grainSectors, j.out.Len()-grainHeaderSize)
	if rest := j.out.Len() % sector; rest > 0 {
		j.out.Write(make([]byte, sector-rest))
	}
	return nil
}
