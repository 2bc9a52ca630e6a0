package console

import (
	"strings"
	"unicode"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// editor is a text that is being typed.
type editor struct {
	text []rune
	pos  int
	// lines allows more than one.
	lines bool
}

// maxText bounds a text: certificates with their chains are some 10 KiB.
const maxText = 32 << 10

func (e *editor) String() string { return string(e.text) }

func (e *editor) set(s string) {
	e.text, e.pos = nil, 0
	e.insert(s)
}

// insert takes what can be shown, and of control characters only what makes
// lines. A paste into one line ends at its first line break.
func (e *editor) insert(s string) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if !e.lines {
		s, _, _ = strings.Cut(strings.TrimLeft(s, "\n"), "\n")
	}
	for _, r := range s {
		if r == '\t' {
			r = ' '
		}
		if r == unicode.ReplacementChar || (!unicode.IsPrint(r) && r != '\n') || len(e.text) >= maxText {
			continue
		}
		e.text = append(e.text[:e.pos], append([]rune{r}, e.text[e.pos:]...)...)
		e.pos++
	}
}

// key edits, and says whether the key was one for it.
func (e *editor) key(k key) bool {
	switch k.name {
	case "left":
		e.pos = max(0, e.pos-1)
	case "right":
		e.pos = min(len(e.text), e.pos+1)
	case "home", "ctrl+a":
		e.pos = e.lineStart(e.pos)
	case "end", "ctrl+e":
		e.pos = e.lineEnd(e.pos)
	case "backspace":
		if e.pos > 0 {
			e.pos--
			e.remove(e.pos, e.pos+1)
		}
	case "delete", "ctrl+d":
		e.remove(e.pos, min(len(e.text), e.pos+1))
	case "ctrl+u":
		start := e.lineStart(e.pos)
		e.remove(start, e.pos)
		e.pos = start
	case "ctrl+k":
		e.remove(e.pos, e.lineEnd(e.pos))
	case "up":
		return e.lines && e.vertical(-1)
	case "down":
		return e.lines && e.vertical(1)
	case "enter":
		if !e.lines {
			return false
		}
		e.insert("\n")
	default:
		if k.text == "" || strings.HasPrefix(k.name, "alt+") {
			return false
		}
		e.insert(k.text)
	}
	return true
}

func (e *editor) remove(from, to int) { e.text = append(e.text[:from], e.text[to:]...) }

func (e *editor) lineStart(pos int) int {
	for pos > 0 && e.text[pos-1] != '\n' {
		pos--
	}
	return pos
}

func (e *editor) lineEnd(pos int) int {
	for pos < len(e.text) && e.text[pos] != '\n' {
		pos++
	}
	return pos
}

// vertical moves to the line before or after, and says whether there is one.
func (e *editor) vertical(by int) bool {
	start, end := e.lineStart(e.pos), e.lineEnd(e.pos)
	column := e.pos - start
	switch {
	case by < 0 && start > 0:
		e.pos = min(e.lineStart(start-1)+column, start-1)
	case by > 0 && end < len(e.text):
		e.pos = min(end+1+column, e.lineEnd(end+1))
	default:
		return false
	}
	return true
}

// view draws one line of width cells. Without a cursor it begins at the
// beginning; with one, what is around it is shown. hide shows dots.
func (e *editor) view(m *Model, width int, focus, hide bool) []Span {
	text := e.text
	pos := e.pos
	if e.lines {
		start := e.lineStart(pos)
		if !focus {
			start, pos = 0, 0
		}
		text, pos = e.text[start:e.lineEnd(start)], pos-start
	}
	shown := make([]string, len(text))
	for i, r := range text {
		shown[i] = m.clean(string(r))
		if hide {
			shown[i] = m.dot()
		}
	}
	if !focus {
		return []Span{{terminal.Pad(strings.Join(shown, ""), width), Plain}}
	}
	from := 0
	for terminal.Cells(strings.Join(shown[from:pos], "")) > width-1 {
		from++
	}
	at := " "
	after := ""
	if pos < len(shown) {
		at, after = shown[pos], strings.Join(shown[pos+1:], "")
	}
	before := strings.Join(shown[from:pos], "")
	left := width - terminal.Cells(before) - terminal.Cells(at)
	if left < 0 { // a wide character at the edge
		at, left = " ", width-terminal.Cells(before)-1
	}
	for terminal.Cells(after) > left {
		r := []rune(after)
		after = string(r[:len(r)-1])
	}
	return []Span{{before, Chosen}, {at, Cursor}, {terminal.Pad(after, left), Chosen}}
}

// dot stands for a character of a password.
func (m *Model) dot() string {
	if m.charset == terminal.ASCII {
		return "*"
	}
	return "\u2022"
}

// block draws the lines around the cursor.
func (e *editor) block(m *Model, width, height int) [][]Span {
	row := strings.Count(string(e.text[:e.pos]), "\n")
	lines := strings.Split(string(e.text), "\n")
	top := max(0, min(row-height/2, len(lines)-height))
	var out [][]Span
	for i := top; i < top+height; i++ {
		switch {
		case i == row:
			one := editor{text: []rune(lines[i]), pos: e.pos - e.lineStart(e.pos)}
			out = append(out, one.view(m, width, true, false))
		case i < len(lines):
			out = append(out, []Span{{terminal.Pad(m.clean(lines[i]), width), Chosen}})
		default:
			out = append(out, []Span{{strings.Repeat(" ", width), Chosen}})
		}
	}
	return out
}
