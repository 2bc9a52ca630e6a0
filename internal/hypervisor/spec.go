package hypervisor

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Spec is the machine that is asked for. Only System and Memory have no
// default.
type Spec struct {
	// Name is for people and process lists; default "ingot".
	Name string
	// Dir is an empty or absent folder for the machine's files (overlay, data
	// disk, console log). By default the driver makes one and Remove removes
	// it; a folder that was there before stays, empty.
	Dir string
	// System is the first disk, and what the machine boots from.
	System Disk
	// SystemSize, when larger than the artifact's, is the capacity of the
	// first disk in bytes: what a customer does who grows it.
	SystemSize int64
	// Data is the capacity of the second disk in bytes, empty at first; 0
	// means that there is none.
	Data int64
	// DataFile is the path of a raw image that is the second disk instead. It
	// is written to and outlives the machine, so that another can take it
	// over; only one at a time may.
	DataFile string
	// Served are addresses of disks that somebody serves to the machine, for
	// who wants to know of every write: they take the place of System's copy
	// and of the data disk, and the machine's flushes reach them. System must
	// name what the first one holds.
	Served *Served
	// CPUs defaults to 1.
	CPUs int
	// Memory in bytes, at least 1 MiB; drivers round it up to whole MiB.
	Memory int64
	// Firmware defaults to BIOS.
	Firmware Firmware
	Hardware Hardware
	// Forwards are ports of the guest to be reached on this host.
	Forwards []Forward
	// Offline leaves the guest a network with DHCP and the forwards, but no
	// way out.
	Offline bool
	// Seed is what the hypervisor tells the guest for its first boot, under
	// [SeedName]; nil for nothing. It may hold secrets: no other user of the
	// host can read it.
	Seed []byte
	// CDs are paths of ISO images, in drives of their own; Disks those of raw
	// images, which come after the system and data disks. Guests can only
	// read them.
	CDs, Disks []string
	// SMBIOS are the OEM strings (type 11) of the firmware's table. Other
	// users of the host can read them.
	SMBIOS []string
	// Clock is what the machine's own clock says when it is switched on, in
	// UTC; the zero value is the host's time.
	Clock time.Time
}

// SeedName is the name under which a guest finds its seed.
const SeedName = "opt/org.ingotvm.seed"

// The bounds of what drivers take: six drives are what a PC's chipset has
// ports for, and a seed of 1 MiB is more than agents read.
const (
	maxCDs  = 6
	maxSeed = 1 << 20
)

// Firmware is what starts the guest.
type Firmware string

// The firmwares.
const (
	BIOS Firmware = "bios"
	UEFI Firmware = "uefi"
	// UEFISecure enforces Secure Boot with Microsoft's keys.
	UEFISecure Firmware = "uefi-secure"
)

// Hardware is which devices a machine has. The zero value is the fastest that
// the driver knows.
type Hardware struct {
	Bus Bus
	NIC NIC
	// Alone leaves the network adapter without anybody who answers, not even
	// by DHCP.
	Alone bool
}

// Bus is what both disks hang on.
type Bus string

// The buses: virtio, the paravirtual SCSI of VMware's products, and SATA.
const (
	VirtioBlock Bus = "virtio-blk"
	VirtioSCSI  Bus = "virtio-scsi"
	PVSCSI      Bus = "pvscsi"
	AHCI        Bus = "ahci"
)

// NIC is the kind of the one network adapter.
type NIC string

// The network adapters.
const (
	// NoNIC leaves the machine without an adapter.
	NoNIC     NIC = "none"
	VirtioNet NIC = "virtio-net"
	VMXNET3   NIC = "vmxnet3"
	E1000     NIC = "e1000"
)

// Forward makes a TCP port of the guest reachable on a loopback address.
type Forward struct {
	Guest int
	// Host is the port on this host; 0 lets the driver choose a free one.
	Host int
}

// maxMemory and maxDisk catch sizes in the wrong unit: 16 TiB of memory and
// 1 PiB of disk are more than any machine that runs a test has.
const (
	maxMemory = 16 << 40
	maxDisk   = 1 << 50
)

// WithDefaults is the spec with its defaults filled in, or an error that names
// everything wrong with it. Drivers call it first.
func (s Spec) WithDefaults() (Spec, error) {
	s.Name = or(s.Name, "ingot")
	s.CPUs = or(s.CPUs, 1)
	s.Firmware = or(s.Firmware, BIOS)
	s.Hardware.Bus = or(s.Hardware.Bus, VirtioBlock)
	s.Hardware.NIC = or(s.Hardware.NIC, VirtioNet)

	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, r := range s.Name {
		if r <= ' ' || r == ',' || r == '/' || r == 0x7f {
			bad("name %q holds a space, comma, slash or control character", s.Name)
			break
		}
	}
	if s.System.Path == "" {
		bad("it has no system disk")
	}
	if !slices.Contains([]Format{Raw, QCOW2, VMDK}, s.System.Format) {
		bad("unknown disk format %q", s.System.Format)
	}
	if s.System.Offset < 0 || s.System.Length < 0 {
		bad("the system disk lies outside its file")
	}
	if s.SystemSize < 0 || s.SystemSize > maxDisk {
		bad("system disk of %d bytes", s.SystemSize)
	}
	if s.Data < 0 || s.Data > maxDisk || s.Data%512 != 0 {
		bad("data disk of %d bytes", s.Data)
	}
	if s.Data > 0 && s.DataFile != "" {
		bad("both an empty data disk and the image %s", s.DataFile)
	}
	if s.Served != nil && (s.Served.System == "" || s.Data > 0 || s.DataFile != "") {
		bad("disks that are served beside others, or no system disk among them")
	}
	if s.CPUs < 1 || s.CPUs > 255 {
		bad("%d CPUs", s.CPUs)
	}
	if s.Memory < 1<<20 || s.Memory > maxMemory {
		bad("memory of %d bytes", s.Memory)
	}
	if !slices.Contains([]Firmware{BIOS, UEFI, UEFISecure}, s.Firmware) {
		bad("unknown firmware %q", s.Firmware)
	}
	if !slices.Contains([]Bus{VirtioBlock, VirtioSCSI, PVSCSI, AHCI}, s.Hardware.Bus) {
		bad("unknown disk bus %q", s.Hardware.Bus)
	}
	if !slices.Contains([]NIC{NoNIC, VirtioNet, VMXNET3, E1000}, s.Hardware.NIC) {
		bad("unknown network adapter %q", s.Hardware.NIC)
	}
	if (s.Hardware.NIC == NoNIC || s.Hardware.Alone) && len(s.Forwards) > 0 {
		bad("forwards without a network")
	}
	if len(s.Seed) > maxSeed {
		bad("seed of %d bytes", len(s.Seed))
	}
	if len(s.CDs) > maxCDs {
		bad("%d CDs", len(s.CDs))
	}
	if slices.ContainsFunc(s.SMBIOS, func(text string) bool { return text == "" || strings.ContainsRune(text, 0) }) {
		bad("an SMBIOS string is empty or holds a zero byte")
	}
	seen := map[int]bool{}
	for _, f := range s.Forwards {
		if f.Guest < 1 || f.Guest > 65535 || f.Host < 0 || f.Host > 65535 {
			bad("forward of port %d to %d", f.Host, f.Guest)
		}
		if seen[f.Guest] {
			bad("port %d is forwarded twice", f.Guest)
		}
		seen[f.Guest] = true
	}
	if err := errors.Join(errs...); err != nil {
		return s, fmt.Errorf("cannot make the machine: %w", err)
	}
	return s, nil
}

// CheckFiles looks whether the images that the machine is made of are there.
// Drivers call it in Create.
func (s Spec) CheckFiles() error {
	paths := slices.Concat([]string{s.System.Path}, s.CDs, s.Disks)
	if s.DataFile != "" {
		paths = append(paths, s.DataFile)
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return err
		}
	}
	return nil
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Served are the addresses of disks, such as nbd+unix:///NAME?socket=PATH; Data
// may be "".
type Served struct{ System, Data string }
