package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/term"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

const (
	escape = 0x1d // Ctrl-], as telnet has it
	redraw = 0x0c // Ctrl-L: the appliance's console draws its screen anew

	// enter and leave put what a terminal shows aside and bring it back;
	// leaving also undoes what the appliance's console had switched on: hidden
	// cursor, colours, marked pastes.
	enterScreen = "\x1b[?1049h"
	leaveScreen = "\x1b[?2004l\x1b[?25h\x1b[0m"
	backScreen  = "\x1b[?1049l"

	// hintLines is the least height at which a line is taken for the hint.
	hintLines = 12
	// quietTime without output is taken for the end of a screen: a hint in the
	// midst of a control sequence would break it.
	quietTime = 60 * time.Millisecond
)

// typedKeys passes on what is typed, until the input ends. There is one for
// the whole run: a read of a terminal cannot be taken back.
func typedKeys(in io.Reader) <-chan []byte {
	keys := make(chan []byte)
	go func() {
		defer close(keys)
		for {
			buf := make([]byte, 256)
			n, err := in.Read(buf)
			if n > 0 {
				keys <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// attach connects this terminal to the serial console from power-on on, until
// the user or the machine ends it. The end of a file that plays the user does
// not.
func (a *app) attach(ctx context.Context, m hypervisor.Machine) error {
	a.ui.notef("this is the serial console; Ctrl-] switches the appliance off")
	return a.visit(ctx, m, typedKeys(a.ui.in), nil)
}

// visit connects this terminal to the serial console until the user types
// Ctrl-], or the machine or ctx ends. With a hint it comes to a console that
// runs already, on a screen of its own with the hint below.
func (a *app) visit(ctx context.Context, m hypervisor.Machine, typed <-chan []byte, hint func() string) error {
	console, err := m.Console(ctx)
	if err != nil {
		return err
	}
	defer console.Close()
	if in, ok := a.ui.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return fmt.Errorf("cannot attach the terminal: %w", err)
		}
		defer term.Restore(int(in.Fd()), before)
	}
	v := &visitor{console: console, out: a.ui.out, size: a.ui.size, hint: hint}
	if hint != nil {
		fmt.Fprint(a.ui.out, enterScreen)
		defer fmt.Fprint(a.ui.out, backScreen)
	}
	if a.ui.interactive() {
		defer fmt.Fprint(a.ui.out, leaveScreen)
	}
	return v.run(ctx, typed)
}

// visitor carries keys and screens between a terminal and a serial console.
type visitor struct {
	console io.ReadWriter
	out     io.Writer
	size    func() (width, height int) // of the terminal; 0, 0 when it has none
	hint    func() string              // nil for none

	sized         bool
	width, height int    // as of the last look
	shown         string // the hint
}

func (v *visitor) run(ctx context.Context, typed <-chan []byte) error {
	over := make(chan struct{})
	defer close(over)
	screens := make(chan []byte)
	go v.read(screens, over)
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case screen, more := <-screens:
			if !more {
				return nil
			}
			if _, err := v.out.Write(screen); err != nil {
				return fmt.Errorf("cannot show the console: %w", err)
			}
			v.shown = ""
			quiet.Reset(quietTime)
		case keys, more := <-typed:
			if !more {
				typed = nil
			}
			if !v.send(keys) {
				return nil
			}
		case <-quiet.C:
			v.show()
		case <-second.C:
			quiet.Reset(quietTime)
		}
	}
}

// read passes on what the console shows, until it ends or nobody looks.
func (v *visitor) read(screens chan<- []byte, over <-chan struct{}) {
	defer close(screens)
	for {
		buf := make([]byte, 4096)
		n, err := v.console.Read(buf)
		if n > 0 {
			select {
			case screens <- buf[:n]:
			case <-over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// send passes keys on, and says whether the user stays.
func (v *visitor) send(keys []byte) (stays bool) {
	keys, _, left := bytes.Cut(keys, []byte{escape})
	if len(keys) > 0 {
		v.console.Write(v.shorten(keys)) // a console that ended ends the reading too
	}
	return !left
}

// sizeReport is how a terminal says where its last cell is, when the console
// asks for that.
var sizeReport = regexp.MustCompile(`\x1b\[([0-9]{1,4});([0-9]{1,4})R`)

// shorten makes the terminal one line less high than it says: the hint's.
func (v *visitor) shorten(keys []byte) []byte {
	if !v.hints() {
		return keys
	}
	return sizeReport.ReplaceAllFunc(keys, func(report []byte) []byte {
		m := sizeReport.FindSubmatch(report)
		if string(m[1]) != strconv.Itoa(v.height) {
			return report
		}
		return fmt.Appendf(nil, "\x1b[%d;%sR", v.height-1, m[2])
	})
}

// hints says whether there is room for the hint.
func (v *visitor) hints() bool { return v.hint != nil && v.height >= hintLines }

// show draws the hint; when the terminal has another size than before, the
// console is asked to draw its screen anew first.
func (v *visitor) show() {
	if v.hint == nil {
		return
	}
	if width, height := v.size(); !v.sized || width != v.width || height != v.height {
		v.width, v.height, v.sized = width, height, true
		v.send([]byte{redraw})
	}
	if text := cut(v.hint(), v.width-2); v.hints() && text != v.shown {
		v.shown = text
		fmt.Fprintf(v.out, "\x1b7\x1b[%d;1H\x1b[0;7m %-*s\x1b[0m\x1b8", v.height, v.width-1, text)
	}
}
