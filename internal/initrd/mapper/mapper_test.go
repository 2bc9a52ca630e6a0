package mapper

import (
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
)

func TestTableLine(t *testing.T) {
	image := release.Image{Name: "os", Size: 300 * 4096, Verity: release.Verity{Root: "ab12", Salt: "0f"}}
	got, err := tableLine(7, 3, image)
	if want := "1 7:3 7:3 4096 4096 300 300 sha256 ab12 0f"; err != nil || got != want {
		t.Errorf("tableLine = %q, %v; want %q", got, err, want)
	}
	image.Verity.Salt = ""
	if got, _ := tableLine(7, 3, image); !strings.HasSuffix(got, " ab12 -") {
		t.Errorf("without salt: %q", got)
	}
	for _, size := range []int64{0, -4096, 4097} {
		image.Size = size
		if got, err := tableLine(7, 3, image); err == nil {
			t.Errorf("size %d: %q; want an error", size, got)
		}
	}
}

// The layout is the kernel's: include/uapi/linux/dm-ioctl.h.
func TestMessageLayout(t *testing.T) {
	const line = "1 7:0 7:0 4096 4096 1 1 sha256 ab -"
	msg := message("ingot-os", unix.DM_READONLY_FLAG, target(8192, line)...)
	if len(msg)%8 != 0 || int(binary.LittleEndian.Uint32(msg[12:])) != len(msg) {
		t.Errorf("message has %d bytes and says %d", len(msg), binary.LittleEndian.Uint32(msg[12:]))
	}
	if start := binary.LittleEndian.Uint32(msg[16:]); start != 312 {
		t.Errorf("data_start = %d; want 312", start)
	}
	if n := binary.LittleEndian.Uint32(msg[20:]); n != 1 {
		t.Errorf("target_count = %d; want 1", n)
	}
	if name := string(msg[48:57]); name != "ingot-os\x00" {
		t.Errorf("name = %q", name)
	}
	spec := msg[312:]
	if length := binary.LittleEndian.Uint64(spec[8:]); length != 16 {
		t.Errorf("length = %d sectors; want 16", length)
	}
	if typ := string(spec[24:31]); typ != "verity\x00" {
		t.Errorf("target type = %q", typ)
	}
	if params := string(spec[40 : 40+len(line)+1]); params != line+"\x00" {
		t.Errorf("parameters = %q", params)
	}
}
