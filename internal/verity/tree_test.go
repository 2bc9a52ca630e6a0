package verity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/verity"
)

// image is size bytes that compress badly and differ in each block.
func image(size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{7}).Read(data)
	return data
}

func tree(t *testing.T, salt, data []byte, step int) (root, hashes []byte) {
	t.Helper()
	tr := verity.NewTree(salt)
	for p := data; len(p) > 0; {
		n := min(step, len(p))
		if _, err := tr.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	root, err := tr.Sum()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := tr.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return root, buf.Bytes()
}

// The reference is veritysetup itself, at every size where the shape of the
// tree changes: one block, one full block of digests, one more, three levels.
func TestTreeIsVeritysetups(t *testing.T) {
	salts := map[string][]byte{"none": nil, "32 bytes": image(32), "256 bytes": image(256)}
	for _, blocks := range []int{1, 2, 127, 128, 129, 128*3 + 5, 128 * 128, 128*128 + 1} {
		for name, salt := range salts {
			t.Run(fmt.Sprintf("%d blocks, salt %s", blocks, name), func(t *testing.T) {
				data := image(blocks * verity.BlockSize)
				wantRoot, wantTree := veritysetup(t, salt, data)
				root, hashes := tree(t, salt, data, 1<<20)
				if got := fmt.Sprintf("%x", root); got != wantRoot {
					t.Errorf("root = %s; want %s", got, wantRoot)
				}
				if !bytes.Equal(hashes, wantTree) {
					t.Errorf("tree of %d bytes differs from veritysetup's of %d", len(hashes), len(wantTree))
				}
				if got := verity.TreeSize(int64(len(data))); got != int64(len(wantTree)) {
					t.Errorf("TreeSize(%d) = %d; want %d", len(data), got, len(wantTree))
				}
			})
		}
	}
}

func veritysetup(t *testing.T, salt, data []byte) (root string, hashes []byte) {
	t.Helper()
	dir := t.TempDir()
	img, tr := filepath.Join(dir, "image"), filepath.Join(dir, "tree")
	if err := os.WriteFile(img, data, 0o600); err != nil {
		t.Fatal(err)
	}
	saltHex := "-"
	if len(salt) > 0 {
		saltHex = fmt.Sprintf("%x", salt)
	}
	var out bytes.Buffer
	err := host.Local{}.Run(context.Background(), host.Command{
		Name: "/usr/sbin/veritysetup",
		Args: []string{
			"format", "--no-superblock", "--format=1", "--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096",
			fmt.Sprintf("--data-blocks=%d", len(data)/verity.BlockSize), "--salt=" + saltHex, img, tr,
		},
		Stdout: &out,
	})
	if errors.Is(err, host.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		t.Skip("needs veritysetup (apt-get install cryptsetup-bin)")
	}
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`Root hash:\s+([0-9a-f]{64})`).FindSubmatch(out.Bytes())
	if m == nil {
		t.Fatalf("no root hash in veritysetup's output:\n%s", out.Bytes())
	}
	hashes, err = os.ReadFile(tr)
	if err != nil {
		t.Fatal(err)
	}
	return string(m[1]), hashes
}

func TestTreeDoesNotDependOnWrites(t *testing.T) {
	data := image(300 * verity.BlockSize)
	root, hashes := tree(t, []byte("salt"), data, len(data))
	for _, step := range []int{1000, verity.BlockSize, 128 * verity.BlockSize, 200*verity.BlockSize + 1} {
		r, h := tree(t, []byte("salt"), data, step)
		if !bytes.Equal(r, root) || !bytes.Equal(h, hashes) {
			t.Errorf("another tree when written %d bytes at a time", step)
		}
	}
}

func TestTreeRefusesPartialBlocks(t *testing.T) {
	for _, size := range []int{0, 1, verity.BlockSize + 1} {
		tr := verity.NewTree(nil)
		tr.Write(image(size))
		if root, err := tr.Sum(); err == nil {
			t.Errorf("Sum of %d bytes = %x; want an error", size, root)
		}
	}
}

func TestTreeIsWrittenOnce(t *testing.T) {
	tr := verity.NewTree(nil)
	if _, err := tr.WriteTo(io.Discard); err == nil {
		t.Error("WriteTo before Sum succeeded")
	}
	tr.Write(image(verity.BlockSize))
	first, err := tr.Sum()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tr.Sum(); err != nil || !bytes.Equal(first, again) {
		t.Errorf("second Sum = %x, %v; want %x", again, err, first)
	}
	if _, err := tr.Write(image(verity.BlockSize)); err == nil {
		t.Error("Write after Sum succeeded")
	}
}

func TestVerifyFile(t *testing.T) {
	const size = 200 * verity.BlockSize
	salt := []byte("salt")
	data := image(size)
	root, hashes := tree(t, salt, data, size)
	whole := append(data, hashes...)

	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		content []byte
		ok      bool
	}{
		"as made":                {whole, true},
		"longer":                 {append(bytes.Clone(whole), 1, 2, 3), true},
		"flipped first bit":      {flipped(0), false},
		"flipped last data byte": {flipped(size - 1), false},
		"flipped tree":           {flipped(size), false},
		"flipped end of tree":    {flipped(len(whole) - 1), false},
		"without the tree":       {whole[:size], false},
		"cut off in the tree":    {whole[:len(whole)-1], false},
		"cut off in the data":    {whole[:size-1], false},
		"empty":                  {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "os.erofs")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := verity.VerifyFile(path, size, salt, root)
			if c.ok && err != nil {
				t.Errorf("VerifyFile = %v; want nil", err)
			}
			if !c.ok && !errors.Is(err, verity.ErrMismatch) {
				t.Errorf("VerifyFile = %v; want ErrMismatch", err)
			}
		})
	}
}

func BenchmarkTree(b *testing.B) {
	data := image(16 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		tr := verity.NewTree(data[:32])
		tr.Write(data)
		if _, err := tr.Sum(); err != nil {
			b.Fatal(err)
		}
	}
}
