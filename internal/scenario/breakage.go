package scenario

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/release"
)

// brokenAgent is a program that takes the agent's place and ends at once; in
// an appliance without a shell it cannot even be started.
const brokenAgent = "#!/bin/sh\necho 'this version has an agent that ends at once' >&2\nexit 1\n"

// spoil replaces the kernel or the initrd among the files of a release by
// something that is none. What is signed afterwards is what is broken.
func spoil(dir string, what Break) error {
	var name string
	switch what {
	case BreakKernel:
		name = "vmlinuz"
	case BreakInitrd:
		name = "initrd"
	default:
		return nil
	}
	garbage := bytes.Repeat([]byte("this is none; "), 4096)
	err := replace(dir, name, garbage)
	if err != nil {
		return fmt.Errorf("cannot break the %s: %w", what, err)
	}
	return nil
}

// replace writes a file of a release and what the manifest says of it.
func replace(dir, name string, data []byte) error {
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var manifest release.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	found := false
	sum := sha256.Sum256(data)
	for i, f := range manifest.Files {
		if f.Name == name {
			found = true
			manifest.Files[i] = release.File{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
		}
	}
	if !found {
		return fmt.Errorf("the release has no %s", name)
	}
	if text, err = json.MarshalIndent(manifest, "", "  "); err != nil {
		return err
	}
	// The builder's files may be links into its cache: no write goes through.
	for file, content := range map[string][]byte{filepath.Join(dir, name): data, path: text} {
		if err := os.Remove(file); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
