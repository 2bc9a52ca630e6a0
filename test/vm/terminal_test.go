package vm

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// person is somebody at the serial console, who reads the screen and types.
type person struct {
	t    *testing.T
	line io.ReadWriteCloser

	mu     sync.Mutex
	screen screen
	held   []byte // the begin of a control sequence
}

// sits attaches to the console of a running machine.
func sits(t *testing.T, m hypervisor.Machine) *person {
	t.Helper()
	line, err := m.Console(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, line: line}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.read()
	}()
	t.Cleanup(func() {
		line.Close()
		<-done
	})
	return p
}

func (p *person) read() {
	buf := make([]byte, 4096)
	for {
		n, err := p.line.Read(buf)
		p.mu.Lock()
		var ask bool
		p.held, ask = p.screen.feed(append(p.held, buf[:n]...))
		p.mu.Unlock()
		if ask { // how large the terminal is
			_, err = io.WriteString(p.line, "\x1b[25;80R")
		}
		if err != nil {
			return
		}
	}
}

// text is the screen as it is now.
func (p *person) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// sees waits until the screen shows all the texts.
func (p *person) sees(texts ...string) *person {
	p.t.Helper()
	return p.seesWithin(90*time.Second, texts...)
}

func (p *person) seesWithin(limit time.Duration, texts ...string) *person {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		now, missing := p.text(), ""
		for _, text := range texts {
			if !strings.Contains(now, text) {
				missing = text
			}
		}
		if missing == "" {
			return p
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the console does not show %q within %v, but\n%s", missing, limit, now)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// The keys that are no characters, as a terminal sends them.
const (
	enter  = "\r"
	tab    = "\t"
	escape = "\x1b"
	right  = "\x1b[C"
	down   = "\x1b[B"
	end    = "\x1b[F"
	f4     = "\x1bOS"
	f10    = "\x1b[21~"
	wipe   = "\x15" // Ctrl-U: the line so far
)

// types types keys and texts one after the other. Who types further than the
// screen has come may be misunderstood: look at what it shows in between.
func (p *person) types(keys ...string) *person {
	p.t.Helper()
	for _, key := range keys {
		if _, err := io.WriteString(p.line, key); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return p
}

// screen is what a terminal of 80×25 shows, as far as the console and what
// boots before it use one.
type screen struct {
	cells    [25][80]byte
	row, col int
}

// String is the screen's text, without the spaces at the ends of its lines.
func (s *screen) String() string {
	var b strings.Builder
	for _, row := range s.cells {
		text := bytes.ReplaceAll(row[:], []byte{0}, []byte{' '})
		b.Write(bytes.TrimRight(text, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// feed draws what was sent. It gives back the begin of a sequence of which the
// end is not there yet, and whether the terminal was asked where its cursor is.
func (s *screen) feed(data []byte) (rest []byte, asked bool) {
	for len(data) > 0 {
		c := data[0]
		if c != '\x1b' {
			s.put(c)
			data = data[1:]
			continue
		}
		n := sequence(data)
		if n == 0 {
			return bytes.Clone(data), asked
		}
		asked = s.obey(string(data[1:n])) || asked
		data = data[n:]
	}
	return nil, asked
}

// sequence is the length of the control sequence that data begins with; 0 when
// it has not ended.
func sequence(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	if data[1] != '[' {
		return 2
	}
	for i, c := range data[2:] {
		if c >= 0x40 && c <= 0x7e {
			return i + 3
		}
	}
	return 0
}

// obey does what a control sequence says; most only change colours.
func (s *screen) obey(text string) (asked bool) {
	switch {
	case text == "[2J":
		s.cells = [25][80]byte{}
	case text == "[6n":
		return true
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "H"):
		row, col, _ := strings.Cut(text[1:len(text)-1], ";")
		s.row, s.col = place(row, 25), place(col, 80)
	}
	return false
}

// place is a line or column, which terminals count from 1.
func place(text string, limit int) int {
	n, _ := strconv.Atoi(text) // without a number it is the first
	return max(0, min(n, limit)-1)
}

func (s *screen) put(c byte) {
	switch {
	case c == '\r':
		s.col = 0
	case c == '\n':
		if s.row++; s.row == len(s.cells) {
			copy(s.cells[:], s.cells[1:])
			s.row--
			s.cells[s.row] = [80]byte{}
		}
	case c >= ' ' && c < 0x7f && s.col < 80:
		s.cells[s.row][s.col] = c
		s.col++
	}
}

func TestScreen(t *testing.T) {
	var s screen
	rest, asked := s.feed([]byte("boot\r\nnoise\x1b[2J\x1b[2;3H\x1b[0;1mHello\x1b[0m\x1b[24;80H\x1b[6n\x1b[1;1Hlast\x1b[3"))
	if want := "last\n  Hello\n" + strings.Repeat("\n", 23); s.String() != want || string(rest) != "\x1b[3" || !asked {
		t.Errorf("the screen is %q, left is %q, asked %v", s.String(), rest, asked)
	}
}

// shot saves what the machine's own screen shows as a picture, when
// INGOT_SHOTS names a folder: to be looked at.
func shot(t *testing.T, m hypervisor.Machine, name string) {
	t.Helper()
	dir := os.Getenv("INGOT_SHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := saveShot(ctx, m, dir, name); err != nil {
		t.Error(err)
	}
}

func saveShot(ctx context.Context, m hypervisor.Machine, dir, name string) error {
	time.Sleep(2 * time.Second) // the other console draws after this one
	s, ok := m.(hypervisor.Screener)
	if !ok {
		return errors.New("the machine's screen cannot be looked at")
	}
	image, err := s.Screenshot(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, image), f.Close())
}
