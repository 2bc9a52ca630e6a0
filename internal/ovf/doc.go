// Package ovf describes a virtual machine to those who import it: the OVF
// descriptor, the manifest of digests, and the OVA that packs both with the
// disks into one file.
//
// Words: a [Descriptor] is the machine as data, a [Property] one value that
// its importer may set, [Descriptor.Marshal] the XML (DMTF DSP0243 1.1 with
// VMware's extensions), [ParseDescriptor] reads one back. A [Manifest] is the .mf file: a SHA-256 of each other file. [WriteOVA]
// and [ReadOVA] write and read the package as a stream: descriptor, manifest,
// disks, in that order.
//
// Guarantees: the same input gives the same bytes. What an OVA says of its
// files (sizes, digests) is checked against their bytes while they are
// written, and again while they are read. Readers take bytes from strangers:
// they are bounded in memory and depth, know no external entities, and hand
// out no name but a plain file name.
//
// # Choices
//
// What the XML holds is what importers are known to accept, no more:
//
//   - Hardware version vmx-17: ESXi 7.0, Workstation 16 and Fusion 12 and later.
//     Older hosts get no fixes any more; vmx-20 and vmx-21 would shut out
//     the many vSphere 7 installations and give us nothing that we use. The
//     administrator can upgrade it in place, never downgrade.
//   - Guest other4xLinux64Guest ("Other 4.x or later Linux (64-bit)"): known
//     since ESXi 6.7, thus to every host that knows vmx-17, and true for
//     ever. debian12_64Guest is unknown before 8.0, debian13_64Guest before
//     9.0: an import there warns or fails. The CIM number beside it, 96, says
//     Debian 64-bit to VirtualBox.
//   - Firmware EFI, Secure Boot off unless asked for. The disks boot with BIOS
//     too, so importers that do not know the key (VirtualBox, Proxmox,
//     virt-v2v) use what they please; in vSphere BIOS is deprecated, and
//     only a machine that began with EFI can have Secure Boot switched on.
//   - Every extension says required="false": ESXi refuses the package for one
//     ExtraConfig key that it does not allow, unless told that it may skip it.
//   - Capacities count bytes: other units have been misread as 8192 TB.
//   - The minimum of memory is told in words (annotation, memory item) and to
//     the guest (guestinfo.ingot.memory.minimum). OVF's own way, a second
//     item with bound="min", is read by importers as the amount to give,
//     depending on which item comes last.
//   - Properties stand in the one ProductSection, which has no class and no
//     instance: the guest then gets each by its key alone. Keys have no dots.
//     They are of DSP0243's types, with its qualifiers; vSphere has more
//     (vmw:qualifiers), such as Ip, which insists on an address where none may
//     be wanted, and for which it wants a pool in some places. A password
//     never has a default, and nothing has a MinLen unless asked for: an
//     importer that insists on a value leaves nothing to ask on the console.
//   - They travel by VMware's own channel and, for hypervisors without it, on
//     an ISO, which needs a drive to lie in. It is an IDE drive because every
//     importer knows that, and optional.
//   - No controllers, drives or ports that the appliance has no use for.
package ovf
