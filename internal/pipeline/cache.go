package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultLimit is how much disk a cache may use: some dozens of appliances.
const DefaultLimit = 20 << 30

// Cache keeps the artifacts of stages by key. Its folder holds:
//
//	objects/<kk>/<key>/  one entry: artifacts and meta.json; kk is the key's start
//	locks/<key>.use      held shared by builds that use the entry
//	locks/<key>.build    held by the build that makes the entry
//	tmp/<owner>/         what one running program is writing; tmp/<owner>.lock is
//	                     held while it runs
//	logs/                logs of stages
//	last/<project>/      what each stage of a project was last made of
//
// Any number of programs may have one cache open. A Cache may be used from
// several goroutines.
type Cache struct {
	dir   string
	limit int64

	mu       sync.Mutex
	inUse    map[string]*fileLock // shared use locks, kept until Close
	verified map[string]bool      // keys whose artifacts this process has hashed
	owner    *fileLock            // of tmp/<owner>, nil until something is written
	ownerDir string
	serial   int
}

// OpenCache opens the cache in dir, making it when there is none, and removes
// what programs that were killed have left behind. limit is the disk space in
// bytes that it may use; 0 means DefaultLimit, less than 0 means no limit.
func OpenCache(dir string, limit int64) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open cache: %w", err)
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	c := &Cache{dir: dir, limit: limit, inUse: map[string]*fileLock{}, verified: map[string]bool{}}
	for _, sub := range []string{"objects", "locks", "tmp", "logs", "last"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, storageError(dir, fmt.Errorf("cannot open cache: %w", err))
		}
	}
	if err := unix.Access(filepath.Join(dir, "tmp"), unix.W_OK); err != nil {
		return nil, storageError(dir, fmt.Errorf("cannot open cache: %w", &os.PathError{Op: "write", Path: dir, Err: err}))
	}
	c.removeStale()
	return c, nil
}

// Dir is the cache's folder.
func (c *Cache) Dir() string { return c.dir }

// Limit is the disk space that the cache may use, less than 0 for no limit.
func (c *Cache) Limit() int64 { return c.limit }

// Close lets go of the entries in use and removes this program's temporary
// files. The cache cannot be used afterwards.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, lock := range c.inUse {
		lock.release()
		delete(c.inUse, key)
	}
	if c.owner == nil {
		return nil
	}
	err := os.RemoveAll(c.ownerDir)
	c.owner.removeAndRelease()
	c.owner = nil
	return err
}

func (c *Cache) entryDir(key string) string {
	return filepath.Join(c.dir, "objects", key[:2], key)
}

func (c *Cache) lockPath(key, purpose string) string {
	return filepath.Join(c.dir, "locks", key+"."+purpose)
}

// use holds the entry of key against trimming until Close, whether it exists
// yet or not.
func (c *Cache) use(ctx context.Context, key string) error {
	c.mu.Lock()
	_, held := c.inUse[key]
	c.mu.Unlock()
	if held {
		return nil
	}
	// A trim holds the other side of this lock only for a rename.
	lock, err := waitLock(ctx, c.lockPath(key, "use"), unix.LOCK_SH, nil)
	if err != nil {
		return c.failure("use cache entry", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.inUse[key]; held {
		lock.release()
		return nil
	}
	c.inUse[key] = lock
	return nil
}

func (c *Cache) failure(verb string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return storageError(c.dir, fmt.Errorf("cannot %s: %w", verb, err))
}

// tempDir makes a new empty folder on the cache's file system; it is gone
// after Close, or after the next OpenCache when this program is killed.
func (c *Cache) tempDir() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner == nil {
		if err := c.becomeOwner(); err != nil {
			return "", c.failure("make temporary folder", err)
		}
	}
	c.serial++
	dir := filepath.Join(c.ownerDir, fmt.Sprint(c.serial))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", c.failure("make temporary folder", err)
	}
	return dir, nil
}

// becomeOwner makes tmp/<owner>. The lock is held before the folder exists, so
// that nobody takes the folder for a dead program's.
func (c *Cache) becomeOwner() error {
	for try := 0; ; try++ {
		path := filepath.Join(c.dir, "tmp", fmt.Sprintf("%d-%d", os.Getpid(), try))
		lock, err := tryLock(path+".lock", unix.LOCK_EX)
		if errors.Is(err, errBusy) {
			continue // another cache in this process, or one of another PID namespace
		}
		if err != nil {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			lock.release()
			if try < 100 { // remains that are not ours to remove
				continue
			}
			return err
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			lock.removeAndRelease()
			return err
		}
		c.owner, c.ownerDir = lock, path
		return nil
	}
}

// removeStale removes the temporary files of programs that no longer run, and
// old logs. What cannot be removed stays: it does no harm but take space.
func (c *Cache) removeStale() {
	locks, _ := filepath.Glob(filepath.Join(c.dir, "tmp", "*.lock"))
	for _, path := range locks {
		lock, err := tryLock(path, unix.LOCK_EX)
		if err != nil {
			continue
		}
		if os.RemoveAll(strings.TrimSuffix(path, ".lock")) == nil {
			os.Remove(path)
		}
		lock.release()
	}
	const keepLogs = 14 * 24 * time.Hour // long enough to look into last week's failure
	logs, _ := os.ReadDir(filepath.Join(c.dir, "logs"))
	for _, l := range logs {
		if info, err := l.Info(); err == nil && time.Since(info.ModTime()) > keepLogs {
			os.Remove(filepath.Join(c.dir, "logs", l.Name()))
		}
	}
}

// discard takes the entry away. The caller holds its build lock, or its use
// lock exclusively.
func (c *Cache) discard(key string) error {
	trash, err := c.tempDir()
	if err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.verified, key)
	c.mu.Unlock()
	if err := os.Rename(c.entryDir(key), filepath.Join(trash, "entry")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.failure("remove cache entry", err)
	}
	return c.failureIf("remove cache entry", os.RemoveAll(trash))
}

func (c *Cache) failureIf(verb string, err error) error {
	if err == nil {
		return nil
	}
	return c.failure(verb, err)
}
