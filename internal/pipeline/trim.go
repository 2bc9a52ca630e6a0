package pipeline

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// EntryInfo describes one entry of the cache.
type EntryInfo struct {
	Key string `json:"key"`
	// Stage and Kind are "" when the entry is damaged.
	Stage    string    `json:"stage"`
	Kind     string    `json:"kind"`
	Created  time.Time `json:"created,omitzero"`
	LastUsed time.Time `json:"last_used"`
	// Disk is what the entry takes on the disk in bytes; holes take nothing.
	Disk int64 `json:"disk"`
	// Damaged says what is wrong with the entry; sizes are compared, content is not.
	Damaged string `json:"damaged,omitempty"`
}

// List describes all entries, the most recently used first.
func (c *Cache) List() ([]EntryInfo, error) {
	dirs, err := filepath.Glob(filepath.Join(c.dir, "objects", "??", "*"))
	if err != nil {
		return nil, err
	}
	entries := make([]EntryInfo, 0, len(dirs))
	for _, dir := range dirs {
		if e, ok := c.describe(dir); ok {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b EntryInfo) int {
		return cmp.Or(b.LastUsed.Compare(a.LastUsed), cmp.Compare(a.Key, b.Key))
	})
	return entries, nil
}

func (c *Cache) describe(dir string) (EntryInfo, bool) {
	e := EntryInfo{Key: filepath.Base(dir)}
	if len(e.Key) < 2 {
		return e, false
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return e, false // trimmed by another program just now
	}
	e.LastUsed = info.ModTime()
	if info, err := os.Lstat(filepath.Join(dir, metaName)); err == nil {
		e.LastUsed = info.ModTime()
	}
	e.Disk = diskUsage(dir)
	m, err := c.readMeta(e.Key)
	if err != nil {
		e.Damaged = err.Error()
		var corrupt *CorruptError
		if errors.As(err, &corrupt) {
			e.Damaged = corrupt.Reason
		}
		return e, true
	}
	e.Stage, e.Kind, e.Created = m.Stage, m.Kind, m.Created
	return e, true
}

// diskUsage is what a folder's files take on the disk.
func diskUsage(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil {
			n += st.Blocks * 512 // st_blocks counts 512-byte units whatever the file system
		}
		return nil
	})
	return n
}

// Size is what all entries together take on the disk, in bytes.
func (c *Cache) Size() (int64, error) {
	entries, err := c.List()
	if err != nil {
		return 0, err
	}
	return totalDisk(entries), nil
}

func totalDisk(entries []EntryInfo) (n int64) {
	for _, e := range entries {
		n += e.Disk
	}
	return n
}

// Trim removes the entries that were not used for longest until the rest takes
// no more than limit bytes; entries that a running build uses stay. It returns
// what it removed.
func (c *Cache) Trim(limit int64) ([]EntryInfo, error) {
	entries, err := c.List()
	if err != nil {
		return nil, err
	}
	total := totalDisk(entries)
	var removed []EntryInfo
	for _, e := range slices.Backward(entries) {
		if total <= limit {
			break
		}
		ok, err := c.removeUnused(e.Key)
		if err != nil {
			return removed, err
		}
		if ok {
			total -= e.Disk
			removed = append(removed, e)
		}
	}
	return removed, nil
}

// Clear removes all entries that no running build uses, and all logs.
func (c *Cache) Clear() ([]EntryInfo, error) {
	logs, _ := filepath.Glob(filepath.Join(c.dir, "logs", "*.log"))
	for _, l := range logs {
		os.Remove(l)
	}
	return c.Trim(-1)
}

// removeUnused removes the entry unless a build uses it.
func (c *Cache) removeUnused(key string) (bool, error) {
	lock, err := tryLock(c.lockPath(key, "use"), unix.LOCK_EX)
	if errors.Is(err, errBusy) {
		return false, nil
	}
	if err != nil {
		return false, c.failure("trim cache", err)
	}
	defer lock.removeAndRelease()
	if build, err := tryLock(c.lockPath(key, "build"), unix.LOCK_EX); err == nil {
		defer build.removeAndRelease()
	}
	return true, c.discard(key)
}

// trimQuietly is what every run ends with.
func (c *Cache) trimQuietly() error {
	if c.limit < 0 {
		return nil
	}
	_, err := c.Trim(c.limit)
	return err
}
