package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// Dir is the folder of the data disk for what updates keep.
const Dir = "updates"

// file is the record's name in it.
const file = "trial.json"

// Trial is the record of one update, or of one way back that an administrator
// asked for: the version From runs, To is to take its place.
type Trial struct {
	// Format is 1.
	Format int `json:"format"`
	// From and To are versions.
	From string `json:"from"`
	To   string `json:"to"`
	// By is who asked for it.
	By string `json:"by,omitempty"`
	// Armed is when the record was opened, by the appliance's clock.
	Armed time.Time `json:"armed"`
	// Snapshot is the ID of From's data, "" when nothing was kept.
	Snapshot string `json:"snapshot,omitempty"`
	// Load is the ID of the data that takes the place of From's before To
	// starts for the first time, or "". Loaded says that this is done.
	Load   string `json:"load,omitempty"`
	Loaded bool   `json:"loaded,omitempty"`
	// Downloaded is what was fetched for it, in bytes.
	Downloaded int64 `json:"downloaded,omitempty"`
	// Boots are the times that To's initrd came as far as the data disk.
	Boots []Boot `json:"boots,omitempty"`
	// Reason says why To did not prove itself, and Log has the last lines of
	// its failed boot.
	Reason string   `json:"reason,omitempty"`
	Log    []string `json:"log,omitempty"`
	// Stage is how far it has come.
	Stage Stage `json:"stage"`
	// Services are those whose data is in the snapshot; nil is all that are.
	Services []string `json:"services,omitempty"`
}

// Boot is one start of the version on trial.
type Boot struct {
	// ID is the kernel's, /proc/sys/kernel/random/boot_id.
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
}

// Stage is how far a trial has come.
type Stage string

// The stages of a trial.
const (
	// Armed is from before the boot state names the trial until it has ended.
	Armed Stage = "armed"
	// Good is when To has proved itself.
	Good Stage = "good"
	// Returned is when From has its data back.
	Returned Stage = "returned"
)

// Limits of what is kept, so that the record always fits in a few blocks.
const (
	maxBoots  = 20
	maxLog    = 200  // lines
	maxLine   = 400  // bytes
	maxReason = 2000 // bytes
	maxFile   = 1 << 20
)

// Errors of [Read].
var (
	// ErrNone says that there is no record. It is an [fs.ErrNotExist].
	ErrNone = fmt.Errorf("there is no record of an update: %w", fs.ErrNotExist)
	// ErrDamaged says that there is one that is not what was written.
	ErrDamaged = errors.New("the record of the update is damaged")
)

// Read reads the record of a data disk. The error is [ErrNone], or wraps
// [ErrDamaged] or what the file system said.
func Read(dataDir string) (*Trial, error) {
	f, err := os.Open(filepath.Join(dataDir, Dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the record of the update: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the record of the update: %w", err)
	}
	var t Trial
	if err := Unseal(data, &t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &t, nil
}

// check refuses what no record of ours can say.
func (t *Trial) check() error {
	switch {
	case t.Format != 1:
		return fmt.Errorf("its format is %d, and this program knows 1", t.Format)
	case !appliance.IsVersion(t.From), !appliance.IsVersion(t.To), t.From == t.To:
		return errors.New("it does not say from which version to which")
	case !slices.Contains([]Stage{Armed, Good, Returned}, t.Stage):
		return errors.New("it does not say how far the update has come")
	case t.Snapshot != "" && !IsID(t.Snapshot), t.Load != "" && !IsID(t.Load):
		return errors.New("it names a snapshot that cannot be")
	}
	for _, name := range t.Services {
		if !IsID(name) {
			return errors.New("it names a service that cannot be")
		}
	}
	return nil
}

// Write replaces the record of a data disk, durably.
func Write(dataDir string, t *Trial) error {
	short := *t
	short.Format = 1
	short.shorten()
	if err := short.check(); err != nil {
		return fmt.Errorf("cannot write the record of the update: %w", err)
	}
	data, err := Seal(short)
	if err != nil {
		return fmt.Errorf("cannot write the record of the update: %w", err)
	}
	if err := makeDir(dataDir); err != nil {
		return fmt.Errorf("cannot write the record of the update: %w", err)
	}
	return host.WriteFile(filepath.Join(dataDir, Dir, file), data, 0o600)
}

// Remove closes the record. That there is none is fine.
func Remove(dataDir string) error {
	dir := filepath.Join(dataDir, Dir)
	err := os.Remove(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = host.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot remove the record of the update: %w", err)
	}
	return nil
}

// shorten keeps what is within the limits: the first and the last boots, the
// last lines.
func (t *Trial) shorten() {
	if n := len(t.Boots); n > maxBoots {
		t.Boots = slices.Concat(t.Boots[:1], t.Boots[n-maxBoots+1:])
	}
	if n := len(t.Log); n > maxLog {
		t.Log = t.Log[n-maxLog:]
	}
	t.Log = slices.Clone(t.Log)
	for i, line := range t.Log {
		t.Log[i] = line[:min(len(line), maxLine)]
	}
	t.Reason = t.Reason[:min(len(t.Reason), maxReason)]
}

// Open says whether the trial has not come to an end.
func (t *Trial) Open() bool { return t != nil && t.Stage == Armed }

// makeDir makes the folder for updates, durably.
func makeDir(dataDir string) error {
	err := os.Mkdir(filepath.Join(dataDir, Dir), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return host.SyncDir(dataDir)
}

// IsID says whether s can be the ID of a snapshot: letters, digits, dots,
// dashes and underscores, not beginning with a dot, at most 100.
func IsID(s string) bool {
	if s == "" || len(s) > 100 || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
