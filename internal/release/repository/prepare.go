package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/ingotvm/ingot/internal/markdown"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/delta"
	"github.com/ingotvm/ingot/internal/release/x86"
)

// SBOM is the file beside the manifest with the list of what is inside.
const SBOM = "sbom.spdx.json"

// smallest is from which length on blocks of a file are worth an index, in bytes.
const smallest = 1 << 20

// notesHTML makes release notes ready to be shown: appliances show them as they
// come.
func notesHTML(notes map[string]string) (map[string]string, error) {
	html := map[string]string{}
	for language, text := range notes {
		var err error
		if html[language], err = markdown.HTML([]byte(text)); err != nil {
			return nil, fmt.Errorf("cannot show the release notes in %q: %w", language, err)
		}
	}
	return html, nil
}

// prepare reads the files of a release and works out their contents.
func prepare(ctx context.Context, o AddOptions) (_ *prepared, err error) {
	data, err := os.ReadFile(filepath.Join(o.Dir, "manifest.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot release %s: it has no manifest.json: %w", o.Dir, err)
	}
	r := &release.Release{
		Format: 1, Notes: o.Notes, Advisories: o.Advisories, Security: o.Security, Floor: o.Floor, Minimum: o.Minimum,
	}
	if err := json.Unmarshal(data, &r.Manifest); err != nil {
		return nil, fmt.Errorf("cannot release %s: manifest.json: %w", o.Dir, err)
	}
	if r.NotesHTML, err = notesHTML(o.Notes); err != nil {
		return nil, err
	}
	r.Product = r.Manifest.Product()
	p := &prepared{release: r}
	if p.temp, err = os.MkdirTemp("", "ingot-release-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(p.temp)
		}
	}()
	if err := p.plain("manifest.json", filepath.Join(o.Dir, "manifest.json")); err != nil {
		return nil, err
	}
	for _, f := range r.Manifest.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path := filepath.Join(o.Dir, f.Name)
		got, err := describe(path)
		if err != nil {
			return nil, fmt.Errorf("cannot release %s: %w", o.Dir, err)
		}
		if got != (release.Blob{Size: f.Size, SHA256: f.SHA256}) {
			return nil, fmt.Errorf("cannot release %s: %s is not what manifest.json says: build it again", o.Dir, f.Name)
		}
		o.Progress("reading " + f.Name)
		if err := p.file(ctx, f.Name, path); err != nil {
			return nil, fmt.Errorf("cannot release %s: %s: %w", o.Dir, f.Name, err)
		}
	}
	return p, p.sbom(filepath.Join(o.Dir, SBOM))
}

func (p *prepared) sbom(path string) error {
	b, err := describe(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	p.release.SBOM = &b
	p.blobs = append(p.blobs, blobFile{b, path})
	return nil
}

// file adds the payload that a shipped file makes.
func (p *prepared) file(ctx context.Context, name, path string) error {
	image, ok := strings.CutSuffix(name, ".erofs.zst")
	if !ok {
		return p.plain(name, path)
	}
	for _, i := range p.release.Manifest.Images {
		if i.Name == image {
			return p.image(ctx, i, path)
		}
	}
	return errors.New("it is an image that manifest.json does not describe")
}

// plain adds a file that is shipped as it is.
func (p *prepared) plain(name, path string) error {
	b, err := describe(path)
	if err != nil {
		return err
	}
	if err := os.Symlink(absolute(path), p.content(name)); err != nil {
		return err
	}
	payload := release.Payload{Name: name, Size: b.Size, SHA256: b.SHA256, Whole: b}
	p.blobs = append(p.blobs, blobFile{b, path})
	p.release.Payloads = append(p.release.Payloads, payload)
	return nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// image adds an image: what is shipped, and the blocks of its content.
func (p *prepared) image(ctx context.Context, image release.Image, path string) error {
	name := image.Name + ".erofs"
	encoding := release.EncodingZstd
	if image.Filter == release.FilterX86 {
		encoding = release.EncodingZstdX86
	}
	if err := expand(path, p.content(name), encoding, image.Size); err != nil {
		return err
	}
	content, err := describe(p.content(name))
	if err != nil {
		return err
	}
	whole, err := describe(path)
	if err != nil {
		return err
	}
	payload := release.Payload{Name: name, Size: content.Size, SHA256: content.SHA256, Whole: whole, Encoding: encoding}
	p.blobs = append(p.blobs, blobFile{whole, path})
	if content.Size >= smallest {
		if err := p.index(ctx, &payload); err != nil {
			return err
		}
	}
	p.release.Payloads = append(p.release.Payloads, payload)
	return nil
}

// index makes the block index of a payload and the file that ranges are read of.
func (p *prepared) index(ctx context.Context, payload *release.Payload) error {
	content, err := os.Open(p.content(payload.Name))
	if err != nil {
		return err
	}
	defer content.Close()
	paths := [2]string{p.content(payload.Name + ".index"), p.content(payload.Name + ".blocks")}
	var out [2]*os.File
	for i, path := range paths {
		if out[i], err = os.Create(path); err != nil {
			return err
		}
		defer out[i].Close()
	}
	if err := delta.WriteBlocks(ctx, out[0], out[1], content, payload.Size); err != nil {
		return err
	}
	for i, into := range []**release.Blob{&payload.Index, &payload.Blocks} {
		b, err := describe(paths[i])
		if err != nil {
			return err
		}
		*into = &b
		p.blobs = append(p.blobs, blobFile{b, paths[i]})
	}
	return nil
}

// expand undoes what an image was shipped in.
func expand(from, to, encoding string, size int64) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	frames, err := zstd.NewReader(in)
	if err != nil {
		return err
	}
	defer frames.Close()
	var content io.Reader = frames
	if encoding == release.EncodingZstdX86 {
		content = x86.Decode(frames)
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	n, err := io.Copy(out, io.LimitReader(content, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("it does not expand to the %d bytes of its image", size)
	}
	return err
}

// patches makes patches from the contents of earlier versions, which are
// expanded from the repository's own files.
func (r *Repository) patches(ctx context.Context, s *state, o AddOptions, p *prepared) error {
	for _, version := range r.earlier(s, p.release, o.Patches) {
		var old release.Release
		if _, err := r.document(s, release.ReleaseTarget(p.release.Product, version), &old); err != nil {
			return err
		}
		for i := range p.release.Payloads {
			if err := r.patch(ctx, o, p, &p.release.Payloads[i], &old); err != nil {
				return fmt.Errorf("cannot make a patch from version %s: %w", version, err)
			}
		}
	}
	return nil
}

// patch makes one, if it is worth it: content that is the same needs none, and
// two versions with the same content need one.
func (r *Repository) patch(ctx context.Context, o AddOptions, p *prepared, to *release.Payload, old *release.Release) error {
	from := payloadOf(old, to.Name)
	if from == nil || from.SHA256 == to.SHA256 || to.Name == "manifest.json" {
		return nil
	}
	for _, have := range to.Patches {
		if have.From == from.SHA256 {
			return nil
		}
	}
	o.Progress(fmt.Sprintf("making a patch of %s from version %s", to.Name, old.Manifest.Version))
	base := p.content(to.Name + ".from." + from.SHA256)
	whole := filepath.Join(r.Dir, filepath.FromSlash(from.Whole.File()))
	if have, err := describe(whole); err != nil {
		return err
	} else if have != from.Whole {
		return fmt.Errorf("%s in the repository is damaged: release that version again", from.Whole.File())
	}
	if from.Encoding == release.EncodingNone {
		base = whole
	} else if err := expand(whole, base, from.Encoding, from.Size); err != nil {
		return err
	} else {
		defer os.Remove(base)
	}
	path := p.content(to.Name + ".patch." + from.SHA256)
	if err := encode(ctx, path, base, from.Size, p.content(to.Name), to.Size); err != nil {
		return err
	}
	b, err := describe(path)
	if err != nil {
		return err
	}
	if b.Size >= to.Whole.Size {
		return os.Remove(path)
	}
	to.Patches = append(to.Patches, release.Patch{Blob: b, From: from.SHA256, Version: old.Manifest.Version})
	p.blobs = append(p.blobs, blobFile{b, path})
	return nil
}

func encode(ctx context.Context, path, old string, oldSize int64, next string, size int64) (err error) {
	a, err := os.Open(old)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(next)
	if err != nil {
		return err
	}
	defer b.Close()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	_, err = delta.Encode(ctx, out, a, oldSize, b, size)
	return err
}

func payloadOf(r *release.Release, name string) *release.Payload {
	for i := range r.Payloads {
		if r.Payloads[i].Name == name {
			return &r.Payloads[i]
		}
	}
	return nil
}
