// Package disk models virtual disks: sparse images, their composition, and
// the GUID partition table.
//
// Words:
//
//   - An [Image] is a disk or partition that can be read: a size, bytes, and
//     the extents outside of which every byte is zero. [Sparse] reads a file
//     (holes found by SEEK_DATA, or by looking for zero blocks), [Buffer] is
//     writable memory, [Zero] holds nothing, [Compose] lays images side by
//     side into a larger one without copying.
//   - A [GPT] is a partition table as data. [GPT.Parts] renders it for
//     Compose, [WriteGPT] writes it to a disk, [ReadGPT] reads it back,
//     [GPT.Grown] and [GPT.Append] use the space of a disk that has grown.
//   - [WriteRaw] copies an image, leaving holes where it has none of the bytes.
//
// A disk is made so:
//
//	table, err := gpt.Parts(size)
//	img, err := disk.Compose(size, append(table,
//		disk.Part{Offset: 1 << 20, Image: boot},
//		disk.Part{Offset: 2 << 20, Image: esp},
//	)...)
//	n, err := vmdk.Write(ctx, out, img, vmdk.Options{})
//
// The file formats are sub-packages: fat, qcow2, vmdk.
//
// Guarantees: the same input gives the same bytes; nothing here opens a path,
// takes the time or draws a random number; what is read from a disk is
// bounded and checked before it is used; a table is rewritten in an order that
// leaves one valid copy at any moment.
//
// The package depends on the standard library alone, because ingot-init links
// it into every initrd: go-diskfs would bring its file systems and
// compressors with it.
//
// Not supported: MBR partitions besides the protective one, and hybrid MBRs.
package disk
