package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/update/record"
)

// elsewhere is what no snapshot touches, and what is to be taken in by commands.
var elsewhere = []string{"log", "app/cache", "app/queue", "updates"}

func TestThereAndBack(t *testing.T) {
	dir := dataDisk(t)
	before := describe(t, dir)
	o := options(t, dir)
	var last, total int64
	o.Progress = func(done, of int64) { last, total = done, of }
	if err := Take(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if last <= 0 || last > total || total > 8<<20 {
		t.Errorf("copied %d of %d bytes", last, total)
	}
	if got := describe(t, dir); got != before {
		t.Errorf("taking changed the data:\n%s\nbefore:\n%s", got, before)
	}
	list, err := List(dir)
	if err != nil || len(list) != 1 || list[0].ID != o.ID || list[0].Version != "1.0.0" || !list[0].Time.Equal(o.Now) ||
		!slices.Equal(list[0].Services, []string{"web", "db", "queue", "new"}) {
		t.Errorf("List = %+v, %v", list, err)
	}
	ruin(t, dir)
	for range 2 { // the second time nothing is left to do
		if err := Restore(dir, o.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := without(describe(t, dir), elsewhere...), without(before, elsewhere...); got != want {
		t.Errorf("back:\n%s\nwant\n%s", got, want)
	}
	for path, want := range map[string]string{
		"updates/restore/queue/dump": "dump of many", "app/queue/messages": "none", "app/cache/c": "new", "log/journal/y": "more",
	} {
		if content, err := os.ReadFile(filepath.Join(dir, path)); string(content) != want {
			t.Errorf("%s: %q, %v", path, content, err)
		}
	}
	for service, want := range map[string]string{"web": "1.0.0", "queue": "1.0.0", "db": "", "new": ""} {
		if got := record.ReadVersion(dir, service); got != want {
			t.Errorf("the data of %s is of %q, not of %q", service, got, want)
		}
	}
	if list, err := List(dir); err != nil || len(list) != 0 {
		t.Errorf("it went back, and there is %+v, %v", list, err)
	}
	if err := Clean(dir); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(snapshots(dir)); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	if err := Restore(dir, o.ID, nil); !errors.Is(err, ErrNone) {
		t.Errorf("a snapshot that is used up: %v", err)
	}
	if err := Take(t.Context(), o); err == nil || !strings.Contains(err.Error(), "Queue from before the last update has not been taken in") {
		t.Errorf("with data that waits to be taken in: %v", err)
	}
}

func TestRestoreSome(t *testing.T) {
	dir := dataDisk(t)
	if err := Take(t.Context(), options(t, dir)); err != nil {
		t.Fatal(err)
	}
	ruin(t, dir)
	if err := Restore(dir, "1.0.0-a", []string{"db"}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"config/head.json": "one", "identity/owner.json": "1.0.0", "app/db/var/lib/mysql/ibdata": "tables", "app/web/db": "columns", "app/new/first": "z",
	} {
		if content, err := os.ReadFile(filepath.Join(dir, path)); string(content) != want {
			t.Errorf("%s: %q, %v", path, content, err)
		}
	}
}

// TestTakeFails: whatever keeps it from being whole leaves nothing behind.
func TestTakeFails(t *testing.T) {
	for name, change := range map[string]func(*Options, context.CancelFunc){
		"no room":            func(*Options, context.CancelFunc) {},
		"too many files":     func(*Options, context.CancelFunc) {},
		"save fails":         func(o *Options, _ context.CancelFunc) { o.Hook = saver{t: t, dir: o.DataDir, err: errors.New("no")} },
		"nobody saves":       func(o *Options, _ context.CancelFunc) { o.Hook = nil },
		"cancelled at once":  func(_ *Options, cancel context.CancelFunc) { cancel() },
		"cancelled later":    func(o *Options, cancel context.CancelFunc) { o.Progress = func(int64, int64) { cancel() } },
		"an ID that is none": func(o *Options, _ context.CancelFunc) { o.ID = "../x" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := dataDisk(t)
			o := options(t, dir)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			change(&o, cancel)
			before := describe(t, dir)
			var d disk = realDisk{}
			switch name {
			case "no room":
				d = small{bytes: reserve, files: 1 << 20}
			case "too many files":
				d = small{bytes: 1 << 40, files: reserveFiles}
			}
			err := take(ctx, d, o)
			if err == nil {
				t.Fatal("it is said to be there")
			}
			var room *RoomError
			if errors.As(err, &room) != (name == "no room") {
				t.Errorf("%v", err)
			}
			if describe(t, dir) != before {
				t.Error("the data has changed")
			}
			if list, err := List(dir); err != nil || len(list) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
			for _, d := range []string{snapshots(dir), filepath.Join(dir, record.Dir, saveDir)} {
				if entries, _ := os.ReadDir(d); len(entries) != 0 {
					t.Errorf("%s is left in %s", entries, d)
				}
			}
		})
	}
}

// small is a disk with little room.
type small struct {
	realDisk
	bytes, files int64
}

func (d small) Room(string) (bytes, files int64, err error) { return d.bytes, d.files, nil }

func TestDamaged(t *testing.T) {
	dir := dataDisk(t)
	if err := Take(t.Context(), options(t, dir)); err != nil {
		t.Fatal(err)
	}
	ruin(t, dir)
	before := describe(t, dir)
	path := filepath.Join(snapshots(dir), "1.0.0-a", markerFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)/2], []byte(strings.Replace(string(data), `"config"`, `"../../x"`, 1))} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Restore(dir, "1.0.0-a", nil); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v", bad, err)
		}
		if list, err := List(dir); err == nil || len(list) != 0 {
			t.Errorf("List = %v, %v", list, err)
		}
	}
	evil, err := record.Seal(marker{Format: 1, Info: Info{ID: "1.0.0-a"}, Items: []item{{Path: "../../etc"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, evil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(dir, "1.0.0-a", nil); err == nil || !strings.Contains(err.Error(), "a path that cannot be") {
		t.Errorf("a path that leads out: %v", err)
	}
	for _, id := range []string{"", "..", "absent", "a/b"} {
		if err := Restore(dir, id, nil); err == nil {
			t.Errorf("restored %q", id)
		}
	}
	if describe(t, dir) != before {
		t.Error("the data has changed")
	}
}

func TestRemove(t *testing.T) {
	dir := dataDisk(t)
	o := options(t, dir)
	for range 2 { // the second takes the place of the first
		if err := Take(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Remove(dir, o.ID); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(snapshots(dir)); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
	if list, err := List(t.TempDir()); err != nil || list != nil {
		t.Errorf("of an empty disk: %v, %v", list, err)
	}
	if err := Restore(t.TempDir(), "x", nil); !errors.Is(err, ErrNone) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an empty disk: %v", err)
	}
}

// TestTakeChangesConfig: what takes an older version's place has a
// configuration that it knows; the one that is in use stays.
func TestTakeChangesConfig(t *testing.T) {
	dir := dataDisk(t)
	before := describe(t, dir)
	o := options(t, dir)
	o.Services, o.Hook = nil, nil
	o.Config = func(config string) error {
		return os.WriteFile(filepath.Join(config, "head.json"), []byte("older"), 0o600)
	}
	if err := Take(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if describe(t, dir) != before {
		t.Error("the data has changed")
	}
	ruin(t, dir)
	if err := Restore(dir, o.ID, nil); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"config/head.json": "older", "app/web/db": "columns"} {
		if content, err := os.ReadFile(filepath.Join(dir, path)); string(content) != want {
			t.Errorf("%s: %q, %v", path, content, err)
		}
	}
	o.Config = func(string) error { return errors.New("no") }
	if err := Take(t.Context(), o); err == nil {
		t.Error("it is there, and its configuration is not what it should be")
	}
}
