package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// The rules of output, for all commands:
//
//   - What the user asked for goes to standard output, and nothing else does:
//     `ingot plan DIR > file` and `ingot … --json | jq` always work.
//   - Progress, notices and errors go to standard error. On a terminal the
//     running stages are redrawn in place; elsewhere each event is a line.
//   - An error is one line, `ingot: cannot …`, lower case, no full stop;
//     what the user can do about it follows as `ingot: hint: …`. Problems of a
//     definition and ends of logs are printed as they are, above that line.
//   - With --json a result is one JSON document on standard output.
//   - Colour only on a terminal, and neither with NO_COLOR nor TERM=dumb;
//     colour never carries meaning alone.
//   - Nothing asks questions.

// ui is where a command talks to people. Its methods may be called from
// several goroutines.
type ui struct {
	in       io.Reader
	out, err io.Writer
	// live: standard error is a terminal, so lines can be redrawn.
	live bool
	// colour on standard output, on standard error.
	colourOut, colourErr bool
	// width of the terminal in columns.
	width func() int
	// interactive says whether somebody can answer now, on the terminal that
	// standard input and output are; size is its size, 0, 0 when it has none.
	interactive func() bool
	size        func() (width, height int)

	mu    sync.Mutex
	drawn int // lines of live progress below the last permanent one
}

func newUI(in *os.File, out, err *os.File, getenv func(string) string) *ui {
	colour := getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	isTerm := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	return &ui{
		in: in, out: out, err: err,
		live:      isTerm(err) && getenv("TERM") != "dumb",
		colourOut: colour && isTerm(out),
		colourErr: colour && isTerm(err),

		interactive: func() bool {
			// To read it from the background would stop the program.
			foreground, e := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP)
			return isTerm(in) && isTerm(out) && getenv("TERM") != "dumb" && e == nil && foreground == unix.Getpgrp()
		},
		size: func() (int, int) {
			w, h, e := term.GetSize(int(out.Fd()))
			if e != nil {
				return 0, 0
			}
			return w, h
		},
		width: func() int {
			if w, _, e := term.GetSize(int(err.Fd())); e == nil && w > 0 {
				return w
			}
			return 80
		},
	}
}

// Colours, as ECMA-48 SGR parameters.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func paint(on bool, style, text string) string {
	if !on || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// printf writes a part of the result.
func (u *ui) printf(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	fmt.Fprintf(u.out, format, args...)
}

// json writes the whole result as JSON.
func (u *ui) json(v any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	enc := json.NewEncoder(u.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// notef writes one line of progress or a notice.
func (u *ui) notef(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	fmt.Fprintf(u.err, format+"\n", args...)
}

// draw shows lines below all others until the next output replaces them. It
// does nothing unless the ui is live.
func (u *ui) draw(lines []string) {
	if !u.live {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	width := u.width()
	for _, line := range lines {
		fmt.Fprintln(u.err, cut(line, width-1))
	}
	u.drawn = len(lines)
}

// erase removes the live lines; the caller holds mu.
func (u *ui) erase() {
	if u.drawn > 0 {
		fmt.Fprintf(u.err, "\x1b[%dA\x1b[J", u.drawn) // up, and clear to the end of the screen
		u.drawn = 0
	}
}

func cut(line string, width int) string {
	if r := []rune(line); len(r) > width && width > 1 {
		return string(r[:width-1]) + "…"
	}
	return line
}

// problemsOfError says what has the problems, when it is not the definition as
// it stands.
type problemsOfError struct {
	subject string
	err     error
}

func (e *problemsOfError) Error() string { return e.subject + ": " + e.err.Error() }
func (e *problemsOfError) Unwrap() error { return e.err }

// fail tells the user of the error, if any.
func (u *ui) fail(err error) {
	if err == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	prefix := paint(u.colourErr, red, "ingot:")
	var problems yamltext.Problems
	if errors.As(err, &problems) {
		subject := "the definition"
		var of *problemsOfError
		if errors.As(err, &of) {
			subject = of.subject
		}
		fmt.Fprintln(u.err, problems.Error())
		fmt.Fprintf(u.err, "%s %s has %s; nothing was built\n", prefix, subject, count(len(problems), "problem"))
		return
	}
	var stage *pipeline.StageError
	if errors.As(err, &stage) && len(stage.LogTail) > 0 {
		fmt.Fprintf(u.err, "%s\n", paint(u.colourErr, faint, "the log of stage "+stage.Stage+" ends with:"))
		for _, line := range stage.LogTail {
			fmt.Fprintf(u.err, "  %s\n", printable(line))
		}
	}
	fmt.Fprintf(u.err, "%s %s\n", prefix, oneLine(err.Error()))
	for _, hint := range hints(err) {
		fmt.Fprintf(u.err, "%s %s\n", paint(u.colourErr, yellow, "ingot: hint:"), hint)
	}
}

// hints are all hints that the error and its causes carry, the outermost last:
// the cause says what to mend, the outer ones where to read more.
func hints(err error) []string {
	var found []string
	add := func(hint string) {
		for line := range strings.Lines(hint) {
			if line = strings.TrimSpace(line); line != "" {
				found = append(found, line)
			}
		}
	}
	var visit func(err error)
	visit = func(err error) {
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			visit(wrapped.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range wrapped.Unwrap() {
				visit(e)
			}
		}
		switch e := err.(type) {
		case *build.Error:
			add(e.Hint)
		case interface{ Hint() string }:
			add(e.Hint())
		}
	}
	visit(err)
	if len(found) == 0 && errors.Is(err, host.ErrNotFound) {
		add("ingot doctor names what this machine lacks, and ingot doctor --install installs it")
	}
	return found
}

func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

// printable takes out what would confuse a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, line)
}

// count is "1 problem", "2 problems".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is a number of bytes as people read it; 1024-based, as definitions write them.
func size(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), -1
	for value >= 1023.95 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// seconds is a duration as people read it.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// table aligns columns with two spaces between; the last is not padded.
func table(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			b.WriteString(cell)
			if j < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[j]-len([]rune(cell))+2))
			}
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}
