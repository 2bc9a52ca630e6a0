package yamltext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Problem is one thing that is wrong with a definition.
type Problem struct {
	// File is what the report calls the definition.
	File string `json:"file"`
	// Line and Column count characters from 1. Line 0 means the file as a whole.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Source is the offending line, without what a terminal would not print.
	// A line of more than 200 characters is cut.
	Source string `json:"source,omitempty"`
	// Message says what is wrong, Hint what to do about it.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Error is the problem as people read it: place and message, the line with a
// caret below the place, and the hint.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.Message)
	if p.Source != "" {
		b.WriteString("\n  " + p.Source)
		if caret, ok := p.caret(); ok {
			b.WriteString("\n  " + caret)
		}
	}
	if p.Hint != "" {
		b.WriteString("\n  hint: " + p.Hint)
	}
	return b.String()
}

// caret is the line that points at the column. Tabs stay tabs, so that it
// lines up whatever their width.
func (p Problem) caret() (string, bool) {
	line := []rune(p.Source)
	if p.Column < 1 || p.Column > len(line)+1 || p.Column > syntax.MaxLine {
		return "", false
	}
	pad := make([]rune, p.Column-1)
	for i := range pad {
		pad[i] = ' '
		if line[i] == '\t' {
			pad[i] = '\t'
		}
	}
	return string(pad) + "^", true
}

// Problems is everything that is wrong with a definition, in the order of the
// file. As an error it is never empty.
type Problems []Problem

// Error prints all problems, one after the other.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i := range p {
		texts[i] = p[i].Error()
	}
	return strings.Join(texts, "\n")
}

// MaxProblems is how many problems are reported: nobody reads more, and a
// file of another kind would yield thousands.
const MaxProblems = 50

// Report collects the problems of one file.
type Report struct {
	file  string
	lines []string
	// Problems are those so far, in the order in which they were found.
	Problems Problems
	seen     map[Problem]bool
}

// NewReport begins a report on a text; the file is what problems call it.
func NewReport(file string, text string) *Report {
	return &Report{file: file, lines: strings.Split(text, "\n"), seen: map[Problem]bool{}}
}

// Add adds a problem at a place. The same problem at the same place is kept
// once: variants share most of their text with the definition.
func (r *Report) Add(at Mark, variant, message, hint string) {
	p := Problem{File: r.file, Line: at.line, Column: at.column, Message: message, Hint: hint}
	if r.seen[p] {
		return
	}
	r.seen[p] = true
	if variant != "" && at.variant == "" {
		p.Message += fmt.Sprintf(" (in variant %q)", variant)
	}
	if at.line > 0 && at.line <= len(r.lines) {
		p.Source = syntax.Printable(r.lines[at.line-1])
	}
	r.Problems = append(r.Problems, p)
}

// Err is all problems, sorted and cut to what is useful, or nil.
func (r *Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	if over := len(r.Problems) - MaxProblems; over > 0 {
		r.Problems = append(r.Problems[:MaxProblems:MaxProblems], Problem{
			File:    r.file,
			Message: fmt.Sprintf("and %d more problems", over),
			Hint:    "correct the first ones and check again",
		})
	}
	return r.Problems
}
