package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKeys(t *testing.T) {
	makers := testMakers()
	base := func() *Plan {
		return &Plan{Name: "p", Stages: []Stage{
			{Name: "a", Kind: "concat", Inputs: map[string]string{"text": "1"}, Outputs: []string{"out"}},
			{Name: "b", Kind: "concat", Needs: []string{"a"}, Outputs: []string{"out"},
				Files: []FileInput{{Name: "f", Path: "/x", Digest: "d1"}}},
		}}
	}
	was, err := Keys(base(), makers)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		change func(p *Plan)
		a, b   bool // whose key changes
	}{
		{"project", func(p *Plan) { p.Name = "q" }, false, false},
		{"path of a file", func(p *Plan) { p.Stages[1].Files[0].Path = "/y" }, false, false},
		{"empty inputs", func(p *Plan) { p.Stages[1].Inputs = map[string]string{} }, false, false},
		{"input", func(p *Plan) { p.Stages[0].Inputs["text"] = "2" }, true, true},
		{"digest", func(p *Plan) { p.Stages[1].Files[0].Digest = "d2" }, false, true},
		{"output", func(p *Plan) { p.Stages[1].Outputs = []string{"other"} }, false, true},
		{"need", func(p *Plan) { p.Stages[1].Needs = nil }, false, true},
	}
	for _, tc := range cases {
		plan := base()
		tc.change(plan)
		now, err := Keys(plan, makers)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if a, b := now["a"] != was["a"], now["b"] != was["b"]; a != tc.a || b != tc.b {
			t.Errorf("%s: keys of a, b changed: %v, %v; want %v, %v", tc.name, a, b, tc.a, tc.b)
		}
	}
	raised := testMakers()
	raised["concat"] = Maker{Version: 2, Run: concat}
	if now, _ := Keys(base(), raised); now["a"] == was["a"] {
		t.Error("the maker's version is not in the key")
	}
}

func TestKeysRefusesBadPlans(t *testing.T) {
	out := []string{"out"}
	cases := []struct {
		want   string
		stages []Stage
	}{
		{"unknown kind", []Stage{{Name: "a", Kind: "strange", Outputs: out}}},
		{"another stage of this name", []Stage{{Name: "a", Kind: "concat", Outputs: out}, {Name: "a", Kind: "concat", Outputs: out}}},
		{"no earlier stage", []Stage{{Name: "a", Kind: "concat", Needs: []string{"b"}, Outputs: out}, {Name: "b", Kind: "concat", Outputs: out}}},
		{"no earlier stage", []Stage{{Name: "a", Kind: "concat", Needs: []string{"a"}, Outputs: out}}},
		{"no outputs", []Stage{{Name: "a", Kind: "concat"}}},
		{"not usable as a file name", []Stage{{Name: "a/b", Kind: "concat", Outputs: out}}},
		{`output "../x"`, []Stage{{Name: "a", Kind: "concat", Outputs: []string{"../x"}}}},
		{`output "meta.json"`, []Stage{{Name: "a", Kind: "concat", Outputs: []string{"meta.json"}}}},
		{`file input "f"`, []Stage{{Name: "a", Kind: "concat", Outputs: out, Files: []FileInput{{Name: "f", Path: "/x"}}}}},
	}
	for _, tc := range cases {
		_, err := Keys(&Plan{Stages: tc.stages}, testMakers())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error is %v, want %q", err, tc.want)
		}
	}
}

// TestDamagedEntries holds each way in which an entry can be damaged: it is
// noticed, made again, and what is delivered is right.
func TestDamagedEntries(t *testing.T) {
	appendByte := func(path string) error {
		os.Chmod(path, 0o644)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString("x")
		return err
	}
	flip := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[0] ^= 1
		os.Chmod(path, 0o644)
		return os.WriteFile(path, content, 0o644)
	}
	cases := []struct {
		name   string
		damage func(dir string) error
		want   string
	}{
		{"truncated", func(dir string) error { return os.Truncate(filepath.Join(dir, "out"), 1) }, "has 1 bytes"},
		{"longer", func(dir string) error { return appendByte(filepath.Join(dir, "out")) }, "bytes instead of"},
		{"changed byte", func(dir string) error { return flip(filepath.Join(dir, "out")) }, "other content"},
		{"missing file", func(dir string) error { return os.Remove(filepath.Join(dir, "out")) }, "out is missing"},
		{"folder in its place", func(dir string) error {
			os.Remove(filepath.Join(dir, "out"))
			return os.Mkdir(filepath.Join(dir, "out"), 0o755)
		}, "not a file"},
		{"missing description", func(dir string) error { return os.Remove(filepath.Join(dir, metaName)) }, "meta.json is missing"},
		{"empty description", func(dir string) error { return os.Truncate(filepath.Join(dir, metaName), 0) }, "meta.json"},
		{"torn description", func(dir string) error { return os.Truncate(filepath.Join(dir, metaName), 40) }, "meta.json"},
		{"description of another", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, metaName), []byte(`{"key":"00","artifacts":{"out":{"size":1}}}`), 0o644)
		}, "another entry"},
		{"description that names another file", func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, metaName))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, metaName), []byte(strings.Replace(string(text), `"out": {`, `"../../x": {`, 1)), 0o644)
		}, "names"},
		{"zeros after a power cut", func(dir string) error {
			path := filepath.Join(dir, "out")
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			os.Chmod(path, 0o644)
			return errors.Join(os.Truncate(path, 0), os.Truncate(path, info.Size()))
		}, "other content"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			c := openTestCache(t, dir)
			key := mustRun(t, c, chain()).Stage("os").Key
			disk := mustRun(t, c, chain()).Stage("disk").Key
			c.Close()
			if err := tc.damage(c.entryDir(key)); err != nil {
				t.Fatal(err)
			}

			c = openTestCache(t, dir)
			if err := c.discard(disk); err != nil {
				t.Fatal(err)
			}
			rec := &recorder{}
			res, err := Run(t.Context(), chain(), RunOptions{Makers: testMakers(), Cache: c, Targets: []string{"disk"}, Observer: rec})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(res.Ran(), " "); got != "os disk" {
				t.Errorf("ran %q", got)
			}
			if !slices.ContainsFunc(rec.events, func(e string) bool {
				return strings.HasPrefix(e, "notice os: ") && strings.Contains(e, tc.want)
			}) {
				t.Errorf("no notice of %q in %q", tc.want, rec.events)
			}
			out, err := os.ReadFile(res.Stage("os").Outputs["out"])
			if err != nil || string(out) != "text=o\ntext=b\n" {
				t.Errorf("os = %q, %v", out, err)
			}
		})
	}
}

// TestExportFindsDamage: damage after the run has verified is found while copying.
func TestExportFindsDamage(t *testing.T) {
	c := openTestCache(t, t.TempDir())
	res := mustRun(t, c, chain())
	s := res.Stage("disk")
	os.Chmod(s.Outputs["out"], 0o644)
	if err := os.WriteFile(s.Outputs["out"], []byte("text=x\ntext=o\ntext=b\ntext=a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "disk")
	err := c.Export(t.Context(), s.Key, "out", dest)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("error is %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dest)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(c.entryDir(s.Key)); err == nil {
		t.Error("the damaged entry is still there")
	}
	if got := mustRun(t, c, chain()).Ran(); !slices.Equal(got, []string{"disk"}) {
		t.Errorf("the next run ran %q", got)
	}
	if err := c.Export(t.Context(), s.Key, "out", dest); err != nil {
		t.Error(err)
	}
}

func TestExportSparse(t *testing.T) {
	const size = 64<<20 + 12345
	c := openTestCache(t, t.TempDir())
	plan := &Plan{Stages: []Stage{{Name: "disk", Kind: "sparse", Outputs: []string{"disk.raw"}}}}
	makers := map[string]Maker{"sparse": {Run: func(_ context.Context, job *Job) error {
		f, err := os.Create(job.Output("disk.raw"))
		if err != nil {
			return err
		}
		defer f.Close()
		for _, at := range []int64{0, 5<<20 + 100, size - 7} {
			if _, err := f.WriteAt([]byte("content"), at); err != nil {
				return err
			}
		}
		return nil
	}}}
	res, err := Run(t.Context(), plan, RunOptions{Makers: makers, Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(dest, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(filepath.Dir(dest), ".disk.raw.1-0"+exportSuffix)
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.Export(t.Context(), res.Stage("disk").Key, "disk.raw", dest); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dest, &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != size || st.Blocks*512 > 4<<20 {
		t.Errorf("size %d, on disk %d bytes", st.Size, st.Blocks*512)
	}
	a, err := DigestFile(dest)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := DigestFile(res.Stage("disk").Outputs["disk.raw"]); a != b {
		t.Error("the copy differs")
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("what a killed export left is still there")
	}
}

func TestExportErrors(t *testing.T) {
	c := openTestCache(t, t.TempDir())
	key := mustRun(t, c, chain()).Stage("disk").Key
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var storage *StorageError
	if err := c.Export(t.Context(), key, "out", filepath.Join(file, "disk")); !errors.As(err, &storage) || !strings.Contains(storage.Hint(), "is a file") {
		t.Errorf("into a file: %v", err)
	}
	var missing *MissingError
	if err := c.Export(t.Context(), strings.Repeat("0", 64), "out", file); !errors.As(err, &missing) {
		t.Errorf("unknown key: %v", err)
	}
	if err := c.Export(t.Context(), "", "out", file); !errors.As(err, &missing) {
		t.Errorf("empty key: %v", err)
	}
	if found, err := c.Artifacts(t.Context(), key); err != nil || found["out"].Bytes != 28 {
		t.Errorf("artifacts: %v, %v", found, err)
	}
	if _, err := c.Artifacts(t.Context(), strings.Repeat("1", 64)); !errors.As(err, &missing) {
		t.Errorf("artifacts of an unknown key: %v", err)
	}
	if err := c.Export(t.Context(), key, "other", file); err == nil || !strings.Contains(err.Error(), "no such output") {
		t.Errorf("unknown output: %v", err)
	}
}

func TestTrim(t *testing.T) {
	dir := t.TempDir()
	makers := map[string]Maker{"big": {Run: func(_ context.Context, job *Job) error {
		return os.WriteFile(job.Output("out"), []byte(strings.Repeat(job.Input("n"), 1<<20)), 0o644)
	}}}
	runOne := func(c *Cache, n int) string {
		plan := &Plan{Stages: []Stage{{Name: fmt.Sprint("s", n), Kind: "big", Inputs: map[string]string{"n": fmt.Sprint(n)}, Outputs: []string{"out"}}}}
		res, err := Run(t.Context(), plan, RunOptions{Makers: makers, Cache: c})
		if err != nil {
			t.Fatal(err)
		}
		return res.Stages[0].Key
	}
	setUsed := func(c *Cache, key string, ago time.Duration) {
		at := time.Now().Add(-ago)
		if err := os.Chtimes(filepath.Join(c.entryDir(key), metaName), at, at); err != nil {
			t.Fatal(err)
		}
	}
	c := openTestCache(t, dir)
	var keys []string
	for n := range 4 {
		keys = append(keys, runOne(c, n))
		setUsed(c, keys[n], time.Duration(10-n)*time.Hour)
	}
	if removed, err := c.Trim(0); err != nil || len(removed) != 0 {
		t.Fatalf("removed %v of a running build, %v", removed, err)
	}
	c.Close()

	user := openTestCache(t, dir) // another build, which uses the oldest
	runOne(user, 0)
	setUsed(user, keys[0], 10*time.Hour)
	c = openTestCache(t, dir)
	removed, err := c.Trim(5 << 19) // 2.5 MiB
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range removed {
		names = append(names, e.Stage)
	}
	if !slices.Equal(names, []string{"s1", "s2"}) {
		t.Errorf("removed %q, want the two least recently used that are not in use", names)
	}
	user.Close()
	if removed, err := c.Clear(); err != nil || len(removed) != 2 {
		t.Errorf("clearing removed %v, %v", removed, err)
	}
	if size, err := c.Size(); err != nil || size != 0 {
		t.Errorf("size is %d, %v", size, err)
	}
	if locks, _ := os.ReadDir(filepath.Join(dir, "locks")); len(locks) != 0 {
		t.Errorf("locks left: %v", locks)
	}
	c.Close()

	// A run trims by itself, to the limit that the cache was opened with.
	small, err := OpenCache(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	runOne(small, 1)
	small.Close()
	if small, err = OpenCache(dir, 1); err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	runOne(small, 2)
	if entries, _ := small.List(); len(entries) != 1 || entries[0].Stage != "s2" {
		t.Errorf("entries: %v", entries)
	}
}

func TestOpenCacheErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var storage *StorageError
	if _, err := OpenCache(filepath.Join(file, "cache"), 0); !errors.As(err, &storage) {
		t.Errorf("error is %v", err)
	}
}

func TestDigestTree(t *testing.T) {
	fill := func(t *testing.T) string {
		dir := t.TempDir()
		for _, err := range []error{
			os.MkdirAll(filepath.Join(dir, "sub"), 0o755),
			os.WriteFile(filepath.Join(dir, "sub", "file"), []byte("x"), 0o644),
			os.Symlink("sub/file", filepath.Join(dir, "link")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	digest := func(dir string) string {
		d, err := DigestPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := digest(fill(t))
	cases := []struct {
		name   string
		change func(dir string) error
		same   bool
	}{
		{"nothing", func(dir string) error { return nil }, true},
		{"times", func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "sub/file"), time.Unix(1, 0), time.Unix(1, 0))
		}, true},
		{"the folder's own mode", func(dir string) error { return os.Chmod(dir, 0o700) }, true},
		{"content", func(dir string) error { return os.WriteFile(filepath.Join(dir, "sub/file"), []byte("y"), 0o644) }, false},
		{"executable", func(dir string) error { return os.Chmod(filepath.Join(dir, "sub/file"), 0o755) }, false},
		{"set-user", func(dir string) error { return os.Chmod(filepath.Join(dir, "sub/file"), 0o644|os.ModeSetuid) }, false},
		{"name", func(dir string) error {
			return os.Rename(filepath.Join(dir, "sub/file"), filepath.Join(dir, "sub/other"))
		}, false},
		{"new empty folder", func(dir string) error { return os.Mkdir(filepath.Join(dir, "empty"), 0o755) }, false},
		{"link's target", func(dir string) error {
			os.Remove(filepath.Join(dir, "link"))
			return os.Symlink("sub/../sub/file", filepath.Join(dir, "link"))
		}, false},
		{"link made a file", func(dir string) error {
			os.Remove(filepath.Join(dir, "link"))
			return os.WriteFile(filepath.Join(dir, "link"), []byte("sub/file"), 0o644)
		}, false},
	}
	for _, tc := range cases {
		dir := fill(t)
		if err := tc.change(dir); err != nil {
			t.Fatal(err)
		}
		if got := digest(dir); (got == want) != tc.same {
			t.Errorf("%s: digest is the same: %v", tc.name, got == want)
		}
	}
	dir := fill(t)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := DigestPath(dir); err == nil {
		t.Error("a pipe was accepted")
	}
}
