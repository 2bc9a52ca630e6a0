package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// doomedError says that waiting for the appliance is in vain.
type doomedError struct{ reason string }

func (e *doomedError) Error() string { return e.reason }

// lastWord is what a console says when nothing good will follow.
type lastWord struct{ text, meaning string }

func lastWords() []lastWord {
	return []lastWord{
		{"Kernel panic - not syncing", "the kernel panicked"},  // kernel/panic.c
		{"This appliance cannot start:", "the initrd gave up"}, // what ingot-init says before it reboots
		// OVMF with and without its shell, when it finds nothing to boot: the
		// image, or a disk controller that the firmware cannot boot from.
		{"UEFI Interactive Shell v", "the firmware finds nothing to boot"},
		{"BdsDxe: No bootable option or device was found", "the firmware finds nothing to boot"},
	}
}

// watch returns when the machine ends or its console says that it is lost: a
// *doomedError, or ctx's error. The first bytes of the console's log, said, are
// of before.
func watch(ctx context.Context, m hypervisor.Machine, said int64) error {
	log := tail{from: said}
	defer log.close()
	for {
		done := false
		select {
		case <-m.Done():
			done = true // but first see what it said
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if word := log.find(m.ConsoleLog(), lastWords()); word != nil {
			// What follows is the explanation; it comes at once.
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
			}
			return &doomedError{word.meaning + ": " + consoleTail(m.ConsoleLog(), word.text)}
		}
		if done {
			end, err := m.Wait(context.WithoutCancel(ctx))
			reason := "the machine ended"
			switch end {
			case hypervisor.EndGuest:
				reason = "the appliance switched itself off"
			case hypervisor.EndStopped:
				reason = "the machine was stopped"
			}
			if err != nil {
				reason += ": " + err.Error()
			}
			return &doomedError{reason}
		}
	}
}

// tail reads a growing file.
type tail struct {
	from int64 // where it begins
	file *os.File
	rest []byte // the last line so far
}

// find reads on and gives the first of the words that is in a new line.
func (t *tail) find(path string, words []lastWord) *lastWord {
	if t.file == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil // not there yet
		}
		if _, err := f.Seek(t.from, io.SeekStart); err != nil {
			f.Close()
			return nil
		}
		t.file = f
	}
	data, err := io.ReadAll(t.file)
	if err != nil {
		return nil
	}
	t.rest = append(t.rest, data...)
	for line := range bytes.Lines(t.rest) {
		for _, w := range words {
			if bytes.Contains(line, []byte(w.text)) {
				return &w
			}
		}
	}
	// A text may be cut in two by the end: keep the last line.
	t.rest = t.rest[bytes.LastIndexByte(t.rest, '\n')+1:]
	if len(t.rest) > 64<<10 {
		t.rest = t.rest[len(t.rest)-4<<10:]
	}
	return nil
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
}

// control are escape sequences of terminals (ECMA-48: CSI, OSC, others).
var control = regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[@-Z\\\\-_]|[()][0-9A-B])")

// tailLines is how much of a console is put into a report.
const tailLines = 20

// consoleTail is the end of a console log as plain text; from the last line
// on that holds from, unless from is "".
func consoleTail(path, from string) string {
	data, err := lastBytes(path, 64<<10)
	if err != nil {
		return fmt.Sprintf("(no console log: %v)", err)
	}
	if i := bytes.LastIndex(data, []byte(from)); from != "" && i >= 0 {
		data = data[i:]
	}
	text := control.ReplaceAllString(string(data), "\n")
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.Map(printable, line))
		if line != "" {
			lines = append(lines, line)
		}
	}
	if from != "" {
		lines = lines[:min(len(lines), tailLines)]
	}
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r < ' ' || r == 0x7f || r == '\uFFFD':
		return -1
	}
	return r
}

func lastBytes(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(-n, io.SeekEnd); err != nil {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(f)
	if err == nil && len(data) == 0 {
		err = errors.New("it is empty")
	}
	return data, err
}
