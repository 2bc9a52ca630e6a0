package release

import (
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// FrameSize is how much of an image goes into one zstd frame, in bytes. Frames
// are independent, so that a reader can start at any of them.
const FrameSize = 8 << 20

// Encoder compresses one block into one whole zstd frame. It is called from
// several goroutines.
type Encoder func(block []byte) ([]byte, error)

// FastEncoder is for what is built again and again: an application's image.
func FastEncoder() (Encoder, error) { return goEncoder(zstd.SpeedDefault) }

// GoodEncoder takes five times as long for a tenth less.
func GoodEncoder() (Encoder, error) { return goEncoder(zstd.SpeedBestCompression) }

func goEncoder(level zstd.EncoderLevel) (Encoder, error) {
	// A frame holds its whole content in the window, and no more.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(FrameSize),
		zstd.WithEncoderConcurrency(runtime.NumCPU()))
	if err != nil {
		return nil, err
	}
	return func(block []byte) ([]byte, error) { return enc.EncodeAll(block, nil), nil }, nil
}

// Compress writes r as a sequence of frames of FrameSize bytes each, on all
// CPUs. The same input gives the same bytes, as far as the encoder does.
func Compress(w io.Writer, r io.Reader, encode Encoder, progress func(done int64)) error {
	queue := make(chan chan frame, runtime.NumCPU())
	readErr := make(chan error, 1)
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		defer close(queue)
		readErr <- split(r, encode, queue, quit)
	}()

	var done int64
	for next := range queue {
		f := <-next
		if f.err != nil {
			return f.err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
		if done += FrameSize; progress != nil {
			progress(done)
		}
	}
	return <-readErr
}

type frame struct {
	data []byte
	err  error
}

// split hands one channel per frame to the queue, in order, and fills each
// from its own goroutine. The queue's length bounds the memory.
func split(r io.Reader, encode Encoder, queue chan<- chan frame, quit <-chan struct{}) error {
	for {
		block := make([]byte, FrameSize)
		n, err := io.ReadFull(r, block)
		if n > 0 {
			next := make(chan frame, 1)
			go func() {
				data, err := encode(block[:n])
				next <- frame{data, err}
			}()
			select {
			case queue <- next:
			case <-quit:
				return nil
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}
