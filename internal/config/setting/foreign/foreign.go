// Package foreign makes texts that others wrote fit for a message, a line of
// the log or the history: names of people, errors of servers, what browsers
// call themselves.
//
// Guarantees: what it gives is one line of valid UTF-8 and of bounded length,
// without marks that cannot be seen or that turn the order of letters round. A
// text that is so already stays as it is.
package foreign

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLine bounds a line, in characters.
	maxLine = 300
	// MaxName bounds a name, in bytes.
	MaxName = 256
)

// Line is a text as one line; one that was cut off ends in dots.
func Line(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = strings.Join(strings.FieldsFunc(text, unicode.IsControl), " ")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > maxLine {
		text = string(r[:maxLine-1]) + "…"
	}
	return text
}

// IsName says whether a text can name somebody in a history.
func IsName(s string) bool {
	odd := func(r rune) bool { return !unicode.IsGraphic(r) }
	return s != "" && len(s) <= MaxName && utf8.ValidString(s) && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, odd)
}
