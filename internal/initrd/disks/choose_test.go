package disks

import (
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/disk"
)

const (
	gib  = 1 << 30
	mine = disk.GUID("11111111-1111-4111-8111-111111111111")
	his  = disk.GUID("22222222-2222-4222-8222-222222222222")
)

// systemDisk is as shipped: the system partition ends at 1 GiB.
func systemDisk(name string, size int64, more ...disk.Partition) Disk {
	table := disk.GPT{SectorSize: 512, Partitions: append([]disk.Partition{
		{Number: 1, TypeGUID: disk.TypeBIOSBoot, GUID: newGUID(), FirstLBA: 2048, LastLBA: 4095},
		{Number: 2, TypeGUID: disk.TypeESP, GUID: newGUID(), FirstLBA: 4096, LastLBA: 20479},
		{Number: 3, TypeGUID: disk.TypeSystem, GUID: "33333333-3333-4333-8333-333333333333", FirstLBA: 20480, LastLBA: 2097151},
	}, more...)}
	table.DiskGUID = newGUID()
	return Disk{Name: name, Size: size, Sector: 512, Table: &table}
}

func dataPart(number int, guid disk.GUID, first, last int64) disk.Partition {
	return disk.Partition{Number: number, TypeGUID: disk.TypeData, GUID: guid, Name: disk.NameData, FirstLBA: first, LastLBA: last}
}

func dataDisk(name string, guid disk.GUID) Disk {
	table := disk.GPT{SectorSize: 512, DiskGUID: newGUID(), Partitions: []disk.Partition{dataPart(1, guid, 2048, 41940991)}}
	return Disk{Name: name, Size: 20 * gib, Sector: 512, Table: &table}
}

func blankDisk(name string) Disk { return Disk{Name: name, Size: 20 * gib, Sector: 512, Blank: true} }

// fourth is the data partition behind the system partition.
func fourth(guid disk.GUID) disk.Partition { return dataPart(4, guid, 2097152, 8386559) }

func TestChoose(t *testing.T) {
	readOnly, removable, tiny, full := blankDisk("sdb"), blankDisk("sdb"), blankDisk("sdb"), Disk{Name: "sdb", Size: gib, Sector: 512}
	readOnly.ReadOnly, removable.Removable, tiny.Size = true, true, 63<<20
	readOnlyData, stick := dataDisk("sdb", his), dataDisk("sdb", his)
	readOnlyData.ReadOnly, stick.Removable = true, true

	for name, c := range map[string]struct {
		disks      []Disk
		remembered disk.GUID
		want       Place
		on         string // disk
		guid       disk.GUID
		warn       string
	}{
		"first boot, two disks":             {disks: []Disk{systemDisk("sda", 4*gib), blankDisk("sdb")}, want: SecondDisk, on: "sdb"},
		"disks in the other order":          {disks: []Disk{blankDisk("sda"), systemDisk("sdb", 4*gib)}, want: SecondDisk, on: "sda"},
		"first boot, one disk":              {disks: []Disk{systemDisk("sda", 4*gib)}, want: SystemDisk, on: "sda"},
		"no room on it":                     {disks: []Disk{systemDisk("sda", gib+20<<20)}, want: Nowhere},
		"second disk is too small":          {disks: []Disk{systemDisk("sda", 4*gib), tiny}, want: SystemDisk, on: "sda"},
		"second disk is read-only":          {disks: []Disk{systemDisk("sda", 4*gib), readOnly}, want: SystemDisk, on: "sda"},
		"second disk is removable":          {disks: []Disk{systemDisk("sda", 4*gib), removable}, want: SystemDisk, on: "sda"},
		"second disk holds something":       {disks: []Disk{systemDisk("sda", 4*gib), full}, want: SystemDisk, on: "sda"},
		"two blank disks":                   {disks: []Disk{blankDisk("sdaa"), systemDisk("sda", 4*gib), blankDisk("sdb")}, want: SecondDisk, on: "sdb", warn: "More than one disk is empty"},
		"later boot":                        {disks: []Disk{systemDisk("sda", 4*gib), dataDisk("sdb", mine)}, remembered: mine, want: Existing, on: "sdb", guid: mine},
		"later boot, one disk":              {disks: []Disk{systemDisk("sda", 4*gib, fourth(mine))}, remembered: mine, want: Existing, on: "sda", guid: mine},
		"one disk, a blank one added":       {disks: []Disk{systemDisk("sda", 4*gib, fourth(mine)), blankDisk("sdb")}, remembered: mine, want: Existing, on: "sda", guid: mine},
		"one disk, an old data disk added":  {disks: []Disk{systemDisk("sda", 4*gib, fourth(mine)), dataDisk("sdb", his)}, remembered: mine, want: Existing, on: "sda", guid: mine},
		"new appliance, old data disk":      {disks: []Disk{systemDisk("sda", 4*gib), dataDisk("sdb", his), blankDisk("sdc")}, want: Existing, on: "sdb", guid: his},
		"new appliance, its data unrelated": {disks: []Disk{systemDisk("sda", 4*gib, fourth(mine)), dataDisk("sdb", his)}, want: Existing, on: "sdb", guid: his, warn: "More than one disk holds"},
		"cut before it was remembered":      {disks: []Disk{systemDisk("sda", 4*gib, fourth(mine))}, want: Existing, on: "sda", guid: mine},
		"another's system disk attached":    {disks: []Disk{systemDisk("sda", 4*gib), systemDisk("sdb", 4*gib, fourth(his))}, want: SystemDisk, on: "sda"},
		"a memory stick with data":          {disks: []Disk{systemDisk("sda", 4*gib), stick}, want: SystemDisk, on: "sda"},
		"read-only data":                    {disks: []Disk{systemDisk("sda", 4*gib), readOnlyData}, want: SystemDisk, on: "sda"},
		"data disk missing":                 {disks: []Disk{systemDisk("sda", 4*gib)}, remembered: mine, want: Lost},
		"data disk replaced by a blank one": {disks: []Disk{systemDisk("sda", 4*gib), blankDisk("sdb")}, remembered: mine, want: SecondDisk, on: "sdb", warn: "begins anew"},
		"data disk replaced by another":     {disks: []Disk{systemDisk("sda", 4*gib), dataDisk("sdb", his)}, remembered: mine, want: Existing, on: "sdb", guid: his, warn: "used before"},
		"data disk attached twice":          {disks: []Disk{systemDisk("sda", 4*gib), dataDisk("sdc", mine), dataDisk("sdb", mine)}, remembered: mine, want: Existing, on: "sdb", guid: mine, warn: "more than once"},
		"no disk at all":                    {want: Nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			system := "sda"
			for _, d := range c.disks {
				if d.Table != nil && len(d.Table.Partitions) >= 3 && d.Name != "sdb" {
					system = d.Name
				}
			}
			if name == "disks in the other order" {
				system = "sdb"
			}
			got := Choose(c.disks, Wanted{System: system, Remembered: c.remembered})
			on := got.Disk.Name
			if got.Place == Existing {
				on = got.Partition.Disk.Name
			}
			if got.Place != c.want || on != c.on || got.Partition.GUID != c.guid {
				t.Errorf("Choose = place %d on %q, partition %s; want place %d on %q, %s", got.Place, on, got.Partition.GUID, c.want, c.on, c.guid)
			}
			warn := strings.Join(got.Warnings, "; ")
			if c.warn == "" && warn != "" || !strings.Contains(warn, c.warn) {
				t.Errorf("warnings %q; want %q", warn, c.warn)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name       string
		ext4, zero bool
		want       Formatting
	}{
		{disk.NameData, true, false, Keep},
		{"made by the administrator", true, false, Keep},
		{disk.NameData, false, true, Format},
		{disk.NameData, false, false, Refuse}, // a damaged superblock, or a stranger's
		{Preparing, false, false, Format},
		{Preparing, false, true, Format},
		{Preparing, true, false, Format},
	} {
		if got := Decide(c.name, c.ext4, c.zero); got != c.want {
			t.Errorf("Decide(%q, %v, %v) = %v; want %v", c.name, c.ext4, c.zero, got, c.want)
		}
	}
}

func TestSystem(t *testing.T) {
	a, b := systemDisk("sda", gib*4), systemDisk("sdb", gib*4)
	found := System([]Disk{a, blankDisk("sdc"), b}, "33333333-3333-4333-8333-333333333333")
	if len(found) != 2 || found[0].Disk.Name != "sda" || found[0].Number != 3 || found[0].Start != 20480*512 || found[0].Size != (2097152-20480)*512 {
		t.Errorf("System = %+v", found)
	}
	if found := System([]Disk{a}, mine); found != nil {
		t.Errorf("System of another GUID = %+v", found)
	}
}

func TestRenamed(t *testing.T) {
	d := dataDisk("sdb", mine)
	d.Table.Partitions[0].Name = Preparing
	p := partitions([]Disk{d}, func(Partition) bool { return true })[0]
	if got := renamed(p).Partitions[0].Name; got != disk.NameData {
		t.Errorf("name = %q", got)
	}
	if d.Table.Partitions[0].Name != Preparing {
		t.Error("the table as read was changed")
	}
}
