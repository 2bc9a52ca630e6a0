package fat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
)

// written makes a file system of so many MiB with a few files.
func written(t testing.TB, mib int64) []byte {
	t.Helper()
	size := mib << 20
	image := disk.NewBuffer(size)
	files := []File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Data: bytes.Repeat([]byte("shim"), 5000)},
		{Path: "ingot/state.a", Data: []byte(strings.Repeat("a", 512))},
		{Path: "ingot/state.b", Data: []byte(strings.Repeat("b", 512))},
		{Path: "ingot/a long name", Data: []byte("x")},
	}
	if err := Write(image, size, files, Options{Label: "TEST"}); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(io.NewSectionReader(image, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLocate(t *testing.T) {
	for _, mib := range []int64{8, 64, 300} { // FAT16 with small and usual clusters, FAT32
		t.Run(fmt.Sprintf("%d MiB", mib), func(t *testing.T) {
			data := written(t, mib)
			for _, name := range []string{"a", "b"} {
				offset, size, err := Locate(bytes.NewReader(data), "ingot/state."+name)
				if err != nil {
					t.Fatal(err)
				}
				if got := string(data[offset : offset+size]); got != strings.Repeat(name, 512) {
					t.Errorf("state.%s holds %q", name, got)
				}
			}
			for _, path := range []string{"ingot/state.c", "state.a", "ingot", "ingot/state.a/x", "EFI/ingot/state.a", "ingot/a long name", ""} {
				if _, _, err := Locate(bytes.NewReader(data), path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%q: %v", path, err)
				}
			}
		})
	}
}

// FuzzLocate changes the boot sector and the first folders.
func FuzzLocate(f *testing.F) {
	data := written(f, 8)
	f.Add(0, []byte{})
	f.Add(11, []byte{0, 4})
	f.Add(13, []byte{3})
	f.Fuzz(func(t *testing.T, at int, change []byte) {
		if at < 0 || at >= 128<<10 || len(change) > 1<<10 {
			return
		}
		changed := bytes.Clone(data)
		copy(changed[at:], change)
		offset, size, err := Locate(bytes.NewReader(changed), "ingot/state.a")
		if err == nil && (offset < 0 || size < 0 || size > 64<<10) {
			t.Errorf("it lies at %d, %d bytes", offset, size)
		}
	})
}
