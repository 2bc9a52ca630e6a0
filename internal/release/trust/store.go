package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/ingotvm/ingot/internal/host"
)

// seen is what is kept of earlier visits, as the files were.
type seen struct {
	// Sequence grows with every write: of two copies the higher one counts.
	Sequence int `json:"sequence"`
	// Root is the newest that was proved, Known the hashes of all on the way.
	Root  []byte   `json:"root"`
	Known []string `json:"known"`
	// Timestamp and Snapshot are the last that were proved; may be nil.
	Timestamp []byte `json:"timestamp,omitempty"`
	Snapshot  []byte `json:"snapshot,omitempty"`
	// Floor is a time that has certainly passed.
	Floor time.Time `json:"floor"`
}

// sealed is a copy as it lies in its file.
type sealed struct {
	SHA256 string          `json:"sha256"`
	Seen   json.RawMessage `json:"seen"`
}

// names of the copies.
var names = []string{"trust.a.json", "trust.b.json"}

// maxCopy bounds what is read of a copy, in bytes: three files of metadata.
const maxCopy = 64 << 20

// Store is what an appliance trusts. Its methods may be called from any
// goroutine.
type Store struct {
	dir string

	mu   sync.Mutex
	seen seen
}

// OpenStore opens the store in a folder, which is made. root is the root
// metadata that is in the image, built a time that had passed when the image
// was made. What cannot be read is a warning: the image's root serves. An
// error means that the image has no root that can be used.
func OpenStore(dir string, root []byte, built time.Time) (s *Store, warning error, err error) {
	first, err := metadata.Root().FromBytes(root)
	if err != nil || first.Signed.Type != metadata.ROOT {
		return nil, nil, fmt.Errorf("the image names no keys that updates could be signed with: %w", err)
	}
	if err := first.VerifyDelegate(metadata.ROOT, first); err != nil {
		return nil, nil, fmt.Errorf("the keys in the image are not signed by themselves: %w", err)
	}
	s = &Store{dir: dir}
	s.seen, warning = newest(dir)
	s.begin(root, first)
	if s.seen.Floor.Before(built) {
		s.seen.Floor = built
	}
	return s, warning, nil
}

// begin takes the image's root unless a later one has been proved from it. A
// vendor that has lost its keys begins a new chain by a new image.
func (s *Store) begin(root []byte, parsed *metadata.Metadata[metadata.RootType]) {
	if slices.Contains(s.seen.Known, hash(root)) {
		return
	}
	kept, err := metadata.Root().FromBytes(s.seen.Root)
	if err == nil && kept.VerifyDelegate(metadata.ROOT, parsed) == nil && kept.Signed.Version >= parsed.Signed.Version {
		return // the image is older than what it came from
	}
	s.seen.Root, s.seen.Known = root, append(s.seen.Known, hash(root))
}

// newest is the copy with the highest number; the warning says which cannot
// be read.
func newest(dir string) (best seen, warning error) {
	for _, name := range names {
		c, err := readCopy(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			warning = errors.Join(warning, fmt.Errorf("cannot read what is known of earlier updates: %s: %w", name, err))
		case c.Sequence > best.Sequence:
			best = c
		}
	}
	return best, warning
}

func readCopy(path string) (seen, error) {
	f, err := os.Open(path)
	if err != nil {
		return seen{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCopy))
	if err != nil {
		return seen{}, err
	}
	return unseal(data)
}

func unseal(data []byte) (seen, error) {
	var outer sealed
	var s seen
	if err := json.Unmarshal(data, &outer); err != nil {
		return s, err
	}
	if hash(outer.Seen) != outer.SHA256 {
		return s, errors.New("it is damaged")
	}
	if err := json.Unmarshal(outer.Seen, &s); err != nil {
		return seen{}, err
	}
	if s.Sequence < 1 {
		return seen{}, errors.New("it has no number")
	}
	return s, nil
}

// save writes the next copy over the older one.
func (s *Store) save() error {
	s.seen.Sequence++
	inner, err := json.Marshal(s.seen)
	if err != nil {
		return err
	}
	data, err := json.Marshal(sealed{hash(inner), inner})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep what is known of updates: %w", err)
	}
	name := names[s.seen.Sequence%len(names)]
	if err := host.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		return fmt.Errorf("cannot keep what is known of updates: %w", err)
	}
	return nil
}

// raise lifts the floor to a time that the vendor has signed as past.
func (s *Store) raise(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.After(s.seen.Floor) {
		return nil
	}
	s.seen.Floor = t
	return s.save()
}

// Floor is a time that has certainly passed.
func (s *Store) Floor() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Floor
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
