package build

import "slices"

// initrdModules are what finding the disks and opening the root takes, on
// every hypervisor: disk controllers, file systems, loop and dm-verity.
var initrdModules = slices.Concat(ownDiskModules, emulatedDiskModules, alwaysModules, rootModules)

// initrdOnly are modules that the operating system need not have again, even
// where others depend on them: the initrd has loaded them.
var initrdOnly = slices.Concat(ownDiskModules, emulatedDiskModules, alwaysModules, alwaysNeed)

// ownDiskModules drive what the initrd loads whenever it is present. A
// controller of another kind that is plugged in while the appliance runs works
// from the next start on.
var ownDiskModules = []string{
	"virtio_blk", "virtio_scsi", // QEMU, libvirt, Proxmox
	"vmw_pvscsi", "mptspi", "mptsas", // VMware; VirtualBox has the last two as well
	"nvme",
	"hv_storvsc", "hv_vmbus", "pci-hyperv", "pci-hyperv-intf", // Hyper-V
	"xen-blkfront",
}

// emulatedDiskModules drive every hypervisor's fallback, and what they need.
// When the disks are elsewhere ingot-init does not wait for these, but loads
// them nevertheless: a CD may be there.
var emulatedDiskModules = []string{"ahci", "ata_piix", "ata_generic", "libahci", "libata"}

// alwaysModules are what ingot-init loads on every machine besides those of
// the root: disks and CDs of any controller, also of one that comes later, and
// the power button. alwaysNeed is what these depend on.
var (
	alwaysModules = []string{"sd_mod", "sr_mod", "evdev", "button"}
	alwaysNeed    = []string{"scsi_mod", "scsi_common", "cdrom"}
)

var rootModules = []string{
	"loop", "dm-verity", "erofs", "ext4", "overlay", "crc32c-intel", "crc32c_generic", "sha256-ssse3",
}

// osModules are all that virtual hardware and the agent's settings use; what
// real machines have besides stays out. The modules of the root are not among
// them: the initrd has always loaded those already.
var osModules = []string{
	// network cards, paravirtual, emulated, and virtual functions
	"virtio_net", "vmxnet3", "e1000", "e1000e", "hv_netvsc", "xen-netfront", "8139cp",
	// the links that network settings can ask for
	"8021q",
	// what the firewall's rules are made of
	"nf_tables", "nft_ct", "nft_counter", "nft_reject", "nft_reject_inet", "nf_conntrack",
	// what a hypervisor gives its guests besides
	"virtio_balloon", "virtio-rng", "virtio_input", "virtio_mem", "vmw_balloon",
	"hv_utils", "hv_balloon", "hyperv-keyboard", "qemu_fw_cfg", "vmgenid", "ptp_kvm",
	// keyboards, watchdogs
	"usbhid", "hid-generic", "xhci-pci", "ehci-pci", "uhci-hcd", "ohci-pci", "i6300esb", "iTCO_wdt", "softdog", "wdat_wdt",
	// media that seeds, updates and backups come on
	"isofs", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859-1", "usb-storage",
	// systemd and services
	"fuse", "efivarfs", "sch_fq_codel",
}
