package powercut

import (
	"io"
	"math/rand/v2"
	"slices"
	"sync"
)

// sectorSize is what is written whole or not at all, in bytes.
const sectorSize = 512

// Entry is one thing that happened to a disk.
type Entry struct {
	Disk string
	// Flush says that all earlier writes to this disk are there from now on;
	// an entry is a flush or a write.
	Flush  bool
	Offset int64
	Data   []byte
	// Forced says that this write is there as soon as it was answered (FUA).
	Forced bool
}

// Log is what happened, in the order of the answers.
type Log struct {
	mu      sync.Mutex
	entries []Entry
}

func (l *Log) add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// Len is how many entries there are.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries)
}

// Entries are all that there are.
func (l *Log) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.entries)
}

// Replay makes the disks as they were at one instant after the other.
type Replay struct {
	entries []Entry
	// settled is how many entries of each disk are for certain on it.
	settled map[string]int
}

// NewReplay begins before the first entry.
func NewReplay(entries []Entry) *Replay {
	return &Replay{entries: entries, settled: map[string]int{}}
}

// Settle goes to the instant after the first n entries, of which each call has
// at least as many as the one before: it writes what is by then certain to be
// on the disks to them, and returns the writes of which that is not so. The disks
// hold what they held after the call before, at first what they did before the
// first entry.
func (r *Replay) Settle(disks map[string]io.WriterAt, n int) (open []Entry, err error) {
	flushed := map[string]int{}
	for i, e := range r.entries[:n] {
		if e.Flush {
			flushed[e.Disk] = i
		}
	}
	for i, e := range r.entries[:n] {
		switch {
		case e.Flush || i < r.settled[e.Disk]:
		case i >= flushed[e.Disk]:
			open = append(open, e)
		default:
			if _, err := disks[e.Disk].WriteAt(e.Data, e.Offset); err != nil {
				return nil, err
			}
		}
	}
	r.settled = flushed
	return open, nil
}

// Write writes everything, as if a disk had never held anything back.
func Write(disks map[string]io.WriterAt, open []Entry) error {
	for _, e := range open {
		if _, err := disks[e.Disk].WriteAt(e.Data, e.Offset); err != nil {
			return err
		}
	}
	return nil
}

// Tear writes what a cut may leave of writes that no flush has made certain:
// each is there, missing, or there in part, as random says; a forced one is
// there.
func Tear(disks map[string]io.WriterAt, open []Entry, random *rand.Rand) error {
	for _, e := range open {
		var err error
		if e.Forced {
			_, err = disks[e.Disk].WriteAt(e.Data, e.Offset)
		} else {
			err = torn(disks[e.Disk], e, random)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// torn writes all, none, or some sectors of a write.
func torn(w io.WriterAt, e Entry, random *rand.Rand) error {
	fate := random.IntN(3)
	for at := 0; at < len(e.Data); at += sectorSize {
		if fate == 0 || fate == 2 && random.IntN(2) == 0 {
			continue
		}
		sector := e.Data[at:min(at+sectorSize, len(e.Data))]
		if _, err := w.WriteAt(sector, e.Offset+int64(at)); err != nil {
			return err
		}
	}
	return nil
}
