package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/host"
)

// resetFile on the data disk asks for everything on it to be removed at the
// next boot. It is the last to go, so that a power cut only delays the rest.
const resetFile = ".factory-reset"

// factoryReset empties the data disk when that was asked for.
func (m *machine) factoryReset() error {
	if m.data.readOnly {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dataDir, resetFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	m.log.say("Resetting to factory settings ...")
	if err := empty(dataDir, host.SyncFileSystem); err != nil {
		return fmt.Errorf("cannot reset it to factory settings: %w", err)
	}
	m.log.info("the data disk was reset to factory settings")
	return nil
}

// empty removes all that is in a file system's root but lost+found, and the
// request to do so only when sync has made that durable.
func empty(root string, sync func(root string) error) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == resetFile || e.Name() == "lost+found" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(root, e.Name())); err != nil {
			return err
		}
	}
	if err := sync(root); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(root, resetFile)); err != nil {
		return err
	}
	return sync(root)
}
