package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/initrd/modules"
)

// insertWord is the first argument of this program when it is not the first
// process but one that inserts modules; their names follow, and the files are
// open, from firstFile on.
const (
	insertWord = "insert"
	firstFile  = 3
)

// handOver leaves the drivers that were not begun with, when the loader has
// ended, to a process of their own, which goes on while the first one becomes
// systemd: it has the files open, so they may go. The root does not have them.
func (d *drivers) handOver() error {
	files := d.loader.Files(d.later...)
	if len(files) == 0 {
		return nil
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	args, open := []string{"ingot-init", insertWord}, []*os.File{null, null, d.log.kmsg}
	for _, file := range files {
		f, err := os.Open(filepath.Join(d.dir, file))
		if err != nil {
			return err
		}
		defer f.Close()
		args, open = append(args, strings.TrimSuffix(filepath.Base(file), ".ko")), append(open, f)
	}
	p, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{Files: open})
	if err != nil {
		return err
	}
	return p.Release() // systemd takes note of its end
}

// insert is what that process does. It says what failed to the kernel's log.
func insert(names []string) {
	for i, name := range names {
		err := modules.InsertFile(os.NewFile(uintptr(firstFile+i), name))
		if modules.Failed(err) {
			fmt.Fprintf(os.Stderr, "<%d>ingot-init: cannot load kernel module %s: %v\n", levelError, name, err)
		}
	}
}
