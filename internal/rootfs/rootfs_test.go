package rootfs

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/erofs/go-erofs"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

var day = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)

// archive makes a tar of headers; the body of a regular file is its name
// unless Linkname says otherwise.
func archive(t *testing.T, headers ...tar.Header) *bytes.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = h.Name
			h.Size = int64(len(body))
		}
		if h.ModTime.IsZero() {
			h.ModTime = day
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(buf.Bytes())
}

func tree(t *testing.T, headers ...tar.Header) *Tree {
	t.Helper()
	r := archive(t, headers...)
	out, err := ReadTar(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadTar(t *testing.T) {
	got := tree(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "./etc/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 3},
		tar.Header{Name: "./etc/passwd", Typeflag: tar.TypeReg, Mode: 0o4755, Gid: 7,
			PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "cap", "SCHILY.xattr.user.x": "dropped"}},
		tar.Header{Name: "./etc/hard", Typeflag: tar.TypeLink, Linkname: "./etc/passwd"},
		tar.Header{Name: "./etc/soft", Typeflag: tar.TypeSymlink, Linkname: "passwd"},
		tar.Header{Name: "./dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
	)
	passwd := got.Get("etc/passwd")
	if passwd.Mode != 0o755|fs.ModeSetuid || passwd.GID != 7 || len(passwd.Xattrs) != 1 {
		t.Errorf("etc/passwd is %+v", passwd)
	}
	for _, name := range []string{"etc/passwd", "etc/hard"} {
		if data, err := got.Get(name).Bytes(); err != nil || string(data) != "./etc/passwd" {
			t.Errorf("%s holds %q, %v", name, data, err)
		}
	}
	if e := got.Get("etc/soft"); e.Target != "passwd" || e.Mode.Type() != fs.ModeSymlink {
		t.Errorf("etc/soft is %+v", e)
	}
	if e := got.Get("dev/null"); e.Device != 0x103 {
		t.Errorf("dev/null has device %#x", e.Device)
	}
}

func TestReadTarRefuses(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"a path outside":    {{Name: "../up", Typeflag: tar.TypeReg, Mode: 0o644}},
		"a link to nothing": {{Name: "a", Typeflag: tar.TypeLink, Linkname: "nowhere"}},
	} {
		r := archive(t, headers...)
		if _, err := ReadTar(r, r.Size()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := ReadTar(bytes.NewReader(bytes.Repeat([]byte("x"), 600)), 600); err == nil {
		t.Error("garbage was taken")
	}
}

func TestTarEnd(t *testing.T) {
	r := archive(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o644})
	padded := make([]byte, r.Size()+9000)
	if _, err := r.ReadAt(padded[:r.Size()], 0); err != nil {
		t.Fatal(err)
	}
	if end, err := TarEnd(bytes.NewReader(padded), int64(len(padded))); err != nil || end != r.Size() {
		t.Errorf("TarEnd = %d, %v; want %d", end, err, r.Size())
	}
}

func TestMinus(t *testing.T) {
	file := func(name string, mode int64) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode}
	}
	lower := tree(t, file("same", 0o644), file("mode", 0o644), file("gone", 0o644),
		tar.Header{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o700}, file("dir/old", 0o644))
	upper := tree(t, file("same", 0o644), file("mode", 0o755), file("dir/new", 0o644),
		tar.Header{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o700}, file("dir/old", 0o644))
	diff, err := upper.Minus(lower)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := diff.Paths(), []string{".", "dir", "dir/new", "mode"}; !slices.Equal(got, want) {
		t.Errorf("Minus = %v, want %v", got, want)
	}
	if e := diff.Get("dir"); e.Mode.Perm() != 0o700 {
		t.Errorf("the folder above a new file has mode %v", e.Mode)
	}
}

func TestFilterKeepsParentsAndOverlayKeepsModes(t *testing.T) {
	base := tree(t, tar.Header{Name: "a/", Typeflag: tar.TypeDir, Mode: 0o711}, tar.Header{Name: "a/b/c", Typeflag: tar.TypeReg, Mode: 0o644})
	only := base.Filter(func(name string, e *Entry) bool { return name == "a/b/c" })
	if got, want := only.Paths(), []string{".", "a", "a/b", "a/b/c"}; !slices.Equal(got, want) {
		t.Errorf("Filter = %v, want %v", got, want)
	}
	upper := New()
	upper.File("a/x", 0o600, day, []byte("x"))
	base.Overlay(upper)
	if e := base.Get("a"); e.Mode.Perm() != 0o711 {
		t.Errorf("Overlay changed the folder to %v", e.Mode)
	}
	if base.Get("a/x") == nil || base.Get("a/b/c") == nil {
		t.Error("Overlay lost a file")
	}
}

func TestReadDirIgnoresWhoAndWhen(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("run", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Get("run").Mode != 0o755 || got.Get("text").Mode != 0o644 || got.Get("link").Target != "run" {
		t.Errorf("modes are %v %v", got.Get("run").Mode, got.Get("text").Mode)
	}
}

// TestWriteEROFS reads the image back with the library and has the file
// system's own checker look at it.
func TestWriteEROFS(t *testing.T) {
	hosttest.Need(t, "fsck.erofs")
	src := tree(t,
		tar.Header{Name: "bin/su", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 1, Gid: 2},
		tar.Header{Name: "late", Typeflag: tar.TypeReg, Mode: 0o644, ModTime: day.AddDate(1, 0, 0)},
		tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "bin/su"},
	)
	src.File("big", 0o644, day, []byte(strings.Repeat("0123456789", 50_000)))
	var images [2][]byte
	for i := range images {
		file := filepath.Join(t.TempDir(), "image")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := src.WriteEROFS(f, t.TempDir(), day); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if images[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if err := (host.Local{}).Run(t.Context(), host.Command{Name: "fsck.erofs", Args: []string{file}}); err != nil {
			t.Errorf("fsck.erofs: %v", err)
		}
		// Neither the library's reader nor dump.erofs tells of setuid.
		out := filepath.Join(t.TempDir(), "out")
		if err := (host.Local{}).Run(t.Context(), host.Command{Name: "fsck.erofs", Args: []string{"--extract=" + out, "--preserve-perms", "--no-preserve-owner", file}}); err != nil {
			t.Errorf("fsck.erofs: %v", err)
		}
		if info, err := os.Stat(filepath.Join(out, "bin/su")); err != nil || info.Mode() != 0o755|fs.ModeSetuid {
			t.Errorf("bin/su: %v, %v", info, err)
		}
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("the same tree gave two images")
	}
	img, err := erofs.Open(bytes.NewReader(images[0]))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(img, "late"); err != nil || !info.ModTime().Equal(day) {
		t.Errorf("a file from after the epoch has time %v, %v", info.ModTime(), err)
	}
	if data, err := fs.ReadFile(img, "big"); err != nil || len(data) != 500_000 {
		t.Errorf("big holds %d bytes, %v", len(data), err)
	}
}
