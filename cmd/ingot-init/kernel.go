package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/initrd/disks"
	"github.com/ingotvm/ingot/internal/initrd/modules"
	"github.com/ingotvm/ingot/internal/initrd/uevent"
)

// mount makes the folder and mounts on it.
func mount(source, target, kind string, flags uintptr, options string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("cannot mount %s on %s: %w", source, target, err)
	}
	return nil
}

// sealed are the flags of what holds no programs and no devices.
const sealed = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mountKernel mounts as systemd would; it takes them over as they are.
func (m *machine) mountKernel() error {
	for _, f := range []struct {
		source, target, kind string
		flags                uintptr
		options              string
	}{
		{"devtmpfs", dev, "devtmpfs", unix.MS_NOSUID, "mode=0755"},
		{"proc", "/proc", "proc", sealed, ""},
		{"sysfs", sysfs, "sysfs", sealed, ""},
		{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755,size=20%"},
	} {
		if err := mount(f.source, f.target, f.kind, f.flags, f.options); err != nil {
			return err
		}
	}
	// A kernel that has panicked is to reboot too, also later.
	_ = os.WriteFile("/proc/sys/kernel/panic", []byte("10\n"), 0)
	return m.log.open()
}

// parallel is how many modules are inserted at once: most of the time they
// wait for their hardware.
const parallel = 4

// drivers loads modules in the background.
type drivers struct {
	log    *console
	dir    string // of the kernel's modules
	index  *modules.Index
	loader *modules.Loader
	root   chan struct{} // closed when what the root needs is there
	// What devices ask for, of real hardware or made for virtual machines, and
	// of emulated hardware; busy is how much of both is not done.
	own, emulated sync.WaitGroup
	busy          atomic.Int32
	all           bool     // also emulated hardware is looked at
	later         []string // all that it needs
}

// newDrivers reads the index of the running kernel's modules and begins to
// load what the root needs and what the devices present ask for.
func newDrivers(log *console) (*drivers, error) {
	release, err := kernelRelease()
	if err != nil {
		return nil, err
	}
	dir := "/lib/modules/" + release
	index, err := modules.ReadIndex(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	insert := func(path string) error { return modules.Insert(dir + "/" + path) }
	d := &drivers{log: log, dir: dir, index: index, loader: modules.NewLoader(index, insert, parallel), root: make(chan struct{})}
	// Those for devices first: they wait for their hardware while others load.
	present := uevent.Present(sysfs)
	for _, modalias := range present {
		d.ask(modalias)
	}
	go func() {
		defer close(d.root)
		d.load(modules.Checksums())
		d.load(modules.Root())
		d.load(modules.PowerButton())
	}()
	d.start(&d.own, modules.Media())
	return d, nil
}

// ask loads what a device wants. Drivers of emulated hardware are kept for
// [drivers.rest]: most machines have their disks elsewhere.
func (d *drivers) ask(modalias string) {
	var own, emulated []string
	for _, name := range d.index.Match(modalias) {
		if slices.Contains(modules.Emulated(), name) {
			emulated = append(emulated, name)
		} else {
			own = append(own, name)
		}
	}
	d.start(&d.own, own)
	d.later = append(d.later, emulated...)
	if d.all {
		d.start(&d.emulated, emulated)
	}
}

// rest loads what was kept, and from now on everything.
func (d *drivers) rest() {
	if d.all {
		return
	}
	d.all = true
	d.start(&d.emulated, d.later)
}

func (d *drivers) start(group *sync.WaitGroup, names []string) {
	if len(names) == 0 {
		return
	}
	d.busy.Add(1)
	group.Go(func() {
		defer d.busy.Add(-1)
		d.load(names)
	})
}

// load tells of what fails and goes on: the disk may well be on another
// controller, and mounting says what is missing.
func (d *drivers) load(names []string) {
	if err := d.loader.Load(names...); err != nil {
		d.log.error("%v", err)
	}
}

func kernelRelease() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// hear takes in what the kernel says for so long, or until a disk came.
func (m *machine) hear(wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		e, ok, err := m.events.Next(time.Until(deadline))
		if err != nil || !ok {
			return err
		}
		m.drivers.ask(e.Modalias)
		if e.Subsystem == "block" {
			return nil
		}
	}
}

// patience is how long the system disk may take to appear: slow storage
// networks need tens of seconds after a power failure of the whole site.
const patience = 60 * time.Second

// findSystem loads drivers until the system partition is there.
func (m *machine) findSystem() error {
	var err error
	if m.events, err = uevent.Listen(); err != nil {
		return err
	}
	if m.drivers, err = newDrivers(&m.log); err != nil {
		return err
	}
	repaired := map[string]bool{}
	for deadline := time.Now().Add(patience); ; {
		idle := m.drivers.busy.Load() == 0 // before looking: what it says must be true then
		all, err := disks.Scan(sysfs, dev)
		if err != nil {
			return err
		}
		found := slices.DeleteFunc(disks.System(all, m.wanted.system), func(p disks.Partition) bool { return p.Node() == "" })
		if len(found) > 0 {
			if len(found) > 1 {
				m.warn("More than one disk is a copy of this appliance's system disk; %s is used.", found[0].Disk.Name)
			}
			m.system = found[0]
			return nil
		}
		m.repairTables(all, repaired)
		if idle {
			m.drivers.rest()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: no partition %s within %d s; disks: %s",
				errNoSystem, m.wanted.system, int(patience.Seconds()), describe(all))
		}
		// Look again now and then, for the drivers and should an event get lost.
		if err := m.hear(50 * time.Millisecond); err != nil {
			return err
		}
	}
}

// repairTables writes back partition tables of ours of which only the backup
// is good: the kernel does not look at that, and shows no partitions.
func (m *machine) repairTables(all []disks.Disk, done map[string]bool) {
	for _, d := range all {
		if done[d.Name] || d.ReadOnly || !disks.Ours(d) || !d.Table.FromBackup {
			continue
		}
		done[d.Name] = true
		if err := disks.Repair(dev, d); err != nil {
			m.log.error("%v", err)
			continue
		}
		m.log.info("repaired the partition table of %s from its backup copy", d.Name)
	}
}

func describe(all []disks.Disk) string {
	if len(all) == 0 {
		return "none"
	}
	text := ""
	for i, d := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (%d MiB)", d.Name, d.Size>>20)
	}
	return text
}

// settle waits for the drivers that are still looking for disks; when the data
// disk is there already, only for those that the root does not have.
// Inserting a module waits for all probing that the kernel has put off, so
// that after the last one every disk has appeared.
func (m *machine) settle() error {
	m.drivers.own.Wait()
	all, err := disks.Scan(sysfs, dev)
	if err != nil {
		return err
	}
	if m.installed.Data != "" && disks.Find(all, m.installed.Data) {
		return nil // the rest is loaded while the system starts
	}
	m.drivers.rest()
	for {
		m.drivers.own.Wait()
		m.drivers.emulated.Wait()
		e, ok, err := m.events.Next(quiet)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		m.drivers.ask(e.Modalias)
	}
}

// quiet is the time without events after which no more are expected.
const quiet = 20 * time.Millisecond
