package release

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestCompress reads back what was written.
func TestCompress(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{0, 1, FrameSize - 1, FrameSize, 2*FrameSize + 5} {
		want := make([]byte, size)
		_, _ = random.Read(want) // never fails
		encode, err := FastEncoder()
		if err != nil {
			t.Fatal(err)
		}
		var first, second bytes.Buffer
		for _, out := range []*bytes.Buffer{&first, &second} {
			if err := Compress(out, bytes.NewReader(want), encode, nil); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%d bytes gave two results", size)
		}
		r, err := zstd.NewReader(&first)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
}

func TestCompressReportsFailures(t *testing.T) {
	wrong := errors.New("wrong")
	fails := func([]byte) ([]byte, error) { return nil, wrong }
	if err := Compress(io.Discard, bytes.NewReader(make([]byte, 10)), fails, nil); !errors.Is(err, wrong) {
		t.Errorf("a failing encoder gave %v", err)
	}
	encode, err := FastEncoder()
	if err != nil {
		t.Fatal(err)
	}
	broken := io.MultiReader(bytes.NewReader(make([]byte, FrameSize)), failingReader{wrong})
	if err := Compress(io.Discard, broken, encode, nil); !errors.Is(err, wrong) {
		t.Errorf("a failing reader gave %v", err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
