package ext4_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/initrd/ext4"
)

// made is what mke2fs makes of a file.
func made(t *testing.T, size int64, args ...string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fs")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	err := host.Local{}.Run(context.Background(), host.Command{
		Name: "/sbin/mke2fs", Args: append(append([]string{"-q", "-F", "-t", "ext4"}, args...), path),
	})
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs mke2fs (apt-get install e2fsprogs)")
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		size      int64
		args      []string
		blockSize int64
	}{
		{64 << 20, []string{"-b", "4096"}, 4096},
		{64 << 20, []string{"-b", "1024"}, 1024},
	} {
		s, err := ext4.Read(made(t, c.size, c.args...))
		if err != nil {
			t.Fatal(err)
		}
		if s.Size() != c.size || s.BlockSize != c.blockSize || !s.Clean || s.Errors {
			t.Errorf("Read = %+v; want %d bytes in blocks of %d, clean", s, c.size, c.blockSize)
		}
	}
}

func TestReadState(t *testing.T) {
	for name, c := range map[string]struct {
		at            int64
		value         byte
		clean, errors bool
	}{
		"in use":          {1024 + 0x3a, 0, false, false},
		"unmounted":       {1024 + 0x3a, 1, true, false},
		"damaged":         {1024 + 0x3a, 3, false, true},
		"journal to play": {1024 + 0x60, 0xc6, false, false},
	} {
		f := made(t, 16<<20)
		if _, err := f.WriteAt([]byte{c.value}, c.at); err != nil {
			t.Fatal(err)
		}
		if s, err := ext4.Read(f); err != nil || s.Clean != c.clean || s.Errors != c.errors {
			t.Errorf("%s: Read = %+v, %v; want clean %v, errors %v", name, s, err, c.clean, c.errors)
		}
	}
}

func TestReadNone(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty": nil, "short": make([]byte, 1100), "zero": make([]byte, 8192), "text": bytes.Repeat([]byte("ab"), 4096),
	} {
		if s, err := ext4.Read(bytes.NewReader(content)); !errors.Is(err, ext4.ErrNone) {
			t.Errorf("%s: Read = %+v, %v; want ErrNone", name, s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(make([]byte, 2048))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ext4.Read(bytes.NewReader(b)); err == nil && s.BlockSize > 64<<10 {
			t.Errorf("blocks of %d bytes", s.BlockSize)
		}
	})
}
