// Package disks finds the disks of the machine and decides which partition is
// the system's and where data is kept.
//
// Glossary: the system partition is the one that the boot loader names by its
// GUID; a data partition has Ingot's type GUID; the remembered one is the data
// partition that this appliance has used before; a blank disk holds nothing
// but zeros in its first and last MiB.
//
// Guarantees: a disk that holds anything is never chosen to be partitioned,
// and a data partition is never formatted once it is complete; an appliance
// that has data does not start without it as if it were new.
//
// Deciding is pure ([Choose]); what reads sysfs and disks is [Scan], what
// writes them is in partition_linux.go.
package disks

import (
	"cmp"
	"slices"

	"github.com/ingotvm/ingot/internal/disk"
)

// Disk is one disk of the machine.
type Disk struct {
	// Name is the kernel's: "sda", "vdb", "nvme0n1".
	Name string
	// Size and Sector, its unit, in bytes.
	Size, Sector int64
	// ReadOnly and Removable as the kernel says; a CD drive is Removable.
	ReadOnly, Removable bool
	// Table is nil when there is no GPT, or none that is valid.
	Table *disk.GPT
	// Blank says that the first and last MiB are zero.
	Blank bool
	// Nodes are the names of the partitions that the kernel knows, by number.
	Nodes map[int]string
}

// Partition is one partition of a disk, as the table has it.
type Partition struct {
	Disk Disk
	disk.Partition
	// Start and Size in bytes.
	Start, Size int64
}

// Node is the kernel's name of the partition, "" when it does not know it.
func (p Partition) Node() string { return p.Disk.Nodes[p.Number] }

// partitions of all disks for which keep is true, in the order of the disks.
func partitions(all []Disk, keep func(Partition) bool) []Partition {
	var found []Partition
	for _, d := range all {
		if d.Table == nil {
			continue
		}
		sector := cmp.Or(d.Table.SectorSize, 512)
		for _, e := range d.Table.Partitions {
			p := Partition{Disk: d, Partition: e, Start: e.FirstLBA * sector, Size: e.Sectors() * sector}
			if keep(p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// System finds the partition with the GUID that the boot loader has named. A
// clone of the disk may be attached too: all that match are returned, the
// first is the one to use.
func System(all []Disk, guid disk.GUID) []Partition {
	return partitions(all, func(p Partition) bool { return p.GUID == guid })
}

// Preparing is the name of a data partition that has no complete file system
// yet; it becomes [disk.NameData] when it has one. A power cut in between
// leaves it to be formatted, and never one with data in it.
const Preparing = disk.NameData + "-new"

// minimum is the smallest disk or rest of one that is used for data, in bytes.
const minimum = 64 << 20

// byName orders as people count: sdb before sdaa, nvme0n2 before nvme0n10.
func byName(a, b Disk) int {
	return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
}

func sorted(all []Disk) []Disk { return slices.SortedFunc(slices.Values(all), byName) }

// Find says whether the kernel shows a data partition with that GUID.
func Find(all []Disk, guid disk.GUID) bool {
	found := partitions(all, func(p Partition) bool { return p.TypeGUID == disk.TypeData && p.GUID == guid })
	return len(found) > 0 && found[0].Node() != ""
}

// Ours says whether a disk has a partition of one of Ingot's types.
func Ours(d Disk) bool {
	if d.Table == nil {
		return false
	}
	return slices.ContainsFunc(d.Table.Partitions, func(p disk.Partition) bool {
		return p.TypeGUID == disk.TypeSystem || p.TypeGUID == disk.TypeData
	})
}
