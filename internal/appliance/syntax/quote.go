package syntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine is how many characters of a line are shown.
const MaxLine = 200

// Printable is a line as it may be sent to a terminal: what would move the
// cursor or change colours is replaced.
func Printable(line string) string {
	line = strings.TrimSuffix(line, "\r")
	var b strings.Builder
	n := 0
	for _, r := range line {
		if n == MaxLine {
			b.WriteString("…")
			break
		}
		n++
		if r != '\t' && !unicode.IsGraphic(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Quote quotes a value of the definition for a message, at a length that
// leaves the message readable.
func Quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
