// Package vmdk writes and reads virtual disks in VMware's sparse format, by
// the Virtual Disk Format 5.0 specification.
//
// Words: the disk is divided into grains of 64 KiB; a grain table (GT) names
// the place of 512 of them (32 MiB of disk), the grain directory (GD) the
// place of each table. In the streamOptimized variant, the one that an OVA
// holds, each grain is compressed and follows a header with its place on the
// disk, and tables and directory come behind what they point to, each after a
// marker: so it can be written, and imported, as a stream.
//
// [Write] writes streamOptimized disks as VMware's own exports look: what it
// leaves out is what has made importers refuse other writers' disks. The
// header has version 3 (ESXi refuses 1: "sparse VMDK version too old") and
// says that the directory is at the end, where a footer repeats it with the
// real place. Grains of zeros are left out, tables of nothing too. The file
// is a whole number of sectors and ends with the end-of-stream marker:
// ovftool stops there, so that any byte behind it makes the manifest's digest
// wrong in its eyes.
//
// [Open] also reads monolithicSparse disks, compressed or not. Not supported:
// disks of several files, flat ones, and deltas on a parent.
package vmdk
