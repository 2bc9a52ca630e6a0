package disks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/disk"
)

// Place is where data is to be kept.
type Place int

// The places, in the order of preference.
const (
	// Existing: a data partition that is there.
	Existing Place = iota
	// SecondDisk: a blank disk is to be partitioned.
	SecondDisk
	// SystemDisk: the space behind the system partition is to become one.
	SystemDisk
	// Lost: the appliance has data, on a partition that is not attached.
	Lost
	// Nowhere: there is no disk for it.
	Nowhere
)

// Choice is the answer of [Choose].
type Choice struct {
	Place Place
	// Partition is the existing one.
	Partition Partition
	// Disk is the one to be partitioned.
	Disk Disk
	// Warnings are for people: one sentence each.
	Warnings []string
}

// Wanted is what Choose has to go by.
type Wanted struct {
	// System is the name of the system disk.
	System string
	// Remembered is the GUID of the data partition used before; "" when this
	// appliance has none yet.
	Remembered disk.GUID
}

// Choose decides where data is kept:
//
//  1. the remembered partition;
//  2. any other data partition, on a disk of its own rather than on the system
//     disk: a new appliance was given the data disk of an old one (the system
//     disk of another appliance is not that, nor is a removable one);
//  3. the first blank disk: of a new appliance, or of one whose
//     administrator has taken the old disk away to begin anew;
//  4. the rest of the system disk, but not when data is remembered: its disk
//     is then Lost, and starting empty would look like losing all data.
func Choose(all []Disk, want Wanted) Choice {
	all = sorted(all)
	data := partitions(all, func(p Partition) bool { return p.TypeGUID == disk.TypeData && !p.Disk.ReadOnly })

	if c, ok := remembered(data, want.Remembered); ok {
		return c
	}
	if c, ok := anyData(data, want); ok {
		return c
	}
	if c, ok := blank(all, want); ok {
		return c
	}
	if want.Remembered != "" {
		return Choice{Place: Lost}
	}
	for _, d := range all {
		if d.Name == want.System && !d.ReadOnly && d.Table != nil && free(d) >= minimum {
			return Choice{Place: SystemDisk, Disk: d}
		}
	}
	return Choice{Place: Nowhere}
}

func remembered(data []Partition, guid disk.GUID) (Choice, bool) {
	var same []Partition
	for _, p := range data {
		if guid != "" && p.GUID == guid {
			same = append(same, p)
		}
	}
	if len(same) == 0 {
		return Choice{}, false
	}
	c := Choice{Place: Existing, Partition: same[0]}
	if len(same) > 1 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("The data disk is attached more than once (%s); %s is used.", names(same), same[0].Disk.Name))
	}
	return c, true
}

func anyData(data []Partition, want Wanted) (Choice, bool) {
	data = slices.DeleteFunc(data, func(p Partition) bool {
		if p.Disk.Name == want.System {
			return false
		}
		_, system := p.Disk.Table.Partition(disk.TypeSystem)
		return system || p.Disk.Removable
	})
	var first *Partition
	for i, p := range data {
		// On the system disk there is only one, and it comes last.
		if first == nil || first.Disk.Name == want.System && p.Disk.Name != want.System {
			first = &data[i]
		}
	}
	if first == nil {
		return Choice{}, false
	}
	c := Choice{Place: Existing, Partition: *first}
	if len(data) > 1 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("More than one disk holds appliance data (%s); %s is used.", names(data), first.Disk.Name))
	}
	if want.Remembered != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("The data disk used before is not attached; that on %s is used instead.", first.Disk.Name))
	}
	return c, true
}

func blank(all []Disk, want Wanted) (Choice, bool) {
	var found []string
	var c Choice
	for _, d := range all {
		if !d.Blank || d.ReadOnly || d.Removable || d.Name == want.System || d.Size < minimum {
			continue
		}
		if len(found) == 0 {
			c = Choice{Place: SecondDisk, Disk: d}
		}
		found = append(found, d.Name)
	}
	if len(found) == 0 {
		return Choice{}, false
	}
	if len(found) > 1 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("More than one disk is empty (%s); %s is used for data.", strings.Join(found, ", "), c.Disk.Name))
	}
	if want.Remembered != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("The data disk used before is not attached; the appliance begins anew on the empty disk %s.", c.Disk.Name))
	}
	return c, true
}

// free is the space in bytes behind the last partition of a disk.
func free(d Disk) int64 {
	_, p, err := d.Table.Append(d.Size, disk.Partition{
		TypeGUID: disk.TypeData, GUID: disk.MakeGUID([16]byte{}), Name: disk.NameData,
	})
	if err != nil {
		return 0
	}
	return p.Sectors() * d.Sector
}

func names(ps []Partition) string {
	var all []string
	for _, p := range ps {
		all = append(all, p.Disk.Name)
	}
	return strings.Join(all, ", ")
}

// Formatting says what is to be done with a data partition.
type Formatting int

// What is to be done.
const (
	Keep   Formatting = iota // it holds a file system
	Format                   // it never held one that was complete
	Refuse                   // it holds something else: not ours to destroy
)

// Decide looks at a partition's name, whether it holds ext4, and whether its
// start (a MiB) is all zero.
func Decide(name string, ext4, zero bool) Formatting {
	switch {
	case name == Preparing:
		return Format // even over an ext4: mke2fs may not have finished
	case ext4:
		return Keep
	case zero:
		return Format
	default:
		return Refuse
	}
}
