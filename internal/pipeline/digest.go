package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// DigestFile is the SHA-256 of a file's content, in hex.
func DigestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot digest %s: %w", path, err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("cannot digest %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// DigestTree is a SHA-256 over all below a folder: names, permission bits,
// kinds, content, and targets of symbolic links. Owners and times are not in
// it. Devices, sockets and pipes are refused.
func DigestTree(fsys fs.FS) (string, error) {
	tree, err := digestTree(fsys)
	if err != nil {
		return "", err
	}
	return tree.digest(), nil
}

// DigestPath is DigestTree of a folder or DigestFile of anything else;
// symbolic links at path itself are followed. It is what FileInput.Digest holds.
func DigestPath(path string) (string, error) {
	digest, _, err := digestPath(path)
	return digest, err
}

func digestPath(path string) (string, treeDigest, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, fmt.Errorf("cannot digest %s: %w", path, err)
	}
	if !info.IsDir() {
		digest, err := DigestFile(path)
		return digest, nil, err
	}
	tree, err := digestTree(os.DirFS(path))
	if err != nil {
		return "", nil, fmt.Errorf("cannot digest folder %s: %w", path, err)
	}
	return tree.digest(), tree, nil
}

// treeDigest lists a folder in walking order, which is by name.
type treeDigest []treeEntry

// treeEntry is one file, folder or link; Digest covers its mode and content.
type treeEntry struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
}

func (t treeDigest) digest() string {
	sum := sha256.New()
	for _, e := range t {
		fmt.Fprintf(sum, "%q %s\n", e.Path, e.Digest)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func digestTree(fsys fs.FS) (treeDigest, error) {
	var tree treeDigest
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err // the mode of the folder itself is the checkout's, not the content's
		}
		digest, err := digestEntry(fsys, name, d)
		if err != nil {
			return err
		}
		tree = append(tree, treeEntry{name, digest})
		return nil
	})
	return tree, err
}

func digestEntry(fsys fs.FS, name string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	mode := info.Mode()
	sum := sha256.New()
	switch mode.Type() {
	case 0:
		fmt.Fprintf(sum, "file %o %d\n", modeBits(mode), info.Size())
		f, err := fsys.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if _, err := io.Copy(sum, f); err != nil {
			return "", err
		}
	case fs.ModeDir:
		fmt.Fprintf(sum, "folder %o\n", modeBits(mode))
	case fs.ModeSymlink:
		target, err := fs.ReadLink(fsys, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "link %q\n", target)
	default:
		return "", fmt.Errorf("%s is neither a file, a folder nor a symbolic link", name)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// modeBits are the permissions and the set-user, set-group and sticky bits in
// the numbers of chmod.
func modeBits(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}
