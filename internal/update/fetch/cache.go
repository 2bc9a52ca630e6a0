package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
)

// Cache is a folder for what is fetched: <sha256> is whole and verified,
// <name>.part goes on where it ends.
type Cache struct{ Dir string }

// reserve stays free beside what is fetched, in bytes.
const reserve = 64 << 20

const part = ".part"

func (c *Cache) path(name string) string { return filepath.Join(c.Dir, name) }

// size is how much of a blob is there.
func (c *Cache) size(b release.Blob) int64 {
	if info, err := os.Stat(c.path(b.SHA256)); err == nil {
		return info.Size()
	}
	return min(c.partial(b.SHA256), b.Size)
}

// partial is how much of a download is there.
func (c *Cache) partial(name string) int64 {
	if info, err := os.Stat(c.path(name + part)); err == nil {
		return info.Size()
	}
	return 0
}

// open opens a blob that is whole.
func (c *Cache) open(b release.Blob) (*os.File, error) { return os.Open(c.path(b.SHA256)) }

// Room makes sure that so many more bytes fit, and leaves some.
func (c *Cache) Room(need int64) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("cannot fetch the update: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(c.Dir, &st); err != nil {
		return fmt.Errorf("cannot tell how much room the data disk has: %w", err)
	}
	free := int64(st.Bavail) * st.Bsize
	if need > 0 && free < need+reserve {
		return fmt.Errorf("there is no room for the download: %d MiB are needed and %d MiB are free on the data disk", (need+reserve)>>20, free>>20)
	}
	return nil
}

// Keep removes all that is not needed for the plan; nil removes everything.
func (c *Cache) Keep(p *Plan) error {
	wanted := map[string]bool{}
	if p != nil {
		for _, it := range p.items {
			wanted[it.blob.SHA256] = it.way != Link
			if it.way == Blocks {
				wanted[it.Index.SHA256], wanted[it.rangesName()] = true, true
			}
		}
	}
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !wanted[strings.TrimSuffix(e.Name(), part)] {
			err = errors.Join(err, os.RemoveAll(c.path(e.Name())))
		}
	}
	return err
}

// fetch gets a blob, from where an earlier attempt ended, and verifies it. The
// error wraps [errHash] when the whole is something else; it is then gone.
func (c *Cache) fetch(ctx context.Context, src source.Source, b release.Blob, progress func(n int64)) error {
	if _, err := os.Stat(c.path(b.SHA256)); err == nil {
		return nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(c.path(b.SHA256+part), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	have, err := io.Copy(sum, io.LimitReader(f, b.Size))
	if err != nil {
		return err
	}
	if err := f.Truncate(have); err != nil {
		return err
	}
	to := &counted{ctx: ctx, w: io.MultiWriter(f, sum), progress: progress}
	if err := source.Fetch(ctx, src, b, have, to); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != b.SHA256 {
		return errors.Join(fmt.Errorf("%w: it is %s", errHash, got), os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), c.path(b.SHA256))
}

// errHash says that what was fetched is not what was signed.
var errHash = errors.New("what was fetched is not what the vendor signed")

// counted tells of bytes that are written.
type counted struct {
	ctx      context.Context
	w        io.Writer
	progress func(n int64)
}

func (c *counted) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	if c.progress != nil {
		c.progress(int64(n))
	}
	return n, err
}
