package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/update/record"
)

// services are one of each kind.
func services() []appliance.Service {
	return []appliance.Service{
		{Name: "web", Title: "Web", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotCopy}},
		{Name: "db", Title: "Database", Data: appliance.Data{Paths: []string{"/var/lib/mysql"}, Snapshot: appliance.SnapshotCopy}},
		{Name: "queue", Title: "Queue", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotHook}},
		{Name: "cache", Title: "Cache", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotNone}},
		{Name: "new", Title: "New", Data: appliance.Data{Enabled: true, Snapshot: appliance.SnapshotCopy}}, // has no data yet
		{Name: "plain", Title: "Plain"},
	}
}

// dataDisk is a data disk of version 1.0.0 with one of everything.
func dataDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range map[string]string{
		"config/head.json": "one", "config/revisions/1.json": "first", "identity/owner.json": "1.0.0", "identity/tls/key.pem": "secret",
		"app/web/db": "rows", "app/web/deep/er/file": "x", "app/db/var/lib/mysql/ibdata": "tables", "app/queue/messages": "many",
		"app/cache/c": "old", "log/journal/x": "log",
	} {
		write(t, filepath.Join(dir, path), content)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	web := filepath.Join(dir, "app", "web")
	must(os.Link(filepath.Join(web, "db"), filepath.Join(web, "deep", "same")))
	must(os.Symlink("../nowhere", filepath.Join(web, "deep", "broken")))
	must(unix.Mkfifo(filepath.Join(web, "pipe"), 0o600))
	_ = unix.Lsetxattr(filepath.Join(web, "db"), "user.note", []byte("kept"), 0)
	f, err := os.Create(filepath.Join(web, "sparse"))
	must(err)
	_, err = f.WriteAt([]byte("in the middle"), 1<<20)
	must(err)
	must(f.Truncate(2 << 20))
	must(f.Close())
	if os.Getuid() == 0 {
		must(os.Lchown(web, 901, 901))
		must(os.Lchown(filepath.Join(web, "db"), 1234, 4321))
		must(os.Lchown(filepath.Join(dir, "app", "queue"), 902, 902))
	}
	must(os.Chmod(web, 0o700))
	must(os.Chmod(filepath.Join(dir, "identity"), 0o700))
	when := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	must(os.Chtimes(filepath.Join(web, "db"), when, when))
	must(os.Chtimes(filepath.Join(web, "deep"), when, when))
	for _, s := range []string{"web", "queue"} {
		must(record.WriteVersion(dir, s, "1.0.0"))
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ruin is what a new version does that has to go back.
func ruin(t *testing.T, dir string) {
	t.Helper()
	for path, content := range map[string]string{
		"config/head.json": "two", "config/revisions/2.json": "second", "identity/owner.json": "1.1.0", "app/web/db": "columns",
		"app/web/added": "y", "app/queue/messages": "none", "app/cache/c": "new", "app/new/first": "z", "log/journal/y": "more",
	} {
		write(t, filepath.Join(dir, path), content)
	}
	if err := os.RemoveAll(filepath.Join(dir, "app", "db")); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"web", "queue", "db", "new"} {
		if err := record.WriteVersion(dir, s, "1.1.0"); err != nil {
			t.Fatal(err)
		}
	}
}

// saver is the save command of the service queue.
type saver struct {
	t   *testing.T
	dir string
	err error
}

func (s saver) Save(_ context.Context, service string) error {
	folder := SaveDir(s.dir, service)
	var st unix.Stat_t
	if err := unix.Lstat(folder, &st); err != nil {
		s.t.Errorf("save: %v", err)
	}
	if os.Getuid() == 0 && (st.Uid != 902 || st.Mode&0o7777 != 0o700) {
		s.t.Errorf("the folder of save is %d's, %o", st.Uid, st.Mode)
	}
	write(s.t, filepath.Join(folder, "dump"), "dump of many")
	return s.err
}

func options(t *testing.T, dir string) Options {
	return Options{DataDir: dir, ID: "1.0.0-a", Version: "1.0.0", Services: services(), Hook: saver{t: t, dir: dir},
		Now: time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)}
}

// describe lists the data of an appliance with all that must come back.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel == filepath.Join(record.Dir, snapshotsDir) || rel == filepath.Join(record.Dir, saveDir) {
			return fs.SkipDir
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if inodes[st.Ino] == "" {
				inodes[st.Ino] = rel
			}
			value := make([]byte, 100)
			n, _ := unix.Lgetxattr(path, "user.note", value)
			fmt.Fprintf(&b, " %d %x is %s note %q holes %v", len(content), sha256.Sum256(content), inodes[st.Ino], value[:max(n, 0)], st.Blocks*512 < st.Size)
		case unix.S_IFLNK:
			to, _ := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s", to)
		}
		if strings.HasPrefix(rel, "app/web/") {
			fmt.Fprintf(&b, " %d.%d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// without is the description without the lines of some paths.
func without(description string, paths ...string) string {
	var b strings.Builder
	for line := range strings.Lines(description) {
		path, _, _ := strings.Cut(line, " ")
		hidden := false
		for _, p := range paths {
			hidden = hidden || path == p || strings.HasPrefix(path, p+"/")
		}
		if !hidden {
			b.WriteString(line)
		}
	}
	return b.String()
}
