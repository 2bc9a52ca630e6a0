// Package images turns the images of a slot from what was shipped into what
// is mounted.
//
// Glossary: shipped is NAME.erofs.zst, zstd frames one after the other, of the
// image as its filter leaves it; expanded is NAME.erofs, the image followed by
// its dm-verity hash tree.
//
// Guarantees: NAME.erofs exists only when it is complete, durable and matches
// the root hash; whenever power goes, what is left can be expanded again or is
// expanded already; memory is bounded whatever the file says.
//
// What it does not do: check expanded images again (dm-verity does, block by
// block, when they are read).
package images

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/x86"
	"github.com/ingotvm/ingot/internal/verity"
)

// maxWindow is how far a frame may refer back: 32 MiB is what the encoder's
// best level uses. It bounds the memory, so ship small frames for small
// machines.
const maxWindow = 32 << 20

// State says how an image of a slot is found.
type State int

// The states of an image.
const (
	Missing  State = iota // neither form is there
	Shipped               // to be expanded; remains of an attempt may be there
	Expanded              // ready
	Leftover              // ready, and files to remove beside it
)

// Find says in which state the image is in the slot's folder.
func Find(slot string, image release.Image) (State, error) {
	p := pathsOf(slot, image)
	var have [3]bool
	for i, path := range []string{p.expanded, p.shipped, p.partial} {
		_, err := os.Lstat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Missing, fmt.Errorf("cannot look for image %s: %w", image.Name, err)
		}
		have[i] = err == nil
	}
	switch expanded, shipped, partial := have[0], have[1], have[2]; {
	case expanded && (shipped || partial):
		return Leftover, nil
	case expanded:
		return Expanded, nil
	case shipped:
		return Shipped, nil
	default:
		return Missing, nil
	}
}

// Path is where the expanded image lies.
func Path(slot string, image release.Image) string { return pathsOf(slot, image).expanded }

type paths struct{ expanded, shipped, partial string }

func pathsOf(slot string, image release.Image) paths {
	base := filepath.Join(slot, image.Name+".erofs")
	return paths{expanded: base, shipped: base + ".zst", partial: base + ".tmp"}
}

// Expand makes the image ready: it does what its state asks for, and nothing
// when it is expanded. The error wraps [verity.ErrMismatch] when the shipped
// file holds something else than what it should.
func Expand(slot string, image release.Image) error {
	state, err := Find(slot, image)
	if err != nil {
		return err
	}
	p := pathsOf(slot, image)
	switch state {
	case Missing:
		return fmt.Errorf("cannot find image %s: neither %s nor %s is there", image.Name, p.shipped, filepath.Base(p.expanded))
	case Shipped:
		if err := expand(p, image); err != nil {
			return fmt.Errorf("cannot expand %s: %w", p.shipped, err)
		}
	}
	return removeLeftovers(slot, p)
}

func expand(p paths, image release.Image) (err error) {
	in, err := os.Open(p.shipped)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(p.partial, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		out.Close()
		if err != nil {
			os.Remove(p.partial) // frees the space; what remains is removed by the next attempt
		}
	}()
	total := image.Size + verity.TreeSize(image.Size)
	if err := reserve(out, total); err != nil {
		return fmt.Errorf("no room for %d bytes on the system partition: %w", total, err)
	}
	if err := write(newBehind(out), newAhead(in), image); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if err := os.Rename(p.partial, p.expanded); err != nil {
		return err
	}
	return syncDir(filepath.Dir(p.expanded))
}

// write decompresses to out, and appends the hash tree when its root is right.
func write(out io.Writer, in *ahead, image release.Image) error {
	salt, err := hex.DecodeString(image.Verity.Salt)
	if err != nil {
		return fmt.Errorf("cannot read the salt: %w", err)
	}
	frames, err := zstd.NewReader(in,
		zstd.WithDecoderConcurrency(2), // one reads and decodes while the other puts together
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer frames.Close()
	var content io.Reader = decoded{frames, in}
	switch image.Filter {
	case "":
	case release.FilterX86:
		content = x86.Decode(content)
	default:
		return fmt.Errorf("the image is encoded in a way that is not known: %q", image.Filter)
	}
	tree := verity.NewTree(salt)
	// One byte more than expected tells of a file that is too long.
	n, err := io.Copy(io.MultiWriter(tree, out), io.LimitReader(content, image.Size+1))
	if err != nil {
		return err
	}
	if n != image.Size {
		return fmt.Errorf("%w: %s", verity.ErrMismatch, wrongSize(n, image.Size))
	}
	root, err := tree.Sum()
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(root); got != image.Verity.Root {
		return fmt.Errorf("%w: expected %s, found %s", verity.ErrMismatch, image.Verity.Root, got)
	}
	_, err = tree.WriteTo(out)
	return err
}

func wrongSize(got, want int64) string {
	if got > want {
		return fmt.Sprintf("more than %d bytes", want)
	}
	return fmt.Sprintf("%d bytes instead of %d", got, want)
}

// decoded reads what the frames hold. It tells frames that are damaged from a
// disk that cannot be read, and hides the decoder's WriteTo, which would pass
// over the limit.
type decoded struct {
	frames io.Reader
	from   *ahead
}

func (d decoded) Read(p []byte) (int, error) {
	n, err := d.frames.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case d.from.failed() != nil:
		return n, d.from.failed()
	default:
		return n, fmt.Errorf("%w: %w", verity.ErrMismatch, err)
	}
}

func removeLeftovers(slot string, p paths) error {
	removed := false
	for _, path := range []string{p.shipped, p.partial} {
		switch err := os.Remove(path); {
		case err == nil:
			removed = true
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("cannot remove %s: %w", path, err)
		}
	}
	if !removed {
		return nil
	}
	return syncDir(slot)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
