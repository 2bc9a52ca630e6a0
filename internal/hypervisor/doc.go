// Package hypervisor makes, runs and removes virtual machines.
//
// Glossary:
//
//   - driver: one kind of hypervisor (package qemu; later libvirt, vSphere).
//   - machine: one virtual machine that a driver made of a [Spec]. It can be
//     started, end and be started again; its disks keep what was written.
//   - run: the time from a start of the machine to its end. A reset or a reboot
//     inside the guest does not end a run.
//   - artifact: the disk image that a machine is made of. No driver ever writes
//     to it: writes go to the machine's own overlay.
//   - forward: a port of the guest that can be reached on this host.
//   - channel: the virtio-serial port [ChannelName], the line to the agent of
//     whoever holds the hypervisor's end.
//
// Guarantees: every driver passes hypervisortest.Run; ports are forwarded
// from loopback addresses only; after Remove nothing of a machine is left.
//
// It knows nothing of what is inside a guest.
package hypervisor
