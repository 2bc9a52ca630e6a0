// Package source reads the files of a repository, wherever they are: below a
// URL, in a folder, or in a bundle.
//
// It trusts nothing and proves nothing: what the files hold is verified by who
// asked for them. What it guarantees is that no server can lead it astray: it
// reads no more than it was told to, and never waits for ever.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/ingotvm/ingot/internal/release"
)

// Source is where the files of a repository come from.
type Source interface {
	// Open reads length bytes of a file from offset on; a negative length is
	// up to its end. A file that is not there is an error that wraps
	// [fs.ErrNotExist]. The name is a slash path without dots.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
}

// Has says whether a source has a blob, as far as that can be told without
// asking a server.
func Has(s Source, b release.Blob) bool {
	h, ok := s.(interface{ Has(name string) bool })
	return !ok || h.Has(b.File())
}

// ErrSize says that a file is longer or shorter than it should be.
var ErrSize = errors.New("the file has another length than it should")

// ReadAll reads a whole file of at most limit bytes. The error wraps [ErrSize]
// when it is longer.
func ReadAll(ctx context.Context, s Source, name string, limit int64) ([]byte, error) {
	r, err := open(ctx, s, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("cannot read %s: %w: more than %d bytes", name, ErrSize, limit)
	}
	return data, nil
}

// Fetch writes a blob to w, from an offset on, and exactly to its end. The hash
// is for who has the whole of it to check. The error wraps [ErrSize] when the
// source has another length.
func Fetch(ctx context.Context, s Source, blob release.Blob, from int64, w io.Writer) error {
	if from >= blob.Size {
		return nil
	}
	return FetchRange(ctx, s, blob, from, blob.Size-from, w)
}

// FetchRange writes a part of a blob to w.
func FetchRange(ctx context.Context, s Source, blob release.Blob, from, length int64, w io.Writer) error {
	name := blob.File()
	if from < 0 || length < 0 || from+length > blob.Size {
		return fmt.Errorf("cannot read %s: %d bytes from %d on are not in it", name, length, from)
	}
	r, err := open(ctx, s, name, from, length)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, length))
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	if n != length {
		return fmt.Errorf("cannot read %s: %w: it ends %d bytes too early", name, ErrSize, length-n)
	}
	return nil
}

func open(ctx context.Context, s Source, name string, offset, length int64) (io.ReadCloser, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("cannot read %q: %w", name, fs.ErrInvalid)
	}
	return s.Open(ctx, name, offset, length)
}
