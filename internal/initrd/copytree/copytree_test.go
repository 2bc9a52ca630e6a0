package copytree_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/initrd/copytree"
)

// source is a folder with one of everything that an unprivileged user can make.
func source(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mysql")
	when := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "db", "private"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "ibdata"), []byte("rows"), 0o640))
	must(os.WriteFile(filepath.Join(dir, "db", "tool"), []byte("#!"), 0o755))
	must(os.Chmod(filepath.Join(dir, "db", "tool"), 0o755|fs.ModeSetgid))
	must(os.Link(filepath.Join(dir, "ibdata"), filepath.Join(dir, "db", "same")))
	must(os.Symlink("../nowhere", filepath.Join(dir, "db", "broken")))
	must(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	_ = unix.Lsetxattr(filepath.Join(dir, "ibdata"), "user.note", []byte("kept"), 0) // compared below, set or not
	if os.Getuid() == 0 {
		must(os.Lchown(filepath.Join(dir, "ibdata"), 1234, 4321))
		must(os.Lchown(filepath.Join(dir, "db", "broken"), 1234, 4321))
	}
	must(os.Chtimes(filepath.Join(dir, "ibdata"), when, when))
	must(os.Chtimes(filepath.Join(dir, "db"), when, when))
	must(os.Chmod(filepath.Join(dir, "db", "private"), 0o700))
	must(os.Chmod(dir, 0o2750))
	return dir
}

// describe lists a tree with all that must be the same in a copy.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			value := make([]byte, 100)
			n, _ := unix.Lgetxattr(path, "user.note", value)
			fmt.Fprintf(&b, " links %d %q note %q", st.Nlink, content, value[:max(n, 0)])
		case unix.S_IFLNK:
			to, _ := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s", to)
		}
		fmt.Fprintf(&b, " %d\n", st.Mtim.Sec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOnce(t *testing.T) {
	from := source(t)
	to := filepath.Join(t.TempDir(), "var.lib.mysql")
	// What an attempt that was cut off has left.
	if err := os.MkdirAll(filepath.Join(to+".tmp", "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	if done, err := copytree.Once(from, to); err != nil || !done {
		t.Fatalf("Once = %v, %v; want done", done, err)
	}
	if got, want := describe(t, to), describe(t, from); got != want {
		t.Errorf("copy:\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Lstat(to + ".tmp"); err == nil {
		t.Error("the partial copy is still there")
	}

	// Afterwards the target is the service's.
	if err := os.WriteFile(filepath.Join(to, "ibdata"), []byte("new rows"), 0o640); err != nil {
		t.Fatal(err)
	}
	if done, err := copytree.Once(from, to); err != nil || done {
		t.Fatalf("second Once = %v, %v; want nothing done", done, err)
	}
	if content, _ := os.ReadFile(filepath.Join(to, "ibdata")); string(content) != "new rows" {
		t.Errorf("the service's file is %q", content)
	}
}

func TestOnceFails(t *testing.T) {
	to := filepath.Join(t.TempDir(), "target")
	if done, err := copytree.Once("/does/not/exist", to); err == nil || done {
		t.Errorf("Once = %v, %v; want an error", done, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(to)); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
