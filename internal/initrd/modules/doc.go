// Package modules finds and loads the kernel modules that the machine's
// devices and the root file system need, before there is udev or modprobe.
//
// Glossary: a device says what it is in its modalias; an alias is a pattern
// that a module offers for such strings; the index is modules.dep and
// modules.alias of the initrd, which name only the modules that it contains.
//
// Guarantees: a module is loaded after those that it depends on, and once; a
// module that has no business on this machine (ENODEV) is not a failure.
//
// What it does not do: options, blacklists, compressed modules, unloading.
package modules

// Checksums are the modules that others ask the kernel's crypto layer for by
// name; without modprobe they must be there first. Each is optional: kernels
// after 6.12 have some of them built in.
//
//   - crc32c: ext4's metadata checksums, and libcrc32c for erofs
//   - sha256: dm-verity; the generic one is built in, this one uses the
//     processor's instructions
func Checksums() []string { return []string{"crc32c_generic", "crc32c_intel", "sha256_ssse3"} }

// Root are the modules that mounting the root needs whatever the hardware.
func Root() []string { return []string{"loop", "dm_verity", "erofs", "ext4", "overlay"} }

// Media are the modules for disks and CDs on any controller with SCSI
// commands, loaded on every machine: what comes while the appliance runs, over
// USB for instance, finds them, and the root need not have them again.
func Media() []string { return []string{"sd_mod", "sr_mod"} }

// PowerButton are the modules that make the power button an input device. They
// are not needed here, but the agent must find the device when it starts: a
// press before that is lost. The root does not have them again.
func PowerButton() []string { return []string{"evdev", "button"} }

// Drivers are the modules for the disks of virtual machines, loaded only when
// a device asks for one of them. The initrd needs those of them that the
// kernel has as modules, and what they depend on.
//
//   - QEMU, KVM, Proxmox, clouds: virtio_blk, virtio_scsi, ahci, ata_piix, nvme
//   - VMware: vmw_pvscsi, mptspi, mptsas, ahci, nvme
//   - VirtualBox: ahci, ata_piix, mptspi, mptsas, virtio_scsi, nvme
//   - Hyper-V: hv_storvsc (with hv_vmbus), ata_piix for its first generation
//   - Xen: xen_blkfront
func Drivers() []string {
	return []string{
		"virtio_blk", "virtio_scsi", "ahci", "ata_piix", "ata_generic", "nvme",
		"vmw_pvscsi", "mptspi", "mptsas", "hv_vmbus", "hv_storvsc", "xen_blkfront",
	}
}

// Emulated are those of the drivers for hardware that a virtual machine has
// mostly besides its disks, for a CD drive. They take long, for the module and
// for looking at ports where nothing is: VMware's AHCI has thirty. They are
// loaded when the disks have not appeared without them, or else while the
// system starts.
func Emulated() []string { return []string{"ahci", "ata_piix", "ata_generic"} }
