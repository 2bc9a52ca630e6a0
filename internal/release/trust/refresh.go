package trust

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/source"
)

// Errors of a repository that is not believed.
var (
	// ErrReplayed says that it is older than what was seen before.
	ErrReplayed = errors.New("the repository or bundle is older than one that was seen before")
	// ErrSignature says that not enough of the vendor's keys have signed.
	ErrSignature = errors.New("the repository or bundle is not signed by this appliance's vendor")
	// ErrMixed says that its parts do not belong together, or are damaged.
	ErrMixed = errors.New("the parts of the repository or bundle do not belong together")
)

// Expired says that a part of the repository is not good any more.
type Expired struct {
	// What is root, timestamp, snapshot or targets.
	What string
	At   time.Time
	// Now is the time by which it was judged.
	Now time.Time
}

func (e *Expired) Error() string {
	return fmt.Sprintf("what the repository or bundle says was good until %s only, and it is %s. Set the clock if that is wrong, or wait for the vendor to renew it",
		e.At.UTC().Format(time.DateOnly), e.Now.UTC().Format(time.DateOnly))
}

// maxRotations is how many new roots are walked in one go; the next time goes
// on from there.
const maxRotations = 256

// Verified is a repository as it was found: everything it gives is the
// vendor's.
type Verified struct {
	store   *Store
	source  source.Source
	targets *metadata.Metadata[metadata.TargetsType]
	expires time.Time
}

// Expires is when the repository has to be renewed.
func (v *Verified) Expires() time.Time { return v.expires }

// Refresh visits a repository: it walks the chain of roots, checks what is
// signed and that nothing is older than before, and keeps what it has seen.
// now is the time by the clock.
//
// The error is an *[Expired], wraps [ErrReplayed], [ErrSignature] or
// [ErrMixed], or is the source's.
func (s *Store) Refresh(ctx context.Context, src source.Source, now time.Time) (*Verified, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &visit{store: s, ctx: ctx, source: src, now: now}
	if v.now.Before(s.seen.Floor) {
		v.now = s.seen.Floor
	}
	verified, err := v.run()
	if err != nil {
		return nil, fmt.Errorf("cannot use the repository of updates: %w", err)
	}
	return verified, nil
}

// visit is one refresh.
type visit struct {
	store  *Store
	ctx    context.Context
	source source.Source
	now    time.Time

	trusted *trustedmetadata.TrustedMetadata
}

func (v *visit) run() (*Verified, error) {
	var err error
	if v.trusted, err = trustedmetadata.New(v.store.seen.Root); err != nil {
		return nil, err
	}
	v.trusted.RefTime = v.now
	if err := v.walk(); err != nil {
		return nil, err
	}
	timestamp, err := v.timestamp()
	if err != nil {
		return nil, err
	}
	snapshot, err := v.snapshot()
	if err != nil {
		return nil, err
	}
	if err := v.targets(); err != nil {
		return nil, err
	}
	v.store.seen.Timestamp, v.store.seen.Snapshot = timestamp, snapshot
	if err := v.store.save(); err != nil {
		return nil, err
	}
	t := v.trusted
	targets := t.Targets[metadata.TARGETS]
	expires := t.Root.Signed.Expires
	for _, at := range []time.Time{t.Timestamp.Signed.Expires, t.Snapshot.Signed.Expires, targets.Signed.Expires} {
		if at.Before(expires) {
			expires = at
		}
	}
	return &Verified{v.store, v.source, targets, expires}, nil
}

func (v *visit) read(name string, limit int64) ([]byte, error) {
	return source.ReadAll(v.ctx, v.source, path.Join(release.MetadataDir, name), limit)
}

// walk goes from root to root, and keeps how far it came whatever follows.
func (v *visit) walk() error {
	seen := &v.store.seen
	for range maxRotations {
		before := v.trusted.Root
		data, err := v.read(strconv.FormatInt(before.Signed.Version+1, 10)+".root.json", release.MaxMetadata)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := v.trusted.UpdateRoot(data); err != nil {
			return judged(err, "root", before.Signed.Expires, v.now)
		}
		// Who stole an online key may have signed versions far ahead: with
		// other keys the count begins anew (specification 5.3.11).
		if !sameKeys(before, v.trusted.Root, metadata.TIMESTAMP) || !sameKeys(before, v.trusted.Root, metadata.SNAPSHOT) {
			seen.Timestamp, seen.Snapshot = nil, nil
		}
		seen.Root, seen.Known = data, append(seen.Known, hash(data))
		if err := v.store.save(); err != nil {
			return err
		}
	}
	return nil
}

func sameKeys(a, b *metadata.Metadata[metadata.RootType], role string) bool {
	one, _ := json.Marshal(a.Signed.Roles[role]) // strings and a number
	two, _ := json.Marshal(b.Signed.Roles[role])
	return string(one) == string(two)
}

// timestamp reads and checks it. One of the version that was seen before is
// taken, too: that of a bundle lives longer than the repository's.
func (v *visit) timestamp() ([]byte, error) {
	data, err := v.read("timestamp.json", release.MaxMetadata)
	if err != nil {
		return nil, missing(err, "timestamp.json")
	}
	_, err = v.trusted.UpdateTimestamp(data)
	if err != nil {
		at := v.trusted.Root.Signed.Expires
		if !v.trusted.Root.Signed.IsExpired(v.now) && v.trusted.Timestamp != nil {
			at = v.trusted.Timestamp.Signed.Expires
		}
		return nil, judged(err, "timestamp", at, v.now)
	}
	before, err := metadata.Timestamp().FromBytes(v.store.seen.Timestamp)
	if err != nil || v.trusted.Root.VerifyDelegate(metadata.TIMESTAMP, before) != nil {
		return data, nil // none yet, or of keys that do not count any more
	}
	now := v.trusted.Timestamp
	if now.Signed.Version < before.Signed.Version || snapshotOf(now) < snapshotOf(before) {
		return nil, fmt.Errorf("%w: its number is %d, and %d was seen", ErrReplayed, now.Signed.Version, before.Signed.Version)
	}
	return data, nil
}

func snapshotOf(t *metadata.Metadata[metadata.TimestampType]) int64 {
	if m := t.Signed.Meta["snapshot.json"]; m != nil {
		return m.Version
	}
	return 0
}

// snapshot reads and checks it, with the one that was seen before.
func (v *visit) snapshot() ([]byte, error) {
	if old := v.store.seen.Snapshot; old != nil {
		// Expired or not the one that the timestamp names: it is still what
		// the new one is compared with. Of other keys: it is not.
		_, _ = v.trusted.UpdateSnapshot(old, true)
	}
	meta := v.trusted.Timestamp.Signed.Meta["snapshot.json"]
	if meta == nil || meta.Version < 1 {
		return nil, fmt.Errorf("%w: timestamp.json names no snapshot", ErrMixed)
	}
	name := strconv.FormatInt(meta.Version, 10) + ".snapshot.json"
	data, err := v.read(name, lengthOf(meta))
	if err != nil {
		return nil, missing(err, name)
	}
	if _, err := v.trusted.UpdateSnapshot(data, false); err != nil {
		at := time.Time{}
		if v.trusted.Snapshot != nil {
			at = v.trusted.Snapshot.Signed.Expires
		}
		return nil, judged(err, "snapshot", at, v.now)
	}
	return data, nil
}

func (v *visit) targets() error {
	meta := v.trusted.Snapshot.Signed.Meta["targets.json"]
	if meta == nil || meta.Version < 1 {
		return fmt.Errorf("%w: the snapshot names no targets", ErrMixed)
	}
	name := strconv.FormatInt(meta.Version, 10) + ".targets.json"
	data, err := v.read(name, lengthOf(meta))
	if err != nil {
		return missing(err, name)
	}
	if _, err := v.trusted.UpdateTargets(data); err != nil {
		at := time.Time{}
		if parsed, e := metadata.Targets().FromBytes(data); e == nil {
			at = parsed.Signed.Expires
		}
		return judged(err, "targets", at, v.now)
	}
	return nil
}

// lengthOf is how much is read of a file of metadata.
func lengthOf(m *metadata.MetaFiles) int64 {
	if m.Length > 0 {
		return min(m.Length, release.MaxMetadata)
	}
	return release.MaxMetadata
}

// missing says that a file is not there that has to be.
func missing(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing: %w", ErrMixed, name, err)
	}
	if errors.Is(err, source.ErrSize) {
		return fmt.Errorf("%w: %w", ErrMixed, err)
	}
	return err
}

// judged says in our words what go-tuf found wrong.
func judged(err error, what string, at, now time.Time) error {
	var (
		expired  *metadata.ErrExpiredMetadata
		unsigned *metadata.ErrUnsignedMetadata
		version  *metadata.ErrBadVersionNumber
	)
	switch {
	case errors.As(err, &expired):
		return &Expired{what, at, now}
	case errors.As(err, &unsigned):
		return fmt.Errorf("%w (%s): %w", ErrSignature, what, err)
	case errors.As(err, &version):
		return fmt.Errorf("%w (%s): %w", ErrReplayed, what, err)
	default:
		return fmt.Errorf("%w (%s): %w", ErrMixed, what, err)
	}
}
