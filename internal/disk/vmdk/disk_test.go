package vmdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// TestWholeDisk makes a disk as a build does, from table and partitions to a
// VMDK, and has other people's tools take it apart again.
func TestWholeDisk(t *testing.T) {
	hosttest.Need(t, "qemu-img", "sgdisk", "mcopy")
	const size = 512 * mib
	table := disk.GPT{DiskGUID: disk.MakeGUID([16]byte{1})}
	table, part, err := table.Append(size, disk.Partition{
		TypeGUID: disk.TypeESP, GUID: disk.MakeGUID([16]byte{2}), Name: "esp", FirstLBA: 2048, LastLBA: 2048 + 32*2048 - 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	esp := disk.NewBuffer(part.Sectors() * 512)
	if err := fat.Write(esp, esp.Size(), []fat.File{{Path: "EFI/BOOT/BOOTX64.EFI", Data: []byte("shim")}}, fat.Options{Offset: part.FirstLBA * 512}); err != nil {
		t.Fatal(err)
	}
	parts, err := table.Parts(size)
	if err != nil {
		t.Fatal(err)
	}
	img, err := disk.Compose(size, append(parts, disk.Part{Offset: part.FirstLBA * 512, Image: esp})...)
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	file, raw := filepath.Join(dir, "disk.vmdk"), filepath.Join(dir, "disk.raw")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := Write(t.Context(), f, img, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n > 200_000 {
		t.Errorf("a nearly empty disk takes %d bytes", n)
	}
	qemu(t, "convert", "-f", "vmdk", "-O", "raw", file, raw)
	if out, err := exec.Command("sgdisk", "-v", raw).CombinedOutput(); err != nil {
		t.Errorf("sgdisk: %v\n%s", err, out)
	}
	if out, err := exec.Command("mcopy", "-n", "-i", raw+"@@1M", "::EFI/BOOT/BOOTX64.EFI", "-").Output(); err != nil || string(out) != "shim" {
		t.Errorf("mcopy: %q, %v", out, err)
	}
}
