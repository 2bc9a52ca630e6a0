package support

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/host"
)

// Session is one session, as it is kept and told of.
type Session struct {
	// ID names it and its folder.
	ID string `json:"id"`
	// Name is what the certificate calls its person, Key the fingerprint of
	// their key, Serial the certificate's number; Authority who signed it.
	Name      string `json:"name"`
	Key       string `json:"key"`
	Serial    uint64 `json:"serial,omitempty"`
	Authority string `json:"authority"`
	// By opened it, From some place, because of Why.
	By   string `json:"by"`
	From string `json:"from,omitempty"`
	Why  string `json:"why"`
	// Opened to Until is its time; Ended is when it really ended, zero before.
	Opened time.Time `json:"opened"`
	Until  time.Time `json:"until"`
	Ended  time.Time `json:"ended,omitzero"`
	// How it ended; EndedBy who did, when somebody did.
	How     How    `json:"how,omitempty"`
	EndedBy string `json:"ended_by,omitempty"`
	// Logins are the last [maxLogins] that there were.
	Logins []Login `json:"logins,omitempty"`
	// Shells are those that were started, with their recordings.
	Shells []Shell `json:"shells,omitempty"`
}

// How a session ended.
type How string

// The ways to end.
const (
	ByPerson   How = "person"
	ByTime     How = "time"
	ByRestart  How = "restart" // of the machine
	ByAgent    How = "agent"   // which was ended, and not by its own shutdown
	ByFullness How = "full"
	ByProblem  How = "problem" // it could not be opened in the end, or not gone on with
)

// Login is one time that somebody came in.
type Login struct {
	Time time.Time `json:"time"`
	From string    `json:"from"`
}

// Shell is one program that somebody ran.
type Shell struct {
	// Name is that of its recording.
	Name string `json:"name"`
	// Command is "" for a shell that one types into.
	Command string    `json:"command,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
}

// Recording is one file of a recording.
type Recording struct {
	File string
	Size int64
}

// The bounds of what is kept.
const (
	maxLogins = 100
	// maxShells are what a session runs in all: each is remembered and listed.
	maxShells = 300
	// maxSessions and maxKept, in bytes, are what is kept of earlier sessions.
	maxSessions = 20
	maxKept     = 64 << 20
	// maxCommand is how much of a command is listed, in bytes; its recording
	// begins with maxHeader of it.
	maxCommand = 200
	maxHeader  = 4 << 10
	// maxFile bounds the description of a session, in bytes.
	maxFile = 1 << 20
)

// kept is the file that says that a session is open.
type kept struct {
	Format  int    `json:"format"`
	Session string `json:"session"`
	// BootID and Deadline, in milliseconds of that boot's clock, say until when.
	BootID   string `json:"boot_id"`
	Deadline int64  `json:"deadline_boottime_ms"`
	// Certificate is the one that is let in, Left how many bytes may still be
	// recorded.
	Certificate string `json:"certificate"`
	Left        int64  `json:"left"`
	// Paused says that the agent shut down by itself and will go on.
	Paused bool `json:"paused"`
}

const keptFormat = 1

func (m *Manager) keptFile() string { return filepath.Join(m.opts.Dir, "open.json") }

func (m *Manager) folder(id string) string { return filepath.Join(m.opts.Dir, "sessions", id) }

// load reads the file; what cannot be read says that no session is open.
func (m *Manager) load() (kept, bool) {
	data, err := readFile(m.keptFile(), maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return kept{}, false
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil || k.Format != keptFormat {
		m.opts.Log("support: the file of the open session cannot be read, so there is none: %v", err)
		return kept{}, false
	}
	return k, true
}

func writeJSON(file string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", filepath.Base(file), err)
	}
	return host.WriteFile(file, data, 0o600)
}

func (m *Manager) save(s Session) error {
	return writeJSON(filepath.Join(m.folder(s.ID), "session.json"), s)
}

// isID says whether a text could be a session's name, and is no path.
func isID(text string) bool {
	return text != "" && len(text) <= 40 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && r != '-'
	})
}

// read is a session that is kept.
func (m *Manager) read(id string) (Session, error) {
	var s Session
	if !isID(id) {
		return s, os.ErrNotExist
	}
	data, err := readFile(filepath.Join(m.folder(id), "session.json"), maxFile)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil && s.ID != id {
		err = errors.New("it is another's")
	}
	return s, err
}

// Sessions are those that are kept, the newest first; the one that is open too.
func (m *Manager) Sessions() []Session {
	entries, err := os.ReadDir(filepath.Join(m.opts.Dir, "sessions"))
	if err != nil {
		return nil // there was none yet
	}
	current, open := m.Current()
	var list []Session
	for _, e := range entries {
		s, err := m.read(e.Name())
		switch {
		case open && e.Name() == current.ID:
			s = current
		case err != nil:
			continue // a recording without its session is found on the disk
		case s.Ended.IsZero(): // nobody could say so when it did
			s.Ended, s.How = s.Until, ByAgent
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Session) int { return strings.Compare(b.ID, a.ID) })
	return list
}

// Recordings are the files of one shell of a session, in their order.
func (m *Manager) Recordings(session, shell string) []Recording {
	if !isID(session) || !isID(shell) {
		return nil
	}
	var list []Recording
	for part := 1; ; part++ {
		name := shell
		if part > 1 {
			name = fmt.Sprintf("%s-%d", shell, part)
		}
		info, err := os.Lstat(filepath.Join(m.folder(session), name+".cast"))
		if err != nil {
			return list
		}
		list = append(list, Recording{name + ".cast", info.Size()})
	}
}

// Recording is one file; the error wraps [os.ErrNotExist] when there is none.
// It holds what there is so far when somebody is writing it.
func (m *Manager) Recording(session, file string) ([]byte, error) {
	name, ok := strings.CutSuffix(file, ".cast")
	if !ok || !isID(session) || !isID(name) {
		return nil, os.ErrNotExist
	}
	return readFile(filepath.Join(m.folder(session), file), 2*maxPart)
}

// readFile reads a file of a session. Who was let in is root and may have put
// anything there, so it must be a plain one of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > most:
		return nil, fmt.Errorf("cannot read %s: it is not what was kept there", filepath.Base(path))
	}
	return os.ReadFile(path)
}

// tidy removes the oldest sessions that there is no room for.
func (m *Manager) tidy() {
	var size int64
	for i, s := range m.Sessions() {
		entries, _ := os.ReadDir(m.folder(s.ID))
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		if i >= maxSessions || size > maxKept {
			m.opts.Log("support: the recordings of %s are removed, to make room", s.ID)
			if err := os.RemoveAll(m.folder(s.ID)); err != nil {
				m.opts.Log("%v", err)
			}
		}
	}
}
