package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Export copies an artifact to dest, whose folder must exist. dest appears
// whole or not at all; what was there before stays until then. The copy shares
// the cache's disk blocks where the file system can do that, keeps holes, and
// is compared with the artifact's digest: a damaged entry is removed from the
// cache and reported as a *CorruptError, a missing one as a *MissingError, and
// a destination that cannot be written as a *StorageError.
func (c *Cache) Export(ctx context.Context, key, output, dest string) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("cannot export %s: %w", output, err)
	}
	if err := c.use(ctx, key); err != nil {
		return err
	}
	m, err := c.readMeta(key)
	if err != nil {
		return fmt.Errorf("cannot export %s: %w", output, err)
	}
	want, ok := m.Artifacts[output]
	if !ok {
		return fmt.Errorf("cannot export %s: stage %s has no such output", output, m.Stage)
	}
	src, err := os.Open(filepath.Join(c.entryDir(key), output))
	if err != nil {
		return fmt.Errorf("cannot export %s: %w", output, err)
	}
	defer src.Close()
	err = exportFile(ctx, src, dest, key, want)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		if lock, lockErr := tryLock(c.lockPath(key, "build"), unix.LOCK_EX); lockErr == nil {
			_ = c.discard(key) // if it stays, the next use finds the damage again
			lock.release()
		}
	}
	return err
}

// exportFile copies src to a temporary file beside dest and renames it.
func exportFile(ctx context.Context, src *os.File, dest, key string, want artifactMeta) (err error) {
	dir := filepath.Dir(dest)
	failed := func(err error) error {
		return storageError(dir, fmt.Errorf("cannot write %s: %w", dest, err))
	}
	removeStaleExports(dest)
	tmp, err := createExport(dest)
	if err != nil {
		return failed(err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
		tmp.Close()
	}()
	var digest string
	if unix.IoctlFileClone(int(tmp.Fd()), int(src.Fd())) == nil {
		digest, err = contentDigest(ctx, tmp, want.Size)
	} else {
		digest, err = copySparse(ctx, tmp, src, want.Size)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return failed(err)
	case digest != want.Digest:
		return &CorruptError{Key: key, Reason: filepath.Base(src.Name()) + " has other content than when it was made"}
	}
	if err := tmp.Sync(); err != nil {
		return failed(err)
	}
	if err := os.Rename(tmp.Name(), dest); err != nil {
		return failed(err)
	}
	return nil
}

// exportSuffix marks files that are being exported.
const exportSuffix = ".ingot-tmp"

// createExport makes a temporary file beside dest, locked while it is open. The
// user's umask decides about its permissions, as with any other new file.
func createExport(dest string) (*os.File, error) {
	for n := 0; ; n++ {
		name := filepath.Join(filepath.Dir(dest), fmt.Sprintf(".%s.%d-%d%s", filepath.Base(dest), os.Getpid(), n, exportSuffix))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// A file system without flock only loses the tidying up after a kill.
		_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		return f, nil
	}
}

// removeStaleExports removes what killed programs left of exporting dest.
func removeStaleExports(dest string) {
	found, err := os.ReadDir(filepath.Dir(dest))
	if err != nil {
		return
	}
	for _, f := range found {
		ok, _ := filepath.Match(globQuote("."+filepath.Base(dest)+".")+"*"+exportSuffix, f.Name())
		if !ok {
			continue
		}
		path := filepath.Join(filepath.Dir(dest), f.Name())
		if lock, err := tryLock(path, unix.LOCK_EX); err == nil {
			lock.removeAndRelease()
		}
	}
}

// globQuote makes a name safe in a pattern of filepath.Match.
func globQuote(name string) string {
	var quoted []rune
	for _, r := range name {
		switch r {
		case '*', '?', '[', '\\':
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, r)
	}
	return string(quoted)
}
