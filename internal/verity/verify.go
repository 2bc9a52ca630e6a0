package verity

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrMismatch says that an image or its tree is not what the root promises.
var ErrMismatch = errors.New("content does not match its verity root hash")

// Verify reads an image of size bytes, and its tree behind it, and compares
// both with the root. The error wraps [ErrMismatch] when they differ.
func Verify(r io.Reader, size int64, salt, root []byte) error {
	t := NewTree(salt)
	if _, err := io.CopyN(t, r, size); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: shorter than %d bytes", ErrMismatch, size)
		}
		return err
	}
	got, err := t.Sum()
	if err != nil {
		return err
	}
	if !bytes.Equal(got, root) {
		return fmt.Errorf("%w: expected %x, found %x", ErrMismatch, root, got)
	}
	same := &comparer{with: r}
	if _, err := t.WriteTo(same); err != nil {
		return fmt.Errorf("%w: hash tree: %w", ErrMismatch, err)
	}
	return nil
}

// VerifyFile is [Verify] for the file at path, which may be longer.
func VerifyFile(path string, size int64, salt, root []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot verify %s: %w", path, err)
	}
	defer f.Close()
	if err := Verify(f, size, salt, root); err != nil {
		return fmt.Errorf("cannot verify %s: %w", path, err)
	}
	return nil
}

// comparer fails when what is written is not what the reader holds.
type comparer struct {
	with io.Reader
	buf  block
}

func (c *comparer) Write(p []byte) (int, error) {
	buf := c.buf[:len(p)]
	if _, err := io.ReadFull(c.with, buf); err != nil {
		return 0, err
	}
	if !bytes.Equal(buf, p) {
		return 0, errors.New("differs")
	}
	return len(p), nil
}
