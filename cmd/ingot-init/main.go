// Command ingot-init is the first process of an appliance, in its initrd. It
// finds the system partition, expands and verifies the images of the slot that
// the boot loader has chosen, mounts root and data, and becomes systemd.
//
// Guarantees: power may go at any instant, and the next boot goes on from
// there; nothing that is not verified is executed; a disk that holds anything
// is never partitioned or formatted. What is fatal is said on every console in
// plain words, and then the machine reboots, so that the boot loader's count
// of tries works. There is never a shell.
//
// It reads of the kernel's command line:
//
//	ingot.system=GUID   the system partition
//	ingot.slot=VERSION  the folder below slots/ on it
//	ingot.trial         that version is on trial: this program may not hang
//
// and /ingot/boot.json of the initrd ([release.Boot]).
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == insertWord && os.Getpid() != 1 {
		insert(os.Args[2:])
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "ingot-init is the first process of an appliance and does nothing elsewhere")
		os.Exit(2)
	}
	// Small machines: collect garbage early rather than grow.
	debug.SetGCPercent(40)
	m := &machine{kernel: sinceBoot(), started: time.Now()}
	defer m.recover()
	m.halt(m.boot())
}

// boot returns only when it has failed.
func (m *machine) boot() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		// In the initrd.
		{"mount the kernel's file systems", m.mountKernel},
		{"read what to boot", m.readDescription},
		{"find the system disk", m.findSystem},
		{"expand the images", m.expandImages},
		{"open the root", m.openRoot},
		{"find all disks", m.settle},
		{"enter the root", m.enterRoot},
		// In the root: paths are those of the running system.
		{"mount the data disk", m.mountData},
		{"close the system disk", m.closeSystem},
		{"mark the data disk", m.ownData},
		{"make settings writable", m.mountOverlays},
		{"know who we are", m.identify},
		{"mount the services", m.mountServices},
		{"use swap", m.swap},
		{"tell the running system", m.tell},
		{"prepare the settings", m.prepare},
	} {
		begin := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("cannot %s: %w", step.name, err)
		}
		m.log.info("%s: %d ms", step.name, time.Since(begin).Milliseconds())
	}
	return m.becomeInit()
}
