package console

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// scene is a state of the console that golden files show.
type scene struct {
	name  string
	agent func() *fakeAgent
	play  func(s *stage)
}

// with is an agent with another status.
func with(change func(*wire.Status)) func() *fakeAgent {
	return func() *fakeAgent {
		a := newAgent()
		change(&a.status)
		return a
	}
}

func nothing(*stage) {}

func many(s *wire.Status) {
	s.State = wire.Degraded
	s.Services = nil
	for i := range 12 {
		svc := wire.Service{Title: fmt.Sprintf("Service %d", i+1), State: wire.Healthy}
		if i == 1 {
			svc.State, svc.Detail = wire.Failing, "GET http://127.0.0.1:8080/health: answered 503 Service Unavailable"
		}
		s.Services = append(s.Services, svc)
	}
	s.Warnings = []string{
		"the machine has 192 MiB of memory, and the appliance needs 256 MiB: give the virtual machine more and restart it",
		"there is no disk for data: everything is lost at power off. Attach a virtual disk and restart",
		"the system unit foo.service failed", "the system unit bar.service failed", "the system unit baz.service failed",
	}
}

func loggedIn(s *stage) { s.press("enter").write("correct horse").press("enter") }

// loginAs types the right password of an account.
func loginAs(account string) func(s *stage) {
	return func(s *stage) {
		s.press("f2 up" + strings.Repeat(" backspace", len(firstAccount))).write(account).press("tab").write("correct horse").press("enter")
	}
}

// steps walks to a step of the wizard, with answers that are taken.
func steps(n int) func(s *stage) {
	return func(s *stage) {
		walk := []func(){
			func() { s.press("f10") },
			func() { s.press("enter") },
			func() { s.press("a") },
			func() { s.press("f10") },
			func() { s.press("f10") },
			func() { s.press("tab").write("correct horse").press("tab").write("correct horse").press("f10") },
			func() { s.write("My site").press("f10") },
		}
		for i := range n {
			walk[i]()
		}
	}
}

func then(plays ...func(s *stage)) func(s *stage) {
	return func(s *stage) {
		for _, p := range plays {
			p(s)
		}
	}
}

// amiss makes a status of notices, one that can be fixed by a key.
func amiss(s *wire.Status) {
	s.Notices = []wire.Notice{
		{ID: "unit:postfix.service", Level: wire.Critical, Text: "the system unit postfix.service failed", Hint: "look at the log", Fix: "start it again"},
		{ID: "data-disk", Level: wire.Warning, Text: "the data disk is 92 % full",
			Hint: "make the virtual disk larger in the hypervisor and restart: its file system grows by itself"},
	}
}

func press(names string) func(s *stage) { return func(s *stage) { s.press(names) } }

func scenes() []scene {
	return []scene{
		{"status-healthy", newAgent, nothing},
		{"status-many", with(many), nothing},
		{"status-no-address", with(func(s *wire.Status) {
			s.State, s.Management, s.URLs = wire.Starting, "", nil
			s.Network = []wire.Interface{{Name: "eth0", State: "no-address", Problem: "no address: no DHCP answer on eth0"}}
			s.Services[0].State, s.Services[0].Detail = wire.Starting, "is being started"
		}), nothing},
		{"status-no-adapter", with(func(s *wire.Status) {
			s.Management, s.URLs, s.Network = "", nil, nil
			s.Warnings = []string{"there is no network adapter. Add one to the virtual machine"}
		}), nothing},
		{"status-differs", func() *fakeAgent {
			a := newAgent()
			a.facts.settings[0].Facts = []wire.Fact{
				{Name: "address of eth0", Wanted: "192.0.2.7/24", Actual: "192.168.1.20/24", Differs: true},
				{Name: "gateway", Wanted: "192.168.1.1", Actual: "192.168.1.1"},
				{Name: "DNS servers", Wanted: "192.0.2.53", Differs: true},
			}
			a.status.Warnings = []string{"seed (ovf): firewall.management is not a network"}
			return a
		}, nothing},
		{"status-german", inLanguage("de"), nothing},
		{"status-japanese", inLanguage("ja"), func(s *stage) { s.feed(tea.CursorPositionMsg{X: 2, Y: 0}) }},
		{"status-pending", func() *fakeAgent {
			a := newAgent()
			a.pending = &wire.Pending{Revision: 5, RevertTo: 4, Seconds: 103, Settings: []string{"network"}}
			return a
		}, nothing},
		{"status-first-moment", func() *fakeAgent { return &fakeAgent{err: &client.Error{Message: "cannot reach the agent"}} }, nothing},
		{"status-agent-gone", newAgent, func(s *stage) {
			s.agent.set(func(*wire.Status) {}, client.ErrUnreachable)
			s.wait(3 * time.Second)
		}},
		{"status-hostile", with(func(s *wire.Status) {
			s.Title = "Büro \x1b[2J\x1b]0;gotcha\x07 – „x“"
			s.Vendor = "名前 e\u0301"
			s.Services[0].Title = "a\nb\tc\u202eevil"
			s.Services[0].State, s.Services[0].Detail = wire.Failing, "line one\r\nline two \xff\x9b31m"
		}), nothing},
		{"status-first-boot", firstBoot, press("esc")},
		{"wizard-1-language", firstBoot, nothing},
		{"wizard-1-seed", seeded, nothing},
		{"wizard-5-seed", seeded, steps(4)},
		{"wizard-1-german", firstBoot, press("right")},
		{"wizard-1-japanese", firstBoot, func(s *stage) {
			s.press("left")
			s.feed(tea.CursorPositionMsg{X: 2, Y: 0})
		}},
		{"wizard-2-keyboard", firstBoot, then(steps(1), press("d"))},
		{"wizard-3-licence", firstBoot, then(steps(2), press("enter"))},
		{"wizard-3-licence-end", firstBoot, then(steps(2), press("end"))},
		{"wizard-4-network", firstBoot, steps(3)},
		{"wizard-4-network-static", firstBoot, then(steps(3), press("tab right tab"))},
		{"wizard-4-network-refused", firstBoot, then(steps(3), press("tab right f10"))},
		{"wizard-4-network-no-dhcp", func() *fakeAgent {
			a := firstBoot()
			a.status.Network = []wire.Interface{{Name: "eth0", State: "no-address", Problem: "no address: no DHCP answer on eth0"}}
			a.status.Management = ""
			return a
		}, steps(3)},
		{"wizard-5-time", firstBoot, steps(4)},
		{"wizard-5-zones", firstBoot, then(steps(4), press("e u r"))},
		{"wizard-6-administrator", firstBoot, then(steps(5), func(s *stage) { s.press("tab").write("short") })},
		{"wizard-6-differ", firstBoot, then(steps(5), func(s *stage) { s.press("tab").write("short").press("tab").write("shorn").press("f10") })},
		{"wizard-6-refused", firstBoot, then(steps(5), func(s *stage) { s.press("tab").write("short").press("tab").write("short").press("f10") })},
		{"wizard-7-application", firstBoot, steps(6)},
		{"wizard-7-external", firstBoot, then(steps(6), func(s *stage) {
			s.write("My site").press("tab tab right tab").write("db.example.com").press("tab").write("secret").press("tab")
			s.feed(tea.PasteMsg{Content: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"})
		})},
		{"wizard-7-refused", firstBoot, then(steps(6), press("f10"))},
		{"wizard-finish", firstBoot, steps(7)},
		{"adopt", adopting(""), nothing},
		{"adopt-refused", adopting("it was written by version 2.0.0, and this is 1.4.0"), nothing},
		{"login", newAgent, press("f2")},
		{"code", newAgent, loginAs("fiona")},
		{"code-wrong", newAgent, then(loginAs("fiona"), func(s *stage) { s.write("000000").press("enter") })},
		{"code-right", newAgent, then(loginAs("fiona"), func(s *stage) { s.write("123456").press("enter") })},
		{"code-late", newAgent, then(loginAs("lars"), func(s *stage) { s.write("123456").press("enter") })},
		{"code-lost", newAgent, then(loginAs("fiona"), press("f4"))},
		{"login-wrong", newAgent, func(s *stage) { s.press("enter").write("nonsense").press("enter") }},
		{"login-german", speaking("de"), func(s *stage) { s.press("enter").write("nonsense").press("enter") }},
		{"menu-network-german", speaking("de"), then(loggedIn, func(s *stage) {
			s.agent.refuse = refusedNetwork()
			s.press("1 tab right tab").write("192.0.2.7").press("f10")
		})},
		{"forgot-early", with(func(s *wire.Status) { s.Uptime = 200 }), press("f2 f4")},
		{"forgot-late", newAgent, press("f2 f4")},
		{"forgot-refused", newAgent, func(s *stage) {
			s.agent.refuse = &client.Error{Status: 403, Message: "the machine was switched on more than 10 minutes ago", Hint: "switch it off and on"}
			s.press("f2 f4").write("new password").press("tab").write("new password").press("f10")
		}},
		{"menu", newAgent, loggedIn},
		{"menu-attention", with(amiss), then(loggedIn, press("enter"))},
		{"menu-attention-german", attention("de"), then(loggedIn, press("enter"))},
		{"menu-attention-japanese", attention("ja"), then(loggedIn, press("enter"), func(s *stage) { s.feed(tea.CursorPositionMsg{X: 2, Y: 0}) })},
		{"menu-attention-other", with(amiss), then(loggedIn, press("enter down"))},
		{"menu-attention-ask", with(amiss), then(loggedIn, press("enter enter"))},
		{"menu-network", newAgent, then(loggedIn, press("1 tab right tab"))},
		{"menu-pending", newAgent, then(loggedIn, func(s *stage) {
			s.press("1 tab right tab").write("192.0.2.7/24").press("f10")
		})},
		{"menu-password", newAgent, then(loggedIn, press("2"))},
		{"menu-history", newAgent, then(loggedIn, press("3 down"))},
		{"menu-diff", newAgent, then(loggedIn, press("3 down enter"))},
		{"menu-diff-revert", newAgent, then(loggedIn, press("3 down enter r"))},
		{"menu-logs", newAgent, then(loggedIn, press("4"))},
		{"menu-log", logging, then(loggedIn, press("4 enter"))},
		{"menu-restart", with(many), then(loggedIn, press("5"))},
		{"menu-power-off", newAgent, then(loggedIn, press("7"))},
		{"menu-reset", newAgent, then(loggedIn, func(s *stage) { s.press("8").write("pocket").press("f10") })},
	}
}

// speaking is an appliance that was set to a language.
func speaking(language string) func() *fakeAgent {
	return func() *fakeAgent {
		a := newAgent()
		a.facts.settings = append(a.facts.settings, wire.Setting{Key: "language", Properties: []wire.Property{{Key: languageKey, Value: language}}})
		return a
	}
}

func attention(language string) func() *fakeAgent {
	return func() *fakeAgent {
		a := speaking(language)()
		amiss(&a.status)
		return a
	}
}

// inLanguage is an appliance with much to say.
func inLanguage(language string) func() *fakeAgent {
	return func() *fakeAgent {
		a := speaking(language)()
		a.status.State = wire.Degraded
		a.status.Network = append(a.status.Network, wire.Interface{Name: "eth1", State: "no-address", Problem: "no address: no DHCP answer on eth1"})
		a.status.Services[0].State, a.status.Services[0].Detail = wire.Failing, "keeps stopping and is restarted: exit status 3"
		a.status.Warnings = []string{"the data disk is 93 % full", "seed (ovf): network.dns[0] is not an IP address"}
		a.facts.settings[0].Facts = []wire.Fact{
			{Name: "addresses of eth1", Wanted: "192.0.2.7/24, automatic IPv6", Actual: "not connected", Differs: true},
			{Name: "DNS servers", Wanted: "192.0.2.53", Differs: true},
		}
		return a
	}
}

// refusedNetwork is what the agent says to an address without a network.
func refusedNetwork() *client.Error {
	return &client.Error{Status: 422, Message: "the change is not valid", Problems: []wire.Problem{
		{Path: "network.address", Message: "lacks the length of its network: write it as in 192.0.2.7/24"},
		{Path: "network.search[0]", Message: `the search domain "a_b" may hold only letters, digits, dashes and dots`, Hint: "Write a domain, such as example.com."},
		{Path: "firewall.rules[0].port", Message: `"x" is not a port or range of ports`},
	}}
}

// seeded is an appliance with a seed that says something that is not right.
func seeded() *fakeAgent {
	a := firstBoot()
	a.setup.Seeds = []wire.Seed{{Provider: "ovf", Keys: []string{"network.hostname"}, Problems: []wire.Problem{
		{Path: "time.zone", Message: "is not a time zone; did you mean Europe/Berlin?"}, {Path: "access.password", Message: "came without a value"},
	}}}
	return a
}

func adopting(refused string) func() *fakeAgent {
	return func() *fakeAgent {
		a := newAgent()
		a.setup.Adopt = &wire.Adopt{Version: "1.3.0", Name: "pocketbase", Title: "PocketBase", Refused: refused}
		return a
	}
}

func logging() *fakeAgent {
	a := newAgent()
	for i := range 40 {
		a.log.Lines = append(a.log.Lines, wire.LogLine{Time: noon.Add(time.Duration(i) * time.Second), Unit: "app-pocketbase.service", Priority: 6, Text: fmt.Sprintf("request %d answered", i)})
	}
	a.log.Lines[38].Priority, a.log.Lines[38].Text = 3, "cannot open the database: \x1b[31mthe file /data/app/pocketbase/data.db is locked by another process, number 4711"
	return a
}

// terminals are what each scene is shown on.
var terminals = []struct {
	width, height int
	charset       terminal.Charset
}{{80, 24, terminal.Latin}, {80, 24, terminal.ASCII}, {40, 12, terminal.ASCII}, {120, 40, terminal.Latin}}

func TestGoldenScreens(t *testing.T) {
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			var b strings.Builder
			last := ""
			for _, term := range terminals {
				s := newStage(t, sc.agent(), term.charset, term.charset == terminal.ASCII)
				s.feed(tea.WindowSizeMsg{Width: term.width, Height: term.height})
				sc.play(s)
				fmt.Fprintf(&b, "%s %d×%d %s\n", strings.Repeat("=", 8), term.width, term.height, map[terminal.Charset]string{terminal.Latin: "Latin", terminal.ASCII: "ASCII"}[term.charset])
				if got := s.screen(); got != last {
					b.WriteString(got)
					last = got
				} else {
					b.WriteString("the same\n")
				}
			}
			file := filepath.Join("testdata", sc.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("the screens are\n%s\nwant\n%s(go test -update writes them anew; look at them)", b.String(), want)
			}
		})
	}
}
