package console

import (
	"strings"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// Style is how a piece of text looks; each terminal shows it as well as it can.
type Style int

// The styles of the screen.
const (
	Plain Style = iota
	Bold
	Dim
	Bar // the title's and the foot's line
	Good
	Wait
	Bad
	Chosen  // the line of a list, or the field, that keys go to
	Cursor  // where the next character goes
	Dark    // the modules of a QR code, and
	Light   // what is around them
	BarGood // the state in the title's line
	BarWait
	BarBad
)

// Span is a piece of a line in one style.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of a screen.
type Line []Span

// Screen is what a terminal shows: lines of the same width.
type Screen []Line

// String is the screen without styles, for tests and people.
func (s Screen) String() string {
	var b strings.Builder
	for _, line := range s {
		var text strings.Builder
		for _, span := range line {
			text.WriteString(span.Text)
		}
		b.WriteString(strings.TrimRight(text.String(), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (l Line) width() int {
	n := 0
	for _, s := range l {
		n += terminal.Cells(s.Text)
	}
	return n
}

// fit cuts a line to a width, or fills it up in the style of its last span.
func (l Line) fit(width int) Line {
	var out Line
	left := width
	for _, s := range l {
		if left <= 0 {
			break
		}
		if terminal.Cells(s.Text) > left {
			s.Text = terminal.Cut(s.Text, left)
		}
		left -= terminal.Cells(s.Text)
		out = append(out, s)
	}
	if left > 0 {
		style := Plain
		if len(out) > 0 && (out[len(out)-1].Style == Bar || out[len(out)-1].Style == Chosen) {
			style = out[len(out)-1].Style
		}
		out = append(out, Span{strings.Repeat(" ", left), style})
	}
	return out
}

// sgr is how a style is switched on.
func sgr(s Style) string {
	switch s {
	case Bold:
		return "\x1b[0;1m"
	case Dim:
		return "\x1b[0;2m"
	case Bar:
		return "\x1b[0;1;37;44m"
	case Good:
		return "\x1b[0;32m"
	case Wait:
		return "\x1b[0;33m"
	case Bad:
		return "\x1b[0;1;31m"
	case Chosen:
		return "\x1b[0;1;36m"
	case Cursor:
		return "\x1b[0;7m"
	case Dark, Light: // black on white: scanners want it that way round
		return "\x1b[0;30;47m"
	case BarGood:
		return "\x1b[0;30;42m"
	case BarWait:
		return "\x1b[0;30;43m"
	case BarBad:
		return "\x1b[0;1;37;41m"
	}
	return "\x1b[0m"
}

// lines are the screen's lines as the terminal gets them.
func (s Screen) lines() []string {
	out := make([]string, len(s))
	for i, line := range s {
		var b strings.Builder
		for j, span := range line {
			// The very last cell stays empty: writing it would scroll some
			// terminals.
			text := span.Text
			if i == len(s)-1 && j == len(line)-1 && len(text) > 0 {
				_, n := utf8.DecodeLastRuneInString(text)
				text = text[:len(text)-n]
			}
			b.WriteString(sgr(span.Style))
			b.WriteString(text)
		}
		b.WriteString(sgr(Plain))
		out[i] = b.String()
	}
	return out
}

// frame is the screen on its way to the terminal.
func (s Screen) frame() terminal.Frame {
	f := terminal.Frame{Lines: s.lines()}
	if len(s) > 0 {
		f.Width = s[0].width()
	}
	return f
}
