package fetch

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/delta"
	"github.com/ingotvm/ingot/internal/release/source"
	"github.com/ingotvm/ingot/internal/slot"
	"github.com/ingotvm/ingot/internal/verity"
)

// Way is how a file is got.
type Way string

// The ways, from cheap to dear.
const (
	Link   Way = "link" // a slot has it
	Patch  Way = "patch"
	Blocks Way = "blocks"
	Whole  Way = "whole"
)

// Avoid are ways that have turned out wrong, by name of payload.
type Avoid map[string][]Way

func (a Avoid) has(name string, way Way) bool {
	for _, w := range a[name] {
		if w == way {
			return true
		}
	}
	return false
}

// Plan says how the files of a release are got.
type Plan struct {
	Release *release.Release
	items   []*item
	cache   *Cache
	source  source.Source
}

// item is one file.
type item struct {
	release.Payload
	way   Way
	base  *slot.Slot // whose file is linked, patched, or has blocks
	blob  release.Blob
	plan  *delta.Plan // of blocks
	image *release.Image
	// cost is what has to be fetched, in bytes, if nothing of it is cached.
	cost int64
}

// Choose finds the cheapest way for each file. It reads block indexes from the
// source where that may save more than they cost; nothing else is fetched.
func Choose(ctx context.Context, src source.Source, r *release.Release, slots []slot.Slot, cache *Cache, avoid Avoid) (*Plan, error) {
	p := &Plan{Release: r, cache: cache, source: src}
	for i := range r.Payloads {
		it := &item{Payload: r.Payloads[i], image: imageOf(&r.Manifest, r.Payloads[i].Name)}
		if err := p.choose(ctx, it, slots, avoid); err != nil {
			return nil, err
		}
		p.items = append(p.items, it)
	}
	return p, nil
}

func (p *Plan) choose(ctx context.Context, it *item, slots []slot.Slot, avoid Avoid) error {
	it.way, it.blob, it.cost = Whole, it.Whole, it.Whole.Size
	whole := source.Has(p.source, it.Whole) // a bundle may have patches only
	for i := range slots {
		s := &slots[i]
		have := content(s, it.Name)
		if have == "" {
			continue
		}
		if have == it.SHA256 && !avoid.has(it.Name, Link) {
			it.way, it.base, it.blob, it.cost = Link, s, release.Blob{}, 0
			return nil
		}
		for _, patch := range it.Patches {
			if patch.From == have && (patch.Size < it.cost || !whole) && source.Has(p.source, patch.Blob) && !avoid.has(it.Name, Patch) {
				whole = true // what is cheaper still has to be had
				it.way, it.base, it.blob, it.cost = Patch, s, patch.Blob, patch.Size
			}
		}
	}
	if it.way == Patch || it.Index == nil || !source.Has(p.source, *it.Index) || avoid.has(it.Name, Blocks) || len(slots) == 0 {
		return nil
	}
	return p.chooseBlocks(ctx, it, slots)
}

// chooseBlocks compares the whole with the blocks that the first slot that has
// such a file lacks.
func (p *Plan) chooseBlocks(ctx context.Context, it *item, slots []slot.Slot) error {
	for i := range slots {
		if content(&slots[i], it.Name) == "" {
			continue
		}
		if it.Index.Size >= it.cost/2 {
			return nil
		}
		if err := p.cache.fetch(ctx, p.source, *it.Index, nil); err != nil {
			return ctx.Err() // the whole does
		}
		f, err := p.cache.open(*it.Index)
		if err != nil {
			return ctx.Err()
		}
		defer f.Close()
		index, err := delta.ReadIndex(f, it.Size)
		if err != nil {
			return nil // the whole does
		}
		old, err := os.Open(slots[i].Path(it.Name))
		if err != nil {
			return nil
		}
		defer old.Close()
		plan, err := index.Plan(ctx, old, imageOf(&slots[i].Manifest, it.Name).Size)
		if err != nil {
			return ctx.Err()
		}
		if cost := plan.Bytes() + it.Index.Size; cost < it.cost {
			it.way, it.base, it.plan, it.cost = Blocks, &slots[i], plan, cost
		}
		return nil
	}
	return nil
}

// content is the SHA-256 of a file's content in a slot, "" when it has none or
// that is not known.
func content(s *slot.Slot, name string) string {
	want := int64(-1)
	sum := ""
	if image := imageOf(&s.Manifest, name); image != nil {
		want, sum = image.Size+verity.TreeSize(image.Size), image.SHA256
	} else {
		for _, f := range s.Manifest.Files {
			if f.Name == name {
				want, sum = f.Size, f.SHA256
			}
		}
	}
	if info, err := os.Stat(s.Path(name)); err != nil || info.Size() != want {
		return ""
	}
	return sum
}

func imageOf(m *release.Manifest, name string) *release.Image {
	name, ok := strings.CutSuffix(name, ".erofs")
	if !ok {
		return nil
	}
	for i := range m.Images {
		if m.Images[i].Name == name {
			return &m.Images[i]
		}
	}
	return nil
}

// Download is how many bytes have to be fetched, those counted that are in the
// cache already.
func (p *Plan) Download() (n int64) {
	for _, it := range p.items {
		n += it.cost
	}
	return n
}

// Missing is how many of them are not in the cache yet.
func (p *Plan) Missing() (n int64) {
	for _, it := range p.items {
		n += max(0, it.cost-p.cached(it))
	}
	return n
}

func (p *Plan) cached(it *item) int64 {
	switch it.way {
	case Link:
		return 0
	case Blocks:
		return p.cache.size(*it.Index) + p.cache.partial(it.rangesName())
	}
	return p.cache.size(it.blob)
}

// Size is what all files are when they are fetched whole, in bytes.
func (p *Plan) Size() (n int64) {
	for _, it := range p.items {
		n += it.Whole.Size
	}
	return n
}

// Content is how much [Plan.Verify] reads, in bytes.
func (p *Plan) Content() (n int64) {
	for _, it := range p.items {
		n += it.Payload.Size
	}
	return n
}

// Written is how much [Plan.Build] writes but for hash trees, in bytes.
func (p *Plan) Written() (n int64) {
	for _, it := range p.items {
		if it.way != Link {
			n += it.Payload.Size
		}
	}
	return n
}

// Room is what the slot takes on the system disk, in bytes.
func (p *Plan) Room() (n int64) {
	for _, it := range p.items {
		if it.way != Link {
			n += it.Size
			if it.image != nil {
				n += verity.TreeSize(it.Size)
			}
		}
	}
	return n
}

// Way is how most of the bytes come.
func (p *Plan) Way() Way {
	bytes := map[Way]int64{}
	best := Link
	for _, it := range p.items {
		if it.Name != "manifest.json" { // which is always whole
			bytes[it.way] += it.cost
		}
	}
	for _, way := range []Way{Patch, Blocks, Whole} {
		if bytes[way] > bytes[best] {
			best = way
		}
	}
	return best
}

// WrongError says that a file did not come out as it should on one way, which
// is then to be avoided. Nobody is to blame for certain: it may be the disk.
type WrongError struct {
	Name string
	Way  Way
	Err  error
}

func (e *WrongError) Error() string { return fmt.Sprintf("%s (%s): %v", e.Name, e.Way, e.Err) }

func (e *WrongError) Unwrap() error { return e.Err }
