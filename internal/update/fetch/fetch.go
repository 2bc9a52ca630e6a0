package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ingotvm/ingot/internal/release/delta"
	"github.com/ingotvm/ingot/internal/release/source"
)

// Fetch gets everything into the cache; progress is told how many bytes of
// [Plan.Download] are there. It can be called again after any failure. A file
// that is not what was signed is a *[WrongError].
func (p *Plan) Fetch(ctx context.Context, progress func(done int64)) error {
	var before int64
	for _, it := range p.items {
		before += min(it.cost, p.cached(it))
	}
	if err := p.cache.Room(p.Download() - before); err != nil {
		return err
	}
	done := before
	tell := func(n int64) {
		done += n
		if progress != nil {
			progress(done)
		}
	}
	tell(0)
	for _, it := range p.items {
		if err := p.fetch(ctx, it, tell); err != nil {
			return fmt.Errorf("cannot fetch %s: %w", it.Name, err)
		}
	}
	return nil
}

func (p *Plan) fetch(ctx context.Context, it *item, progress func(int64)) error {
	var err error
	switch it.way {
	case Link:
		return nil
	case Blocks:
		return p.fetchRanges(ctx, it, progress)
	default:
		err = p.cache.fetch(ctx, p.source, it.blob, progress)
	}
	if errors.Is(err, errHash) {
		return &WrongError{it.Name, it.way, err}
	}
	return err
}

// rangesName is where the ranges lie, one after the other: they are those of
// one index and one base only.
func (it *item) rangesName() string {
	if it.Index == nil || it.base == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(it.Index.SHA256 + "\x00" + content(it.base, it.Name)))
	return "ranges-" + hex.EncodeToString(sum[:])
}

func (p *Plan) fetchRanges(ctx context.Context, it *item, progress func(int64)) error {
	f, err := os.OpenFile(p.cache.path(it.rangesName()+part), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	have := p.cache.partial(it.rangesName())
	out := &counted{ctx: ctx, w: f, progress: progress}
	for _, r := range it.plan.Ranges() {
		if have >= r.Length {
			have -= r.Length
			continue
		}
		if err := source.FetchRange(ctx, p.source, *it.Blocks, r.Offset+have, r.Length-have, out); err != nil {
			return err
		}
		have = 0
	}
	return f.Sync()
}

// ranges gives the fetched ranges one after the other, as they are asked for.
func (p *Plan) ranges(it *item) (open func(context.Context, delta.Range) (io.ReadCloser, error), done func(), err error) {
	f, err := os.Open(p.cache.path(it.rangesName() + part))
	if err != nil {
		return nil, nil, err
	}
	at := int64(0)
	return func(_ context.Context, r delta.Range) (io.ReadCloser, error) {
		from := at
		at += r.Length
		return io.NopCloser(io.NewSectionReader(f, from, r.Length)), nil
	}, func() { f.Close() }, nil
}

// forget removes what was fetched for a file and turned out wrong.
func (p *Plan) forget(it *item) error {
	names := []string{it.blob.SHA256}
	if it.way == Blocks {
		names = []string{it.rangesName() + part, it.Index.SHA256}
	}
	var err error
	for _, name := range names {
		if name != "" {
			err = errors.Join(err, os.RemoveAll(p.cache.path(name)))
		}
	}
	return err
}
