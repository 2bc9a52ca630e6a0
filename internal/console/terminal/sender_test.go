package terminal

import (
	"bytes"
	"slices"
	"testing"
)

func TestPainterDrawsWhatChanged(t *testing.T) {
	var out bytes.Buffer
	p := &painter{out: &out}
	for _, step := range []struct {
		lines []string
		width int
		want  string
	}{
		{[]string{"ab", "cd"}, 2, "\x1b[r\x1b[0m\x1b[?25l\x1b[2J\x1b[?2004h\x1b[1;1Hab\x1b[2;1Hcd"},
		{[]string{"ab", "cd"}, 2, ""},
		{[]string{"ab", "ce"}, 2, "\x1b[2;1Hce"},
		{[]string{"abc", "ce"}, 3, "\x1b[r\x1b[0m\x1b[?25l\x1b[2J\x1b[?2004h\x1b[1;1Habc\x1b[2;1Hce"}, // another size
	} {
		out.Reset()
		if err := p.paint(step.lines, step.width); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != step.want {
			t.Errorf("%q: painted %q, want %q", step.lines, got, step.want)
		}
	}
}

func TestSenderDrawsTheLastScreen(t *testing.T) {
	s := &Sender{frames: make(chan Frame, 1), done: make(chan struct{})}
	s.Show(Frame{Lines: []string{"first"}, Ask: AskSize, Full: true})
	s.Show(Frame{Lines: []string{"second"}})
	f := <-s.frames
	if !slices.Equal(f.Lines, []string{"second"}) || !f.Full || f.Ask != AskSize {
		t.Errorf("the frame is %+v", f)
	}
}

func TestIsSerial(t *testing.T) {
	for device, want := range map[string]bool{
		"/dev/tty1": false, "/dev/tty0": false, "/dev/tty63": false, "/dev/ttyS0": true, "/dev/ttyAMA0": true, "/dev/hvc0": true, "/dev/pts/3": true, "/dev/tty": true,
	} {
		if got := IsSerial(device); got != want {
			t.Errorf("isSerial(%s) = %v; want %v", device, got, want)
		}
	}
}
