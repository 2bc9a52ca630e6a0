package ovf

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// OVA is what ReadOVA found.
type OVA struct {
	// Name of the descriptor's file.
	Name       string
	Descriptor Descriptor
	// XML is the descriptor as it is.
	XML []byte
	// Manifest is nil when the package has none; otherwise every file was
	// compared with it.
	Manifest Manifest
	// Files are all files in the order of the archive.
	Files []File
}

// File is one file of an OVA.
type File struct {
	Name string
	Size int64
}

// ReadOVA reads a package as a stream. It calls visit, when not nil, with each
// file besides descriptor and manifest; what visit does not read is skipped.
// The digests and sizes are compared behind that: only when ReadOVA returns
// without an error was what visit read genuine.
//
// It refuses archives with anything but plain files in their root, two files
// of a name, files that the descriptor names and are not there, and a
// descriptor that is not the first file, as the specification has it and
// importers demand.
func ReadOVA(r io.Reader, visit func(f File, content io.Reader) error) (*OVA, error) {
	o := &ovaReader{tar: tar.NewReader(r), visit: visit, sums: make(map[string]map[string]string)}
	if err := o.read(); err != nil {
		return nil, fmt.Errorf("cannot read OVA: %w", err)
	}
	return &o.ova, nil
}

type ovaReader struct {
	tar   *tar.Reader
	visit func(File, io.Reader) error
	ova   OVA
	// sums are the digests of the files: name, algorithm, hex.
	sums map[string]map[string]string
}

func (o *ovaReader) read() error {
	for {
		h, err := o.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("not a whole tar archive: %w", err)
		}
		if err := o.file(h); err != nil {
			return err
		}
	}
	if len(o.ova.Files) == 0 {
		return errors.New("it is empty")
	}
	if err := o.checkSizes(); err != nil {
		return err
	}
	return o.checkDigests()
}

func (o *ovaReader) file(h *tar.Header) error {
	f := File{Name: h.Name, Size: h.Size}
	if err := checkFileName(f.Name); err != nil {
		return err
	}
	// A few bytes of a sparse file can stand for exabytes.
	sparse := func(key string) bool { return strings.HasPrefix(key, "GNU.sparse.") }
	if h.Typeflag != tar.TypeReg || slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), sparse) {
		return fmt.Errorf("%s is not a plain file", f.Name)
	}
	if o.sums[f.Name] != nil {
		return fmt.Errorf("%s is there twice", f.Name)
	}
	if len(o.ova.Files) == maxFiles {
		return errors.New("too many files")
	}
	first := len(o.ova.Files) == 0
	if first != isDescriptor(f.Name) {
		return fmt.Errorf("%s: want one descriptor (.ovf), and it first", f.Name)
	}
	o.ova.Files = append(o.ova.Files, f)

	// Which algorithms the manifest uses is not known when it comes last.
	hashes := map[string]hash.Hash{}
	var writers []io.Writer
	for _, name := range []string{"SHA256", "SHA1", "SHA512"} {
		if d, ok := o.ova.Manifest.find(f.Name); o.ova.Manifest != nil && (!ok || d.Algorithm != name) {
			continue
		}
		hashes[name] = Digest{Algorithm: name}.hash()
		writers = append(writers, hashes[name])
	}
	content := io.TeeReader(o.tar, io.MultiWriter(writers...))
	if err := o.content(f, content); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return fmt.Errorf("cannot read %s: %w", f.Name, err)
	}
	o.sums[f.Name] = make(map[string]string)
	for name, h := range hashes {
		o.sums[f.Name][name] = hex.EncodeToString(h.Sum(nil))
	}
	return nil
}

func (o *ovaReader) content(f File, r io.Reader) (err error) {
	lower := strings.ToLower(f.Name)
	switch {
	case isDescriptor(f.Name):
		if o.ova.XML, err = readBounded(r, f, maxDescriptor); err != nil {
			return err
		}
		o.ova.Name = f.Name
		o.ova.Descriptor, err = ParseDescriptor(o.ova.XML)
		return err
	case strings.HasSuffix(lower, ".mf"):
		b, err := readBounded(r, f, maxManifest)
		if err != nil {
			return err
		}
		if o.ova.Manifest != nil {
			return errors.New("two manifests")
		}
		if o.ova.Manifest, err = ReadManifest(b); err != nil {
			return err
		}
		if o.ova.Manifest == nil {
			o.ova.Manifest = Manifest{} // there, and empty
		}
		return nil
	case o.visit != nil:
		return o.visit(f, r)
	}
	return nil
}

func readBounded(r io.Reader, f File, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", f.Name, f.Size, limit)
	}
	var b bytes.Buffer // grows with what is really there
	if _, err := io.Copy(&b, r); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", f.Name, err)
	}
	return b.Bytes(), nil
}

// checkSizes compares the files with what the descriptor says of them.
func (o *ovaReader) checkSizes() error {
	for _, d := range o.ova.Descriptor.Disks {
		if d.File == "" {
			continue
		}
		found := false
		for _, f := range o.ova.Files {
			if f.Name != d.File {
				continue
			}
			found = true
			if d.FileSize != 0 && f.Size != d.FileSize { // others may leave it out
				return fmt.Errorf("%s has %d bytes, the descriptor says %d", f.Name, f.Size, d.FileSize)
			}
		}
		if !found {
			return fmt.Errorf("%s is missing", d.File)
		}
	}
	return nil
}

// checkDigests compares every file but the manifest and a certificate.
func (o *ovaReader) checkDigests() error {
	if o.ova.Manifest == nil {
		return nil
	}
	for _, d := range o.ova.Manifest {
		if o.sums[d.Name] == nil {
			return fmt.Errorf("%s is in the manifest and missing", d.Name)
		}
	}
	for _, f := range o.ova.Files {
		lower := strings.ToLower(f.Name)
		if strings.HasSuffix(lower, ".mf") || strings.HasSuffix(lower, ".cert") {
			continue
		}
		d, ok := o.ova.Manifest.find(f.Name)
		if !ok {
			return fmt.Errorf("%s is not in the manifest", f.Name)
		}
		if o.sums[f.Name][d.Algorithm] != d.Hex {
			return fmt.Errorf("%s is damaged: its %s digest is not the manifest's", f.Name, d.Algorithm)
		}
	}
	return nil
}
