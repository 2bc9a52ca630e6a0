package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// checkRoom says how many bytes a snapshot takes, or that there is no room.
func checkRoom(d disk, o Options) (int64, error) {
	need, files, err := size(o)
	if err != nil {
		return 0, err
	}
	free, more, err := d.Room(o.DataDir)
	if err != nil {
		return 0, fmt.Errorf("cannot see how much room there is: %w", err)
	}
	if need+reserve > free {
		return 0, &RoomError{Need: need + reserve, Free: free}
	}
	if files+reserveFiles > more {
		return 0, fmt.Errorf("there is no room for a copy of the data: it has %d files, and the data disk can take only %d more", files, more)
	}
	return need, nil
}

// size is what the items take on the disk, and how many files they are.
func size(o Options) (bytes, files int64, err error) {
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	for _, i := range o.items() {
		err := filepath.WalkDir(filepath.Join(o.DataDir, i.Path), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				var st unix.Stat_t
				if err = unix.Lstat(path, &st); err == nil {
					if id := (inode{st.Dev, st.Ino}); st.Nlink < 2 || st.Mode&unix.S_IFMT == unix.S_IFDIR || !seen[id] {
						seen[id] = st.Nlink > 1
						bytes += st.Blocks * 512
						files++
					}
					return nil
				}
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it has gone meanwhile
			}
			return err
		})
		if err != nil {
			return 0, 0, fmt.Errorf("cannot see how large the data is: %w", err)
		}
	}
	return bytes, files, nil
}
