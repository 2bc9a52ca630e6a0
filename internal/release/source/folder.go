package source

import (
	"context"
	"fmt"
	"io"
	"io/fs"
)

// Folder reads a repository that lies in a folder. A folder that others can
// write to is opened with [os.Root], so that no link leads out of it.
func Folder(files fs.FS) Source { return folder{files} }

type folder struct{ files fs.FS }

func (f folder) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := f.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the repository: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err == nil && offset > 0 {
		seeker, ok := file.(io.Seeker)
		if !ok {
			err = fmt.Errorf("%s: %w", name, fs.ErrInvalid)
		} else {
			_, err = seeker.Seek(offset, io.SeekStart)
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("cannot read the repository: %s: %w", name, err)
	}
	return part(ctx, file, length), nil
}

// part bounds what is read of a file, and ends with ctx.
func part(ctx context.Context, r io.ReadCloser, length int64) io.ReadCloser {
	var in io.Reader = r
	if length >= 0 {
		in = io.LimitReader(r, length)
	}
	return &bounded{ctx, in, r}
}

type bounded struct {
	ctx context.Context
	io.Reader
	io.Closer
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}
