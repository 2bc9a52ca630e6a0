package repository

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

// writePublic writes a file that a web server may read.
func writePublic(path string, data []byte) error { return host.WriteFile(path, data, 0o644) }

// copyFile copies a file under a name that appears when it is whole, and the
// file still what it was when it was described.
func copyFile(target, from string, want release.Blob) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(target), ".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			out.Close()
			os.Remove(out.Name())
		}
	}()
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(out, sum), in)
	if err != nil {
		return err
	}
	if size != want.Size || hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("%s changed while it was released: build again, then release", from)
	}
	if err = out.Chmod(0o644); err != nil {
		return err
	}
	if err = out.Sync(); err != nil {
		return err
	}
	if err = out.Close(); err != nil {
		return err
	}
	if err = os.Rename(out.Name(), target); err != nil {
		return err
	}
	return host.SyncDir(filepath.Dir(target))
}

// describe is the length and hash of a file.
func describe(path string) (release.Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return release.Blob{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return release.Blob{}, err
	}
	return release.Blob{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}
