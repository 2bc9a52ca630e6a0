package fat

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

const mib = 1 << 20

func sample() ([]File, Options) {
	files := []File{
		{"EFI/BOOT/BOOTX64.EFI", bytes.Repeat([]byte("shim"), 250_000)},
		{"EFI/BOOT/BOOTX64.CSV", []byte("csv")},
		{"EFI/BOOT/mmx64.efi", []byte("mok manager")},
		{"EFI/debian/grubx64.efi", bytes.Repeat([]byte("grub"), 100_001)},
		{"EFI/debian/grub.cfg", []byte("configfile")},
		{"ingot/grubenv", bytes.Repeat([]byte("#"), 1024)},
		{"ingot/state copy 2", bytes.Repeat([]byte("#"), 1024)},
		{"ingot/a name that takes more than two entries of the folder.conf", []byte("long")},
		{"ingot/exactly13.abc", []byte("thirteen characters")},
		{"ingot/Übung.txt", []byte("umlaut")},
		{"ingot/empty", nil},
		{"startup.nsh", []byte("root file")},
	}
	return files, Options{Label: "INGOT-ESP", VolumeID: 0x1234abcd, Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Offset: mib}
}

func TestTools(t *testing.T) {
	hosttest.Need(t, "mcopy", "mdir", "minfo", "fsck.vfat")
	for _, size := range []int64{3 * mib, 8 * mib, 16 * mib, 33 * mib, 64 * mib, 256 * mib, 260 * mib, 600 * mib} {
		t.Run(fmt.Sprint(size/mib, "MiB"), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "esp")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			files, opts := sample()
			if err := Write(f, size, files, opts); err != nil {
				t.Fatal(err)
			}
			out := tool(t, "fsck.vfat", "-n", "-v", path)
			if want := map[bool]string{true: "2 FATs, 32 bit entries", false: "2 FATs, 16 bit entries"}[size > 256*mib]; !strings.Contains(out, want) {
				t.Errorf("fsck.vfat does not say %q:\n%s", want, out)
			}
			for _, f := range files {
				if got := tool(t, "mcopy", "-n", "-i", path, "::"+f.Path, "-"); got != string(f.Data) {
					t.Errorf("mcopy %s gives %d bytes, want %d", f.Path, len(got), len(f.Data))
				}
			}
			out = tool(t, "mdir", "-i", path, "::ingot")
			if !strings.Contains(out, "Volume in drive : is INGOT-ESP") || !strings.Contains(out, "1234-ABCD") ||
				!strings.Contains(out, "2026-01-02   3:04  a name that takes more than two entries of the folder.conf") {
				t.Errorf("mdir says:\n%s", out)
			}
		})
	}
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=0")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

func TestDeterministic(t *testing.T) {
	digest := func(reverse bool) (sum [32]byte) {
		files, opts := sample()
		if reverse { // the order of files does not matter
			for i, j := 0, len(files)-1; i < j; i, j = i+1, j-1 {
				files[i], files[j] = files[j], files[i]
			}
		}
		b := disk.NewBuffer(16 * mib)
		if err := Write(b, 16*mib, files, opts); err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(b, 0, b.Size())); err != nil {
			t.Fatal(err)
		}
		return [32]byte(h.Sum(nil))
	}
	if digest(false) != digest(false) || digest(false) != digest(true) {
		t.Error("the same files give different bytes")
	}
}

func TestManyFiles(t *testing.T) {
	hosttest.Need(t, "mdir", "fsck.vfat")
	var files []File
	for i := range 700 { // more than a cluster's entries, all with like short names
		files = append(files, File{fmt.Sprintf("folder/a long name %d.text", i), []byte{byte(i)}})
	}
	path := filepath.Join(t.TempDir(), "esp")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(16 * mib); err != nil {
		t.Fatal(err)
	}
	if err := Write(f, 16*mib, files, Options{}); err != nil {
		t.Fatal(err)
	}
	tool(t, "fsck.vfat", "-n", path)
	if got := strings.Count(tool(t, "mdir", "-b", "-i", path, "::folder"), "\n"); got != len(files) {
		t.Errorf("mdir sees %d files, want %d", got, len(files))
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct {
		name  string
		size  int64
		files []File
		opts  Options
	}{
		{"too small", mib, nil, Options{}},
		{"odd size", 16*mib + 1, nil, Options{}},
		{"too large", 3 << 40, nil, Options{}},
		{"full", 3 * mib, []File{{"a", make([]byte, 3*mib)}}, Options{}},
		{"twice", 16 * mib, []File{{"a", nil}, {"a", nil}}, Options{}},
		{"twice but for case", 16 * mib, []File{{"efi/a", nil}, {"EFI/b", nil}}, Options{}},
		{"file and folder", 16 * mib, []File{{"a", nil}, {"a/b", nil}}, Options{}},
		{"absolute", 16 * mib, []File{{"/a", nil}}, Options{}},
		{"upwards", 16 * mib, []File{{"../a", nil}}, Options{}},
		{"colon", 16 * mib, []File{{"a:b", nil}}, Options{}},
		{"control", 16 * mib, []File{{"a\nb", nil}}, Options{}},
		{"trailing dot", 16 * mib, []File{{"a.", nil}}, Options{}},
		{"long", 16 * mib, []File{{strings.Repeat("a", 256), nil}}, Options{}},
		{"label too long", 16 * mib, nil, Options{Label: "INGOT-ESP-12"}},
		{"label in lower case", 16 * mib, nil, Options{Label: "ingot"}},
	}
	for _, tt := range tests {
		if err := Write(disk.NewBuffer(max(tt.size, 0)), tt.size, tt.files, tt.opts); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	var files []File
	for i := range 512 {
		files = append(files, File{fmt.Sprintf("F%d", i), nil})
	}
	if err := Write(disk.NewBuffer(16*mib), 16*mib, files, Options{}); err == nil {
		t.Error("a root folder with too many entries is written")
	}
}

func TestDOSTime(t *testing.T) {
	tests := []struct {
		t           time.Time
		date, clock uint16
	}{
		{time.Time{}, 0x21, 0},
		{time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), 0x21, 0},
		{time.Date(2107, 12, 31, 23, 59, 59, 0, time.UTC), 0xff9f, 0xbf7d},
		{time.Date(2026, 1, 2, 1, 30, 0, 0, time.FixedZone("", 7200)), 0x5c21, 0xbbc0},
	}
	for _, tt := range tests {
		if date, clock := dosTime(tt.t); date != tt.date || clock != tt.clock {
			t.Errorf("dosTime(%s) = %#x, %#x, want %#x, %#x", tt.t, date, clock, tt.date, tt.clock)
		}
	}
}
