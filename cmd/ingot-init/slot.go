package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/initrd/disks"
	"github.com/ingotvm/ingot/internal/initrd/images"
	"github.com/ingotvm/ingot/internal/initrd/mapper"
	"github.com/ingotvm/ingot/internal/release"
)

// expandImages mounts the system partition, and at a slot's first boot makes
// of the shipped images those that can be mounted. The partition is writable
// only if there is something to do; [machine.closeSystem] ends that.
func (m *machine) expandImages() error {
	<-m.drivers.root
	node := filepath.Join(dev, m.system.Node())
	if err := mount(node, systemDir, "ext4", sealed|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	m.installed = readInstalled(systemDir)
	if m.instance = m.installed.Instance; m.instance == "" {
		m.instance = newInstance()
	}
	m.slot = filepath.Join(systemDir, "slots", m.wanted.slot)
	if _, err := os.Stat(m.slot); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("version %s is not on the system disk (%s)", m.wanted.slot, slots())
	}
	var todo []release.Image
	for _, image := range m.what.Images {
		state, err := images.Find(m.slot, image)
		if err != nil {
			return err
		}
		if state != images.Expanded {
			todo = append(todo, image)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if err := m.writableSystem(); err != nil {
		return err
	}
	m.log.say("Preparing version " + m.wanted.slot + " for its first start ...")
	for _, image := range todo {
		begin := time.Now()
		if err := images.Expand(m.slot, image); err != nil {
			return err
		}
		m.log.info("expanded %s, %d MiB, in %d ms", image.Name, image.Size>>20, time.Since(begin).Milliseconds())
	}
	return nil
}

// slots lists the versions that are there, for an error.
func slots() string {
	entries, err := os.ReadDir(filepath.Join(systemDir, "slots"))
	if err != nil || len(entries) == 0 {
		return "there is none"
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return "there are: " + strings.Join(names, ", ")
}

// openRoot mounts the verified images: the root at newRoot, and the layers of
// which it is made where the overlays of /etc and /var find them.
func (m *machine) openRoot() error {
	var layers []string // the topmost first, as overlayfs wants them
	for _, image := range m.what.Images {
		device, err := mapper.Open(images.Path(m.slot, image), image)
		if err != nil {
			return err
		}
		target := filepath.Join(imagesDir, image.Name)
		if err := mount(device, target, "erofs", unix.MS_RDONLY|unix.MS_NODEV, ""); err != nil {
			return fmt.Errorf("image %s: %w", image.Name, err)
		}
		if image.Kind != release.ImageApp {
			layers = append([]string{target}, layers...)
		}
	}
	if len(layers) == 1 {
		return mount(layers[0], newRoot, "", unix.MS_BIND, "")
	}
	return mount("root", newRoot, "overlay", unix.MS_RDONLY|unix.MS_NODEV, "lowerdir="+strings.Join(layers, ":"))
}

// installed is what the system partition remembers of this machine, in its
// file installed.json. Losing it costs no data: somebody is asked whether this
// is to take over its data disk.
type installed struct {
	// Data is the GUID of the data partition.
	Data disk.GUID `json:"data,omitempty"`
	// Renewed says that the system disk has GUIDs of its own.
	Renewed bool `json:"renewed,omitempty"`
	// Instance is this installation's own ID, drawn at random: the same after
	// every update, another when the appliance is deployed again.
	Instance disk.GUID `json:"instance,omitempty"`
}

const installedFile = "installed.json"

func readInstalled(dir string) installed {
	data, err := os.ReadFile(filepath.Join(dir, installedFile))
	if err != nil {
		return installed{} // the first boot
	}
	var i installed
	if err := json.Unmarshal(data, &i); err != nil {
		return installed{}
	}
	return i
}

func (i installed) write(dir string) error {
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return host.WriteFile(filepath.Join(dir, installedFile), append(data, '\n'), 0o600)
}

func (m *machine) writableSystem() error {
	if err := unix.Mount("", systemDir, "", sealed|unix.MS_REMOUNT, ""); err != nil {
		return fmt.Errorf("cannot write to the system partition: %w", err)
	}
	return nil
}

// closeSystem writes down what is to be remembered, and makes the system
// partition read-only. That also writes the journal back, which the boot
// loader cannot read.
func (m *machine) closeSystem() error {
	now := installed{Data: m.data.guid, Renewed: m.installed.Renewed, Instance: m.instance}
	if now.Data == "" || m.data.closed() {
		now.Data = m.installed.Data // lost for now, and still wanted
	}
	if !now.Renewed && !m.system.Disk.ReadOnly {
		now.Renewed = m.renew()
	}
	if now != m.installed {
		if err := m.writableSystem(); err != nil {
			return err
		}
		if err := now.write(systemDir); err != nil {
			m.warn("The data disk cannot be remembered: %v.", err) // the next boot finds it by its type
		} else {
			m.installed = now
		}
	}
	if err := unix.Mount("", systemDir, "", sealed|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("cannot make the system partition read-only: %w", err)
	}
	return nil
}

// renew gives the system disk GUIDs of its own. GRUB asks the disk that it was
// loaded from for its GUID at every boot, so that nothing else knows them.
func (m *machine) renew() bool {
	d, err := disks.Again(sysfs, dev, m.system.Disk.Name) // a data partition may have been added
	if err == nil && d.Table != nil {
		err = disks.Renew(dev, d)
	}
	if err != nil {
		m.log.error("cannot give the system disk its own identity: %v", err) // two clones on one machine are rare
		return false
	}
	return true
}
