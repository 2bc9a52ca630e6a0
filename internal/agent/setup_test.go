package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
	"github.com/ingotvm/ingot/internal/release"
)

// shop asks everything that an appliance can ask at its first boot.
func shop() release.Boot {
	return release.Boot{
		Licences: map[string]string{"en": "You may.", "de": "Sie dürfen."},
		Definition: &appliance.Definition{
			Name: "shop", Title: "Corner shop", Version: "1.0.0",
			Settings: []appliance.Setting{
				{Key: "site", Title: "Site", Type: "string", Required: true, Ask: appliance.AskFirstboot},
				{Key: "key", Title: "Key", Type: "secret", Minimum: "20", Pattern: "[a-z ]*", Ask: appliance.AskFirstboot},
				{Key: "till", Title: "Till", Type: "int", Default: "1", Minimum: "1"},
			},
			Services: []appliance.Service{{Name: "web", Check: &appliance.Check{Command: []string{"check"}}}},
		},
	}
}

// newShop is an agent that waits to be set up.
func newShop(t *testing.T, init string) (*Agent, *fakeManager) {
	t.Helper()
	root := t.TempDir()
	makeMachine(t, root, shop(), init)
	m := &fakeManager{}
	return startAgent(t, root, m), m
}

// answers gives the answers of one step, at the console or from elsewhere.
func answers(t *testing.T, a *Agent, local bool, w wire.Answer) (s wire.Setup, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		by := config.By{Who: "setup", From: "192.0.2.9"}
		if local {
			by = config.By{Who: Console, From: Console}
		}
		s, err = a.Answer(t.Context(), by, local, w)
	})
	return s, err
}

// needed are the steps that are needed still.
func needed(s wire.Setup) string {
	var names []string
	for _, step := range s.Steps {
		if step.Needed {
			names = append(names, step.Name)
		}
	}
	return strings.Join(names, " ")
}

func values(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// theSteps are the answers that set the shop up.
func theSteps() []wire.Answer {
	return []wire.Answer{
		{Step: "language", Values: values("language.language", "de")},
		{Step: "keyboard", Values: values("keyboard.layout", "de")},
		{Step: "eula", Accept: firstboot.Hash("Sie dürfen.")},
		{Step: "network", Values: values("network.hostname", "corner")},
		{Step: "time", Values: values("time.zone", "Europe/Berlin")},
		{Step: "administrator", Values: values("access.administrator", "bob", "access.password", adminPassword)},
		{Step: "application", Values: values("application.site", "Round the corner")},
	}
}

// TestWizard answers one step after the other, at the console and from
// elsewhere, and starts the agent anew in between.
func TestWizard(t *testing.T) {
	for place, local := range map[string]bool{"at the console": true, "from elsewhere": false} {
		t.Run(place, func(t *testing.T) {
			a, m := newShop(t, "{}")
			steps := theSteps()
			for i, w := range steps {
				if s := a.Status(t.Context()); s.Setup != wire.SetupNeeded || s.State != wire.SetUp || len(s.URLs) > 0 {
					t.Fatalf("before %s: %s, %s, %v", w.Step, s.Setup, s.State, s.URLs)
				}
				closed(t, a)
				w.Code = a.Setup(t.Context(), true).Code
				setup, err := answers(t, a, local, w)
				if err != nil {
					t.Fatalf("%s: %v", w.Step, err)
				}
				if setup.Complete != (i == len(steps)-1) || strings.Contains(needed(setup), w.Step) || setup.Code != "" {
					t.Fatalf("after %s: %v, needed %s, code %q", w.Step, setup.Complete, needed(setup), setup.Code)
				}
				if i%3 == 2 { // a power cut
					root := a.opts.Root
					a = startAgent(t, root, m)
				}
			}
			revision, _ := a.engine.Current()
			d := revision.Document
			eula := d.Setup.EULA
			if d.Network.Hostname != "corner" || d.Application["site"] != "Round the corner" || eula == nil || eula.Language != "de" ||
				eula.Hash != firstboot.Hash("Sie dürfen.") || eula.When == "" || eula.By != map[bool]string{true: Console, false: "setup"}[local] {
				t.Errorf("the document is %+v, %+v", d, eula)
			}
			if !passwords.Verify(a.Access().Accounts[0].Hash, adminPassword) || a.Access().Accounts[0].Name != "bob" {
				t.Errorf("the accounts are %+v", a.Access().Accounts)
			}
			// Now nobody sets it up again, with the code neither.
			_, err := answers(t, a, local, wire.Answer{Step: "administrator", Values: values("access.password", "another password"), Code: a.code.String()})
			var over setUp
			if !errors.As(err, &over) || !passwords.Verify(a.Access().Accounts[0].Hash, adminPassword) {
				t.Errorf("set up again: %v", err)
			}
			if s := a.Setup(t.Context(), true); s.Code != "" || needed(s) != "" {
				t.Errorf("there is still a code: %q, or something needed: %s", s.Code, needed(s))
			}
			rules, _ := a.Firewall(t.Context())
			if len(rules) == 0 || a.whyOff(shop().Definition.Services[0]) != "" {
				t.Error("the application is not open")
			}
		})
	}
}

// closed looks whether the application is fenced off.
func closed(t *testing.T, a *Agent) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(a.sys.Root, "run/ingot-app/web/enabled")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the service may start: %v", err)
	}
}

// TestWrongAnswers gives answers that change nothing.
func TestWrongAnswers(t *testing.T) {
	a, _ := newShop(t, "{}")
	code := a.code.String()
	for _, test := range []struct {
		name  string
		local bool
		w     wire.Answer
		want  string
	}{
		{"no code", false, wire.Answer{Step: "time", Values: values("time.zone", "Asia/Tokyo")}, access.ErrCode.Error()},
		{"a wrong code", false, wire.Answer{Step: "time", Values: values("time.zone", "Asia/Tokyo"), Code: "AAAA-AAAA"}, access.ErrCode.Error()},
		{"a wrong code, and the disk", false, wire.Answer{Adopt: new(bool), Code: "x"}, access.ErrCode.Error()},
		{"a step that there is not", true, wire.Answer{Step: "lunch"}, "there is no step"},
		{"no step", true, wire.Answer{}, "there is no step"},
		{"another step's value", true, wire.Answer{Step: "time", Values: values("time.zone", "Asia/Tokyo", "access.password", adminPassword)}, "does not ask"},
		{"a setting that no step asks for", true, wire.Answer{Step: "application", Values: values("application.site", "x", "application.till", "2")}, "does not ask"},
		{"an invalid value", false, wire.Answer{Step: "time", Values: values("time.zone", "Mars/Base"), Code: code}, "time.zone"},
		{"one good value and one bad", true, wire.Answer{Step: "network", Values: values("network.hostname", "x", "network.dns", "?")}, "network.dns"},
		{"no value", true, wire.Answer{Step: "application", Values: values("application.site", "")}, "application.site"},
		{"no answer", true, wire.Answer{Step: "application"}, "application.site"},
		{"a name without a password", true, wire.Answer{Step: "administrator", Values: values("access.administrator", "bob")}, "a password is needed"},
		{"a weak password", true, wire.Answer{Step: "administrator", Values: values("access.password", "short")}, "too short"},
		{"the product's name", true, wire.Answer{Step: "administrator", Values: values("access.password", "corner shop!")}, "little more than a name"},
		{"no licence", true, wire.Answer{Step: "eula"}, "must be accepted"},
		{"another licence", true, wire.Answer{Step: "eula", Accept: firstboot.Hash("You must.")}, "must be accepted"},
		{"no disk to adopt", true, wire.Answer{Adopt: new(bool)}, "no data disk"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, _ := a.engine.Current()
			_, err := answers(t, a, test.local, test.w)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
			if after, _ := a.engine.Current(); after.Number != before.Number {
				t.Error("something was kept")
			}
		})
	}
	if setup, err := answers(t, a, false, wire.Answer{Code: code}); err != nil || setup.Steps[0].Properties == nil || setup.Code != "" {
		t.Errorf("the code alone: %+v, %v", setup, err)
	}
}

// TestStrangersLearnNothing: without the code, others see how far it is.
func TestStrangersLearnNothing(t *testing.T) {
	a, _ := newShop(t, "{}")
	a.seeds.reports = []wire.Seed{{Provider: "fw_cfg", Problems: []wire.Problem{{Path: "x"}}}}
	set(t, a, values("network.hostname", "private-name", "access.password", adminPassword))
	s := a.Setup(t.Context(), false)
	text := marshal(t, s)
	for _, secret := range []string{a.code.String(), string(a.code), "private-name", "fw_cfg", "You may", "properties", "argon2id$v="} {
		if strings.Contains(text, secret) {
			t.Errorf("a stranger is told %q", secret)
		}
	}
	if len(s.Steps) != 7 {
		t.Errorf("a stranger sees the steps %+v", s.Steps)
	}
	if whole := marshal(t, a.Setup(t.Context(), true)); !strings.Contains(whole, a.code.String()) || strings.Contains(whole, "argon2id$v=") {
		t.Errorf("the console is told %s", whole)
	}
}

// TestLicenceChanged: a new version of the appliance has another licence.
// TestAnswersOnApproval shows what would be asked, to who knows the code, and
// keeps nothing.
func TestAnswersOnApproval(t *testing.T) {
	a, _ := newShop(t, "{}")
	before, _ := a.engine.Current()
	hidden := func(s wire.Setup) bool {
		for _, step := range s.Steps {
			for _, p := range step.Properties {
				if p.Key == "network.address" {
					return p.Hidden
				}
			}
		}
		t.Fatal("nobody asks for an address")
		return false
	}
	static := map[string]string{"network.mode": "static", "network.hostname": "not a name"}
	if _, err := answers(t, a, false, wire.Answer{Code: "AAAA-AAAA", Values: static, Preview: true}); !errors.Is(err, access.ErrCode) {
		t.Errorf("a stranger is told: %v", err)
	}
	s, err := answers(t, a, false, wire.Answer{Code: a.code.String(), Values: static, Preview: true})
	if err != nil || hidden(s) || !hidden(a.Setup(t.Context(), true)) {
		t.Errorf("the address is hidden: %v, then %v; %v", hidden(s), hidden(a.Setup(t.Context(), true)), err)
	}
	if after, _ := a.engine.Current(); after.Hash != before.Hash {
		t.Error("something was kept")
	}
}

func TestLicenceChanged(t *testing.T) {
	a, _ := newShop(t, "{}")
	for _, w := range theSteps() {
		if _, err := answers(t, a, true, w); err != nil {
			t.Fatal(err)
		}
	}
	warned := func() bool {
		return slices.ContainsFunc(a.Status(t.Context()).Warnings, func(w string) bool { return strings.Contains(w, "licence has changed") })
	}
	if warned() {
		t.Error("the licence changed before it did")
	}
	boot := shop()
	boot.Licences["de"] = "Sie dürfen nicht."
	makeMachine(t, a.opts.Root, boot, "{}")
	a = startAgent(t, a.opts.Root, &fakeManager{})
	if s := a.Setup(t.Context(), true); !s.Complete || needed(s) != "eula" || !warned() {
		t.Errorf("%v, needed %q, warned: %v", s.Complete, needed(s), warned())
	}
	if status := a.Status(t.Context()); status.Setup != wire.SetupComplete {
		t.Errorf("the application is closed: %s", status.Setup)
	}
	var over setUp
	accept := wire.Answer{Step: "eula", Accept: firstboot.Hash("Sie dürfen nicht."), Code: a.code.String()}
	if _, err := answers(t, a, false, accept); !errors.As(err, &over) {
		t.Errorf("a stranger accepts it: %v", err)
	}
	if _, err := answers(t, a, true, wire.Answer{Step: "eula", Accept: firstboot.Hash("Sie dürfen.")}); err == nil {
		t.Error("the old one is accepted")
	}
	s, err := answers(t, a, true, accept)
	if err != nil || needed(s) != "" || warned() {
		t.Errorf("accepted: %v, needed %q, warned: %v", err, needed(s), warned())
	}
}

// TestAdopt answers whether to take over a data disk.
func TestAdopt(t *testing.T) {
	const waits = `{"held":true,"instance":"the-instance","adopt":{"name":"shop","version":"0.9.0","title":"Corner shop"}}`
	file := func(a *Agent) string {
		data, err := os.ReadFile(filepath.Join(a.opts.DataDir, adoptFile))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(data)
	}
	yes, no := true, false
	a, m := newShop(t, waits)
	if s := a.Setup(t.Context(), false); s.Adopt == nil || s.Adopt.Version != "0.9.0" || s.Adopt.Refused != "" {
		t.Errorf("strangers see %+v", s.Adopt)
	}
	for _, w := range theSteps() {
		if _, err := answers(t, a, true, w); err == nil {
			t.Fatalf("%s is answered, and forgotten", w.Step)
		}
	}
	if err := a.Reset(t.Context(), config.By{Who: "admin"}, "shop"); err == nil {
		t.Error("another appliance's disk is erased")
	}
	if _, err := answers(t, a, true, wire.Answer{Step: "adopt", Adopt: &no}); err != nil || m.off != 1 || file(a) != "" {
		t.Errorf("not taken over: %v, switched off %d times, %q", err, m.off, file(a))
	}
	if _, err := answers(t, a, true, wire.Answer{Step: "adopt", Adopt: &yes}); err != nil || m.reboots != 1 || file(a) != "the-instance\n" {
		t.Errorf("taken over: %v, restarted %d times, %q", err, m.reboots, file(a))
	}

	a, m = newShop(t, `{"held":true,"instance":"x","refused":"it is newer","warnings":["it is newer"]}`)
	if s := a.Setup(t.Context(), true); s.Adopt == nil || s.Adopt.Refused != "it is newer" {
		t.Errorf("refused: %+v", s.Adopt)
	}
	if _, err := answers(t, a, true, wire.Answer{Step: "adopt", Adopt: &yes}); err == nil || file(a) != "" || m.reboots > 0 {
		t.Errorf("taken over all the same: %v", err)
	}
	if got := a.Status(t.Context()).Warnings; len(got) == 0 || got[0] != "it is newer" {
		t.Errorf("the first warning is %q", got)
	}
}

// TestSetupIsNotChanged: an administrator cannot say that somebody accepted a
// licence, nor open the wizard again.
func TestSetupIsNotChanged(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	by := config.By{Who: "admin"}
	for _, c := range []wire.Change{
		{Merge: []byte(`{"setup":{"complete":false}}`)},
		{Merge: []byte(`{"setup":{"eula":{"hash":"x","by":"somebody","when":"2020-01-01T00:00:00Z","language":"en"}}}`)},
		{Merge: []byte(`{"setup":null}`)},
	} {
		var bad *config.InvalidError
		if _, err := a.Change(context.Background(), by, 0, c); !errors.As(err, &bad) || bad.Problems[0].Path != "setup" {
			t.Errorf("%s: %v", c.Merge, err)
		}
	}
	c, err := a.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(c.Document), `"zone":"UTC"`, `"zone":"Asia/Tokyo"`, 1)
	if _, err := a.Change(t.Context(), by, c.Revision, wire.Change{Document: []byte(changed)}); err != nil || changed == string(c.Document) {
		t.Errorf("a whole document with the set-up as it is: %v", err)
	}
}

// TestStrangersReadNoLogs: a service that does not start at the agent's own
// start is told of, but not what it said.
func TestStrangersReadNoLogs(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	m := settingtest.New(t)
	m.Units.Logs["app-web.service"] = "the password is hunter2"
	m.Fail("start app-web.service", errors.New("exit status 1"))
	a.sys.Units = m.Units
	remove(t, filepath.Join(a.sys.Root, "run/ingot-app/web/applied")) // it never ran
	a.applyAll(t.Context())
	all := strings.Join(a.Status(t.Context()).Warnings, "\n")
	if !strings.Contains(all, "cannot start the service web: exit status 1") || strings.Contains(all, "hunter2") {
		t.Errorf("everyone is told %q", all)
	}
}

// TestNotHealthyBeforeServicesStart: between the end of the set-up and the next
// look at the services nobody knows yet how they are.
func TestNotHealthyBeforeServicesStart(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: demo}, demoInit)
	a := startAgent(t, root, &fakeManager{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { a.watcher.Run(ctx) })
		time.Sleep(500 * time.Millisecond) // so that the commit ends between two looks
		commitSetup(t, a)
		s := a.Status(ctx)
		if s.Setup != wire.SetupComplete || s.State != wire.Starting || s.Services[0].State != wire.Starting {
			t.Errorf("set-up %s, state %s, services %+v", s.Setup, s.State, s.Services)
		}
		cancel()
		watching.Wait()
	})
}
