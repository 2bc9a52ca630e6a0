package repository

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// How long what is signed is good for by default.
const (
	RootLife      = 2 * 365 * 24 * time.Hour
	TargetsLife   = 365 * 24 * time.Hour
	SnapshotLife  = 365 * 24 * time.Hour
	TimestampLife = 14 * 24 * time.Hour
	BundleLife    = 365 * 24 * time.Hour
)

// Names of the keys that are not root's.
const (
	// TargetsKey signs what is released.
	TargetsKey = "targets"
	// OnlineKey signs that the repository is fresh: snapshot and timestamp.
	OnlineKey = "online"
)

// RootFile is the public part that goes into appliances.
const RootFile = "root.json"

// Errors of keys.
var (
	ErrPassphrase = errors.New("the passphrase does not open this key")
	ErrThreshold  = errors.New("not enough keys of the root are there")
)

// Keys are a vendor's keys in a folder:
//
//	root.json, N.root.json   public: the newest root metadata, and all there were
//	root-1.age …, targets.age, online.age   private, encrypted
//	online.2.age   the same of a key that came with root 2; older ones stay
//
// Root keys may be elsewhere until they are needed.
type Keys struct {
	Dir string
	// Passphrase asks for the passphrase of a key, by its file without .age, or
	// of one that is being made, by its name, where NewPassphrase is nil.
	Passphrase func(name string) (string, error)
	// NewPassphrase asks for that of a key that is being made; nil: as others.
	NewPassphrase func(name string) (string, error)
	// Now is the clock; nil means the machine's.
	Now func() time.Time

	root *metadata.Metadata[metadata.RootType]
	// open are the private keys in memory, by their files; fresh are files that
	// are to be written when a root names them.
	open  map[string]ed25519.PrivateKey
	fresh map[string][]byte
}

// InitOptions say which keys are made.
type InitOptions struct {
	// Root keys, of which Threshold must sign a new root.
	Root, Threshold int
	Passphrase      func(name string) (string, error)
	Now             func() time.Time
	// WorkFactor is scrypt's logarithm; 0 means age's default, a second.
	WorkFactor int
}

// InitKeys makes keys in a folder, which must have none.
func InitKeys(dir string, o InitOptions) (*Keys, error) {
	if o.Root < 1 || o.Threshold < 1 || o.Threshold > o.Root || o.Root > 20 {
		return nil, fmt.Errorf("cannot make keys: %d of %d root keys cannot be asked for", o.Threshold, o.Root)
	}
	if _, err := os.Stat(filepath.Join(dir, RootFile)); err == nil {
		return nil, fmt.Errorf("cannot make keys: %s is there: %w", filepath.Join(dir, RootFile), fs.ErrExist)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &Keys{Dir: dir, Passphrase: o.Passphrase, Now: o.Now, open: map[string]ed25519.PrivateKey{}, fresh: map[string][]byte{}}
	k.root = metadata.Root(k.now().Add(RootLife))
	names := []string{TargetsKey, OnlineKey}
	for i := range o.Root {
		names = append(names, rootKey(i+1))
	}
	for _, name := range names {
		if _, err := os.Lstat(k.path(name)); err == nil {
			return nil, fmt.Errorf("cannot make key %s: %s is there: %w", name, k.path(name), fs.ErrExist)
		}
		if err := k.make(k.root, name, name, o.WorkFactor); err != nil {
			return nil, err
		}
	}
	k.root.Signed.Roles[metadata.ROOT].Threshold = o.Threshold
	return k, k.publishRoot(k.root)
}

func rootKey(n int) string { return "root-" + strconv.Itoa(n) }

// roles are what a key signs.
func roles(name string) []string {
	switch name {
	case TargetsKey:
		return []string{metadata.TARGETS}
	case OnlineKey:
		return []string{metadata.SNAPSHOT, metadata.TIMESTAMP}
	}
	return []string{metadata.ROOT}
}

func (k *Keys) now() time.Time {
	now := time.Now()
	if k.Now != nil {
		now = k.Now()
	}
	return now.UTC().Truncate(time.Second)
}

// make makes a key that a root names; it is written together with the root.
func (k *Keys) make(root *metadata.Metadata[metadata.RootType], name, file string, work int) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	ask := k.NewPassphrase
	if ask == nil {
		ask = k.Passphrase
	}
	passphrase, err := ask(name)
	if err != nil {
		return err
	}
	if k.fresh[file], err = encrypt(private, passphrase, work); err != nil {
		return fmt.Errorf("cannot encrypt key %s: %w", name, err)
	}
	k.open[file] = private
	key, err := metadata.KeyFromPublicKey(public)
	if err != nil {
		return err
	}
	for _, role := range roles(name) {
		if err := root.Signed.AddKey(key, role); err != nil {
			return err
		}
	}
	id, err := key.ID()
	if err != nil {
		return err
	}
	setFile(root, id, file)
	return nil
}

func (k *Keys) path(file string) string { return filepath.Join(k.Dir, file+".age") }

func encrypt(private ed25519.PrivateKey, passphrase string, work int) ([]byte, error) {
	if len(passphrase) < 8 {
		return nil, errors.New("its passphrase is shorter than 8 characters")
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if work > 0 {
		recipient.SetWorkFactor(work)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(private.Seed()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil { // which writes the end
		return nil, err
	}
	return out.Bytes(), nil
}

// OpenKeys opens a folder that [InitKeys] made. No passphrase is asked for
// before a key is needed.
func OpenKeys(dir string, passphrase func(name string) (string, error)) (*Keys, error) {
	data, err := os.ReadFile(filepath.Join(dir, RootFile))
	if err != nil {
		return nil, fmt.Errorf("cannot open the keys: %w", err)
	}
	root, err := metadata.Root().FromBytes(data)
	if err == nil {
		err = root.VerifyDelegate(metadata.ROOT, root)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the keys: %s: %w", RootFile, err)
	}
	k := &Keys{Dir: dir, Passphrase: passphrase, root: root, open: map[string]ed25519.PrivateKey{}}
	return k, k.finish()
}

// finish ends a rotation that was cut between its last two files.
func (k *Keys) finish() error {
	data, err := os.ReadFile(filepath.Join(k.Dir, numbered(k.root.Signed.Version+1, RootFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open the keys: %w", err)
	}
	next, err := metadata.Root().FromBytes(data)
	if err == nil {
		err = errors.Join(k.root.VerifyDelegate(metadata.ROOT, next), next.VerifyDelegate(metadata.ROOT, next))
	}
	if err == nil {
		err = host.WriteFile(filepath.Join(k.Dir, RootFile), data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot open the keys: %s: %w", numbered(k.root.Signed.Version+1, RootFile), err)
	}
	k.root = next
	return nil
}

// private opens the key of a file.
func (k *Keys) private(file string) (ed25519.PrivateKey, error) {
	if p, ok := k.open[file]; ok {
		return p, nil
	}
	data, err := os.ReadFile(k.path(file))
	if err != nil {
		return nil, fmt.Errorf("cannot open key %s: %w", file, err)
	}
	passphrase, err := k.Passphrase(file)
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("cannot open key %s: %w", file, err)
	}
	r, err := age.Decrypt(bytes.NewReader(data), identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("cannot open key %s: %w", file, ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open key %s: %w", file, err)
	}
	seed, err := io.ReadAll(io.LimitReader(r, ed25519.SeedSize+1))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("cannot open key %s: it is damaged: %w", file, err)
	}
	k.open[file] = ed25519.NewKeyFromSeed(seed)
	return k.open[file], nil
}

// Open opens keys, so that a passphrase is asked for, or found wrong, before
// long work is done.
func (k *Keys) Open(names ...string) error {
	for _, name := range names {
		if _, err := k.private(fileOf(k.root, idOf(k.root, name))); err != nil {
			return err
		}
	}
	return nil
}

// good says that the newest root may still be signed for.
func (k *Keys) good() error {
	if until := k.root.Signed.Expires; k.now().After(until) {
		return fmt.Errorf("cannot sign: %w on %s", ErrExpired, until.Format(time.DateOnly))
	}
	return nil
}

// signer is the private part of a root's key, from the file that has its name:
// another key there would sign what nobody believes.
func (k *Keys) signer(root *metadata.Metadata[metadata.RootType], id string) (signature.Signer, error) {
	file := fileOf(root, id)
	private, err := k.private(file)
	if err != nil {
		return nil, err
	}
	public, err := metadata.KeyFromPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	if have, err := public.ID(); err != nil || have != id {
		return nil, fmt.Errorf("%s holds another key than the root names: put the right file back", k.path(file))
	}
	return signature.LoadSigner(private, crypto.Hash(0))
}

// Key is one key as it is listed.
type Key struct {
	Name string   `json:"name"`
	ID   string   `json:"id"`
	Role []string `json:"roles"`
	// Here says that the private part is in the folder.
	Here bool `json:"here"`
}

// List lists the keys of the newest root, and when that has to be renewed.
func (k *Keys) List() (list []Key, threshold int, expires time.Time) {
	for id := range k.root.Signed.Keys {
		file := fileOf(k.root, id)
		entry := Key{Name: keyName(file), ID: id}
		for role, r := range k.root.Signed.Roles {
			if slices.Contains(r.KeyIDs, id) {
				entry.Role = append(entry.Role, role)
			}
		}
		slices.Sort(entry.Role)
		_, err := os.Stat(k.path(file))
		entry.Here = err == nil
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return list, k.root.Signed.Roles[metadata.ROOT].Threshold, k.root.Signed.Expires
}

// signRoot signs a root with as many of the root keys of old and of itself as
// each asks for.
func (k *Keys) signRoot(next, old *metadata.Metadata[metadata.RootType]) error {
	next.ClearSignatures()
	signed := map[string]bool{}
	for _, by := range []*metadata.Metadata[metadata.RootType]{old, next} {
		role, count := by.Signed.Roles[metadata.ROOT], 0
		var last error
		for _, id := range role.KeyIDs {
			if count == role.Threshold {
				break
			}
			if signed[id] {
				count++
				continue
			}
			signer, err := k.signer(by, id)
			if errors.Is(err, fs.ErrNotExist) {
				last = err
				continue
			}
			if err != nil {
				return err
			}
			if _, err := next.Sign(signer); err != nil {
				return err
			}
			signed[id], count = true, count+1
		}
		if count < role.Threshold {
			return fmt.Errorf("cannot sign a root: %w: %d of %d: %w", ErrThreshold, count, role.Threshold, last)
		}
	}
	return nil
}

// publishRoot signs a root and makes it the newest of the folder: first the
// keys that it brings, so that it names none that is not there.
func (k *Keys) publishRoot(next *metadata.Metadata[metadata.RootType]) error {
	if err := k.signRoot(next, k.root); err != nil {
		return err
	}
	data, err := next.ToBytes(false)
	if err != nil {
		return err
	}
	unlock, err := k.lock()
	if err != nil {
		return err
	}
	defer unlock()
	numberedRoot := filepath.Join(k.Dir, numbered(next.Signed.Version, RootFile))
	if _, err := os.Lstat(numberedRoot); err == nil {
		return fmt.Errorf("cannot change the keys: %s is there, somebody else has changed them meanwhile: %w", numberedRoot, fs.ErrExist)
	}
	for file, data := range k.fresh {
		if err := host.WriteFile(k.path(file), data, 0o600); err != nil {
			return err
		}
	}
	if err := host.WriteFile(numberedRoot, data, 0o644); err != nil {
		return err
	}
	if err := host.WriteFile(filepath.Join(k.Dir, RootFile), data, 0o644); err != nil {
		return err
	}
	k.root = next
	return nil
}

// lock keeps a second writer of the keys out until the first has finished.
func (k *Keys) lock() (unlock func(), err error) {
	dir, err := os.Open(k.Dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		dir.Close()
		return nil, fmt.Errorf("cannot lock the keys: %w", err)
	}
	return func() { dir.Close() }, nil
}

// Rotate makes the next root: the keys named are replaced by new ones, and it
// is good for [RootLife] again. Without names only that. The old private keys
// stay in the folder: the repository is signed with them once more, so that who
// has not seen the new root can read on.
func (k *Keys) Rotate(names []string, work int) error {
	next, err := clone(k.root)
	if err != nil {
		return err
	}
	next.Signed.Version++
	next.Signed.Expires = k.now().Add(RootLife)
	// All that has to sign for the old root, before a passphrase is asked for.
	trial, err := clone(next)
	if err != nil {
		return err
	}
	if err := k.signRoot(trial, k.root); err != nil {
		return err
	}
	k.fresh = map[string][]byte{}
	for _, name := range names {
		id := idOf(next, name)
		if id == "" {
			return fmt.Errorf("cannot replace key %s: there is none of that name", name)
		}
		for _, role := range roles(name) {
			if err := next.Signed.RevokeKey(id, role); err != nil {
				return err
			}
		}
		setFile(next, id, "")
		if err := k.make(next, name, name+"."+strconv.FormatInt(next.Signed.Version, 10), work); err != nil {
			return err
		}
	}
	return k.publishRoot(next)
}

func clone(root *metadata.Metadata[metadata.RootType]) (*metadata.Metadata[metadata.RootType], error) {
	data, err := root.ToBytes(false)
	if err != nil {
		return nil, err
	}
	return metadata.Root().FromBytes(data)
}

// filesField is where a root has the files of its keys, by their IDs; others
// pass over it.
const filesField = "x-ingot-files"

func keyFiles(root *metadata.Metadata[metadata.RootType]) map[string]any {
	files, _ := root.Signed.UnrecognizedFields[filesField].(map[string]any)
	return files
}

// fileOf is the file of a key, such as "online" or, since root 2, "online.2".
func fileOf(root *metadata.Metadata[metadata.RootType], id string) string {
	file, _ := keyFiles(root)[id].(string)
	return file
}

// keyName is the name of a key by its file.
func keyName(file string) string {
	name, _, _ := strings.Cut(file, ".")
	return name
}

// setFile says which file a key has, or with "" forgets it.
func setFile(root *metadata.Metadata[metadata.RootType], id, file string) {
	files := map[string]any{}
	maps.Copy(files, keyFiles(root))
	if files[id] = file; file == "" {
		delete(files, id)
	}
	fields := map[string]any{}
	maps.Copy(fields, root.Signed.UnrecognizedFields)
	fields[filesField] = files
	root.Signed.UnrecognizedFields = fields
}

func idOf(root *metadata.Metadata[metadata.RootType], name string) string {
	for id := range keyFiles(root) {
		if keyName(fileOf(root, id)) == name {
			return id
		}
	}
	return ""
}
