package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// StageError says that a stage failed.
type StageError struct {
	Stage string
	Err   error
	// LogTail are the last lines of the stage's log, at most 20.
	LogTail []string
	// LogPath is the whole log, "" when the stage logged nothing.
	LogPath string
}

func (e *StageError) Error() string { return fmt.Sprintf("stage %s failed: %v", e.Stage, e.Err) }
func (e *StageError) Unwrap() error { return e.Err }

// Hint says where to read more.
func (e *StageError) Hint() string {
	if e.LogPath == "" {
		return ""
	}
	return "the whole log is " + e.LogPath
}

// StorageError says that the cache or an output folder cannot be used: no
// space, no permission, not a folder.
type StorageError struct {
	// Path is the folder.
	Path string
	// Free is how many bytes were left there, -1 when that is not known.
	Free int64
	Err  error
}

func (e *StorageError) Error() string { return e.Err.Error() }
func (e *StorageError) Unwrap() error { return e.Err }

// Hint says what the user can do.
func (e *StorageError) Hint() string {
	switch {
	case isNoSpace(e.Err):
		free := "little"
		if e.Free >= 0 {
			free = fmt.Sprintf("%d MiB", e.Free>>20)
		}
		return fmt.Sprintf("%s is left on the file system of %s; make room there, or run: ingot cache trim", free, e.Path)
	case errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, unix.EROFS):
		return fmt.Sprintf("%s is not writable for you; choose another folder", e.Path)
	case errors.Is(e.Err, unix.ENOTDIR), errors.Is(e.Err, fs.ErrExist):
		return fmt.Sprintf("a part of %s is a file, not a folder; choose another folder", e.Path)
	}
	return ""
}

// CorruptError says that an entry of the cache is damaged.
type CorruptError struct {
	Key    string
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("cache entry %s is damaged: %s", shortDigest(e.Key), e.Reason)
}

// MissingError says that a key has no entry in the cache.
type MissingError struct{ Key string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("cache entry %s does not exist", shortDigest(e.Key))
}

// storageError wraps what went wrong with a file below dir.
func storageError(dir string, err error) error {
	if err == nil {
		return nil
	}
	var already *StorageError
	if errors.As(err, &already) {
		return err
	}
	return &StorageError{Path: dir, Free: freeSpace(dir), Err: err}
}

func isNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// saysNoSpace recognises a full disk in what a failed program said: it is the
// C library's text of ENOSPC in the C locale.
func saysNoSpace(err error, logTail []string) bool {
	const text = "No space left on device"
	if strings.Contains(err.Error(), text) {
		return true
	}
	for _, line := range logTail {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// freeSpace is the number of bytes an ordinary user may still write to the
// file system of dir, or -1.
func freeSpace(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * st.Bsize
}

// lastLines are the last n non-empty lines of text.
func lastLines(text []byte, n int) []string {
	var lines []string
	for line := range bytes.Lines(text) {
		if l := strings.TrimRight(string(line), " \t\r\n"); l != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return lines
}
