package disks

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
)

// Create makes a data partition on the chosen disk, over all of it or behind
// what is there, and tells the kernel. It is named [Preparing].
func Create(sysfs, dev string, d Disk) (Partition, error) {
	var table disk.GPT
	if d.Table != nil {
		table = *d.Table
	} else {
		table = disk.GPT{DiskGUID: newGUID(), SectorSize: d.Sector}
	}
	table, made, err := table.Append(d.Size, disk.Partition{TypeGUID: disk.TypeData, GUID: newGUID(), Name: Preparing})
	if err != nil {
		return Partition{}, err
	}
	if err := rewrite(dev, d, table, func(f *os.File) error {
		return blkpg(f, blkpgAdd, made.Number, made.FirstLBA*d.Sector, made.Sectors()*d.Sector)
	}); err != nil {
		return Partition{}, err
	}
	return refreshed(sysfs, dev, d.Name, made.GUID)
}

// Complete gives a partition its final name, once its file system is there.
func Complete(dev string, p Partition) error {
	return rewrite(dev, p.Disk, renamed(p), nil)
}

func renamed(p Partition) disk.GPT {
	table := *p.Disk.Table
	table.Partitions = append([]disk.Partition(nil), table.Partitions...)
	for i := range table.Partitions {
		if table.Partitions[i].GUID == p.GUID {
			table.Partitions[i].Name = disk.NameData
		}
	}
	return table
}

// Repair writes back a table of which only the backup copy was good, and lets
// the kernel read it.
func Repair(dev string, d Disk) error { return rewrite(dev, d, *d.Table, reread) }

// Grow makes the partition reach to the end of its disk when it is the last
// one and the disk has grown; grown says whether it has.
func Grow(sysfs, dev string, p Partition) (now Partition, grown bool, err error) {
	table, ok := p.Disk.Table.Grown(p.Disk.Size)
	if !ok {
		return p, false, nil
	}
	for _, e := range table.Partitions {
		if e.GUID != p.GUID || e.LastLBA == p.LastLBA {
			continue
		}
		err := rewrite(dev, p.Disk, table, func(f *os.File) error {
			return blkpg(f, blkpgResize, e.Number, p.Start, e.Sectors()*p.Disk.Sector)
		})
		if err != nil {
			return p, false, err
		}
		now, err := refreshed(sysfs, dev, p.Disk.Name, p.GUID)
		return now, err == nil, err
	}
	return p, false, nil // another partition lies behind it
}

// Renew gives the disk and its partitions new GUIDs, except data partitions,
// which were made on this machine and are remembered: so two appliances made
// of one image can be told apart when one's disk is attached to the other. The
// kernel goes on showing the old ones until the next boot.
func Renew(dev string, d Disk) error { return rewrite(dev, d, anew(*d.Table), nil) }

func anew(table disk.GPT) disk.GPT {
	table.DiskGUID = newGUID()
	table.Partitions = append([]disk.Partition(nil), table.Partitions...)
	for i := range table.Partitions {
		if p := &table.Partitions[i]; p.TypeGUID != disk.TypeData {
			p.GUID = newGUID()
		}
	}
	return table
}

// rewrite writes the table, and then does what makes the kernel see it.
func rewrite(dev string, d Disk, table disk.GPT, tell func(*os.File) error) error {
	f, err := os.OpenFile(filepath.Join(dev, d.Name), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot change partitions: %w", err)
	}
	defer f.Close()
	if err := disk.WriteGPT(f, d.Size, table); err != nil {
		return fmt.Errorf("cannot change partitions of %s: %w", d.Name, err)
	}
	if tell == nil {
		return nil
	}
	if err := tell(f); err != nil {
		return fmt.Errorf("cannot show the kernel the new partitions of %s: %w", d.Name, err)
	}
	return nil
}

// refreshed looks at the disks again until the partition has its node.
func refreshed(sysfs, dev, name string, guid disk.GUID) (Partition, error) {
	for range 100 { // a second: the node appears within the ioctl or right after
		all, err := Scan(sysfs, dev)
		if err != nil {
			return Partition{}, err
		}
		for _, p := range partitions(all, func(p Partition) bool { return p.GUID == guid && p.Disk.Name == name }) {
			if p.Node() != "" {
				return p, nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return Partition{}, fmt.Errorf("cannot find the new partition on %s: the kernel does not show it", name)
}

func reread(f *os.File) error {
	_, err := unix.IoctlRetInt(int(f.Fd()), unix.BLKRRPART)
	return err
}

// Operations of BLKPG, in include/uapi/linux/blkpg.h.
const (
	blkpgAdd    = 1
	blkpgResize = 3
)

// blkpg tells the kernel of one partition, which works also while others of
// the disk are mounted. Start and length in bytes.
func blkpg(f *os.File, op int32, number int, start, length int64) error {
	part := unix.BlkpgPartition{Start: start, Length: length, Pno: int32(number)}
	arg := unix.BlkpgIoctlArg{Op: op, Datalen: int32(unsafe.Sizeof(part)), Data: (*byte)(unsafe.Pointer(&part))}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg)))
	// EBUSY: the kernel has read the new table by itself, when the last
	// writer of an unused disk closed it.
	if errno != 0 && !(op == blkpgAdd && errors.Is(errno, unix.EBUSY)) {
		return errno
	}
	return nil
}

func newGUID() disk.GUID {
	var b [16]byte
	rand.Read(b[:]) // never fails: it would end the program
	return disk.MakeGUID(b)
}
