package swap

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
)

func TestSize(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct{ memory, disk, want int64 }{
		{160 * mib, 20 * gib, 160 * mib},
		{8 * gib, 20 * gib, gib},
		{8 * gib, 2 * gib, 2 * gib / 10 / page * page},
		{8 * gib, 128 * mib, 0},
		{160*mib + 1000, 20 * gib, 160 * mib},
		{0, 0, 0},
	} {
		if got := Size(c.memory, c.disk); got != c.want {
			t.Errorf("Size(%d, %d) = %d; want %d", c.memory, c.disk, got, c.want)
		}
	}
}

func TestMake(t *testing.T) {
	const size = 32 << 20
	path := filepath.Join(t.TempDir(), "swap")
	if err := os.WriteFile(path+".tmp", []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Make(path, size); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() != size || st.Mode().Perm() != 0o600 {
		t.Fatalf("swap file: %v, %v", st, err)
	}
	if _, err := os.Stat(path + ".tmp"); err == nil {
		t.Error("the attempt that was cut off is still there")
	}

	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Make(path, size*2); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a swap file that exists was changed (%v)", err)
	}
}

// The independent reader is util-linux.
func TestHeaderIsMkswaps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swap")
	if err := Make(path, 32<<20); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := host.Local{}.Run(context.Background(), host.Command{
		Name: "/sbin/blkid", Args: []string{"-p", "-o", "export", path}, Stdout: &out,
	})
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs blkid (apt-get install util-linux)")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TYPE=swap", "VERSION=1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("blkid says %q; want %s", out.String(), want)
		}
	}
}

func TestMakeWithoutRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swap")
	if err := Make(path, 1<<60); err == nil {
		t.Fatal("an exbibyte was found")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
