package terminal

import (
	"bytes"
	"fmt"
	"io"
)

// painter sends a terminal what changed since the last screen. Only control
// sequences of the VT100 and SGR colours are used, and the switch for pastes;
// a terminal without these ignores them.
type painter struct {
	out   io.Writer
	last  []string
	width int
}

// forget makes the next paint draw everything: the terminal may have been
// written to by others, or somebody just looked in.
func (p *painter) forget() { p.last = nil }

// start asks for pastes to be marked as such.
const start = "\x1b[?2004h"

// AskSize moves to the far corner, asks where that is, and comes back: how a
// terminal at a serial line tells its size (answered by a cursor report).
const AskSize = "\x1b7\x1b[r\x1b[999;999H\x1b[6n\x1b8"

// AskUTF8 writes one wide character at the left of the first line and asks
// where the cursor is then: in the third column if the terminal takes UTF-8
// and has such characters. The line is drawn anew after it.
const AskUTF8 = "\x1b7\x1b[1;1H\u3042\x1b[6n\x1b8"

// send writes a control sequence of the console's own.
func (p *painter) send(sequence string) error {
	_, err := io.WriteString(p.out, sequence)
	return err
}

// paint draws lines of a width, with their styles.
func (p *painter) paint(lines []string, width int) error {
	var b bytes.Buffer
	if len(p.last) != len(lines) || p.width != width {
		p.last = nil
		// Reset the margins and attributes, hide the cursor, clear.
		b.WriteString("\x1b[r\x1b[0m\x1b[?25l\x1b[2J" + start)
	}
	for i, line := range lines {
		if p.last == nil || line != p.last[i] {
			fmt.Fprintf(&b, "\x1b[%d;1H%s", i+1, line)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	p.last, p.width = lines, width
	_, err := p.out.Write(b.Bytes())
	return err
}

// leave gives the terminal back with its cursor, below what was drawn.
func (p *painter) leave() {
	fmt.Fprintf(p.out, "\x1b[?2004l\x1b[0m\x1b[?25h\x1b[%d;1H\r\n", max(len(p.last), 1))
}
