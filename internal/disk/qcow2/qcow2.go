// Package qcow2 writes virtual disks in QEMU's qcow2 format, version 3, by
// docs/interop/qcow2 of QEMU.
//
// The disk is divided into clusters of 64 KiB. Those that hold data follow
// each other in the file in the order of the disk; the L2 table that maps 8192
// of them (512 MiB of disk) comes behind them, the L1 table that names the L2
// tables and the reference counts at the end. Clusters of zeros take no room.
// The header is written last: what was cut short is no qcow2.
//
// Not supported: reading, compression (what fills an Ingot disk is
// compressed), backing files, snapshots, encryption.
package qcow2

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/ingotvm/ingot/internal/disk"
)

const (
	clusterBits = 16 // QEMU's default
	clusterSize = 1 << clusterBits
	l2Entries   = clusterSize / 8
	// refcounts of 16 bits, the default, so many in a block of one cluster.
	refcountOrder   = 4
	refcountEntries = clusterSize / 2
	// copied marks a cluster that has one reference and may be written in place.
	copied = 1 << 63
	// maxSize bounds the L1 table to QEMU's limit of 32 MiB.
	maxSize = 32 << 20 / 8 * l2Entries * clusterSize
	// headerSize of version 3 without later additions.
	headerSize = 104
)

// Write writes the image to w, a new file: what it does not write must read as
// zeros. It returns the length of the file. The same image gives the same bytes.
func Write(ctx context.Context, w io.WriterAt, img disk.Image, opts disk.Options) (int64, error) {
	f := &file{w: w, next: 1}
	if err := f.write(ctx, img, opts); err != nil {
		return 0, fmt.Errorf("cannot write qcow2: %w", err)
	}
	return f.next * clusterSize, nil
}

// file is a qcow2 being written.
type file struct {
	w    io.WriterAt
	next int64 // the first cluster not yet used; the header has cluster 0
	l1   []uint64
	l2   []uint64 // the table being filled; nil before the first cluster
	l2Nr int64    // its place in l1
}

func (f *file) write(ctx context.Context, img disk.Image, opts disk.Options) error {
	size := img.Size()
	if size <= 0 || size%512 != 0 || size > maxSize {
		return fmt.Errorf("a disk of %d bytes: want a multiple of 512", size)
	}
	f.l1 = make([]uint64, (size+l2Entries*clusterSize-1)/(l2Entries*clusterSize))
	if err := f.data(ctx, img, opts); err != nil {
		return err
	}
	l1At := f.next
	if err := f.put(encode64(f.l1)); err != nil {
		return err
	}
	return f.finish(size, l1At)
}

// data writes the clusters that hold any, and the L2 tables.
func (f *file) data(ctx context.Context, img disk.Image, opts disk.Options) error {
	buf := make([]byte, clusterSize)
	for e, err := range disk.Blocks(img, clusterSize) {
		if err != nil {
			return err
		}
		for off := e.Offset; off < e.End(); off += clusterSize {
			if err := ctx.Err(); err != nil {
				return err
			}
			p := buf[:min(clusterSize, e.End()-off)] // the last may be cut
			if _, err := io.ReadFull(io.NewSectionReader(img, off, int64(len(p))), p); err != nil {
				return fmt.Errorf("cannot read the disk at offset %d: %w", off, err)
			}
			if disk.IsZero(p) {
				continue
			}
			if err := f.cluster(off/clusterSize, p); err != nil {
				return err
			}
			if opts.Progress != nil {
				opts.Progress(off+int64(len(p)), img.Size())
			}
		}
	}
	if opts.Progress != nil {
		opts.Progress(img.Size(), img.Size())
	}
	return f.endL2()
}

// cluster writes one cluster of the disk; they come in ascending order.
func (f *file) cluster(nr int64, p []byte) error {
	if f.l2 == nil || nr/l2Entries != f.l2Nr {
		if err := f.endL2(); err != nil {
			return err
		}
		f.l2, f.l2Nr = make([]uint64, l2Entries), nr/l2Entries
	}
	f.l2[nr%l2Entries] = uint64(f.next)*clusterSize | copied
	return f.put(p)
}

func (f *file) endL2() error {
	if f.l2 == nil {
		return nil
	}
	f.l1[f.l2Nr] = uint64(f.next)*clusterSize | copied
	err := f.put(encode64(f.l2))
	f.l2 = nil
	return err
}

// put writes p at the next clusters.
func (f *file) put(p []byte) error {
	_, err := f.w.WriteAt(p, f.next*clusterSize)
	f.next += (int64(len(p)) + clusterSize - 1) / clusterSize
	return err
}

// finish writes the reference counts, which count themselves, and the header.
func (f *file) finish(size, l1At int64) error {
	table, blocks := refcountClusters(f.next)
	tableAt := f.next
	f.next += table + blocks

	entries := make([]uint64, blocks)
	for i := range entries {
		entries[i] = uint64(tableAt+table+int64(i)) * clusterSize
	}
	// Whole clusters, as the file must have its full length.
	b := make([]byte, (table+blocks)*clusterSize)
	copy(b, encode64(entries))
	for i := range f.next { // every cluster of the file is in use, once
		binary.BigEndian.PutUint16(b[table*clusterSize+2*i:], 1)
	}
	if _, err := f.w.WriteAt(b, tableAt*clusterSize); err != nil {
		return err
	}
	_, err := f.w.WriteAt(header(size, l1At, int64(len(f.l1)), tableAt, table), 0)
	return err
}

// refcountClusters is how many clusters the reference counts of a file need
// that has so many others: the table and its blocks.
func refcountClusters(others int64) (table, blocks int64) {
	for {
		total := others + table + blocks
		b := (total + refcountEntries - 1) / refcountEntries
		t := (b*8 + clusterSize - 1) / clusterSize
		if b == blocks && t == table {
			return table, blocks
		}
		table, blocks = t, b
	}
}

func header(size, l1At, l1Entries, refcountAt, refcountClusters int64) []byte {
	b := make([]byte, headerSize+8) // 8 zeros: the end of header extensions
	be := binary.BigEndian
	copy(b, "QFI\xfb")
	be.PutUint32(b[4:], 3)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(size))
	be.PutUint32(b[36:], uint32(l1Entries))
	be.PutUint64(b[40:], uint64(l1At)*clusterSize)
	be.PutUint64(b[48:], uint64(refcountAt)*clusterSize)
	be.PutUint32(b[56:], uint32(refcountClusters))
	be.PutUint32(b[96:], refcountOrder)
	be.PutUint32(b[100:], headerSize)
	return b
}

func encode64(list []uint64) []byte {
	b := make([]byte, len(list)*8)
	for i, v := range list {
		binary.BigEndian.PutUint64(b[8*i:], v)
	}
	return b
}
