package disks

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
)

// fakeDisk puts a disk into a made-up sysfs, and a sparse file as its node.
func fakeDisk(t *testing.T, root, name string, size int64, attributes map[string]string) *os.File {
	t.Helper()
	dir := filepath.Join(root, "sys/block", name)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "queue"), 0o755))
	must(os.MkdirAll(filepath.Join(root, "dev"), 0o755))
	attributes["size"] = fmt.Sprint(size / 512)
	for file, value := range attributes {
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
		must(os.WriteFile(filepath.Join(dir, file), []byte(value+"\n"), 0o644))
	}
	f, err := os.Create(filepath.Join(root, "dev", name))
	must(err)
	t.Cleanup(func() { f.Close() })
	must(f.Truncate(size))
	return f
}

func TestScan(t *testing.T) {
	root := t.TempDir()
	real := func(more ...string) map[string]string {
		m := map[string]string{"device/vendor": "QEMU", "ro": "0", "removable": "0", "queue/logical_block_size": "512"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	system := fakeDisk(t, root, "vda", 64<<20, real("vda1/partition", "1", "vda3/partition", "3", "vda3/size", "5"))
	table := disk.GPT{DiskGUID: mine, Partitions: []disk.Partition{
		{Number: 3, TypeGUID: disk.TypeSystem, GUID: his, FirstLBA: 2048, LastLBA: 4095},
	}}
	if err := disk.WriteGPT(system, 64<<20, table); err != nil {
		t.Fatal(err)
	}
	fakeDisk(t, root, "vdb", 80<<20, real("queue/logical_block_size", "4096"))
	ends := fakeDisk(t, root, "vdc", 80<<20, real("ro", "1"))
	if _, err := ends.WriteAt([]byte{1}, 80<<20-1); err != nil {
		t.Fatal(err)
	}
	fakeDisk(t, root, "loop0", 80<<20, map[string]string{})
	fakeDisk(t, root, "sr0", 80<<20, real("removable", "1"))
	fakeDisk(t, root, "sdz", 0, real())
	broken := fakeDisk(t, root, "vdd", 80<<20, real())
	if err := os.Remove(broken.Name()); err != nil {
		t.Fatal(err)
	}

	all, err := Scan(root+"/sys", root+"/dev")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	for _, d := range all {
		got += fmt.Sprintf("%s size=%d sector=%d ro=%v blank=%v table=%v nodes=%v\n",
			d.Name, d.Size>>20, d.Sector, d.ReadOnly, d.Blank, d.Table != nil, d.Nodes)
	}
	want := `vda size=64 sector=512 ro=false blank=false table=true nodes=map[1:vda1 3:vda3]
vdb size=80 sector=4096 ro=false blank=true table=false nodes=map[]
vdc size=80 sector=512 ro=true blank=false table=false nodes=map[]
vdd size=80 sector=512 ro=false blank=false table=false nodes=map[]
`
	if got != want {
		t.Errorf("Scan:\n%swant\n%s", got, want)
	}
	if found := System(all, his); len(found) != 1 || found[0].Node() != "vda3" {
		t.Errorf("System = %+v; want vda3", found)
	}
}

// A table in an unusual place, or damaged, is not an empty disk.
func TestScanDamagedTableIsNotBlank(t *testing.T) {
	for name, damage := range map[string]int64{"primary": 512 + 20, "both": -1} {
		root := t.TempDir()
		f := fakeDisk(t, root, "vda", 80<<20, map[string]string{"device/vendor": "QEMU"})
		table := disk.GPT{DiskGUID: mine, Partitions: []disk.Partition{
			{Number: 1, TypeGUID: disk.TypeData, GUID: his, FirstLBA: 2048, LastLBA: 4095},
		}}
		if err := disk.WriteGPT(f, 80<<20, table); err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{damage, 80<<20 - 512 + 20} {
			if at < 0 {
				at = 512 + 20
			}
			if name == "primary" && at > 1<<20 {
				continue
			}
			if _, err := f.WriteAt([]byte{0xff}, at); err != nil {
				t.Fatal(err)
			}
		}
		all, err := Scan(root+"/sys", root+"/dev")
		if err != nil || len(all) != 1 {
			t.Fatalf("Scan = %v, %v", all, err)
		}
		if d := all[0]; d.Blank || (d.Table != nil) != (name == "primary") || d.Table != nil && !d.Table.FromBackup {
			t.Errorf("%s damaged: blank %v, table %+v", name, d.Blank, d.Table)
		}
	}
}

func TestAnew(t *testing.T) {
	before := systemDisk("sda", 4*gib, fourth(mine))
	after := anew(*before.Table)
	if after.DiskGUID == before.Table.DiskGUID {
		t.Error("the disk kept its GUID")
	}
	for i, p := range after.Partitions {
		old := before.Table.Partitions[i]
		if (p.GUID == old.GUID) != (p.TypeGUID == disk.TypeData) {
			t.Errorf("partition %d: from %s to %s", p.Number, old.GUID, p.GUID)
		}
		p.GUID = old.GUID
		if p != old {
			t.Errorf("partition %d: more than the GUID was changed", p.Number)
		}
	}
}
