package console

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"rsc.io/qr"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
)

// Every message that the code names is in the catalogue, and the catalogue has
// no others.
func TestMessages(t *testing.T) {
	named := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"([a-z]+\.[a-z0-9.]*)"`).FindAllSubmatch(source, -1) {
			named[string(m[1])] = true
		}
	}
	// Those that are put together, or belong to properties.
	prefixes := []string{"web.", "step.", "intro.", "service.", "option.", "menu.", "power.", "property.", "help.", "front."}
	for _, id := range words.IDs() {
		if !named[id] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			t.Errorf("nothing shows %s", id)
		}
	}
	for id := range named {
		foreign := strings.HasPrefix(id, "application.") || strings.HasPrefix(id, "language.") || strings.HasSuffix(id, ".")
		if !slices.Contains(words.IDs(), id) && !foreign {
			t.Errorf("%s is not in the catalogue", id)
		}
	}
}

// shape fails unless a screen has exactly its lines and columns and holds no
// control character.
func shape(t *testing.T, screen Screen, width, height int, set terminal.Charset) {
	t.Helper()
	if len(screen) != max(height, minHeight) {
		t.Fatalf("%d×%d: %d lines", width, height, len(screen))
	}
	for _, line := range screen {
		if got := line.width(); got != max(width, minWidth) {
			t.Fatalf("%d×%d: a line of %d columns: %v", width, height, got, line)
		}
		for _, span := range line {
			if strings.ContainsFunc(span.Text, func(r rune) bool {
				return unicode.IsControl(r) || r == utf8.RuneError || set == terminal.ASCII && r >= 0x80 || set == terminal.Latin && terminal.Wide(r)
			}) {
				t.Fatalf("the terminal must not get %q", span.Text)
			}
		}
	}
}

func TestScreensKeepTheirShape(t *testing.T) {
	for _, sc := range scenes() {
		for _, set := range []terminal.Charset{terminal.Latin, terminal.ASCII, terminal.Full} {
			s := newStage(t, sc.agent(), set, false)
			sc.play(s)
			for _, lang := range []string{"en", "de", "ja"} {
				s.m.wanted = lang
				for width := 1; width < 140; width += 13 {
					for height := 1; height < 60; height += 7 {
						s.feed(tea.WindowSizeMsg{Width: width, Height: height})
						shape(t, s.m.Screen(), width, height, set)
					}
				}
			}
		}
	}
}

func TestScreensBearWhatTheAgentSays(t *testing.T) {
	long := strings.Repeat("Long ", 60)
	hostile := "\x1b[2J\u202e\xff\x9b" + strings.Repeat("名", 90) + "\r\n\t"
	for _, text := range []string{long, hostile, "", strings.Repeat("w", 500)} {
		agent := firstBoot()
		agent.status = wire.Status{
			Title: text, Version: text, Vendor: text, Hostname: text, State: wire.State(text), Fingerprint: text, Management: text,
			Network: []wire.Interface{{Name: text, Addresses: []string{text, text}}, {Name: text, Problem: text}},
			URLs:    []wire.URL{{Title: text, URL: text}}, Warnings: []string{text, text},
			Services: []wire.Service{{Title: text, State: wire.Failing, Detail: text}},
		}
		agent.setup.Code = text
		agent.setup.Steps = []wire.Step{
			{Name: text, Properties: []wire.Property{
				{Key: text, Title: text, Help: text, Group: text, Type: text, Value: text, Example: text},
				{Key: text + "2", Title: text, Type: "enum", Value: text, Options: []wire.Option{{Value: text, Title: text}}},
				{Key: text + "3", Title: text, Type: "text", Value: text + "\n" + text},
			}},
			{Name: "eula", Licence: &wire.Licence{Language: text, Languages: []string{text}, Text: text}},
		}
		for _, set := range []terminal.Charset{terminal.Latin, terminal.ASCII, terminal.Full} {
			s := newStage(t, agent, set, false)
			for _, keys := range []string{"", "down", "down down", "f10", "end", "esc esc"} {
				s.press(keys)
				for _, size := range [][2]int{{1, 1}, {40, 12}, {80, 24}, {130, 50}} {
					s.feed(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
					shape(t, s.m.Screen(), size[0], size[1], set)
				}
			}
		}
	}
}

// Whatever is typed, the screens keep their shape, and nothing panics.
func FuzzKeys(f *testing.F) {
	f.Add("\r\rde\r\x1b", uint8(0))
	f.Add("aaaa\t\tpassword\tpassword\r", uint8(1))
	f.Add("<<>>v^v^\x7f\x7f\r名前ü", uint8(2))
	names := []string{"enter", "tab", "shift+tab", "esc", "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "f2", "f3", "f4", "f10", "backspace", "delete"}
	f.Fuzz(func(t *testing.T, input string, which uint8) {
		if len(input) > 200 {
			return
		}
		agents := []func() *fakeAgent{firstBoot, newAgent, logging}
		s := newStage(t, agents[int(which)%len(agents)](), terminal.Charset(which/8%3), which&64 != 0)
		if which&128 != 0 {
			loggedIn(s)
		}
		for _, r := range input {
			if r < 0x20 {
				s.feed(keyPress(names[int(r)%len(names)]))
			} else {
				s.feed(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
			shape(t, s.m.Screen(), 80, 24, s.m.charset)
		}
		s.feed(tea.PasteMsg{Content: input})
		s.feed(tea.WindowSizeMsg{Width: 40, Height: 12})
		shape(t, s.m.Screen(), 40, 12, s.m.charset)
	})
}

func TestEditor(t *testing.T) {
	for _, c := range []struct {
		lines bool
		keys  string
		text  string
		want  string
	}{
		{false, "", "abc\ndef", "abc"},
		{false, "", "\x1b[31mred\x07", "[31mred"},
		{false, "home delete end backspace", "abcd", "bc"},
		{false, "left left ctrl+u", "abcd", "cd"},
		{false, "left left ctrl+k", "abcd", "ab"},
		{true, "", "one\r\ntwo\rthree", "one\ntwo\nthree"},
		{true, "up end x", "one\ntwo", "onex\ntwo"},
		{true, "home up right up enter", "a\nbcd\ne", "a\n\nbcd\ne"},
	} {
		e := editor{lines: c.lines}
		e.insert(c.text)
		for name := range strings.FieldsSeq(c.keys) {
			k := key{name: name}
			if len(name) == 1 {
				k.text = name
			}
			e.key(k)
		}
		if e.String() != c.want {
			t.Errorf("%q and %q made %q; want %q", c.text, c.keys, e.String(), c.want)
		}
	}
}

// A QR code on the screen is, module by module, the code of the text.
func TestCodeIsTheText(t *testing.T) {
	const url = "https://192.168.1.20:5480/"
	want, err := qr.Encode(url, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []terminal.Charset{terminal.Latin, terminal.ASCII} {
		lines := (&Model{charset: set}).code(url, 200, 100)
		black := func(x, y int) bool {
			if set == terminal.ASCII {
				return lines[y][0].Text[2*x:2*x+2] == "##"
			}
			r := []rune(lines[y/2][0].Text)[x]
			return r == '█' || r == '▀' && y%2 == 0 || r == '▄' && y%2 == 1
		}
		for y := range want.Size + 2*quiet {
			for x := range want.Size + 2*quiet {
				if black(x, y) != want.Black(x-quiet, y-quiet) {
					t.Fatalf("set %d: module %d,%d is wrong", set, x, y)
				}
			}
		}
	}
	if lines := (&Model{}).code(url, 28, 40); lines != nil {
		t.Error("a code that does not fit is drawn")
	}
}

func TestKeysThatTerminalsSpellOtherwise(t *testing.T) {
	for _, c := range []struct {
		msg  tea.KeyPressMsg
		want string
	}{
		{tea.KeyPressMsg{Code: 'j', Mod: tea.ModCtrl}, "enter"},
		{tea.KeyPressMsg{Code: 'h', Mod: tea.ModCtrl}, "backspace"},
		{tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModAlt}, "shift+tab"},
		{tea.KeyPressMsg{Code: tea.KeyF10}, "f10"},
	} {
		if got := keyOf(c.msg).name; got != c.want {
			t.Errorf("%v is %q; want %q", c.msg, got, c.want)
		}
	}
}
