package support

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// errFull says that there is no room to record more.
var errFull = errors.New("the recordings of this session are full")

// maxPart bounds one file of a recording, in bytes: it is handed out whole, by
// an agent with little memory.
const maxPart = 2 << 20

// room is what is left for the recordings of a session, in bytes.
type room struct {
	mu   sync.Mutex
	left int64
}

// take says whether n more bytes fit.
func (r *room) take(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if int64(n) > r.left {
		r.left = 0 // whoever comes next is not let in by being short
		return false
	}
	r.left -= int64(n)
	return true
}

// rest is how many bytes are left.
func (r *room) rest() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

// header is the first line of an asciicast (docs.asciinema.org, "asciicast v2").
type header struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp"`
	Command   string            `json:"command,omitempty"`
	Title     string            `json:"title"`
	Env       map[string]string `json:"env,omitempty"`
}

// recorder writes what one shell says, and when. Its methods may be called
// from any goroutine.
type recorder struct {
	dir  string
	name string
	head header
	room *room
	// began is when this part did.
	began time.Time

	mu   sync.Mutex
	file *os.File
	part int
	size int
	// carry is the begin of a letter whose end has not come yet, by kind.
	carry  map[string][]byte
	failed error
}

// record begins the recording of one shell in a folder. Its parts are called
// name.cast, name-2.cast and so on.
func record(dir, name string, h header, r *room, now time.Time) (*recorder, error) {
	h.Version = 2
	rec := &recorder{dir: dir, name: name, head: h, room: r, carry: map[string][]byte{}}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec, rec.open(now)
}

// open begins a part. r.mu is held.
func (r *recorder) open(now time.Time) error {
	if r.file != nil {
		if err := r.shut(); err != nil {
			return r.fail(err)
		}
	}
	r.part++
	name := r.name
	if r.part > 1 {
		name += "-" + strconv.Itoa(r.part)
	}
	r.began = now
	r.head.Timestamp = now.Unix()
	file, err := os.OpenFile(filepath.Join(r.dir, name+".cast"), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return r.fail(err)
	}
	r.file, r.size = file, 0
	return r.write(r.head)
}

// write adds a line. r.mu is held.
func (r *recorder) write(value any) error {
	if r.failed != nil {
		return r.failed
	}
	data, err := json.Marshal(value)
	if err != nil {
		return r.fail(err)
	}
	data = append(data, '\n')
	if !r.room.take(len(data)) {
		return r.fail(errFull)
	}
	if _, err := r.file.Write(data); err != nil {
		return r.fail(err)
	}
	r.size += len(data)
	return nil
}

// fail ends the recording; what is not recorded must not happen.
func (r *recorder) fail(err error) error {
	if !errors.Is(err, errFull) {
		err = fmt.Errorf("cannot record: %w", err)
	}
	r.failed = err
	return err
}

// The kinds of event: what was shown, what was typed, and another size of the
// terminal.
const (
	shown   = "o"
	typed   = "i"
	resized = "r"
)

// event adds what was said, of a kind, at a time. Letters that are cut in two
// are put together.
func (r *recorder) event(kind string, data []byte, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	if r.size > maxPart {
		if err := r.open(now); err != nil {
			return err
		}
	}
	data = append(r.carry[kind], data...)
	whole := len(data) - unfinished(data)
	r.carry[kind] = append([]byte(nil), data[whole:]...)
	if whole == 0 && kind != typed {
		return nil
	}
	since := float64(now.Sub(r.began).Microseconds()) / 1e6
	return r.write([]any{since, kind, string(data[:whole])})
}

// unfinished is how many bytes at the end begin a letter (UTF-8) that goes on.
func unfinished(data []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(data)); n++ {
		if b := data[len(data)-n:]; utf8.RuneStart(b[0]) {
			if !utf8.FullRune(b) {
				return n
			}
			return 0
		}
	}
	return 0
}

// close ends the recording.
func (r *recorder) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = os.ErrClosed
	}
	return r.shut()
}

// shut ends a part. r.mu is held.
func (r *recorder) shut() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.file.Sync(), r.file.Close())
	r.file = nil
	return err
}
