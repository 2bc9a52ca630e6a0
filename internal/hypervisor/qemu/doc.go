// Package qemu runs each machine as one QEMU process of the calling user, on
// this host.
//
// Glossary:
//
//   - accelerator: KVM, or TCG, QEMU's own translation of the guest's code.
//   - QMP: QEMU's control protocol, JSON objects in lines.
//   - overlay: the qcow2 file that holds what a machine wrote to its system disk.
//
// Guarantees: KVM is used only where [Probe] has seen it run a guest, because
// there are hosts where /dev/kvm opens and every guest hangs or dies. Needs no
// root. Ports are forwarded from 127.0.0.1, chosen by the kernel at the moment
// of listening, so that two machines never race for one.
//
// Stop kills the QEMU process: what the guest has not flushed may be lost, as
// in a power cut. A power cut of the host is not survived: the images are
// written without waiting for the host's disk.
//
// It needs the programs qemu-system-x86_64 and qemu-img, and for UEFI the
// package ovmf of Debian or Ubuntu. The OVMF of Debian 12 does not boot
// from pvscsi.
package qemu
