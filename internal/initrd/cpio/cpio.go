// Package cpio writes the archive that the kernel unpacks as the initial root
// file system: "newc", the SVR4 portable format without checksums, as in the
// kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
//
// Guarantees: the same calls give the same bytes (owner root, no times, inode
// numbers counted); folders above an entry are written when they are missing,
// because the kernel does not create them.
//
// What it does not do: reading archives, hard links, owners, times, other
// formats, compression.
package cpio

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// The file types of a mode, as in stat(2).
const (
	typeChar = 0o020000
	typeDir  = 0o040000
	typeFile = 0o100000
	typeLink = 0o120000
	maxSize  = 1<<32 - 1
)

// Writer writes one archive. Paths are slash-separated and relative to the
// root; a leading slash is ignored. The first error stays: every later call
// and Close return it.
type Writer struct {
	w      io.Writer
	offset int64
	inode  uint32
	seen   map[string]bool
	err    error
}

// NewWriter begins an archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, seen: map[string]bool{".": true}}
}

// Dir adds a folder and those above it, which get mode 0755. Adding a folder
// again changes nothing.
func (w *Writer) Dir(name string, perm fs.FileMode) error {
	name = clean(name)
	if w.err != nil || w.seen[name] {
		return w.err
	}
	return w.entry(name, typeDir|bits(perm), 0, 0, 0, nil)
}

// File adds a file of exactly size bytes.
func (w *Writer) File(name string, perm fs.FileMode, size int64, r io.Reader) error {
	return w.entry(name, typeFile|bits(perm), size, 0, 0, r)
}

// Bytes adds a file with that content.
func (w *Writer) Bytes(name string, perm fs.FileMode, content []byte) error {
	return w.File(name, perm, int64(len(content)), strings.NewReader(string(content)))
}

// Symlink adds a symbolic link to target.
func (w *Writer) Symlink(name, target string) error {
	return w.entry(name, typeLink|0o777, int64(len(target)), 0, 0, strings.NewReader(target))
}

// Char adds a character device.
func (w *Writer) Char(name string, perm fs.FileMode, major, minor uint32) error {
	return w.entry(name, typeChar|bits(perm), 0, major, minor, nil)
}

// Close ends the archive; it does not close the underlying writer.
func (w *Writer) Close() error {
	const end = "TRAILER!!!"
	w.inode = 0
	w.header(end, 0, 1, 0, 0, 0)
	// GNU cpio pads to its block size of 512 bytes; some readers ask for it.
	w.pad(512)
	return w.err
}

func (w *Writer) entry(name string, mode uint32, size int64, major, minor uint32, content io.Reader) error {
	if w.err != nil {
		return w.err
	}
	name = clean(name)
	switch {
	case w.seen[name]:
		w.err = fmt.Errorf("cannot add %s to the archive: it is there already", name)
	case size < 0 || size > maxSize:
		w.err = fmt.Errorf("cannot add %s to the archive: %d bytes are more than the format holds", name, size)
	default:
		w.err = w.Dir(path.Dir(name), 0o755)
	}
	if w.err != nil {
		return w.err
	}
	w.seen[name] = true
	w.inode++
	links := uint32(1)
	if mode&0o170000 == typeDir {
		links = 2
	}
	w.header(name, mode, links, size, major, minor)
	if content == nil || w.err != nil {
		return w.err
	}
	n, err := io.Copy(w.w, io.LimitReader(content, size))
	w.offset += n
	switch {
	case err != nil:
		w.err = fmt.Errorf("cannot add %s to the archive: %w", name, err)
	case n != size:
		w.err = fmt.Errorf("cannot add %s to the archive: %d bytes instead of %d", name, n, size)
	}
	w.pad(4)
	return w.err
}

func (w *Writer) header(name string, mode, links uint32, size int64, major, minor uint32) {
	// Magic, inode, mode, owner, group, links, time, size, device of the
	// file system (2), device of this node (2), length of the name, checksum.
	w.write(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		w.inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, len(name)+1, 0, name))
	w.pad(4)
}

// pad fills with zeros up to a multiple of n bytes, at most 512.
func (w *Writer) pad(n int64) {
	if over := w.offset % n; over != 0 {
		w.write(strings.Repeat("\x00", int(n-over)))
	}
}

func (w *Writer) write(s string) {
	if w.err != nil {
		return
	}
	n, err := io.WriteString(w.w, s)
	w.offset += int64(n)
	if err != nil {
		w.err = fmt.Errorf("cannot write the archive: %w", err)
	}
}

func clean(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}

// bits are the permission bits of a mode with setuid, setgid and sticky.
func bits(perm fs.FileMode) uint32 {
	m := uint32(perm.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if perm&flag != 0 {
			m |= bit
		}
	}
	return m
}
