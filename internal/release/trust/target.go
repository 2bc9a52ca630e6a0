package trust

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
)

// Channel is a channel of a product. The error wraps [fs.ErrNotExist] when the
// repository has none of that name.
func (v *Verified) Channel(ctx context.Context, product, channel string) (*release.Channel, error) {
	if !release.IsProduct(product) || !release.IsChannel(channel) {
		return nil, fmt.Errorf("there can be no channel %q of %q: %w", channel, product, fs.ErrNotExist)
	}
	data, err := v.target(ctx, release.ChannelTarget(product, channel), release.MaxChannel)
	if err != nil {
		return nil, fmt.Errorf("cannot read the channel %s: %w", channel, err)
	}
	c, err := release.ParseChannel(data, product, channel)
	if err != nil {
		return nil, err
	}
	for _, e := range c.Releases {
		if err := v.raise(e.Added); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Release is a version of a product.
func (v *Verified) Release(ctx context.Context, product, version string) (*release.Release, error) {
	data, err := v.target(ctx, release.ReleaseTarget(product, version), release.MaxRelease)
	if err != nil {
		return nil, fmt.Errorf("cannot read what version %s is: %w", version, err)
	}
	r, err := release.ParseRelease(data, product, version)
	if err != nil {
		return nil, err
	}
	return r, v.raise(r.Published)
}

// raise lifts the floor, but not above what the repository itself lives for:
// that was a slip of the vendor's clock.
func (v *Verified) raise(t time.Time) error {
	if t.After(v.expires) {
		return nil
	}
	return v.store.raise(t)
}

// Channels are the names of a product's channels.
func (v *Verified) Channels(product string) []string {
	var names []string
	for name := range v.targets.Signed.Targets {
		dir, file := path.Split(name)
		if channel, ok := strings.CutSuffix(file, ".json"); ok && dir == product+"/channels/" && release.IsChannel(channel) {
			names = append(names, channel)
		}
	}
	return names
}

// Source is where the files of the repository come from.
func (v *Verified) Source() source.Source { return v.source }

// target reads a target that the signed list names, under the name that a
// consistent snapshot gives it.
func (v *Verified) target(ctx context.Context, name string, limit int64) ([]byte, error) {
	file, ok := v.targets.Signed.Targets[name]
	if !ok || file == nil {
		return nil, fmt.Errorf("the repository does not offer it: %w", fs.ErrNotExist)
	}
	sum, ok := file.Hashes["sha256"]
	if !ok || file.Length < 0 || file.Length > limit {
		return nil, fmt.Errorf("%w: it has no hash, or %d bytes", ErrMixed, file.Length)
	}
	dir, base := path.Split(name)
	data, err := source.ReadAll(ctx, v.source, path.Join(release.TargetsDir, dir, hex.EncodeToString(sum)+"."+base), file.Length)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, source.ErrSize) {
		return nil, fmt.Errorf("%w: %w", ErrMixed, err)
	}
	if err != nil {
		return nil, err
	}
	if err := file.VerifyLengthHashes(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMixed, err)
	}
	return data, nil
}

// Now is the time by which the repository is judged: the clock's, or the
// floor when that is later.
func (s *Store) Now(clock time.Time) time.Time {
	if floor := s.Floor(); clock.Before(floor) {
		return floor
	}
	return clock
}
