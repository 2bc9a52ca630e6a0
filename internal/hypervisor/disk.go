package hypervisor

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Disk is a disk image, or one inside a larger file. It is only ever read.
type Disk struct {
	Path   string
	Format Format
	// Offset and Length delimit the image in its file, in bytes; Length 0
	// means to the end.
	Offset, Length int64
}

// Format is how a disk image is written.
type Format string

// The formats that drivers can boot from.
const (
	Raw   Format = "raw"
	QCOW2 Format = "qcow2"
	VMDK  Format = "vmdk"
)

// OpenDisk finds out what disk image the file holds, by its content: a raw
// image, a qcow2, a VMDK, or an OVA, of which it takes the first VMDK, in place.
func OpenDisk(path string) (Disk, error) {
	d, err := openDisk(path)
	if err != nil {
		return Disk{}, fmt.Errorf("cannot use %s as a disk: %w", path, err)
	}
	return d, nil
}

func openDisk(path string) (Disk, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Disk{}, err
	}
	f, err := os.Open(abs)
	if err != nil {
		return Disk{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Disk{}, err
	}
	if !info.Mode().IsRegular() && info.Mode()&os.ModeDevice == 0 {
		return Disk{}, errors.New("not a file")
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return Disk{}, err
	}
	head = head[:n]
	switch {
	case n == 0:
		return Disk{}, errors.New("it is empty")
	case strings.HasPrefix(string(head), "QFI\xfb"): // qcow2: the magic of docs/interop/qcow2.txt
		return Disk{Path: abs, Format: QCOW2}, nil
	case strings.HasPrefix(string(head), "KDMV"): // hosted sparse extent, Virtual Disk Format 1.1
		return Disk{Path: abs, Format: VMDK}, nil
	case n == 512 && strings.HasPrefix(string(head[257:]), "ustar"): // POSIX.1-1988 tar header
		return diskInTar(f, abs)
	case n < 512:
		return Disk{}, errors.New("it is shorter than a sector")
	}
	return Disk{Path: abs, Format: Raw}, nil
}

// diskInTar finds the first VMDK of an OVA.
func diskInTar(f *os.File, path string) (Disk, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Disk{}, err
	}
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return Disk{}, errors.New("the archive holds no .vmdk file")
		}
		if err != nil {
			return Disk{}, err
		}
		if h.Typeflag != tar.TypeReg || !strings.HasSuffix(strings.ToLower(h.Name), ".vmdk") {
			continue
		}
		// tar.Reader reads no further than the header, so the file stands at
		// the first byte of the content.
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return Disk{}, err
		}
		return Disk{Path: path, Format: VMDK, Offset: at, Length: h.Size}, nil
	}
}
