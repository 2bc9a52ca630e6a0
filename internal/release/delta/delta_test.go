package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// noise are bytes that do not compress.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	data := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(data) // never fails
	return data
}

func patchOf(t testing.TB, old, next []byte) ([]byte, Stats) {
	t.Helper()
	var out bytes.Buffer
	stats, err := Encode(context.Background(), &out, bytes.NewReader(old), int64(len(old)), bytes.NewReader(next), int64(len(next)))
	if err != nil {
		t.Fatal(err)
	}
	if stats.Patch != int64(out.Len()) || stats.Copied+stats.Filled+stats.Coded != int64(len(next)) {
		t.Errorf("%d bytes of patch for %d: %+v", out.Len(), len(next), stats)
	}
	return out.Bytes(), stats
}

func applied(old, patch []byte, size int64) ([]byte, error) {
	var out bytes.Buffer
	err := Apply(context.Background(), &out, bytes.NewReader(patch), bytes.NewReader(old), int64(len(old)), size)
	if int64(out.Len()) > size {
		return nil, fmt.Errorf("%d bytes were written, %d was the limit", out.Len(), size)
	}
	return out.Bytes(), err
}

// pairs are files that become others, with how long the patch may be.
func pairs() map[string]struct {
	old, next []byte
	limit     int
} {
	old := noise(1, 3<<20+77)
	block := func(n int) int { return n * blockSize }
	edited := bytes.Clone(old)
	copy(edited[block(100)+7:], "another text")
	copy(edited[block(500):], noise(2, 5000))
	inserted := append(append(bytes.Clone(old[:block(50)+5]), "inserted"...), old[block(50)+5:]...)
	moved := append(append(bytes.Clone(old[block(400):block(600)]), old[:block(400)]...), old[block(600):]...)
	hole := bytes.Clone(old)
	clear(hole[block(200):block(300)])
	return map[string]struct {
		old, next []byte
		limit     int
	}{
		"the same":         {old, old, 40},
		"both empty":       {nil, nil, 20},
		"from nothing":     {nil, old, len(old) + len(old)/100},
		"to nothing":       {old, nil, 20},
		"one byte":         {[]byte("a"), []byte("b"), 40},
		"edited":           {old, edited, 12000},
		"all has moved":    {old, inserted, 3000},
		"in another order": {old, moved, 200},
		"a hole":           {old, hole, 100},
		"of zeros":         {nil, make([]byte, 20<<20), 40},
		"shorter":          {old, old[:block(300)+9], 200},
		"longer":           {old, append(bytes.Clone(old), old[:1000]...), 700},
		"quite another":    {noise(3, 100000), noise(4, 100000), 101000},
	}
}

func TestPatch(t *testing.T) {
	for name, p := range pairs() {
		t.Run(name, func(t *testing.T) {
			patch, stats := patchOf(t, p.old, p.next)
			got, err := applied(p.old, patch, int64(len(p.next)))
			if err != nil || !bytes.Equal(got, p.next) {
				t.Fatalf("it does not come back: %v", err)
			}
			if len(patch) > p.limit {
				t.Errorf("the patch has %d bytes, want at most %d: %+v", len(patch), p.limit, stats)
			}
			if again, _ := patchOf(t, p.old, p.next); !bytes.Equal(again, patch) {
				t.Error("another patch the second time")
			}
		})
	}
}

func TestDamagedPatch(t *testing.T) {
	p := pairs()["edited"]
	patch, _ := patchOf(t, p.old, p.next)
	size := int64(len(p.next))
	for n := 0; n < len(patch); n += 1 + n/50 {
		if _, err := applied(p.old, patch[:n], size); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	for _, wrong := range []int64{0, 1, size - 1, size + 1} {
		if _, err := applied(p.old, patch, wrong); !errors.Is(err, ErrDamaged) {
			t.Errorf("for %d bytes: %v", wrong, err)
		}
	}
	if _, err := applied(p.old[:1<<20], patch, size); !errors.Is(err, ErrDamaged) {
		t.Errorf("with an old file that is too short: %v", err)
	}
	wrong := errors.New("wrong")
	if err := Apply(t.Context(), failing{wrong}, bytes.NewReader(patch), bytes.NewReader(p.old), int64(len(p.old)), size); !errors.Is(err, wrong) || errors.Is(err, ErrDamaged) {
		t.Errorf("a disk that is full: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func indexed(t testing.TB, content []byte) (index, blocks []byte) {
	t.Helper()
	var i, b bytes.Buffer
	if err := WriteBlocks(context.Background(), &i, &b, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
	return i.Bytes(), b.Bytes()
}

// assembled makes a file of an old one, and counts what was read.
func assembled(old, index, blocks []byte, size int64) (content []byte, read int64, err error) {
	ctx := context.Background()
	x, err := ReadIndex(bytes.NewReader(index), size)
	if err != nil {
		return nil, 0, err
	}
	p, err := x.Plan(ctx, bytes.NewReader(old), int64(len(old)))
	if err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	err = p.Assemble(ctx, &out, bytes.NewReader(old), func(_ context.Context, r Range) (io.ReadCloser, error) {
		read += r.Length
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(blocks), r.Offset, r.Length)), nil
	})
	if err == nil && read != p.Bytes() {
		err = fmt.Errorf("%d bytes were read, and %d planned", read, p.Bytes())
	}
	return out.Bytes(), read, err
}

func TestBlocks(t *testing.T) {
	for name, p := range pairs() {
		t.Run(name, func(t *testing.T) {
			index, blocks := indexed(t, p.next)
			got, read, err := assembled(p.old, index, blocks, int64(len(p.next)))
			if err != nil || !bytes.Equal(got, p.next) {
				t.Fatalf("it does not come back: %v", err)
			}
			if bytes.Equal(p.old, p.next) && read != 0 {
				t.Errorf("%d bytes were read of a file that is the same", read)
			}
			if name == "edited" && read > 5*perFrame*(blockSize+200) {
				t.Errorf("%d bytes were read for three blocks that changed", read)
			}
		})
	}
}

func TestDamagedBlocks(t *testing.T) {
	p := pairs()["edited"]
	size := int64(len(p.next))
	index, blocks := indexed(t, p.next)
	for n := 0; n < len(index); n += 1 + n/20 {
		if _, err := ReadIndex(bytes.NewReader(index[:n]), size); !errors.Is(err, ErrDamaged) {
			t.Fatalf("an index cut after %d bytes: %v", n, err)
		}
	}
	for _, wrong := range []int64{-1, 0, size - 1, size + 1, 1 << 50} {
		if _, err := ReadIndex(bytes.NewReader(index), wrong); !errors.Is(err, ErrDamaged) {
			t.Errorf("an index for %d bytes: %v", wrong, err)
		}
	}
	for i := 0; i < len(blocks); i += 100_000 {
		changed := bytes.Clone(blocks)
		changed[i] ^= 1
		got, _, err := assembled(nil, index, changed, size)
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("a bit changed at %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, _, err := assembled(nil, index, blocks[:len(blocks)/2], size); !errors.Is(err, ErrDamaged) {
		t.Errorf("half of the blocks: %v", err)
	}
}

// sparse is a file of zeros with a few islands, as long as one likes.
type sparse map[int64][]byte

func (s sparse) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	for from, island := range s {
		if from < at+int64(len(p)) && at < from+int64(len(island)) {
			copy(p[max(0, from-at):], island[max(0, at-from):])
		}
	}
	return len(p), nil
}

// TestLongFiles goes around 2^31 and 2^32 bytes.
func TestLongFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes of zeros")
	}
	for _, size := range []int64{1<<31 - 1, 1<<31 + 5, 1<<32 - 4096, 1<<32 + 4096} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			island := noise(7, 300000)
			old := sparse{0: island, size - 400000: island}
			next := sparse{0: island[1:], size - 400000: island, size - 50000: noise(8, 50000)}
			var patch bytes.Buffer
			stats, err := Encode(t.Context(), &patch, old, size, next, size)
			if err != nil || patch.Len() > 70000 {
				t.Fatalf("a patch of %d bytes, %v: %+v", patch.Len(), err, stats)
			}
			out := &compare{want: next}
			if err := Apply(t.Context(), out, &patch, old, size, size); err != nil || out.at != size {
				t.Errorf("%d bytes came back, %v", out.at, err)
			}
		})
	}
}

// compare takes what is written and compares it with what it should be.
type compare struct {
	want   io.ReaderAt
	at     int64
	buffer []byte
}

func (c *compare) Write(p []byte) (int, error) {
	if len(c.buffer) < len(p) {
		c.buffer = make([]byte, len(p))
	}
	want := c.buffer[:len(p)]
	if _, err := c.want.ReadAt(want, c.at); err != nil {
		return 0, err
	}
	if !bytes.Equal(want, p) {
		return 0, fmt.Errorf("other bytes at %d", c.at)
	}
	c.at += int64(len(p))
	return len(p), nil
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte("old"), []byte("new"))
	f.Add(noise(1, 20000), noise(1, 30000))
	f.Fuzz(func(t *testing.T, old, next []byte) {
		patch, _ := patchOf(t, old, next)
		if got, err := applied(old, patch, int64(len(next))); err != nil || !bytes.Equal(got, next) {
			t.Errorf("it does not come back: %v", err)
		}
	})
}

func FuzzApply(f *testing.F) {
	old := noise(1, 50000)
	patch, _ := patchOf(f, old, append(noise(2, 9000), old[8192:40000]...))
	f.Add(patch, int64(40808))
	f.Add([]byte(patchMagic+"F\xff\xff\xff\xff\x0fE"), int64(1000))
	f.Fuzz(func(t *testing.T, patch []byte, size int64) {
		if size < 0 || size > 1<<20 {
			return
		}
		got, err := applied(old, patch, size)
		if err == nil && int64(len(got)) != size {
			t.Errorf("%d bytes instead of %d", len(got), size)
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}

func FuzzIndex(f *testing.F) {
	old := noise(1, 50000)
	content := append(noise(2, 9000), old[8192:40000]...)
	index, blocks := indexed(f, content)
	f.Add(index, blocks, int64(len(content)))
	f.Fuzz(func(t *testing.T, index, blocks []byte, size int64) {
		if size > 1<<22 {
			return
		}
		got, _, err := assembled(old, index, blocks, size)
		if err == nil && int64(len(got)) != size {
			t.Errorf("%d bytes instead of %d", len(got), size)
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}
