package terminal

import (
	"strings"
	"unicode"
)

// Cut shortens a text to a number of cells and shows that it did.
func Cut(text string, width int) string {
	if Cells(text) <= width {
		return text
	}
	dots := ".."
	if width <= 2 {
		dots = ""
	}
	n := 0
	for i, r := range text {
		if n+cell(r) > width-len(dots) {
			return text[:i] + dots
		}
		n += cell(r)
	}
	return text
}

// Pad fills a text up with spaces, or cuts it.
func Pad(text string, width int) string {
	text = Cut(text, width)
	return text + strings.Repeat(" ", max(0, width-Cells(text)))
}

// Cells is how many columns a text takes on the terminal.
func Cells(text string) int {
	n := 0
	for _, r := range text {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	if Wide(r) {
		return 2
	}
	return 1
}

// Wide are the characters of Japanese, all of which take two columns: kana and
// their punctuation, ideographs, the full-width forms.
func Wide(r rune) bool {
	return r >= 0x3000 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xff01 && r <= 0xff60
}

// Charset is what a terminal can show.
type Charset int

// The sets, each within the next.
const (
	// Latin is what Linux's own console shows: the letters of Western Europe
	// and blocks, none of them wide. It is the zero value.
	Latin Charset = iota
	// ASCII is what every terminal shows.
	ASCII
	// Full is Unicode with Japanese.
	Full
)

// Clean makes a text harmless to the terminal: control characters become
// spaces, and what it cannot show becomes what looks alike, or a question
// mark. Characters of which terminals disagree how wide they are would break
// the columns and are replaced everywhere.
func Clean(text string, set Charset) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return ' '
		case r < 0x80:
			return r
		case set == ASCII, r >= 0x0300 && r < 0x0370: // combining marks
			return substitute(r)
		case r < 0x1100, r == '\u2022', r >= 0x2500 && r < 0x25a0: // letters, the bullet, boxes and blocks
			return r
		case set == Full && Wide(r):
			return r
		}
		return substitute(r)
	}, text)
}

// The letters of Western Europe and what they look like without their marks.
const (
	marked   = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöøùúûüýÿß–—‐‑‘’‚“”„·•\u00a0"
	unmarked = "AAAAAACEEEEIIIINOOOOOOUUUUYaaaaaaceeeeiiiinoooooouuuuyys----'''\"\"\"-- "
)

// substitute is the nearest ASCII of a character.
func substitute(r rune) rune {
	for i, m := range []rune(marked) {
		if m == r {
			return rune(unmarked[i])
		}
	}
	return '?'
}

// Wrap breaks a text at spaces, and where a word is too long, or written
// without spaces as Japanese is, within it.
func Wrap(text string, width int) []string {
	width = max(width, 2)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && Cells(line)+1+Cells(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; Cells(line) > width; {
			n, at := 0, 0
			for i, r := range line {
				if n+cell(r) > width {
					at = i
					break
				}
				n += cell(r)
			}
			lines, line = append(lines, line[:at]), line[at:]
		}
	}
	return append(lines, line)
}
