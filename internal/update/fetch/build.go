package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/delta"
	"github.com/ingotvm/ingot/internal/release/x86"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/verity"
)

// maxWindow is how far the frames of a whole file may refer back, in bytes.
const maxWindow = 32 << 20

// Build makes the files of the slot of what was fetched. A file that does not
// come out as it was signed is a *[WrongError], and what it was made of is
// removed from the cache.
func (p *Plan) Build(ctx context.Context, draft *slot.Draft, progress func(done int64)) error {
	done := int64(0)
	tell := func(n int64) {
		done += n
		if progress != nil {
			progress(done)
		}
	}
	for _, it := range p.items {
		if it.way == Link {
			if err := draft.Link(it.Name, it.base.Version); err != nil {
				return err
			}
			continue
		}
		if err := p.build(ctx, draft, it, tell); err != nil {
			return p.judge(it, err)
		}
	}
	return nil
}

// judge says whether the way was wrong, or something else.
func (p *Plan) judge(it *item, err error) error {
	if errors.Is(err, delta.ErrDamaged) || errors.Is(err, verity.ErrMismatch) || errors.Is(err, errHash) {
		return errors.Join(&WrongError{it.Name, it.way, err}, p.forget(it))
	}
	return fmt.Errorf("cannot write %s: %w", it.Name, err)
}

func (p *Plan) build(ctx context.Context, draft *slot.Draft, it *item, progress func(int64)) error {
	total := it.Size
	if it.image != nil {
		total += verity.TreeSize(it.Size)
	}
	out, err := draft.Create(it.Name, total)
	if err != nil {
		return err
	}
	w := newProof(it)
	err = p.content(ctx, it, &counted{ctx: ctx, w: io.MultiWriter(out, w), progress: progress})
	if err == nil {
		err = w.check(out)
	}
	return errors.Join(err, out.Close())
}

// content writes the content of a file.
func (p *Plan) content(ctx context.Context, it *item, w io.Writer) error {
	var old *os.File
	var oldSize int64
	if it.base != nil {
		var err error
		if old, err = os.Open(it.base.Path(it.Name)); err != nil {
			return err
		}
		defer old.Close()
		info, err := old.Stat()
		if err != nil {
			return err
		}
		oldSize = info.Size()
		if image := imageOf(&it.base.Manifest, it.Name); image != nil {
			oldSize = image.Size
		}
	}
	if it.way == Blocks {
		open, done, err := p.ranges(it)
		if err != nil {
			return err
		}
		defer done()
		return it.plan.Assemble(ctx, w, old, open)
	}
	in, err := p.cache.open(it.blob)
	if err != nil {
		return err
	}
	defer in.Close()
	if it.way == Patch {
		return delta.Apply(ctx, w, in, old, oldSize, it.Size)
	}
	return decode(w, in, it.Encoding, it.Size)
}

// decode writes what a whole file holds, and at most one byte more than it
// should.
func decode(w io.Writer, in io.Reader, encoding string, size int64) error {
	var content io.Reader = in
	if encoding != release.EncodingNone {
		frames, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		defer frames.Close()
		content = damaged{frames}
		if encoding == release.EncodingZstdX86 {
			content = x86.Decode(content)
		}
	}
	_, err := io.Copy(w, io.LimitReader(content, size+1))
	return err
}

// damaged hides the decoder's WriteTo, and says that what it cannot read is
// not what was signed.
type damaged struct{ frames io.Reader }

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.frames.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errHash, err)
	}
	return n, err
}

// proof computes what a content has to be compared by.
type proof struct {
	it   *item
	sum  interface{ Sum([]byte) []byte }
	tree *verity.Tree
	size int64
	all  io.Writer
}

func newProof(it *item) *proof {
	sum := sha256.New()
	p := &proof{it: it, sum: sum, all: sum}
	if it.image != nil {
		salt, _ := hex.DecodeString(it.image.Verity.Salt) // a wrong one gives a wrong root
		p.tree = verity.NewTree(salt)
		p.all = io.MultiWriter(sum, p.tree)
	}
	return p
}

func (p *proof) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	return p.all.Write(b)
}

// check compares, and appends the hash tree of an image to out.
func (p *proof) check(out io.Writer) error {
	if got := hex.EncodeToString(p.sum.Sum(nil)); p.size != p.it.Size || got != p.it.SHA256 {
		return fmt.Errorf("%w: %d bytes with the hash %s", errHash, p.size, got)
	}
	if p.tree == nil {
		return nil
	}
	root, err := p.tree.Sum()
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(root); got != p.it.image.Verity.Root {
		return fmt.Errorf("%w: its verity root is %s", verity.ErrMismatch, got)
	}
	_, err = p.tree.WriteTo(out)
	return err
}

// Verify reads the files of the draft back from the disk, and compares them
// with what was signed.
func (p *Plan) Verify(ctx context.Context, draft *slot.Draft, progress func(done int64)) error {
	done := int64(0)
	for _, it := range p.items {
		err := verify(ctx, draft, it, func(n int64) {
			done += n
			if progress != nil {
				progress(done)
			}
		})
		if err != nil {
			return p.judge(it, fmt.Errorf("the disk gives back something else than what was written: %w", err))
		}
	}
	return nil
}

func verify(ctx context.Context, draft *slot.Draft, it *item, progress func(int64)) error {
	f, err := draft.Open(it.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := newProof(it)
	if _, err := io.CopyN(&counted{ctx: ctx, w: w, progress: progress}, f, it.Size); err != nil {
		return err
	}
	// The tree, and that nothing follows it.
	if err := w.check(same{f}); err != nil {
		return err
	}
	if n, _ := f.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: something follows its end", errHash)
	}
	return nil
}

// same compares what is written with what can be read.
type same struct{ r io.Reader }

func (s same) Write(p []byte) (int, error) {
	got := make([]byte, len(p))
	if _, err := io.ReadFull(s.r, got); err != nil {
		return 0, err
	}
	if !bytes.Equal(got, p) {
		return 0, fmt.Errorf("%w: its hash tree", verity.ErrMismatch)
	}
	return len(p), nil
}
