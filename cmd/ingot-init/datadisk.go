package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/initrd/disks"
	"github.com/ingotvm/ingot/internal/initrd/ext4"
)

const dataDir = "/data"

// dataState is how the data disk was found.
type dataState struct {
	place     string // as in facts.Data
	device    string
	guid      disk.GUID
	size      int64
	readOnly  bool
	held      bool
	firstBoot bool
	wrote     string // the version that used it last, "" when that is not known
	claim            // whether it may be used
}

// dataFlags: programs may run from there (applications bring plug-ins), but
// not with other rights.
const dataFlags = unix.MS_NOSUID | unix.MS_NODEV

// mountData mounts the data disk, and makes it when there is none.
//
// When the appliance's data exists but cannot be used, it goes on in memory
// with its services held back: the management says what is wrong, and nobody
// sees an empty application that asks its first visitor for a password.
func (m *machine) mountData() error {
	choice, err := m.chooseData()
	if err != nil {
		return err
	}
	for _, w := range choice.Warnings {
		m.warn("%s", w)
	}
	switch choice.Place {
	case disks.Lost:
		return m.dataInMemory(true, "The data disk is missing: the services are not started. Attach it and restart the appliance.")
	case disks.Nowhere:
		return m.dataInMemory(false, "There is no disk for data: everything is lost at the next restart. Attach an empty disk.")
	}
	p, err := m.prepareData(choice)
	if err == nil {
		err = m.useData(p)
	}
	if err != nil {
		known := choice.Place == disks.Existing && choice.Partition.Name != disks.Preparing
		m.log.error("data disk: %v", err)
		if known {
			return m.dataInMemory(true, fmt.Sprintf("The data disk cannot be used, so the services are not started: %v.", err))
		}
		return m.dataInMemory(false, fmt.Sprintf("The data disk cannot be set up, so everything is lost at the next restart: %v.", err))
	}
	return nil
}

func (m *machine) dataInMemory(held bool, warning string) error {
	m.warn("%s", warning)
	m.data = dataState{place: "memory", held: held}
	return unix.Mount("tmpfs", dataDir, "tmpfs", dataFlags, "mode=0755,size=50%")
}

// How long a data disk may come after the system disk: the one that was used
// before, and, on a first boot, the one that the appliance is shipped with.
const (
	waitForKnown = 15 * time.Second
	waitForNew   = 2 * time.Second
)

// chooseData looks at the disks until it is certain which one it is.
func (m *machine) chooseData() (disks.Choice, error) {
	want := disks.Wanted{System: m.system.Disk.Name, Remembered: m.installed.Data}
	shipped := m.what.Definition != nil && m.what.Definition.Hardware.Disks.Data > 0
	begin, said, repaired := time.Now(), false, map[string]bool{}
	for {
		all, err := disks.Scan(sysfs, dev)
		if err != nil {
			return disks.Choice{}, err
		}
		m.repairTables(all, repaired)
		c := disks.Choose(all, want)
		switch waited := time.Since(begin); {
		case want.Remembered == "":
			certain := c.Place == disks.SecondDisk || c.Place == disks.Existing && c.Partition.Node() != ""
			if certain || waited > waitForNew || !shipped && c.Place != disks.Existing {
				return c, nil
			}
		case c.Place == disks.Existing && c.Partition.GUID == want.Remembered && c.Partition.Node() != "":
			return c, nil
		case waited > waitForKnown:
			return c, nil
		case !said:
			m.log.say("Waiting for the data disk ...")
			said = true
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// prepareData makes sure that the partition exists, reaches to the end of its
// disk, and holds a file system.
func (m *machine) prepareData(c disks.Choice) (disks.Partition, error) {
	p := c.Partition
	var err error
	if c.Place != disks.Existing {
		m.log.say("Preparing the data disk ...")
		if p, err = disks.Create(sysfs, dev, c.Disk); err != nil {
			return p, err
		}
	}
	if p.Node() == "" {
		return p, fmt.Errorf("the kernel does not show partition %d of %s", p.Number, p.Disk.Name)
	}
	if now, grown, err := disks.Grow(sysfs, dev, p); err != nil {
		m.warn("The data disk was enlarged, but its partition cannot be: %v.", err)
	} else if grown {
		m.log.info("data partition grown from %d to %d MiB", p.Size>>20, now.Size>>20)
		p = now
	}
	ext, zero, err := startOf(filepath.Join(dev, p.Node()))
	if err != nil {
		return p, err
	}
	switch disks.Decide(p.Name, ext, zero) {
	case disks.Refuse:
		return p, fmt.Errorf("partition %d of %s holds no file system that can be read, and is not empty either", p.Number, p.Disk.Name)
	case disks.Keep:
		return p, nil
	}
	if err := m.format(filepath.Join(dev, p.Node())); err != nil {
		return p, err
	}
	if p.Name == disk.NameData {
		return p, nil
	}
	return p, disks.Complete(dev, p)
}

// startOf says whether there is an ext4, and whether the first MiB is zero.
func startOf(node string) (isExt4, zero bool, err error) {
	f, err := os.Open(node)
	if err != nil {
		return false, false, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	if _, err := f.ReadAt(buf, 0); err != nil {
		return false, false, err
	}
	_, err = ext4.Read(f)
	if err != nil && !errors.Is(err, ext4.ErrNone) {
		return false, false, err
	}
	return err == nil, disk.IsZero(buf), nil
}

// format makes the file system: blocks of 4096 bytes also where mke2fs would
// take a disk for small, inode tables left to be zeroed while the appliance
// runs, nothing discarded (the disk is new).
func (m *machine) format(node string) error {
	out, code, err := run("/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1",
		"-L", disk.NameData, "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", node)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("mke2fs failed with status %d: %s", code, out)
	}
	f, err := os.Open(node)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// useData checks and mounts the file system, and lets it fill its partition.
func (m *machine) useData(p disks.Partition) error {
	node := filepath.Join(dev, p.Node())
	f, err := os.Open(node)
	if err != nil {
		return err
	}
	super, err := ext4.Read(f)
	f.Close()
	if err != nil {
		return err
	}
	m.data = dataState{place: "second-disk", device: node, guid: p.GUID, size: p.Size}
	if p.Disk.Name == m.system.Disk.Name {
		m.data.place = "system-disk"
	}
	var flags uintptr = dataFlags
	if !super.Clean && !m.repair(node, super) {
		// Writing to a damaged file system damages more of it.
		flags |= unix.MS_RDONLY
		m.data.readOnly, m.data.held = true, true
		m.warn("The data disk is damaged and cannot be repaired without losing data: it can only be read, and the services are not started. Restore a backup or a snapshot.")
	}
	if err := unix.Mount(node, dataDir, "ext4", flags, ""); err != nil {
		return fmt.Errorf("cannot mount it: %w", err)
	}
	if err := m.factoryReset(); err != nil {
		return err
	}
	if err := m.attend(); err != nil {
		return fmt.Errorf("cannot give it the data of version %s: %w", m.us().Version, err)
	}
	if want := p.Size / super.BlockSize; want > super.Blocks && !m.data.readOnly {
		if err := ext4.Resize(dataDir, want); err != nil {
			m.warn("The data disk was enlarged, but its file system cannot be: %v.", err)
		} else {
			m.log.info("data file system grown from %d to %d MiB", super.Size()>>20, p.Size>>20)
		}
	}
	return m.checkOwner()
}

// repair replays the journal and corrects what can be corrected without
// losing anything; it says whether the file system is sound then.
func (m *machine) repair(node string, super ext4.Super) bool {
	begin := time.Now()
	out, code, err := run("/usr/sbin/e2fsck", "-p", node)
	if errors.Is(err, os.ErrNotExist) {
		return !super.Errors // mounting replays the journal
	}
	if err != nil {
		m.log.error("cannot check the data disk: %v", err)
		return !super.Errors
	}
	m.log.info("checked the data disk in %d ms: status %d: %s", time.Since(begin).Milliseconds(), code, out)
	// e2fsck(8): 1 and 2 say that errors were corrected, 4 that some were
	// not, all above that it could not work.
	return code < 4
}
