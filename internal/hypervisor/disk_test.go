package hypervisor

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	archive := func(name string, members ...string) string {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := tar.NewWriter(f)
		for _, m := range members {
			h := &tar.Header{Name: m, Mode: 0o644, Size: int64(len(m)), Format: tar.FormatUSTAR}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(m)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	sector := strings.Repeat("\x00", 512)
	ova := archive("a.ova", "a.ovf", "a.mf", "a-disk1.vmdk", "a-disk2.vmdk")
	for _, test := range []struct {
		path string
		want Disk
		err  string
	}{
		{path: write("a.raw", sector), want: Disk{Format: Raw}},
		{path: write("a.qcow2", "QFI\xfb\x00\x00\x00\x03"+sector), want: Disk{Format: QCOW2}},
		{path: write("wrong-name.raw", "KDMV"+sector), want: Disk{Format: VMDK}},
		// Headers of 512 bytes, contents padded to 512: the third content.
		{path: ova, want: Disk{Format: VMDK, Offset: 5 * 512, Length: int64(len("a-disk1.vmdk"))}},
		{path: archive("none.ova", "a.ovf"), err: "holds no .vmdk"},
		{path: write("empty.raw", ""), err: "empty"},
		{path: write("short.raw", "x"), err: "shorter than a sector"},
		{path: dir, err: "not a file"},
		{path: filepath.Join(dir, "absent"), err: "no such file"},
	} {
		got, err := OpenDisk(test.path)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("OpenDisk(%s) = %+v, %v; want an error that says %q", test.path, got, err, test.err)
			}
			continue
		}
		test.want.Path = test.path
		if err != nil || got != test.want {
			t.Errorf("OpenDisk(%s) = %+v, %v; want %+v", test.path, got, err, test.want)
		}
	}
}
