package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/update/attend"
)

// enterRoot makes the verified root the root of everything, and frees the
// memory that the initrd took.
func (m *machine) enterRoot() error {
	m.events.Close()
	m.drivers.loader.End() // the files go; systemd's udev goes on from the root's
	if err := m.drivers.handOver(); err != nil {
		m.log.error("cannot go on loading drivers: %v", err) // costs a CD drive
	}
	if err := emptyInitrd(); err != nil {
		m.log.error("cannot free the initrd: %v", err) // costs memory only
	}
	for _, dir := range []string{dev, "/proc", sysfs, "/run"} {
		if err := unix.Mount(dir, newRoot+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("cannot move %s: %w", dir, err)
		}
	}
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	// pivot_root does not work on the kernel's first file system.
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}

// emptyInitrd removes all files of the first file system, and nothing that is
// mounted on it.
func emptyInitrd() error {
	var root unix.Stat_t
	if err := unix.Lstat("/", &root); err != nil {
		return err
	}
	return removeOn(root.Dev, "/")
}

func removeOn(device uint64, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil || st.Dev != device {
			continue
		}
		if e.IsDir() {
			if err := removeOn(device, path); err != nil {
				return err
			}
			// Those in which something is mounted stay, and are needed.
			_ = os.Remove(path)
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// unitsDir is where systemd finds units that last until the next boot.
const unitsDir = "/run/systemd/system"

// facts are what the agent is told, in /run/ingot/init.json.
type facts struct {
	// FirstBoot says that the machine got its identity at this boot.
	FirstBoot bool `json:"first_boot"`
	// KernelToInit and Init in milliseconds: from the kernel's start to this
	// program's, and from there to systemd.
	KernelToInit int64 `json:"kernel_to_init_ms"`
	Init         int64 `json:"init_ms"`
	// Data is where /data is: "second-disk", "system-disk" or "memory".
	Data string `json:"data"`
	// DataReadOnly says that the data disk is damaged and only to be read.
	DataReadOnly bool `json:"data_read_only,omitempty"`
	// Held says that the services are not started, because they would run
	// without their data.
	Held bool `json:"held,omitempty"`
	// SystemDisk and ESP are device nodes.
	SystemDisk string `json:"system_disk"`
	ESP        string `json:"esp,omitempty"`
	DataDevice string `json:"data_device,omitempty"`
	Slot       string `json:"slot"`
	// Instance is the ID of this installation, with which the agent consents
	// to taking over a data disk.
	Instance disk.GUID `json:"instance,omitempty"`
	// Adopt says whose data disk was found, when that is another installation
	// of this appliance and somebody must be asked; Refused, why the one that
	// was found cannot be used. Both come with Held, and what is on that disk
	// is then not to be used, nor changed.
	Adopt   *adoptable `json:"adopt,omitempty"`
	Refused string     `json:"refused,omitempty"`
	// Trial is the update that is under way, or has just ended.
	Trial *attend.Facts `json:"trial,omitempty"`
	// Warnings are sentences for the administrator.
	Warnings []string `json:"warnings"`
}

// adoptable is what is said of a data disk's owner.
type adoptable struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Title   string `json:"title"`
}

// tell leaves what the agent and systemd need in /run.
func (m *machine) tell() error {
	if err := m.tellFacts(); err != nil {
		return err
	}
	if err := os.WriteFile(runDir+"/boot.json", m.description, 0o644); err != nil {
		return err
	}
	if m.trial != nil && m.trial.OnTrial {
		if err := writeUnits(unitsDir, deadline(m.what.Definition)); err != nil {
			return err
		}
	}
	if m.data.held {
		return nil
	}
	return writeUnits(unitsDir, m.what.Units)
}

func (m *machine) tellFacts() error {
	f := facts{
		FirstBoot:    m.data.firstBoot,
		KernelToInit: m.kernel.Milliseconds(),
		Init:         time.Since(m.started).Milliseconds(),
		Data:         m.data.place,
		DataReadOnly: m.data.readOnly,
		Held:         m.data.held,
		SystemDisk:   filepath.Join(dev, m.system.Disk.Name),
		ESP:          m.esp(),
		DataDevice:   m.data.device,
		Slot:         m.wanted.slot,
		Instance:     m.instance,
		Refused:      m.data.refused,
		Trial:        m.trial,
		Warnings:     append([]string{}, m.warnings...), // [] rather than null
	}
	if o := m.data.adopt; o != nil {
		f.Adopt = &adoptable{Name: o.Name, Version: o.Version, Title: o.Title}
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(runDir+"/init.json", append(data, '\n'), 0o644)
}

// prepareLimit is far more than applying the settings takes; a machine that
// cannot is better up without them.
const prepareLimit = 20 * time.Second

// prepare applies the settings, so that everything that systemd starts finds
// them. The agent applies them again, so this may fail.
func (m *machine) prepare() error {
	out, code, err := runFor(prepareLimit, "/usr/bin/ingotd", "prepare")
	if out != "" {
		m.log.info("prepare: %s", out)
	}
	if err == nil && code != 0 {
		err = fmt.Errorf("status %d: %s", code, out)
	}
	if err != nil {
		m.warn("The settings were not applied before the start, but only later: %v.", err)
	}
	return m.tellFacts() // how long it took, and what went wrong
}

// esp is the node of the partition with the boot loader and its state.
func (m *machine) esp() string {
	p, ok := m.system.Disk.Table.Partition(disk.TypeESP)
	if node := m.system.Disk.Nodes[p.Number]; ok && node != "" {
		return filepath.Join(dev, node)
	}
	return ""
}

// writeUnits writes systemd's units and drop-ins: path to content.
func writeUnits(dir string, units map[string]string) error {
	for name, content := range units {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("cannot write unit %q: it is not below %s", name, dir)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// becomeInit hands over to systemd; it returns only when that fails. The
// first name is the customary one, which the package systemd-sysv brings; an
// image may do without.
func (m *machine) becomeInit() error {
	var failed error
	for _, program := range []string{"/sbin/init", "/usr/lib/systemd/systemd"} {
		err := unix.Exec(program, append([]string{program}, os.Args[1:]...), os.Environ())
		failed = fmt.Errorf("cannot start %s: %w", program, err)
		if !errors.Is(err, unix.ENOENT) {
			return failed
		}
	}
	return failed
}
