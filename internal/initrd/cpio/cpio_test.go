package cpio_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/initrd/cpio"
)

func archive(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := cpio.NewWriter(&buf)
	for _, err := range []error{
		w.Bytes("/init", 0o755, []byte("#!program\n")),
		w.Bytes("lib/modules/6.12/kernel/loop.ko", 0o644, bytes.Repeat([]byte("m"), 5001)),
		w.Bytes("lib/modules/6.12/empty", 0o600, nil),
		w.Symlink("bin", "usr/bin"),
		w.Dir("tmp", 0o777|fs.ModeSticky),
		w.Dir("lib", 0o755), // there already
		w.Char("dev/console", 0o600, 5, 1),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// run feeds the archive to GNU cpio, the independent reader.
func run(t *testing.T, dir string, archive []byte, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	err := host.Local{}.Run(context.Background(), host.Command{
		Name: "cpio", Args: args, Dir: dir, Stdin: bytes.NewReader(archive), Stdout: &out,
	})
	if errors.Is(err, host.ErrNotFound) {
		t.Skip("needs cpio (apt-get install cpio)")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListedByCpio(t *testing.T) {
	var got []string
	for line := range strings.Lines(run(t, "", archive(t), "-itvn", "--quiet")) {
		f := strings.Fields(line)
		// mode links owner group size month day year name...
		got = append(got, f[0]+" "+f[1]+" "+f[2]+" "+f[3]+" "+strings.Join(f[4:len(f)], " "))
	}
	want := []string{
		"-rwxr-xr-x 1 0 0 10 Jan 1 1970 init",
		"drwxr-xr-x 2 0 0 0 Jan 1 1970 lib",
		"drwxr-xr-x 2 0 0 0 Jan 1 1970 lib/modules",
		"drwxr-xr-x 2 0 0 0 Jan 1 1970 lib/modules/6.12",
		"drwxr-xr-x 2 0 0 0 Jan 1 1970 lib/modules/6.12/kernel",
		"-rw-r--r-- 1 0 0 5001 Jan 1 1970 lib/modules/6.12/kernel/loop.ko",
		"-rw------- 1 0 0 0 Jan 1 1970 lib/modules/6.12/empty",
		"lrwxrwxrwx 1 0 0 7 Jan 1 1970 bin -> usr/bin",
		"drwxrwxrwt 2 0 0 0 Jan 1 1970 tmp",
		"drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
		"crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("cpio -itv says\n%s\nwant\n%s", g, w)
	}
}

func TestExtractedByCpio(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, archive(t), "-idm", "--quiet", "--no-preserve-owner", "init", "lib/*", "bin")
	content, err := os.ReadFile(dir + "/lib/modules/6.12/kernel/loop.ko")
	if err != nil || !bytes.Equal(content, bytes.Repeat([]byte("m"), 5001)) {
		t.Errorf("loop.ko has %d bytes, %v; want 5001", len(content), err)
	}
	if target, err := os.Readlink(dir + "/bin"); err != nil || target != "usr/bin" {
		t.Errorf("bin -> %q, %v; want usr/bin", target, err)
	}
}

func TestSameBytesTwice(t *testing.T) {
	a, b := archive(t), archive(t)
	if sha256.Sum256(a) != sha256.Sum256(b) {
		t.Error("two archives of the same entries differ")
	}
	if len(a)%512 != 0 {
		t.Errorf("%d bytes; want a multiple of 512", len(a))
	}
}

func TestRefused(t *testing.T) {
	for name, add := range map[string]func(w *cpio.Writer) error{
		"the same file twice": func(w *cpio.Writer) error { w.Bytes("a", 0o644, nil); return w.Bytes("/a", 0o644, nil) },
		"a file too short":    func(w *cpio.Writer) error { return w.File("a", 0o644, 5, strings.NewReader("1234")) },
		"a file too large":    func(w *cpio.Writer) error { return w.File("a", 0o644, 1<<32, strings.NewReader("")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := cpio.NewWriter(io.Discard)
			if err := add(w); err == nil {
				t.Error("no error")
			}
			if err := w.Close(); err == nil {
				t.Error("Close forgot the error")
			}
		})
	}
}
