package disk

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func extents(t *testing.T, seq iter.Seq2[Extent, error]) []Extent {
	t.Helper()
	var list []Extent
	for e, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func content(t *testing.T, img Image) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(img, 0, img.Size()))
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != img.Size() {
		t.Fatalf("read %d bytes of an image of %d", len(b), img.Size())
	}
	return b
}

// patchwork is a disk of 1 MiB with data at its start, in its middle and at its end.
func patchwork() []byte {
	b := make([]byte, 1<<20)
	copy(b, "start")
	copy(b[300_000:], bytes.Repeat([]byte("middle"), 20_000))
	copy(b[len(b)-3:], "end")
	return b
}

func TestSparseFindsHoles(t *testing.T) {
	want := patchwork()
	path := filepath.Join(t.TempDir(), "disk")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(len(want))); err != nil {
		t.Fatal(err)
	}
	if err := WriteRaw(t.Context(), f, Dense(bytes.NewReader(want), int64(len(want))), Options{}); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.ReaderAt{"seeking": f, "scanning": struct{ io.ReaderAt }{f}, "no file": bytes.NewReader(want)} {
		t.Run(name, func(t *testing.T) {
			img := Sparse(r, int64(len(want)))
			if !bytes.Equal(content(t, img), want) {
				t.Error("reads other bytes than were written")
			}
			var data int64
			list := extents(t, img.Extents())
			for i, e := range list {
				data += e.Length
				if i > 0 && e.Offset <= list[i-1].End() {
					t.Errorf("extents %v touch or overlap", list)
				}
			}
			if len(list) != 3 || data > 400_000 {
				t.Errorf("extents = %v, want three with less than 400,000 bytes", list)
			}
		})
	}
}

func TestSparseOfNothing(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if list := extents(t, Sparse(f, 1<<30).Extents()); len(list) != 0 {
		t.Errorf("extents = %v, want none", list)
	}
	if list := extents(t, Sparse(f, 0).Extents()); len(list) != 0 {
		t.Errorf("extents of an empty image = %v, want none", list)
	}
}

func TestSparseReportsReadErrors(t *testing.T) {
	boom := errors.New("boom")
	img := Sparse(readerAt(func(p []byte, off int64) (int, error) { return 0, boom }), 1<<20)
	for _, err := range img.Extents() {
		if !errors.Is(err, boom) {
			t.Errorf("error = %v, want boom", err)
		}
		return
	}
	t.Error("no error at all")
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestCompose(t *testing.T) {
	want := make([]byte, 1<<20)
	copy(want[1000:], "first")
	copy(want[1005:], "second") // touches the first
	copy(want[700_000:], "third")
	img, err := Compose(1<<20,
		Part{700_000, Dense(strings.NewReader("third"), 5)},
		Part{1000, Dense(strings.NewReader("first"), 5)},
		Part{1005, Dense(strings.NewReader("second"), 6)},
		Part{500_000, Zero(100_000)},
		Part{1 << 20, Zero(0)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, img), want) {
		t.Error("reads other bytes than were composed")
	}
	for _, chunk := range []int{1, 3, 7, 4096} { // reads that begin and end anywhere
		r := io.NewSectionReader(img, 990, 40)
		got, err := io.ReadAll(io.MultiReader(r))
		if err != nil || !bytes.Equal(got, want[990:1030]) {
			t.Errorf("chunk %d: got %q, %v", chunk, got, err)
		}
		buf := make([]byte, chunk)
		for off := int64(995); off < 1020; off++ {
			n, err := img.ReadAt(buf, off)
			if n != chunk || err != nil || !bytes.Equal(buf, want[off:off+int64(chunk)]) {
				t.Fatalf("ReadAt(%d bytes, %d) = %d, %v", chunk, off, n, err)
			}
		}
	}
	if err := iotest.TestReader(io.NewSectionReader(img, 900, 300), want[900:1200]); err != nil {
		t.Error(err)
	}
	got := extents(t, img.Extents())
	if !slices.Equal(got, []Extent{{1000, 5}, {1005, 6}, {700_000, 5}}) {
		t.Errorf("extents = %v", got)
	}
	if got := extents(t, Blocks(img, 64<<10)); !slices.Equal(got, []Extent{{0, 64 << 10}, {10 * 64 << 10, 64 << 10}}) {
		t.Errorf("blocks = %v", got)
	}
}

func TestBlocksCutAtTheEnd(t *testing.T) {
	img := Dense(strings.NewReader("0123456789"), 10)
	if got := extents(t, Blocks(img, 8)); !slices.Equal(got, []Extent{{0, 10}}) {
		t.Errorf("blocks = %v", got)
	}
}

func TestComposeRefuses(t *testing.T) {
	for name, parts := range map[string][]Part{
		"overlap":    {{0, Zero(10)}, {9, Zero(10)}},
		"inside":     {{0, Zero(50)}, {9, Zero(1)}},
		"too long":   {{95, Zero(10)}},
		"past end":   {{101, Zero(0)}},
		"negative":   {{-1, Zero(10)}},
		"overflow":   {{1 << 62, Zero(1 << 62)}},
		"twice same": {{5, Zero(1)}, {5, Zero(1)}},
	} {
		if _, err := Compose(100, parts...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestComposeReportsShortPart(t *testing.T) {
	img, err := Compose(100, Part{10, Dense(strings.NewReader("abc"), 20)})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := img.ReadAt(make([]byte, 50), 0); n != 13 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ReadAt = %d, %v, want 13 and unexpected EOF", n, err)
	}
}

func TestBuffer(t *testing.T) {
	want := patchwork()
	b := NewBuffer(int64(len(want)))
	if err := WriteRaw(t.Context(), b, Sparse(bytes.NewReader(want), int64(len(want))), Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, b), want) {
		t.Error("reads other bytes than were written")
	}
	if n := len(b.pages); n != 5 {
		t.Errorf("%d pages in use, want 5", n)
	}
	if _, err := b.WriteAt([]byte("xy"), b.Size()-1); err == nil {
		t.Error("a write past the end succeeds")
	}
	if err := iotest.TestReader(io.NewSectionReader(b, 0, b.Size()), want); err != nil {
		t.Error(err)
	}
}

func TestWriteRawStops(t *testing.T) {
	var seen []int64
	img := Dense(bytes.NewReader(patchwork()), 1<<20)
	err := WriteRaw(t.Context(), NewBuffer(1<<20), img, Options{Progress: func(done, total int64) {
		seen = append(seen, done, total)
	}})
	if err != nil || !slices.Equal(seen, []int64{1 << 20, 1 << 20, 1 << 20, 1 << 20}) {
		t.Errorf("progress = %v, error %v", seen, err)
	}
	if err := WriteRaw(t.Context(), NewBuffer(1<<10), img, Options{}); err == nil {
		t.Error("writing to a disk that is too small succeeds")
	}
}

func TestIsZero(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 8, 63, 64, 65, 4096, 65536} {
		p := make([]byte, n)
		if !IsZero(p) {
			t.Errorf("%d zero bytes are not zero", n)
		}
		for i := 0; i < n; i = i*2 + 1 {
			for _, at := range []int{i, n - 1 - i} {
				p[at] = 1
				if IsZero(p) {
					t.Errorf("%d bytes with one at %d are zero", n, at)
				}
				p[at] = 0
			}
		}
	}
}
