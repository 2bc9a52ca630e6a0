package repository

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/release"
)

// Errors of a repository.
var (
	// ErrOther says that a version was released with other content.
	ErrOther = errors.New("this version was released with other content")
	// ErrRoot says that a repository belongs to other keys.
	ErrRoot = errors.New("the repository was made with other keys")
	// ErrExpired says that the root of the keys is good no more.
	ErrExpired = errors.New("the root of the keys has expired")
)

// Repository is a folder of static files.
type Repository struct {
	Dir  string
	Keys *Keys
	// TimestampLife is how long the repository is good for without being
	// refreshed; 0 means the default.
	TimestampLife time.Duration

	files files
}

// Open opens a repository, or a folder that will become one.
func Open(dir string, keys *Keys) *Repository {
	return &Repository{Dir: dir, Keys: keys, files: realFiles{dir}}
}

// state is what a repository says, and what it will.
type state struct {
	timestamp *metadata.Metadata[metadata.TimestampType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	targets   *metadata.Metadata[metadata.TargetsType]
	// changed are the documents to be written, by name of target.
	changed map[string][]byte
	// published is the newest root that the repository has, nil for none.
	published *metadata.Metadata[metadata.RootType]
}

// edit changes the repository: change is called with what it says, alone. When
// it changes no document nothing is written, unless renew.
func (r *Repository) edit(ctx context.Context, renew bool, change func(*state) error) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := r.load()
	if err != nil {
		return err
	}
	if err := change(s); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(s.changed) == 0 && !renew && !r.behind(s) {
		return nil
	}
	return r.publish(s)
}

// lock keeps a second writer out until the first has finished.
func (r *Repository) lock() (unlock func(), err error) {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(r.Dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the repository: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock the repository: %w", err)
	}
	return func() { f.Close() }, nil
}

// load reads what the repository says, and makes sure that our keys said it:
// what is not ours would be signed with the rest. That it has expired does not
// matter here. Who may write to the folder can still put back all of an earlier
// day, which our keys have signed.
func (r *Repository) load() (*state, error) {
	s := &state{changed: map[string][]byte{}}
	published, err := r.published()
	if err != nil {
		return nil, err
	}
	s.published = published
	data, err := r.read(release.MetadataDir, "timestamp.json")
	if errors.Is(err, fs.ErrNotExist) {
		s.timestamp, s.snapshot, s.targets = metadata.Timestamp(), metadata.Snapshot(), metadata.Targets()
		s.timestamp.Signed.Version, s.snapshot.Signed.Version, s.targets.Signed.Version = 0, 0, 0
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s.timestamp, err = metadata.Timestamp().FromBytes(data); err != nil {
		return nil, fmt.Errorf("cannot read the repository: timestamp.json: %w", err)
	}
	if s.snapshot, err = readNumbered(r, s.timestamp.Signed.Meta, "snapshot.json", metadata.Snapshot()); err != nil {
		return nil, err
	}
	if s.targets, err = readNumbered(r, s.snapshot.Signed.Meta, "targets.json", metadata.Targets()); err != nil {
		return nil, err
	}
	if s.snapshot.Signed.Version != s.timestamp.Signed.Meta["snapshot.json"].Version ||
		s.targets.Signed.Version != s.snapshot.Signed.Meta["targets.json"].Version {
		return nil, errors.New("cannot read the repository: its numbers do not belong together")
	}
	// Today's keys signed it, or those of the root that is published: a rotation
	// reaches the repository with its next change.
	err = s.signedBy(r.Keys.root)
	if err != nil && published != nil && s.signedBy(published) == nil {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the repository: %w: %w", ErrRoot, err)
	}
	return s, nil
}

// readNumbered reads the metadata that another one names.
func readNumbered[T metadata.Roles](r *Repository, names map[string]*metadata.MetaFiles, name string, into *metadata.Metadata[T]) (*metadata.Metadata[T], error) {
	meta := names[name]
	if meta == nil {
		return nil, fmt.Errorf("cannot read the repository: nothing names %s", name)
	}
	data, err := r.read(release.MetadataDir, numbered(meta.Version, name))
	if err != nil {
		return nil, err
	}
	m, err := into.FromBytes(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read the repository: %s: %w", name, err)
	}
	return m, nil
}

// signedBy says whether the keys of a root signed all of it.
func (s *state) signedBy(root *metadata.Metadata[metadata.RootType]) error {
	return errors.Join(
		root.VerifyDelegate(metadata.TIMESTAMP, s.timestamp),
		root.VerifyDelegate(metadata.SNAPSHOT, s.snapshot),
		root.VerifyDelegate(metadata.TARGETS, s.targets),
	)
}

// published is the newest root in the repository, nil when it has none. All of
// its roots are ours, byte by byte.
func (r *Repository) published() (newest *metadata.Metadata[metadata.RootType], err error) {
	for version := int64(1); ; version++ {
		name := numbered(version, RootFile)
		theirs, err := r.read(release.MetadataDir, name)
		if errors.Is(err, fs.ErrNotExist) {
			return newest, nil
		}
		if err != nil {
			return nil, err
		}
		ours, err := os.ReadFile(filepath.Join(r.Keys.Dir, name))
		if err != nil || string(ours) != string(theirs) {
			return nil, fmt.Errorf("cannot use the repository: %w: %s is not the one in %s", ErrRoot, name, r.Keys.Dir)
		}
		if newest, err = metadata.Root().FromBytes(ours); err != nil {
			return nil, fmt.Errorf("cannot use the repository: %s: %w", name, err)
		}
	}
}

// behind says that the repository lacks our newest root, or what it asks for.
func (r *Repository) behind(s *state) bool {
	return s.timestamp.Signed.Version > 0 &&
		(s.published == nil || s.published.Signed.Version < r.Keys.root.Signed.Version || s.signedBy(r.Keys.root) != nil)
}

func (r *Repository) read(parts ...string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(append([]string{r.Dir}, parts...)...))
	if err != nil {
		return nil, fmt.Errorf("cannot read the repository: %w", err)
	}
	return data, nil
}

func numbered(version int64, name string) string {
	return strconv.FormatInt(version, 10) + "." + name
}

// document reads a document of the repository into v; false when there is none.
func (r *Repository) document(s *state, target string, v any) (bool, error) {
	data := s.changed[target]
	if data == nil {
		file := s.targets.Signed.Targets[target]
		if file == nil {
			return false, nil
		}
		dir, base := path.Split(target)
		var err error
		data, err = r.read(release.TargetsDir, filepath.FromSlash(dir), hex.EncodeToString(file.Hashes["sha256"])+"."+base)
		if err != nil {
			return false, err
		}
		if err := file.VerifyLengthHashes(data); err != nil {
			return false, fmt.Errorf("cannot read the repository: %s: %w", target, err)
		}
	}
	return true, json.Unmarshal(data, v)
}

// set changes a document.
func (s *state) set(target string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	s.changed[target] = append(data, '\n')
	return nil
}

// publish writes what has changed, in the order in which nobody meets a name
// before its file: documents, targets, snapshot, timestamp. Roots come last: what
// is signed with the keys of two roots is good before and after.
func (r *Repository) publish(s *state) error {
	now := r.Keys.now()
	if err := r.Keys.good(); err != nil {
		return err
	}
	for _, target := range slices.Sorted(maps.Keys(s.changed)) {
		file, err := metadata.TargetFile().FromBytes(target, s.changed[target], "sha256")
		if err != nil {
			return err
		}
		dir, base := path.Split(target)
		name := path.Join(release.TargetsDir, dir, hex.EncodeToString(file.Hashes["sha256"])+"."+base)
		if err := r.files.write(name, s.changed[target]); err != nil {
			return err
		}
		s.targets.Signed.Targets[target] = file
	}
	if len(s.changed) > 0 || s.targets.Signed.Version == 0 || s.targets.Signed.Expires.Sub(now) < TargetsLife/2 || r.behind(s) {
		s.targets.Signed.Version++
		s.targets.Signed.Expires = now.Add(TargetsLife)
		data, err := sign(r.Keys, s.targets, metadata.TARGETS, s.published)
		if err != nil {
			return err
		}
		if err := r.files.write(path.Join(release.MetadataDir, numbered(s.targets.Signed.Version, "targets.json")), data); err != nil {
			return err
		}
		s.snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(s.targets.Signed.Version)
	}
	s.snapshot.Signed.Version++
	s.snapshot.Signed.Expires = now.Add(SnapshotLife)
	data, err := sign(r.Keys, s.snapshot, metadata.SNAPSHOT, s.published)
	if err != nil {
		return err
	}
	if err := r.files.write(path.Join(release.MetadataDir, numbered(s.snapshot.Signed.Version, "snapshot.json")), data); err != nil {
		return err
	}
	s.timestamp.Signed.Version++
	if data, err = r.timestamp(s, now, r.life()); err != nil {
		return err
	}
	if err := r.files.write(path.Join(release.MetadataDir, "timestamp.json"), data); err != nil {
		return err
	}
	return r.publishRoots()
}

func (r *Repository) life() time.Duration {
	if r.TimestampLife > 0 {
		return r.TimestampLife
	}
	return TimestampLife
}

// timestamp signs what is the newest, for a life.
func (r *Repository) timestamp(s *state, now time.Time, life time.Duration) ([]byte, error) {
	s.timestamp.Signed.Expires = now.Add(life)
	s.timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(s.snapshot.Signed.Version)
	return sign(r.Keys, s.timestamp, metadata.TIMESTAMP, s.published)
}

// sign signs with the key of a role, and with the one that the published root,
// which may be nil, has in its place, if that is still there and opens.
func sign[T metadata.Roles](k *Keys, m *metadata.Metadata[T], role string, published *metadata.Metadata[metadata.RootType]) ([]byte, error) {
	m.ClearSignatures()
	ids := k.root.Signed.Roles[role].KeyIDs
	for _, id := range ids {
		signer, err := k.signer(k.root, id)
		if err != nil {
			return nil, err
		}
		if _, err := m.Sign(signer); err != nil {
			return nil, err
		}
	}
	if published == nil {
		return m.ToBytes(false)
	}
	for _, id := range published.Signed.Roles[role].KeyIDs {
		if slices.Contains(ids, id) {
			continue
		}
		// Without it appliances fail, and ask again, until the root is there.
		if signer, err := k.signer(published, id); err == nil {
			if _, err := m.Sign(signer); err != nil {
				return nil, err
			}
		}
	}
	return m.ToBytes(false)
}

// publishRoots copies the chain of roots, ascending: who reads meanwhile finds
// a shorter chain, not a gap. Those that are there are ours: see published.
func (r *Repository) publishRoots() error {
	for version := int64(1); version <= r.Keys.root.Signed.Version; version++ {
		name := numbered(version, RootFile)
		if _, err := os.Lstat(filepath.Join(r.Dir, release.MetadataDir, name)); err == nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.Keys.Dir, name))
		if err != nil {
			return fmt.Errorf("cannot publish the chain of keys: %w", err)
		}
		if err := r.files.write(path.Join(release.MetadataDir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// Refresh signs anew that the repository is fresh, and publishes new roots.
func (r *Repository) Refresh(ctx context.Context) error {
	return r.edit(ctx, true, func(*state) error { return nil })
}

// files is how a repository is written.
type files interface {
	// write makes or replaces a file as a whole.
	write(name string, data []byte) error
	// blob takes a file over under the name of its hash.
	blob(b release.Blob, from string) error
}

type realFiles struct{ dir string }

func (f realFiles) write(name string, data []byte) error {
	target := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return writePublic(target, data)
}

func (f realFiles) blob(b release.Blob, from string) error {
	target := filepath.Join(f.dir, filepath.FromSlash(b.File()))
	if have, err := describe(target); err == nil && have == b {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return copyFile(target, from, b)
}

// productOf says which product a target belongs to, and what it is.
func productOf(target string) (product, kind, name string) {
	parts := strings.Split(target, "/")
	if len(parts) != 4 {
		return "", "", ""
	}
	return parts[0] + "/" + parts[1], parts[2], strings.TrimSuffix(parts[3], ".json")
}
