package ovf

import (
	"bufio"
	"bytes"
	"crypto/sha1" // only to check packages that others made
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// Manifest holds the digests of a package's files, in the order of the file.
type Manifest []Digest

// Digest is the digest of one file.
type Digest struct {
	// Name of the file, without folders.
	Name string
	// Algorithm is SHA256, or in packages that others made SHA1 or SHA512.
	Algorithm string
	// Hex is the digest, in lower case.
	Hex string
}

const (
	// maxManifest in bytes is room for thousands of files.
	maxManifest = 1 << 20
	maxEntries  = 10_000
)

// Marshal renders the manifest: one line "SHA256(NAME)= HEX" for each file,
// with that very spacing, for vSphere refuses others.
func (m Manifest) Marshal() ([]byte, error) {
	var b bytes.Buffer
	for _, d := range m {
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("cannot write manifest: %w", err)
		}
		fmt.Fprintf(&b, "%s(%s)= %s\n", d.Algorithm, d.Name, d.Hex)
	}
	return b.Bytes(), nil
}

// ReadManifest reads a .mf file. Of names it takes only plain file names, each
// once; spaces around the name and the sign may be otherwise than ours.
func ReadManifest(data []byte) (Manifest, error) {
	if len(data) > maxManifest {
		return nil, fmt.Errorf("cannot read manifest: it has %d bytes", len(data))
	}
	var m Manifest
	seen := make(map[string]bool)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		d, err := parseDigest(line)
		if err == nil && seen[d.Name] {
			err = fmt.Errorf("%s is there twice", d.Name)
		}
		if err == nil && len(m) == maxEntries {
			err = errors.New("too many files")
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read manifest: line %d: %w", n, err)
		}
		seen[d.Name] = true
		m = append(m, d)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot read manifest: %w", err)
	}
	return m, nil
}

func parseDigest(line string) (Digest, error) {
	// Backwards from the sign, as a name may have anything in it.
	sign := strings.LastIndexByte(line, '=')
	open := strings.IndexByte(line, '(')
	if sign < 0 || open < 0 || open > sign {
		return Digest{}, fmt.Errorf("%.80q is not of the form SHA256(NAME)= HEX", line)
	}
	name, ok := strings.CutSuffix(strings.TrimSpace(line[open+1:sign]), ")")
	if !ok {
		return Digest{}, fmt.Errorf("%.80q is not of the form SHA256(NAME)= HEX", line)
	}
	d := Digest{
		Name:      name,
		Algorithm: strings.ToUpper(strings.TrimSpace(line[:open])),
		Hex:       strings.ToLower(strings.TrimSpace(line[sign+1:])),
	}
	return d, d.check()
}

func (d Digest) check() error {
	if err := checkFileName(d.Name); err != nil {
		return err
	}
	h := d.hash()
	if h == nil {
		return fmt.Errorf("algorithm %.20q is not known", d.Algorithm)
	}
	raw, err := hex.DecodeString(d.Hex)
	if err != nil || len(raw) != h.Size() || d.Hex != strings.ToLower(d.Hex) {
		return fmt.Errorf("%.130q is no %s digest", d.Hex, d.Algorithm)
	}
	return nil
}

// hash makes the algorithm's hash, or nil.
func (d Digest) hash() hash.Hash {
	switch d.Algorithm {
	case "SHA1":
		return sha1.New() // see above
	case "SHA256":
		return sha256.New()
	case "SHA512":
		return sha512.New()
	}
	return nil
}

// find gives the digest of a file.
func (m Manifest) find(name string) (Digest, bool) {
	for _, d := range m {
		if d.Name == name {
			return d, true
		}
	}
	return Digest{}, false
}

// checkFileName refuses what is more than a plain file name.
func checkFileName(name string) error {
	bad := func(r rune) bool { return r < ' ' || r == '/' || r == '\\' || r == 0x7f || r == '\ufffd' }
	if name == "" || name == "." || name == ".." || len(name) > 255 ||
		strings.ContainsFunc(name, bad) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%.80q is no plain file name", name)
	}
	return nil
}
