package rootfs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Entry is one file, folder, link or node.
type Entry struct {
	// Mode holds the type, the permission bits, and setuid, setgid and sticky.
	Mode     fs.FileMode
	UID, GID int
	ModTime  time.Time
	// Size in bytes, of regular files.
	Size int64
	// Target of a symbolic link.
	Target string
	// Device number of a node, as makedev(3) encodes it.
	Device uint32
	Xattrs map[string]string

	open func() (io.ReadCloser, error)
}

// Open reads a regular file.
func (e *Entry) Open() (io.ReadCloser, error) { return e.open() }

// Bytes reads a regular file whole.
func (e *Entry) Bytes() ([]byte, error) {
	r, err := e.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Tree is a set of entries by path.
type Tree struct{ entries map[string]*Entry }

// New returns a tree of just the root folder.
func New() *Tree {
	return &Tree{entries: map[string]*Entry{".": {Mode: fs.ModeDir | 0o755}}}
}

// Get returns the entry at name, following no links; nil when there is none.
func (t *Tree) Get(name string) *Entry { return t.entries[path.Clean(name)] }

// Paths are all paths, sorted, so that a folder comes before what it holds.
func (t *Tree) Paths() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Put adds or replaces an entry, making the folders above it (root's, 0755)
// where they are missing.
func (t *Tree) Put(name string, e *Entry) {
	name = path.Clean(name)
	for dir := path.Dir(name); t.entries[dir] == nil; dir = path.Dir(dir) {
		t.entries[dir] = &Entry{Mode: fs.ModeDir | 0o755, ModTime: e.ModTime}
	}
	t.entries[name] = e
}

// File adds a regular file that root owns.
func (t *Tree) File(name string, perm fs.FileMode, modified time.Time, data []byte) {
	t.Put(name, &Entry{
		Mode: perm, Size: int64(len(data)), ModTime: modified,
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	})
}

// Symlink adds a symbolic link.
func (t *Tree) Symlink(name, target string, modified time.Time) {
	t.Put(name, &Entry{Mode: fs.ModeSymlink | 0o777, Target: target, ModTime: modified})
}

// Dir adds a folder, or sets the mode of the one that is there.
func (t *Tree) Dir(name string, perm fs.FileMode, modified time.Time) {
	if e := t.Get(name); e != nil && e.Mode.IsDir() {
		e.Mode = fs.ModeDir | perm
		return
	}
	t.Put(name, &Entry{Mode: fs.ModeDir | perm, ModTime: modified})
}

// Remove drops an entry and all below it.
func (t *Tree) Remove(name string) {
	name = path.Clean(name)
	delete(t.entries, name)
	for p := range t.entries {
		if strings.HasPrefix(p, name+"/") {
			delete(t.entries, p)
		}
	}
}

// Filter returns the entries for which keep is true, and the folders above
// them. A folder that is kept for itself stays even when it is empty.
func (t *Tree) Filter(keep func(name string, e *Entry) bool) *Tree {
	out := New()
	out.entries["."] = t.entries["."]
	for _, name := range t.Paths() {
		if e := t.entries[name]; keep(name, e) {
			out.takeWithParents(t, name)
		}
	}
	return out
}

// Minus returns what t has beyond lower or otherwise than lower: the upper
// layer that, laid over lower, gives t. A path that only lower has is not
// whited out; callers that pare lower down rely on it.
func (t *Tree) Minus(lower *Tree) (*Tree, error) {
	out := New()
	for _, name := range t.Paths() {
		e, l := t.entries[name], lower.entries[name]
		same, err := sameEntry(e, l)
		if err != nil {
			return nil, fmt.Errorf("cannot compare %s: %w", name, err)
		}
		if !same {
			out.takeWithParents(t, name)
		}
	}
	return out, nil
}

func (t *Tree) takeWithParents(from *Tree, name string) {
	for p := name; t.entries[p] == nil || p == name; p = path.Dir(p) {
		t.entries[p] = from.entries[p]
		if p == "." {
			return
		}
	}
}

// sameEntry ignores times: they say nothing about what a program would see.
func sameEntry(a, b *Entry) (bool, error) {
	if a == nil || b == nil {
		return false, nil
	}
	if a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID || a.Target != b.Target ||
		a.Device != b.Device || !maps.Equal(a.Xattrs, b.Xattrs) {
		return false, nil
	}
	if !a.Mode.IsRegular() {
		return true, nil
	}
	if a.Size != b.Size {
		return false, nil
	}
	return sameContent(a, b)
}

func sameContent(a, b *Entry) (bool, error) {
	x, err := a.Open()
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := b.Open()
	if err != nil {
		return false, err
	}
	defer y.Close()
	p, q := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errX := io.ReadFull(x, p)
		m, errY := io.ReadFull(y, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if ended(errX) && ended(errY) {
			return true, nil
		}
		if errX != nil && !ended(errX) {
			return false, errX
		}
		if errY != nil && !ended(errY) {
			return false, errY
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
