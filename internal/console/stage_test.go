package console

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// stage lets a test play the terminal and the clock to a model, and the fake
// agent to its calls.
type stage struct {
	t     *testing.T
	m     *Model
	agent *fakeAgent
	now   time.Time
	// terminal is what the terminal was asked.
	terminal []any
}

func newStage(t *testing.T, agent *fakeAgent, charset terminal.Charset, serial bool) *stage {
	s := &stage{t: t, m: NewModel(charset, serial, noon), agent: agent, now: noon}
	s.feed(tick{noon})
	return s
}

// feed gives the model a message, and answers what it asks until it is quiet.
func (s *stage) feed(msg any) {
	queue := []any{msg}
	for len(queue) > 0 {
		calls := s.m.Update(queue[0])
		queue = queue[1:]
		for _, c := range calls {
			switch c.what.(type) {
			case redraw, askTerminalSize, askTerminalUTF8:
				s.terminal = append(s.terminal, c.what)
				continue
			}
			queue = append(queue, perform(s.t.Context(), s.agent, c))
		}
	}
}

// wait lets time pass, second by second.
func (s *stage) wait(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(time.Second)
		s.feed(tick{s.now})
	}
}

// press presses keys: names as Bubble Tea spells them, separated by spaces.
func (s *stage) press(names string) *stage {
	for name := range strings.FieldsSeq(names) {
		s.feed(keyPress(name))
	}
	return s
}

// write types characters.
func (s *stage) write(text string) *stage {
	for _, r := range text {
		s.feed(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return s
}

func keyPress(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "tab": tea.KeyTab, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace, "home": tea.KeyHome, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f10": tea.KeyF10, "delete": tea.KeyDelete,
	}
	switch {
	case name == "space":
		return tea.KeyPressMsg{Code: ' ', Text: " "}
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case codes[name] != 0:
		return tea.KeyPressMsg{Code: codes[name]}
	case utf8.RuneCountInString(name) == 1:
		r, _ := utf8.DecodeRuneInString(name)
		return tea.KeyPressMsg{Code: r, Text: name}
	}
	panic("no key " + name)
}

// screen is what is shown.
func (s *stage) screen() string { return s.m.Screen().String() }

// sees fails unless the screen holds the texts.
func (s *stage) sees(texts ...string) *stage {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(s.screen(), text) {
			s.t.Fatalf("%q is not on the screen:\n%s", text, s.screen())
		}
	}
	return s
}

func (s *stage) seesNot(texts ...string) *stage {
	s.t.Helper()
	for _, text := range texts {
		if strings.Contains(s.screen(), text) {
			s.t.Fatalf("%q is on the screen:\n%s", text, s.screen())
		}
	}
	return s
}
