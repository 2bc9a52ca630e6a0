package console

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// The whole first boot, as somebody in a hurry does it: two minutes with the
// keyboard alone.
func TestStoryOfTheFirstBoot(t *testing.T) {
	agent := firstBoot()
	s := newStage(t, agent, terminal.ASCII, true)
	s.sees("1/7 Language", "one-time code 4711-0815")
	s.press("right").sees("1/7 Sprache", "Weiter") // German at once
	s.press("left enter enter enter")
	s.sees("2/7 Keyboard").write("swi").press("enter")
	s.sees("3/7 Licence").seesNot("> [ I accept ]")
	for i := 0; !strings.Contains(s.screen(), "> [ I accept ]"); i++ {
		if s.press("enter"); i > 10 {
			t.Fatalf("the licence has no end:\n%s", s.screen())
		}
	}
	s.press("enter").sees("4/7 Network", "eth0 has 192.168.1.20/24").seesNot("IPv4 address")
	// A static address: what is missing is said at its field, and nothing lost.
	s.press("end tab home").press("down right").sees("IPv4 address", "IPv4 gateway")
	s.press("f10").sees("> IPv4 address", "! must have a value")
	s.write("192.0.2.7/24").seesNot("! must").press("f10")
	s.sees("5/7 Time").write("ber").press("enter").sees("< Europe/Berlin >").press("f10")
	s.sees("6/7 Administrator").press("enter").write("correct horse").press("enter").write("correct house")
	s.seesNot("correct").press("enter enter").sees("the two are not the same")
	s.press("backspace backspace backspace").write("rse").press("f10")
	s.sees("7/7 Application").write("My site").press("enter enter enter enter")
	s.sees("The appliance is set up", "http://192.168.1.20/_/", "https://192.168.1.20:5480/")
	s.press("enter").sees("Enter/F2: log in")
	want := []string{
		"answer language [language.language=en]",
		"answer keyboard [keyboard.layout=ch]",
		"answer eula abc[]",
		"answer network [network.address=192.0.2.7/24 network.mode=static]",
		"answer time [time.zone=Europe/Berlin]",
		"answer administrator [access.password=correct horse]",
		"answer application [application.public=true application.title=My site]",
	}
	if !slices.Equal(agent.asked, want) {
		t.Errorf("the agent was told\n%s\nwant\n%s", strings.Join(agent.asked, "\n"), strings.Join(want, "\n"))
	}
}

func TestWizardGoesBackAndForth(t *testing.T) {
	agent := firstBoot()
	s := newStage(t, agent, terminal.Latin, false)
	steps(3)(s)
	s.sees("4/7 Network", "Language* Keyboard* Licence*")
	s.write("x").press("esc esc").sees("2/7 Keyboard", "> English (US)")
	s.press("enter").sees("4/7 Network", "[pocketbasex") // the licence is passed over, what was typed is still there
	s.press("esc esc esc").sees("1/7 Language").press("esc").sees("TO BE SET UP", "One-time code", "Enter/F2: set up")
	s.wait(time.Minute)
	s.sees("One-time code") // it does not push itself forward again
	s.press("f2").sees("4/7 Network")
}

func TestWizardResumesWhereItWas(t *testing.T) {
	agent := firstBoot()
	agent.setup.Steps[0].Done, agent.setup.Steps[1].Done = true, true
	newStage(t, agent, terminal.Latin, false).sees("3/7 Licence")
}

func TestNothingToAskIsNotAsked(t *testing.T) {
	agent := newAgent()
	agent.setup = wire.Setup{}
	newStage(t, agent, terminal.Latin, false).sees("HEALTHY", "Enter/F2: log in")
}

// Somebody answers over the network meanwhile.
func TestWizardEndsWithTheOneElsewhere(t *testing.T) {
	agent := firstBoot()
	s := newStage(t, agent, terminal.Latin, false)
	agent.setup.Complete = true
	s.wait(3 * time.Second)
	s.sees("Manage this appliance", "Enter/F2: log in")
}

// That all is answered may be known before the last answer's own reply is here.
func TestWizardEndsWithItsOwnAnswer(t *testing.T) {
	s := newStage(t, firstBoot(), terminal.Latin, false)
	steps(6)(s)
	s.write("My site")
	calls := s.m.Update(keyPress("f10"))
	reply := perform(t.Context(), s.agent, calls[0])
	s.wait(3 * time.Second)
	s.sees("7/7 Application").feed(reply)
	s.sees("The appliance is set up")
}

func TestWizardLosesNothingWhenTheAgentRestarts(t *testing.T) {
	agent := firstBoot()
	s := newStage(t, agent, terminal.Latin, false)
	steps(6)(s)
	s.write("My site")
	agent.set(func(*wire.Status) {}, client.ErrUnreachable)
	agent.refuse = client.ErrUnreachable
	s.wait(3 * time.Second)
	s.sees("AGENT STARTING", "[My site")
	s.press("f10").sees("! cannot reach the agent", "[My site")
	agent.set(func(*wire.Status) {}, nil)
	agent.refuse = nil
	s.wait(3 * time.Second)
	s.sees("7/7 Application", "[My site").press("f10").sees("The appliance is set up")
}

// What needs attention is told in full, and done about it what can be.
func TestAttention(t *testing.T) {
	agent := newAgent()
	amiss(&agent.status)
	s := newStage(t, agent, terminal.Latin, false)
	loggedIn(s)
	s.sees("!  What needs attention", "1  Network").press("enter").sees("postfix.service failed", "Enter: start it again")
	s.press("down enter").sees("92 % full", "make the virtual disk larger")
	s.press("up enter").sees("Do this about it now: start it again", "> No").press("down enter").sees("Done.")
	if !slices.Contains(agent.asked, "fix unit:postfix.service") {
		t.Errorf("the agent was asked %q", agent.asked)
	}
	s.press("enter").wait(3 * time.Second)
	s.press("home enter").sees("92 % full", "Esc: back")
	agent.set(func(s *wire.Status) { s.Notices = nil }, nil)
	s.wait(3 * time.Second)
	s.sees("Nothing needs attention").press("enter esc").sees("1  Network")
}

// What the agent has no preview for, is all shown.
func TestFormWithoutPreviewShowsAll(t *testing.T) {
	f := newForm(networkProperties(), false)
	f.learn(nil)
	if got := len(f.shown()); got != len(networkProperties()) {
		t.Errorf("%d fields are shown; want all", got)
	}
}

func TestSecretsThatAreSetAreKept(t *testing.T) {
	f := newForm([]wire.Property{{Key: "a", Type: "secret", Value: "********"}, {Key: "b", Type: "secret"}, {Key: "c", Type: "string", Value: "x"}}, false)
	if got := sorted(f.values()); len(got) != 0 {
		t.Errorf("values() = %q", got)
	}
	f.key(&Model{}, key{paste, "new"})
	if got := sorted(f.values()); !slices.Equal(got, []string{"a=new"}) {
		t.Errorf("values() = %q", got)
	}
}

func TestAdopt(t *testing.T) {
	agent := adopting("")()
	s := newStage(t, agent, terminal.Latin, false)
	s.sees("Take it over").press("enter").sees("HEALTHY")
	if !slices.Equal(agent.asked, []string{"adopt true"}) {
		t.Errorf("the agent was told %q", agent.asked)
	}
	agent = adopting("it is too new")()
	s = newStage(t, agent, terminal.Latin, false)
	s.sees("it is too new").press("enter down enter")
	if len(agent.asked) > 0 {
		t.Errorf("the agent was told %q", agent.asked)
	}
}

func TestLogInAndOut(t *testing.T) {
	agent := newAgent()
	s := newStage(t, agent, terminal.Latin, false)
	s.press("f2").write("wrong").press("enter").sees("the account or the password is wrong").seesNot("•")
	s.write("correct horse").press("enter").sees("What do you want to do?", "admin")
	s.press("9").sees("Enter/F2: log in")
	if !slices.Equal(agent.asked, []string{"logout"}) {
		t.Errorf("the agent was told %q", agent.asked)
	}
	s.press("enter").write("correct horse").press("enter")
	s.wait(idleAfter - 2*time.Second)
	s.sees("Menu").press("down").wait(idleAfter - 2*time.Second)
	s.sees("Menu").wait(3 * time.Second)
	s.sees("Enter/F2: log in")
	if got := agent.asked; !slices.Equal(got, []string{"logout", "logout"}) {
		t.Errorf("the agent was told %q", got)
	}
	if s.m.token != "" {
		t.Error("the token is still there")
	}
}

func TestSessionThatEndedAsksAgain(t *testing.T) {
	s := newStage(t, newAgent(), terminal.Latin, false)
	loggedIn(s)
	s.m.token = "old" // as if the agent had forgotten it
	s.press("1").sees("The log-in has ended")
}

func TestMenuOrders(t *testing.T) {
	for _, c := range []struct {
		keys string
		text string
		then string
		see  string
		want string
	}{
		{"1 home", "x", "f10", "Keep it", "change 4 [network.hostname=pocketbasex]"},
		{"1", "", "f10", "Nothing was changed", ""},
		{"1 tab right tab", "nonsense", "f10", "! is not an address - write 192.0.2.7/24", ""},
		{"2", "new password", "tab", "New password", ""},
		{"3 down enter r down enter", "", "", "it is revision 5", "revert 4 to 3"},
		{"3 down enter r enter", "", "", "Revision 3", ""},
		{"5 enter down enter", "", "", "PocketBase was restarted", "restart pocketbase"},
		{"6 down enter", "", "", "The machine restarts", "power restart"},
		{"6 enter", "", "", "What do you want to do?", ""},
		{"7 down enter", "", "", "The machine powers off", "power off"},
		{"8", "pocket", "f10", "is not pocketbase", ""},
		{"8", "pocketbase", "f10", "begins anew", "reset pocketbase"},
	} {
		agent := newAgent()
		s := newStage(t, agent, terminal.Latin, false)
		loggedIn(s)
		s.press(c.keys)
		if strings.Contains(c.keys, "home") {
			s.press("end")
			s.m.top().(*networkPage).form.at = 0
		}
		s.write(c.text).press(c.then).sees(c.see)
		if got := strings.Join(agent.asked, ", "); got != c.want {
			t.Errorf("%s %s %s: the agent was told %q; want %q", c.keys, c.text, c.then, got, c.want)
		}
	}
}

func TestPendingIsKeptOrUndone(t *testing.T) {
	for keys, want := range map[string]string{"home enter enter": "confirm", "home enter down enter": "revert 5 to 4"} {
		agent := newAgent()
		agent.revision, agent.pending = 5, &wire.Pending{Revision: 5, RevertTo: 4, Seconds: 100}
		s := newStage(t, agent, terminal.Latin, false)
		s.sees("In 1:40 revision 5 is undone").wait(time.Second)
		s.sees("In 1:39")
		loggedIn(s)
		s.sees("!  Keep or undo the change").press(keys).press("enter").seesNot("Keep or undo")
		if got := strings.Join(agent.asked, ", "); got != want {
			t.Errorf("%s: the agent was told %q; want %q", keys, got, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	agent := newAgent()
	agent.status.Uptime = 60
	s := newStage(t, agent, terminal.Latin, false)
	s.press("f2 f4").sees("There are 9 minutes left").write("a new password").press("tab").write("a new password").press("f10")
	s.sees("The password is set").press("enter").write("a new password").press("enter").sees("What do you want to do?")
	s.press("2").write("a wrong one").press("tab").write("another password").press("tab").write("another password").press("f10")
	s.sees("the current password is wrong").press("esc").press("2").write("a new password")
	s.press("tab").write("another password").press("tab").write("another password").press("f10").sees("The password is set")
	if got := agent.passwords["admin"]; got != "another password" {
		t.Errorf("the password is %q", got)
	}
	// Somebody else's needs no other.
	s.press("enter").press("2").press("shift+tab").write("2").seesNot("Password so far")
	s.press("tab").write("their password").press("tab").write("their password").press("f10").sees("The password is set")
	if got := agent.passwords["admin2"]; got != "their password" {
		t.Errorf("their password is %q", got)
	}
}

func TestLanguageNeedsATerminalThatShowsIt(t *testing.T) {
	s := newStage(t, firstBoot(), terminal.ASCII, true)
	s.terminal = nil
	s.press("left").sees("cannot show Japanese", "< Japanese >")
	if !slices.Contains(s.terminal, any(askTerminalUTF8{})) {
		t.Fatalf("the terminal was asked %v", s.terminal)
	}
	s.feed(tea.CursorPositionMsg{X: 3, Y: 0}) // as one that takes bytes for letters
	s.sees("cannot show Japanese")
	s.feed(tea.CursorPositionMsg{X: 2, Y: 0})
	s.sees("日本語", "1/7 言語").seesNot("cannot show")
	s.press("left").sees("1/7 Sprache")
	if s.m.charset != terminal.ASCII {
		t.Error("the terminal gets more than ASCII again without need")
	}
	s.sees("aendern") // German without its letters
	// Linux's own console is not asked: it has no such characters.
	s = newStage(t, firstBoot(), terminal.Latin, false)
	s.press("left").sees("cannot show Japanese")
	if slices.Contains(s.terminal, any(askTerminalUTF8{})) {
		t.Error("Linux's console was asked")
	}
}

func TestTerminalTellsItsSize(t *testing.T) {
	s := newStage(t, newAgent(), terminal.ASCII, true)
	if !slices.Contains(s.terminal, any(askTerminalSize{})) {
		t.Errorf("the terminal was asked %v", s.terminal)
	}
	s.feed(tea.CursorPositionMsg{X: 99, Y: 29})
	if w, h := s.m.size(); w != 100 || h != 30 {
		t.Errorf("the size is %d×%d; want 100×30", w, h)
	}
	s.feed(tea.CursorPositionMsg{X: 9999999, Y: 9999999})
	if w, h := s.m.size(); w > 500 || h > 200 {
		t.Errorf("the size is %d×%d", w, h)
	}
	linux := newStage(t, newAgent(), terminal.Latin, false)
	linux.feed(tea.CursorPositionMsg{X: 99, Y: 29})
	if w, _ := linux.m.size(); w != 80 {
		t.Errorf("a report that was not asked for made the console %d columns wide", w)
	}
}

// What is typed while a form asks what its values mean comes after the answer,
// into the fields that there are then.
func TestKeysAreTypedAhead(t *testing.T) {
	s := newStage(t, firstBoot(), terminal.Latin, false)
	steps(3)(s)
	s.press("tab")
	calls := s.m.Update(keyPress("right"))
	if len(calls) != 1 || s.m.waiting != 1 {
		t.Fatalf("a choice asked %v", calls)
	}
	for _, k := range []tea.KeyPressMsg{keyPress("tab"), keyPress("7"), keyPress("f10"), keyPress("8")} {
		if more := s.m.Update(k); len(more) != 0 {
			t.Errorf("a key asked %v before the answer", more)
		}
	}
	calls = s.m.Update(perform(t.Context(), s.agent, calls[0]))
	if len(calls) != 1 || calls[0].what.(answer).Values["network.address"] != "7" || s.m.waiting != 1 {
		t.Errorf("after the answer the form sends %v", calls)
	}
}

// A field that nobody typed into follows the others, and is not sent.
func TestFieldsFollow(t *testing.T) {
	formats := wire.Property{Key: "language.formats", Type: typeEnum, Value: "en-GB", Options: []wire.Option{{Value: "en-GB"}, {Value: "de-DE"}, {Value: "de-CH"}}}
	units := wire.Property{Key: "language.units", Type: typeEnum, Default: "metric", Options: []wire.Option{{Value: "metric"}, {Value: "imperial"}}}
	f := newForm([]wire.Property{formats, units}, false)
	german := formats
	german.Value = "de-DE"
	f.learn([]wire.Property{german, units})
	if got := strings.Join(sorted(f.values()), " "); f.fields[0].String() != "de-DE" || got != "language.units=metric" {
		t.Errorf("the formats are %s, and %q is sent", f.fields[0].String(), got)
	}
	f.key(NewModel(terminal.Latin, false, noon), key{name: "right"})
	f.learn([]wire.Property{formats, units})
	if got := f.values()["language.formats"]; got != "de-CH" {
		t.Errorf("what somebody chose became %q", got)
	}
}

// Pages that wait for the agent take no keys; a reply for a page that is gone
// changes nothing.
func TestKeysWaitForTheAgent(t *testing.T) {
	m := NewModel(terminal.Latin, false, noon)
	status := healthy()
	m.Update(reply{call: call{what: askStatus{}}, value: status})
	m.Update(keyPress("f2"))
	for _, r := range "secret" {
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	calls := m.Update(keyPress("enter"))
	if len(calls) != 1 || m.waiting != 1 {
		t.Fatalf("the log-in asked %v", calls)
	}
	if more := m.Update(keyPress("enter")); len(more) != 0 {
		t.Errorf("a second Enter asked %v", more)
	}
	m.leave()
	m.Update(reply{call: calls[0], value: wire.Session{Account: "admin", Token: "t"}})
	if m.token != "" || m.waiting != 0 || len(m.pages) != 1 {
		t.Errorf("a late answer logged in: token %q, waiting %d, %d pages", m.token, m.waiting, len(m.pages))
	}
}
