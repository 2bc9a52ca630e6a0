package ovf

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Package is what an OVA is made of.
type Package struct {
	// Descriptor of the machine; Name.ovf and Name.mf are called after it.
	Descriptor Descriptor
	// Disks are the files that the descriptor names, in its order.
	Disks []DiskFile
	// Time of the files in the archive, to the second; 1970 when zero.
	Time time.Time
}

// DiskFile is a finished disk.
type DiskFile struct {
	Name string
	Size int64
	// SHA256 of the content. WriteOVA needs it before the content, as the
	// manifest comes first: whoever wrote the disk can take it on the way.
	SHA256 [sha256.Size]byte
	// Open is called once.
	Open func() (io.ReadCloser, error)
}

const (
	// maxUSTAR is the largest file that a ustar header can tell of: 11 octal
	// digits. Above it the GNU form of the field is used, that GNU tar and
	// VMware's products read.
	maxUSTAR = 8<<30 - 1
	// Limits of what is read of an OVA into memory. vCloud Director's limit for a
	// descriptor is 12 MiB.
	maxDescriptor = 12 << 20
	maxFiles      = 256
)

// WriteOVA writes the package as a tar: descriptor, manifest, disks. It fails
// when a disk's bytes are not what the descriptor and its digest say.
func WriteOVA(ctx context.Context, w io.Writer, p Package) error {
	if err := writeOVA(ctx, w, p); err != nil {
		return fmt.Errorf("cannot write OVA: %w", err)
	}
	return nil
}

func writeOVA(ctx context.Context, w io.Writer, p Package) error {
	descriptor, err := p.Descriptor.Marshal()
	if err != nil {
		return err
	}
	if err := p.checkDisks(); err != nil {
		return err
	}
	sum := sha256.Sum256(descriptor)
	name := p.Descriptor.Name + ".ovf"
	m := Manifest{{Name: name, Algorithm: "SHA256", Hex: hex.EncodeToString(sum[:])}}
	for _, d := range p.Disks {
		m = append(m, Digest{Name: d.Name, Algorithm: "SHA256", Hex: hex.EncodeToString(d.SHA256[:])})
	}
	manifest, err := m.Marshal()
	if err != nil {
		return err
	}
	t := &archive{ctx: ctx, tar: tar.NewWriter(w), time: p.Time}
	if err := t.add(name, int64(len(descriptor)), bytes.NewReader(descriptor)); err != nil {
		return err
	}
	if err := t.add(p.Descriptor.Name+".mf", int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return err
	}
	for _, d := range p.Disks {
		if err := t.addDisk(d); err != nil {
			return err
		}
	}
	return t.tar.Close()
}

// checkDisks compares the files with what the descriptor says of them.
func (p Package) checkDisks() error {
	var named []Disk
	for _, d := range p.Descriptor.Disks {
		if d.File != "" {
			named = append(named, d)
		}
	}
	if len(named) != len(p.Disks) {
		return fmt.Errorf("the descriptor names %d files, there are %d", len(named), len(p.Disks))
	}
	for i, d := range p.Disks {
		if d.Name != named[i].File || d.Size != named[i].FileSize {
			return fmt.Errorf("the descriptor names %s with %d bytes, there is %s with %d",
				named[i].File, named[i].FileSize, d.Name, d.Size)
		}
		if base := p.Descriptor.Name; d.Name == base+".ovf" || d.Name == base+".mf" {
			return fmt.Errorf("a disk cannot be called %s", d.Name)
		}
	}
	return nil
}

// archive is a tar being written.
type archive struct {
	ctx  context.Context // of the one call that the archive lives in
	tar  *tar.Writer
	time time.Time
}

func (t *archive) addDisk(d DiskFile) error {
	f, err := d.Open()
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", d.Name, err)
	}
	defer f.Close()
	h := sha256.New()
	if err := t.add(d.Name, d.Size, io.TeeReader(f, h)); err != nil {
		return err
	}
	if n, _ := f.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%s has more than its %d bytes", d.Name, d.Size)
	}
	if !bytes.Equal(h.Sum(nil), d.SHA256[:]) {
		return fmt.Errorf("%s has changed: its digest is another", d.Name)
	}
	return nil
}

// add writes one file. Owner, mode and time are the same for all.
func (t *archive) add(name string, size int64, content io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}
	if !t.time.IsZero() {
		h.ModTime = t.time.Truncate(time.Second)
	}
	if size > maxUSTAR {
		h.Format = tar.FormatGNU
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("cannot store %s: %w", name, err)
	}
	n, err := io.CopyN(t.tar, &stopReader{t.ctx, content}, size)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s has %d bytes, not %d", name, n, size)
	}
	if err != nil {
		return fmt.Errorf("cannot store %s: %w", name, err)
	}
	return nil
}

// stopReader ends with its context.
type stopReader struct {
	ctx context.Context
	r   io.Reader
}

func (s *stopReader) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// isDescriptor says whether a file is one by its name.
func isDescriptor(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".ovf") }
