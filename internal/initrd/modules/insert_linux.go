package modules

import (
	"os"

	"golang.org/x/sys/unix"
)

// Insert gives the module in the file to the kernel; it returns when the
// module has been initialised, which includes probing its devices.
func Insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return InsertFile(f)
}

// InsertFile is Insert of an open file.
func InsertFile(f *os.File) error { return unix.FinitModule(int(f.Fd()), "", 0) }
