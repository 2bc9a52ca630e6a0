package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
)

// ErrWrong says that a document of a repository is not as it must be. Whoever
// signed it made a mistake, or is of another version.
var ErrWrong = errors.New("the repository holds what this version cannot take")

const (
	maxSize    = 1 << 40 // bytes of a file: far above any
	maxEntries = 10000   // of any list
	maxNotes   = 256 << 10
	maxText    = 500 // bytes of one line of text
)

var (
	productForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}(~[a-z][a-z0-9-]{0,62})?/[a-z0-9]{1,16}$`)
	channelForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	hashForm    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// IsChannel says whether a name can be a channel's.
func IsChannel(name string) bool { return channelForm.MatchString(name) }

// IsProduct says whether a text can be [Manifest.Product].
func IsProduct(product string) bool { return productForm.MatchString(product) }

// ParseChannel reads the channel of a product. The error wraps [ErrWrong].
func ParseChannel(data []byte, product, name string) (*Channel, error) {
	var c Channel
	err := decode(data, MaxChannel, &c)
	if err == nil {
		err = c.check(product, name)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: channel %s of %s: %w", ErrWrong, name, product, err)
	}
	return &c, nil
}

// ParseRelease reads the release of a version of a product. The error wraps
// [ErrWrong].
func ParseRelease(data []byte, product, version string) (*Release, error) {
	var r Release
	err := decode(data, MaxRelease, &r)
	if err == nil {
		err = r.check(product, version)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: version %s of %s: %w", ErrWrong, version, product, err)
	}
	return &r, nil
}

// decode passes over what it does not know: later versions may say more.
func decode(data []byte, limit int, into any) error {
	if len(data) > limit {
		return fmt.Errorf("it is longer than %d bytes", limit)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows its end")
	}
	return nil
}

func (c *Channel) check(product, name string) error {
	switch {
	case c.Format != 1:
		return fmt.Errorf("its format is %d, and this program knows 1", c.Format)
	case c.Product != product || !IsProduct(product):
		return fmt.Errorf("it is for %q", c.Product)
	case c.Name != name || !IsChannel(name):
		return fmt.Errorf("it is called %q", c.Name)
	case len(c.Releases) > maxEntries:
		return fmt.Errorf("it lists %d versions", len(c.Releases))
	}
	for i, e := range c.Releases {
		if err := e.check(); err != nil {
			return fmt.Errorf("version %q: %w", e.Version, err)
		}
		if i > 0 && appliance.CompareVersions(c.Releases[i-1].Version, e.Version) >= 0 {
			return fmt.Errorf("version %s is not above the one before it", e.Version)
		}
	}
	return nil
}

func (e Entry) check() error {
	if !appliance.IsVersion(e.Version) || e.Minimum != "" && !appliance.IsVersion(e.Minimum) {
		return errors.New("it is no version, or the one it can be installed over is none")
	}
	if e.Yanked != nil && len(e.Yanked.Reason) > maxText {
		return errors.New("its reason is too long")
	}
	return CheckWaves(e.Waves)
}

// CheckWaves says what is wrong with waves: both columns must grow.
func CheckWaves(waves []Wave) error {
	if len(waves) > 100 {
		return fmt.Errorf("there are %d waves", len(waves))
	}
	last := Wave{After: -1}
	for _, w := range waves {
		if w.After <= last.After || w.Percent < last.Percent || w.Percent > 100 {
			return errors.New("its waves do not grow, or go above 100 percent")
		}
		last = w
	}
	return nil
}

func (r *Release) check(product, version string) error {
	m := r.Manifest
	switch {
	case r.Format != 1 || m.Format != 1:
		return fmt.Errorf("its format is %d, its manifest's %d, and this program knows 1", r.Format, m.Format)
	case r.Product != product || m.Product() != product || !IsProduct(product):
		return fmt.Errorf("it is for %q", r.Product)
	case m.Version != version || !appliance.IsVersion(version):
		return fmt.Errorf("it is version %q", m.Version)
	case r.Minimum != "" && !appliance.IsVersion(r.Minimum):
		return errors.New("the version it can be installed over is none")
	case len(r.Advisories) > maxEntries || len(r.Payloads) > maxEntries:
		return errors.New("its lists are too long")
	}
	notes := 0
	for _, texts := range []map[string]string{r.Notes, r.NotesHTML} {
		for _, text := range texts {
			notes += len(text)
		}
	}
	if notes > maxNotes {
		return fmt.Errorf("its notes have %d bytes", notes)
	}
	for _, a := range r.Advisories {
		if a.ID == "" || len(a.ID)+len(a.Severity)+len(a.Title) > maxText {
			return errors.New("an advisory has no ID, or is too long")
		}
	}
	if r.SBOM != nil {
		if err := r.SBOM.check(); err != nil {
			return fmt.Errorf("list of what is inside: %w", err)
		}
	}
	return r.checkPayloads()
}

// checkPayloads makes sure that the payloads are exactly what a slot needs.
func (r *Release) checkPayloads() error {
	want := map[string]int64{"manifest.json": -1, "vmlinuz": -1, "initrd": -1}
	for _, image := range r.Manifest.Images {
		if !isFileName(image.Name) || image.Size <= 0 || image.Size%4096 != 0 || !hashForm.MatchString(image.Verity.Root) {
			return fmt.Errorf("image %q cannot be", image.Name)
		}
		want[image.Name+".erofs"] = image.Size
	}
	if len(r.Manifest.Images) == 0 || r.Manifest.Images[0].Kind != ImageOS {
		return errors.New("its first image is no operating system")
	}
	if len(want) != len(r.Manifest.Images)+3 {
		return errors.New("two of its files have one name")
	}
	for _, p := range r.Payloads {
		size, ok := want[p.Name]
		if !ok {
			return fmt.Errorf("%q has no place in it, or is there twice", p.Name)
		}
		if size >= 0 && p.Size != size {
			return fmt.Errorf("%s has %d bytes and its image %d", p.Name, p.Size, size)
		}
		delete(want, p.Name)
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	for name := range want {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}

func (p Payload) check() error {
	content := Blob{Size: p.Size, SHA256: p.SHA256}
	blobs := []Blob{content, p.Whole}
	for _, b := range []*Blob{p.Index, p.Blocks} {
		if b != nil {
			blobs = append(blobs, *b)
		}
	}
	for _, patch := range p.Patches {
		blobs = append(blobs, patch.Blob)
		if !hashForm.MatchString(patch.From) || !appliance.IsVersion(patch.Version) {
			return errors.New("a patch does not say what it is for")
		}
	}
	for _, b := range blobs {
		if err := b.check(); err != nil {
			return err
		}
	}
	switch {
	case len(p.Patches) > maxEntries:
		return errors.New("it has too many patches")
	case (p.Index == nil) != (p.Blocks == nil):
		return errors.New("it has an index or blocks, but not both")
	case p.Index != nil && p.Index.Size > MaxIndex:
		return errors.New("its index is too long")
	case !slices.Contains([]string{EncodingNone, EncodingZstd, EncodingZstdX86}, p.Encoding):
		return fmt.Errorf("its encoding %q is not known", p.Encoding)
	case p.Encoding == EncodingNone && p.Whole != content:
		return errors.New("the whole is not its content")
	}
	return nil
}

func (b Blob) check() error {
	if b.Size < 0 || b.Size > maxSize || !hashForm.MatchString(b.SHA256) {
		return fmt.Errorf("a file of %d bytes with the hash %q cannot be", b.Size, b.SHA256)
	}
	return nil
}

// isFileName says that a name is that of a file in a folder, and of nothing
// that hides.
func isFileName(name string) bool {
	return name != "" && len(name) < 100 && name[0] != '.' && filepath.Base(name) == name && filepath.IsLocal(name) &&
		!strings.ContainsAny(name, "\\:\x00\n")
}
