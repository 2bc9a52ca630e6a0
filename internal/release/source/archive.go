package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrBundle says that a file is no bundle, or a damaged one.
var ErrBundle = errors.New("this is no bundle of a release, or it is damaged")

// maxFiles is how many files a bundle may have: a release has few, and every
// rotation of keys one more.
const maxFiles = 20000

// maxName is how long a file's name may be, in bytes: the names are kept in
// memory before anything of the bundle is proven.
const maxName = 512

// Archive reads a repository that lies in a tar archive of size bytes: a
// bundle. The headers are read once; the error wraps [ErrBundle].
func Archive(r io.ReaderAt, size int64) (Source, error) {
	a := &archive{file: r, members: map[string]member{}}
	counted := &position{r: io.NewSectionReader(r, 0, size)}
	headers := tar.NewReader(counted)
	for {
		h, err := headers.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBundle, err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		_, twice := a.members[h.Name]
		switch {
		case h.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%w: %q is not a plain file", ErrBundle, h.Name)
		case len(h.Name) > maxName:
			return nil, fmt.Errorf("%w: a file's name has %d bytes", ErrBundle, len(h.Name))
		case !fs.ValidPath(h.Name):
			return nil, fmt.Errorf("%w: a file is called %q", ErrBundle, h.Name)
		case twice:
			return nil, fmt.Errorf("%w: %q is there twice", ErrBundle, h.Name)
		case len(a.members) == maxFiles:
			return nil, fmt.Errorf("%w: it has more than %d files", ErrBundle, maxFiles)
		case counted.at+h.Size > size:
			return nil, fmt.Errorf("%w: it ends within %q", ErrBundle, h.Name)
		}
		a.members[h.Name] = member{counted.at, h.Size}
	}
	if len(a.members) == 0 {
		return nil, ErrBundle
	}
	return a, nil
}

type member struct{ offset, size int64 }

type archive struct {
	file    io.ReaderAt
	members map[string]member
}

// Has says whether the bundle has a file: it has only what its maker thought
// would be needed.
func (a *archive) Has(name string) bool {
	_, ok := a.members[name]
	return ok
}

func (a *archive) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	m, ok := a.members[name]
	if !ok {
		return nil, fmt.Errorf("the bundle has no %s: %w", name, fs.ErrNotExist)
	}
	if offset > m.size {
		offset = m.size
	}
	left := m.size - offset
	if length >= 0 {
		left = min(left, length)
	}
	return part(ctx, io.NopCloser(io.NewSectionReader(a.file, m.offset+offset, left)), -1), nil
}

// position counts where a reader is; tar seeks over what is not read.
type position struct {
	r  *io.SectionReader
	at int64
}

func (p *position) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.at += int64(n)
	return n, err
}

func (p *position) Seek(offset int64, whence int) (int64, error) {
	at, err := p.r.Seek(offset, whence)
	if err == nil {
		p.at = at
	}
	return at, err
}
