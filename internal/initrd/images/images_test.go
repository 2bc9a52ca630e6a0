package images_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ingotvm/ingot/internal/initrd/images"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/x86"
	"github.com/ingotvm/ingot/internal/verity"
)

// shipped makes an image of three frames, and what the expanded file must be.
func shipped(t *testing.T) (image release.Image, compressed, expanded []byte) {
	t.Helper()
	return filtered(t, "", func(r io.Reader) io.Reader { return r })
}

func filtered(t *testing.T, name string, filter func(io.Reader) io.Reader) (image release.Image, compressed, expanded []byte) {
	t.Helper()
	content := make([]byte, 300*verity.BlockSize)
	rand.NewChaCha8([32]byte{}).Read(content[:len(content)/2])
	encoded, err := io.ReadAll(filter(bytes.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for part := range bytesOf(encoded, 100*verity.BlockSize) {
		compressed = enc.EncodeAll(part, compressed)
	}
	tree := verity.NewTree([]byte("salt"))
	tree.Write(content)
	root, err := tree.Sum()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	buf.Write(content)
	tree.WriteTo(&buf)
	return release.Image{
		Name: "os", Size: int64(len(content)), Filter: name,
		Verity: release.Verity{Root: hex.EncodeToString(root), Salt: hex.EncodeToString([]byte("salt"))},
	}, compressed, buf.Bytes()
}

func bytesOf(all []byte, each int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(all) > 0 && yield(all[:min(each, len(all))]) {
			all = all[min(each, len(all)):]
		}
	}
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// Each state that a power cut can leave is one that Expand finishes.
func TestExpandFromEveryState(t *testing.T) {
	image, zst, want := shipped(t)
	for name, c := range map[string]struct {
		files map[string][]byte
		state images.State
	}{
		"as shipped":                      {map[string][]byte{"os.erofs.zst": zst}, images.Shipped},
		"cut while writing":               {map[string][]byte{"os.erofs.zst": zst, "os.erofs.tmp": want[:5000]}, images.Shipped},
		"cut while writing, longer":       {map[string][]byte{"os.erofs.zst": zst, "os.erofs.tmp": append(bytes.Clone(want), 1)}, images.Shipped},
		"cut before the shipped one went": {map[string][]byte{"os.erofs.zst": zst, "os.erofs": want}, images.Leftover},
		"cut between the two removals":    {map[string][]byte{"os.erofs": want, "os.erofs.tmp": want[:1]}, images.Leftover},
		"expanded":                        {map[string][]byte{"os.erofs": want}, images.Expanded},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			if state, err := images.Find(dir, image); err != nil || state != c.state {
				t.Errorf("Find = %v, %v; want %v", state, err, c.state)
			}
			if err := images.Expand(dir, image); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(images.Path(dir, image))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("expanded image has %d bytes, %v; want %d", len(got), err, len(want))
			}
			if left := list(t, dir); left != "os.erofs" {
				t.Errorf("left in the slot: %s", left)
			}
			if state, err := images.Find(dir, image); err != nil || state != images.Expanded {
				t.Errorf("Find afterwards = %v, %v", state, err)
			}
		})
	}
}

func TestExpandUndoesTheFilter(t *testing.T) {
	image, zst, want := filtered(t, release.FilterX86, x86.Encode)
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"os.erofs.zst": zst})
	if err := images.Expand(dir, image); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(images.Path(dir, image)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("expanded image has %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestExpandRefuses(t *testing.T) {
	image, zst, _ := shipped(t)
	flipped := bytes.Clone(zst)
	flipped[len(flipped)/3] ^= 0x10

	other := image
	other.Verity.Root = strings.Repeat("00", 32)
	shorter, longer := image, image
	shorter.Size -= verity.BlockSize
	longer.Size += verity.BlockSize
	unknown, wrong := image, image
	unknown.Filter = "arm64"
	wrong.Filter = release.FilterX86
	noRoom := image
	noRoom.Size = 1 << 60

	for name, c := range map[string]struct {
		image    release.Image
		zst      []byte
		mismatch bool
	}{
		"another root":      {other, zst, true},
		"shorter than told": {longer, zst, true},
		"longer than told":  {shorter, zst, true},
		"flipped bit":       {image, flipped, true},
		"cut off":           {image, zst[:len(zst)-10], true},
		"a frame missing":   {image, zst[:bytes.LastIndex(zst, []byte{0x28, 0xb5, 0x2f, 0xfd})], true},
		"empty":             {image, nil, true},
		"no zstd":           {image, []byte("<html>404 not found</html>"), true},
		"another filter":    {wrong, zst, true},
		"unknown filter":    {unknown, zst, false},
		"no room":           {noRoom, zst, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string][]byte{"os.erofs.zst": c.zst})
			err := images.Expand(dir, c.image)
			if err == nil || c.mismatch && !errors.Is(err, verity.ErrMismatch) {
				t.Fatalf("Expand = %v; want an error, mismatch %v", err, c.mismatch)
			}
			if !strings.Contains(err.Error(), "os.erofs.zst") {
				t.Errorf("the error does not name the file: %v", err)
			}
			if left := list(t, dir); left != "os.erofs.zst" {
				t.Errorf("left in the slot: %s; want the shipped file only", left)
			}
		})
	}
}

func TestExpandMissing(t *testing.T) {
	image, _, _ := shipped(t)
	if err := images.Expand(t.TempDir(), image); err == nil || !strings.Contains(err.Error(), "os.erofs.zst") {
		t.Errorf("Expand in an empty slot = %v", err)
	}
}
