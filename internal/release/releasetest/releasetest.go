// Package releasetest makes keys, versions and repositories for tests.
package releasetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/repository"
	"github.com/ingotvm/ingot/internal/release/x86"
	"github.com/ingotvm/ingot/internal/verity"
)

// Passphrase opens all keys of tests.
func Passphrase(string) (string, error) { return "correct horse", nil }

// Keys makes keys whose clock is now, threshold of root.
func Keys(t testing.TB, root, threshold int, now func() time.Time) *repository.Keys {
	t.Helper()
	k, err := repository.InitKeys(filepath.Join(t.TempDir(), "keys"), repository.InitOptions{
		Root: root, Threshold: threshold, Passphrase: Passphrase, Now: now, WorkFactor: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Root is the public part of keys.
func Root(t testing.TB, k *repository.Keys) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(k.Dir, repository.RootFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Version is a version of the appliance hello: contents of its files.
type Version struct {
	Version        string
	Kernel, Initrd []byte
	// Images are contents of images by name; "os" must be there.
	Images map[string][]byte
	// Data is what the manifest says of the services' data, Config its format
	// of the configuration.
	Data   []release.ServiceData
	Config int
}

// Build writes the files of a version as the builder leaves them.
func Build(t testing.TB, v Version) string {
	t.Helper()
	dir := t.TempDir()
	m := release.Manifest{Format: 1, Name: "hello", Title: "Hello", Version: v.Version, Architecture: "amd64", Data: v.Data, Config: v.Config}
	add := func(name string, data []byte) {
		sum := sha256.Sum256(data)
		m.Files = append(m.Files, release.File{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
		write(t, filepath.Join(dir, name), data)
	}
	add("vmlinuz", v.Kernel)
	add("initrd", v.Initrd)
	for _, name := range append([]string{"os"}, others(v.Images)...) {
		content := Padded(v.Images[name])
		image := Image(t, name, content)
		m.Images = append(m.Images, image)
		var packed bytes.Buffer
		encode, err := release.FastEncoder()
		if err == nil {
			err = release.Compress(&packed, x86.Encode(bytes.NewReader(content)), encode, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		add(name+".erofs.zst", packed.Bytes())
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "manifest.json"), data)
	return dir
}

func others(images map[string][]byte) (names []string) {
	for name := range images {
		if name != "os" {
			names = append(names, name)
		}
	}
	return names
}

// Padded makes a content whole blocks.
func Padded(data []byte) []byte {
	if rest := len(data) % verity.BlockSize; rest != 0 || len(data) == 0 {
		data = append(bytes.Clone(data), make([]byte, verity.BlockSize-rest)...)
	}
	return data
}

// Image describes an image.
func Image(t testing.TB, name string, content []byte) release.Image {
	t.Helper()
	tree := verity.NewTree(nil)
	if _, err := tree.Write(content); err != nil {
		t.Fatal(err)
	}
	root, err := tree.Sum()
	if err != nil {
		t.Fatal(err)
	}
	kind, service := release.ImageOS, ""
	if name != "os" {
		kind, service = release.ImageApp, name
	}
	sum := sha256.Sum256(content)
	return release.Image{
		SHA256: hex.EncodeToString(sum[:]), Name: name, Kind: kind, Service: service, Size: int64(len(content)), Filter: release.FilterX86,
		Verity: release.Verity{Root: hex.EncodeToString(root)},
	}
}

// Add releases a version to a channel.
func Add(t testing.TB, r *repository.Repository, v Version, o repository.AddOptions) repository.Added {
	t.Helper()
	o.Dir = Build(t, v)
	if o.Channel == "" {
		o.Channel = "stable"
	}
	added, err := r.Add(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
