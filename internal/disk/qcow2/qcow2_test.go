package qcow2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

const mib = 1 << 20

// sample is a disk with data that compresses and such that does not, gaps of
// all lengths, and data in the first and the last cluster.
func sample(size int64) *disk.Buffer {
	b := disk.NewBuffer(size)
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 300_000)
	random.Read(noise)
	for _, off := range []int64{0, 3*mib + 17, 700 * mib, 2100*mib - 5} {
		if off+int64(len(noise)) <= size {
			b.WriteAt(noise, off)
		}
	}
	b.WriteAt(make([]byte, 200_000), 1*mib) // written, but zero
	b.WriteAt([]byte("end"), size-3)
	return b
}

func TestQemu(t *testing.T) {
	hosttest.Need(t, "qemu-img")
	for _, size := range []int64{mib + 200_704, 4 * mib, 512 * mib, 3000 * mib} {
		dir := t.TempDir()
		img := sample(size)
		ours, raw := create(t, filepath.Join(dir, "disk.qcow2")), create(t, filepath.Join(dir, "disk.raw"))
		n, err := Write(t.Context(), ours, img, disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if fi, err := ours.Stat(); err != nil || fi.Size() != n {
			t.Errorf("Write says %d bytes, the file has %d", n, fi.Size())
		}
		if err := raw.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if err := disk.WriteRaw(t.Context(), raw, img, disk.Options{}); err != nil {
			t.Fatal(err)
		}
		qemu(t, "compare", "-f", "qcow2", "-F", "raw", ours.Name(), raw.Name())

		var check struct {
			CheckErrors       int `json:"check-errors"`
			Leaks             int
			Corruptions       int
			AllocatedClusters int `json:"allocated-clusters"`
		}
		if err := json.Unmarshal(qemu(t, "check", "--output=json", ours.Name()), &check); err != nil {
			t.Fatal(err)
		}
		if check.CheckErrors+check.Leaks+check.Corruptions > 0 || int64(check.AllocatedClusters) > 25 {
			t.Errorf("size %d: qemu-img check says %+v", size, check)
		}
		// It can be written to: the reference counts are right.
		if size == 4*mib {
			qemu(t, "snapshot", "-c", "one", ours.Name())
			qemu(t, "resize", ours.Name(), "1G")
			qemu(t, "check", ours.Name())
		}
	}
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func qemu(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("qemu-img", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("qemu-img %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

func TestDeterministicAndHeaderLast(t *testing.T) {
	img := sample(4 * mib)
	var want []byte
	for range 2 {
		w := &recorder{Buffer: disk.NewBuffer(8 * mib)}
		n, err := Write(t.Context(), w, img, disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		w.ReadAt(got, 0)
		if want != nil && !bytes.Equal(got, want) {
			t.Error("the same disk gives different bytes")
		}
		want = got
		for i, off := range w.offsets {
			if (off == 0) != (i == len(w.offsets)-1) {
				t.Errorf("write %d of %d is at %d", i, len(w.offsets), off)
			}
		}
	}
}

type recorder struct {
	*disk.Buffer
	offsets []int64
}

func (r *recorder) WriteAt(p []byte, off int64) (int, error) {
	r.offsets = append(r.offsets, off)
	return r.Buffer.WriteAt(p, off)
}

func TestRefcountClusters(t *testing.T) {
	for others, want := range map[int64][2]int64{1: {1, 1}, 32766: {1, 1}, 32767: {1, 2}, 32768 * 8192: {2, 8193}} {
		if table, blocks := refcountClusters(others); table != want[0] || blocks != want[1] {
			t.Errorf("refcountClusters(%d) = %d, %d, want %v", others, table, blocks, want)
		}
	}
}

func TestRefusesAndFails(t *testing.T) {
	for _, size := range []int64{0, 511, 513, 1 << 60} {
		if _, err := Write(t.Context(), disk.NewBuffer(mib), disk.Zero(size), disk.Options{}); err == nil {
			t.Errorf("a disk of %d bytes is written", size)
		}
	}
	if _, err := Write(t.Context(), disk.NewBuffer(mib/2), sample(4*mib), disk.Options{}); err == nil {
		t.Error("a file that cannot be written is")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, disk.NewBuffer(8*mib), sample(4*mib), disk.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}
