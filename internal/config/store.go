package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ingotvm/ingot/internal/config/setting"
)

const (
	// maxRevisions are kept; of more the oldest go. At a few KiB each they
	// fit the smallest data disk many times.
	maxRevisions = 1000
	// maxFile bounds what is read: far above any document.
	maxFile = 16 << 20
)

// store keeps revisions and the head as files:
//
//	revisions/00000007.json          one revision, never changed
//	revisions/00000007.json.damaged  what was there instead of one
//	head.json                        which one is in force
//
// The head is the only file that is ever replaced, and the last that a commit
// writes: a revision above it was never in force.
type store struct {
	dir  string
	disk disk
	logf func(format string, args ...any)
	// keep is how many revisions are kept.
	keep int

	mu sync.Mutex
	// numbers are the revisions there are, ascending; last is the highest
	// number that was ever given, as far as the folder knows.
	numbers []int
	last    int
	// head is the one on the disk; zero when there is none.
	head head
}

// head says which revision is in force.
type head struct {
	Current int         `json:"current"`
	Pending *headWaiter `json:"pending,omitempty"`
	Hash    string      `json:"hash,omitempty"`
}

// headWaiter says that the current revision waits to be confirmed.
type headWaiter struct {
	Revision int `json:"revision"`
	RevertTo int `json:"revert_to"`
	// BootID and Deadline, in milliseconds of that boot's clock, say until when.
	BootID   string   `json:"boot_id"`
	Deadline int64    `json:"deadline_boottime_ms"`
	Settings []string `json:"settings"`
}

// record is a revision whose document may be of any format.
type record struct {
	Revision
	Document json.RawMessage `json:"document"`
}

// openStore makes the folders, clears what a kill left and lists what there is.
func openStore(dir string, disk disk, logf func(string, ...any)) (*store, error) {
	s := &store{dir: dir, disk: disk, logf: logf, keep: maxRevisions}
	if err := disk.MkdirAll(s.revisions(), 0o700); err != nil {
		return nil, fmt.Errorf("cannot open the configuration: %w", err)
	}
	for _, folder := range []string{dir, s.revisions()} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("cannot open the configuration: %w", err)
		}
		for _, e := range entries {
			switch number, damaged := parseName(e.Name()); {
			case strings.HasPrefix(e.Name(), "."): // the temporary files of host.WriteFile
				if err := disk.Remove(filepath.Join(folder, e.Name())); err != nil {
					logf("cannot remove the remains of a write: %v", err)
				}
			case number > 0:
				s.last = max(s.last, number)
				if !damaged {
					s.numbers = append(s.numbers, number)
				}
			}
		}
	}
	slices.Sort(s.numbers)
	return s, nil
}

func (s *store) revisions() string { return filepath.Join(s.dir, "revisions") }
func (s *store) headFile() string  { return filepath.Join(s.dir, "head.json") }
func (s *store) file(number int) string {
	return filepath.Join(s.revisions(), fmt.Sprintf("%08d.json", number))
}

// parseName is the number in the name of a revision's file; 0 for other files.
func parseName(name string) (number int, damaged bool) {
	name, damaged = strings.CutSuffix(name, ".damaged")
	digits, ok := strings.CutSuffix(name, ".json")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 1 || fmt.Sprintf("%08d", number) != digits {
		return 0, false
	}
	return number, damaged
}

// list are the numbers of the revisions there are, ascending.
func (s *store) list() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.numbers)
}

// readHead reads the head; the error wraps os.ErrNotExist or errDamaged.
func (s *store) readHead() (head, error) {
	data, err := readFile(s.headFile())
	if err != nil {
		return head{}, err
	}
	return parseHead(data)
}

func parseHead(data []byte) (head, error) {
	var h head
	hash, err := unseal(data, &h)
	if err != nil {
		return head{}, err
	}
	if h.Current < 1 || h.Pending != nil && h.Pending.Revision != h.Current {
		return head{}, fmt.Errorf("%w: it names no revision", errDamaged)
	}
	h.Hash = hash
	return h, nil
}

// read reads one revision; the error wraps [ErrNoRevision] or errDamaged.
func (s *store) read(number int) (record, error) {
	if number < 1 || !slices.Contains(s.list(), number) {
		return record{}, fmt.Errorf("cannot read revision %d: %w", number, ErrNoRevision)
	}
	data, err := readFile(s.file(number))
	if err == nil {
		var r record
		if r, err = parseRecord(data, number); err == nil {
			return r, nil
		}
	}
	if errors.Is(err, os.ErrNotExist) { // pruned meanwhile
		err = ErrNoRevision
	}
	return record{}, fmt.Errorf("cannot read revision %d: %w", number, err)
}

func parseRecord(data []byte, number int) (record, error) {
	var r record
	hash, err := unseal(data, &r)
	if err != nil {
		return record{}, err
	}
	if r.Number != number {
		return record{}, fmt.Errorf("%w: it is revision %d", errDamaged, r.Number)
	}
	r.Hash = hash
	return r, nil
}

// readFile reads a file of the store, as far as one can be long.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%w: it is too long", errDamaged)
	}
	return data, err
}

// adopt takes the head that was read for the one on the disk. Revisions above
// it were never in force: a kill came between the two writes of their commit.
func (s *store) adopt(h head) {
	s.head = h
	s.last = max(s.last, h.Current)
	for _, n := range s.list() {
		if n <= h.Current {
			continue
		}
		s.logf("revision %d was never finished: it is removed", n)
		if err := s.disk.Remove(s.file(n)); err != nil {
			s.logf("cannot remove revision %d: %v", n, err)
		}
		s.forget(n) // a commit writes over it
	}
}

// setHeadAside keeps a damaged head from being written over.
func (s *store) setHeadAside(why error) {
	if !errors.Is(why, errDamaged) {
		return
	}
	if err := s.disk.Rename(s.headFile(), s.headFile()+".damaged"); err != nil {
		s.logf("cannot set the damaged %s aside: %v", s.headFile(), err)
	}
}

// setAside renames a file that is damaged, so that nobody reads it again and
// nothing is lost.
func (s *store) setAside(number int) {
	if err := s.disk.Rename(s.file(number), s.file(number)+".damaged"); err != nil {
		s.logf("cannot set the damaged revision %d aside: %v", number, err)
		return
	}
	s.forget(number)
}

func (s *store) forget(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers = slices.DeleteFunc(s.numbers, func(n int) bool { return n == number })
}

// next is the number of the revision after current: one never given before.
func (s *store) next(current int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.last, current) + 1
}

// sealRevision is a revision's file and sets its hash.
func sealRevision(r *Revision) ([]byte, error) {
	document, err := json.Marshal(r.Document)
	if err != nil {
		return nil, err
	}
	data, hash, err := seal(record{Revision: *r, Document: document})
	r.Hash = hash
	return data, err
}

// room fails when the disk would not take so many bytes, before anything is
// changed for which they are needed.
func (s *store) room(bytes int) error {
	probe := filepath.Join(s.dir, ".room")
	const head = 4 << 10 // the head's own block
	err := s.disk.Write(probe, make([]byte, bytes+head), 0o600, -1, -1)
	return errors.Join(err, s.disk.Remove(probe))
}

// commit makes a revision the one in force: first its file, then the head,
// whose replacement is the moment at which it counts. On failure the head of
// before is there, or the error says otherwise.
func (s *store) commit(r *Revision, waiter *headWaiter) error {
	data, err := sealRevision(r)
	if err != nil {
		return fmt.Errorf("cannot keep revision %d: %w", r.Number, err)
	}
	if err := s.unchanged(); err != nil {
		return fmt.Errorf("cannot keep revision %d: %w", r.Number, err)
	}
	if err := s.disk.Write(s.file(r.Number), data, 0o600, -1, -1); err != nil {
		return fmt.Errorf("cannot keep revision %d: %w", r.Number, errors.Join(err, s.disk.Remove(s.file(r.Number))))
	}
	before := s.head
	if err := s.setHead(head{Current: r.Number, Pending: waiter}); err != nil {
		return fmt.Errorf("cannot keep revision %d: %w", r.Number, errors.Join(err, s.takeBack(before, r.Number)))
	}
	s.note(r.Number)
	s.prune()
	return nil
}

// takeBack removes a revision whose head could not be written. The head may
// have been replaced all the same, and only its durability have failed; then
// the old one is written again first. If that fails too, the revision stays
// until the next commit, which has the same number, writes over it.
func (s *store) takeBack(before head, number int) error {
	if h, err := s.readHead(); err == nil && h.Current == number {
		if before.Current == 0 {
			err = s.disk.Remove(s.headFile())
		} else {
			err = s.setHead(before)
		}
		if err != nil {
			if h, err := s.readHead(); err == nil {
				s.head = h
			}
			return fmt.Errorf("and it may be in force after the next start: %w", err)
		}
	}
	return s.disk.Remove(s.file(number))
}

// note enters a new revision into the list.
func (s *store) note(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers = append(s.numbers, number)
	s.last = max(s.last, number)
}

// unchanged fails when another program wrote the head meanwhile: only one at
// a time may have the store open.
func (s *store) unchanged() error {
	h, err := s.readHead()
	if err == nil && h.Hash != s.head.Hash {
		return fmt.Errorf("another program changed %s", s.headFile())
	}
	return nil // a head that cannot be read is replaced
}

// setHead replaces the head.
func (s *store) setHead(h head) error {
	data, hash, err := seal(h)
	if err != nil {
		return err
	}
	if err := s.disk.Write(s.headFile(), data, 0o600, -1, -1); err != nil {
		return err
	}
	h.Hash = hash
	s.head = h
	return nil
}

// prune removes the oldest revisions. A failure costs room, nothing else.
func (s *store) prune() {
	numbers := s.list()
	for _, n := range numbers[:max(0, len(numbers)-s.keep)] {
		if err := s.disk.Remove(s.file(n)); err != nil {
			s.logf("cannot remove the old revision %d: %v", n, err)
			return
		}
		s.forget(n)
	}
}

// decodeDocument reads the document of a record, whatever its format.
func (r record) decodeDocument() (*setting.Document, error) {
	document, err := decodeObject(r.Document)
	if err != nil {
		return nil, fmt.Errorf("cannot read the document of revision %d: %w: %v", r.Number, errDamaged, err)
	}
	if err := upgrade(document, setting.Format, migrations()); err != nil {
		return nil, fmt.Errorf("cannot read the document of revision %d: %w", r.Number, err)
	}
	d, err := fromTree(document)
	if err != nil {
		return nil, fmt.Errorf("cannot read the document of revision %d: %w: %v", r.Number, errDamaged, err)
	}
	return d, nil
}
