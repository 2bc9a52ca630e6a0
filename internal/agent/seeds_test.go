package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// giver is a provider that says what a test wants.
type giver struct {
	name string
	mu   sync.Mutex
	says seed.Answers
	err  error
	read int
}

func (g *giver) Name() string { return g.name }

func (g *giver) Read(context.Context) (seed.Answers, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.read++
	return g.says, g.err
}

func (g *giver) say(says seed.Answers, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.says, g.err = says, err
}

// giving are values.
func giving(name string, pairs ...string) *giver {
	return &giver{name: name, says: seed.Answers{Values: values(pairs...)}}
}

// writing is a text.
func writing(name, text string) *giver {
	return &giver{name: name, says: seed.Answers{Text: []byte(text)}}
}

// seeded lets an agent look for answers for a while, and calls then in between.
func seeded(t *testing.T, a *Agent, long time.Duration, then func(*testing.T), givers ...*giver) {
	t.Helper()
	a.providers = nil
	for _, g := range givers {
		a.providers = append(a.providers, g)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		defer cancel()
		if then != nil {
			time.AfterFunc(long/2, func() { then(t) })
		}
		a.takeSeeds(ctx)
	})
}

func document(a *Agent) *setting.Document {
	revision, _ := a.engine.Current()
	return revision.Document
}

// told is all that somebody is told of seeds.
func told(t *testing.T, a *Agent) string {
	return marshal(t, a.seedReports()) + strings.Join(a.seedWarnings(), "\n")
}

const everything = "setup.eula: accept\nnetwork: {hostname: seeded}\naccess:\n  password: " + adminPassword + "\napplication.site: Seed's\n"

func TestSeeds(t *testing.T) {
	hash := passwords.Hash(adminPassword)
	all := func(more ...string) []string {
		return append([]string{"setup.eula", "accept", "access.password", adminPassword, "application.site", "Mine"}, more...)
	}
	for _, test := range []struct {
		name   string
		givers []*giver
		// complete says that it is set up; needed are otherwise the steps.
		needed string
		check  func(d *setting.Document) bool
		// tells is what people are told.
		tells []string
	}{
		{"nothing", nil, "language keyboard eula network time administrator application", nil, nil},
		{"all, as values", []*giver{giving("ovf", all("network.hostname", "seeded")...)}, "",
			func(d *setting.Document) bool {
				return d.Network.Hostname == "seeded" && d.Setup.EULA.By == "seed" && d.Setup.EULA.Language == "en"
			},
			[]string{`"keys":["network.hostname","access.password","application.site"]`}},
		{"all, as a nested text", []*giver{writing("disk", everything)}, "",
			func(d *setting.Document) bool {
				return d.Network.Hostname == "seeded" && d.Application["site"] == "Seed's"
			}, nil},
		{"the licence of the language that the seed sets", []*giver{giving("smbios", all("language.language", "de")...)}, "",
			func(d *setting.Document) bool { return d.Setup.EULA.Hash == firstboot.Hash("Sie dürfen.") }, nil},
		{"a document, and beside it a property", []*giver{writing("disk", "format: 1\nfirewall: {management: [192.0.2.0/24]}\n"+
			"access: {accounts: [{name: eve, role: admin, hash: '"+hash+"'}]}\napplication: {site: Doc}\nsetup: {eula: accept}\ntime.zone: Asia/Tokyo\n")}, "",
			func(d *setting.Document) bool {
				return d.Access.Accounts[0].Name == "eve" && d.Time.Zone == "Asia/Tokyo" && len(d.Firewall.Management) == 1
			}, nil},
		{"two providers, of which the later wins", []*giver{
			giving("ovf", all("network.hostname", "first", "time.zone", "Asia/Tokyo")...), writing("disk", "network.hostname: second\n")}, "",
			func(d *setting.Document) bool {
				return d.Network.Hostname == "second" && d.Time.Zone == "Asia/Tokyo" && d.Setup.Complete
			},
			[]string{`"provider":"disk","keys":["network.hostname"]`}},
		{"a part of it", []*giver{giving("ovf", "network.hostname", "seeded", "access.password", adminPassword)}, "eula application",
			func(d *setting.Document) bool { return d.Network.Hostname == "seeded" }, nil},
		{"no administrator", []*giver{giving("ovf", "network.hostname", "seeded", "setup.eula", "yes", "application.site", "x")}, "language keyboard network time administrator application",
			func(d *setting.Document) bool { return d.Network.Hostname == "seeded" }, nil},
		{"the licence is not accepted", []*giver{giving("ovf", all("setup.eula", "no")...)}, "eula",
			func(d *setting.Document) bool { return d.Setup.EULA == nil }, nil},
		{"an invalid value", []*giver{giving("ovf", all("time.zone", "Mars/Base", "network.hostname", "seeded")...)}, "time",
			func(d *setting.Document) bool { return d.Time.Zone == "UTC" && d.Network.Hostname == "seeded" }, []string{"seed (ovf): time.zone "}},
		{"an invalid value of the application", []*giver{giving("ovf", all("application.till", "0")...)}, "application",
			func(d *setting.Document) bool { return d.Application["till"] == "1" }, []string{"seed (ovf): application.till "}},
		{"values that do not go together", []*giver{giving("ovf", all("network.mode", "static", "network.hostname", "seeded", "time.zone", "Asia/Tokyo")...)}, "network",
			func(d *setting.Document) bool { return d.Network.Hostname != "seeded" && d.Time.Zone == "Asia/Tokyo" }, []string{"seed (ovf): network."}},
		{"values that came empty", []*giver{{name: "ovf", says: seed.Answers{Values: values(all()...), Problems: []setting.Problem{{Path: "network.proxy", Message: "came without a value"}}}}}, "",
			nil, []string{"network.proxy", "came without a value"}},
		{"a network that cannot be understood", []*giver{{name: "nocloud", says: seed.Answers{Values: values(all()...), Problems: []setting.Problem{{Path: "network", Message: "of the file network-config: no network adapter of this machine is ens9"}}}}}, "network",
			nil, []string{"seed (nocloud): network of the file network-config: no network adapter"}},
		{"null in a text", []*giver{writing("disk", everything+"time.zone: null\n")}, "time", nil, []string{"seed (disk): time.zone is empty"}},
		{"an unknown setting", []*giver{giving("ovf", all("network.colour", "blue")...)}, "network", nil, []string{"network.colour is not a setting"}},
		{"a text that is no seed", []*giver{giving("ovf", all()...), writing("disk", "{")}, "language keyboard network time application",
			func(d *setting.Document) bool { return d.Application["site"] == "Mine" }, []string{"seed (disk): seed cannot read"}},
		{"a newer version's document", []*giver{writing("disk", "format: 99\n")}, "language keyboard eula network time administrator application", nil, []string{"newer version"}},
		{"a provider that fails", []*giver{giving("ovf", all()...), {name: "guestinfo", err: errors.New("the line is dead")}}, "language keyboard network time application",
			nil, []string{"seed (guestinfo): the line is dead"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, _ := newShop(t, "{}")
			seeded(t, a, time.Minute, nil, test.givers...)
			d := document(a)
			if got := needed(a.Setup(t.Context(), true)); got != test.needed || d.Setup.Complete != (test.needed == "") {
				t.Errorf("needed are %q, want %q; %s", got, test.needed, told(t, a))
			}
			if test.check != nil && !test.check(d) {
				t.Errorf("the document is %s", marshal(t, d))
			}
			for _, want := range test.tells {
				if !strings.Contains(told(t, a), want) {
					t.Errorf("nobody is told %q: %s", want, told(t, a))
				}
			}
			revisions, _ := a.Revisions(t.Context())
			if len(revisions) > 2 { // its own defaults, and the seed
				t.Errorf("there are revisions %+v", revisions)
			}
		})
	}
}

// TestLostAnswersAreTold, after the set-up too; what came empty is not.
func TestLostAnswersAreTold(t *testing.T) {
	a, _ := newShop(t, "{}")
	g := writing("disk", everything+"firewall.management: nowhere\n")
	g.says.Problems = []setting.Problem{{Path: "network.proxy", Message: "came without a value"}}
	seeded(t, a, time.Minute, nil, g)
	got := a.Status(t.Context()).Warnings
	if !document(a).Setup.Complete || len(got) != 1 || !strings.Contains(got[0], "seed (disk): firewall.management ") {
		t.Errorf("set up: %v, warnings %q", document(a).Setup.Complete, got)
	}
}

// TestSeedComesLater: a disk is attached while the wizard waits, then a better
// one; and never after the set-up.
func TestSeedComesLater(t *testing.T) {
	a, _ := newShop(t, "{}")
	g := &giver{name: "disk"}
	seeded(t, a, time.Minute, func(t *testing.T) { g.say(seed.Answers{Text: []byte("time.zone: Asia/Tokyo\n")}, nil) }, g)
	if document(a).Time.Zone != "Asia/Tokyo" {
		t.Fatalf("a later disk is not read: %s", told(t, a))
	}
	// What somebody answers meanwhile is not overridden by the same seed.
	if _, err := answers(t, a, true, wire.Answer{Step: "time", Values: values("time.zone", "Europe/Berlin")}); err != nil {
		t.Fatal(err)
	}
	seeded(t, a, time.Hour, func(t *testing.T) {
		if zone := document(a).Time.Zone; zone != "Asia/Tokyo" { // a new agent took it again
			t.Errorf("the zone is %s", zone)
		}
		setNow(t, a, values("time.zone", "Europe/Berlin"))
	}, g)
	if zone := document(a).Time.Zone; zone != "Europe/Berlin" {
		t.Errorf("the seed overrides what was answered: %s", zone)
	}
	seeded(t, a, time.Minute, func(t *testing.T) { g.say(seed.Answers{Text: []byte(everything)}, nil) }, g)
	if !document(a).Setup.Complete {
		t.Fatalf("a better disk is not read: %s", told(t, a))
	}
	before, _ := a.engine.Current()
	g.say(seed.Answers{Text: []byte("network.hostname: hijacked\n")}, nil)
	g.read = 0
	seeded(t, a, time.Hour, nil, g)
	if after, _ := a.engine.Current(); after.Number != before.Number || g.read > 0 {
		t.Errorf("a seed counts after the set-up: read %d times, %s", g.read, after.Document.Network.Hostname)
	}
}

// TestSeedWaitsForItsCheck: the database is there only later. Meanwhile the
// rest is taken, once.
func TestSeedWaitsForItsCheck(t *testing.T) {
	a, _ := newShop(t, "{}")
	m := settingtest.New(t)
	m.Fail("start app-web-check.service", errors.New("no answer"))
	units := &checkUnits{Units: m.Units}
	a.sys.Units = units
	seeded(t, a, 5*time.Minute, func(t *testing.T) {
		d := document(a)
		if d.Setup.Complete || d.Network.Hostname != "seeded" || d.Application["site"] != "" || !strings.Contains(told(t, a), "no answer") {
			t.Errorf("meanwhile: %s, %s", marshal(t, d), told(t, a))
		}
		revisions, _ := a.Revisions(t.Context())
		if len(revisions) != 2 {
			t.Errorf("trying again makes revisions: %+v", revisions)
		}
		m.Fail("start app-web-check.service", nil)
	}, writing("disk", everything))
	if d := document(a); !d.Setup.Complete || d.Application["site"] != "Seed's" || len(a.seedWarnings()) > 0 {
		t.Errorf("set up: %v, %s", d.Setup.Complete, told(t, a))
	}
}

// checkUnits run what is started, but not checks, which end.
type checkUnits struct{ *settingtest.Units }

func (checkUnits) Active(_ context.Context, unit string) (bool, error) {
	return !strings.Contains(unit, "check"), nil
}

// TestSomebodyIsFaster: the wizard is finished while the seed is taken.
func TestSomebodyIsFaster(t *testing.T) {
	a, _ := newShop(t, "{}")
	all := []seed.Answers{{Provider: "ovf", Values: values("network.hostname", "late")}}
	for _, w := range theSteps() {
		if _, err := answers(t, a, true, w); err != nil {
			t.Fatal(err)
		}
	}
	o := newOffer(a.env(), all)
	if err := a.commitOffer(t.Context(), o); err != nil || document(a).Network.Hostname == "late" || len(o.reports[0].Keys) > 0 {
		t.Errorf("taken: %v, %s, %+v", err, document(a).Network.Hostname, o.reports)
	}
}

func TestSeedAdopts(t *testing.T) {
	for text, reboots := range map[string]int{"setup.adopt: yes\n": 1, "setup: {adopt: true}\n": 1, "setup.adopt: no\n": 0, everything: 0} {
		a, m := newShop(t, `{"held":true,"instance":"x","adopt":{"name":"shop","version":"0.9.0"}}`)
		before, _ := a.engine.Current()
		seeded(t, a, time.Minute, nil, writing("disk", text))
		if m.reboots != reboots || m.off != 0 {
			t.Errorf("%q: %d restarts, %d times switched off", text, m.reboots, m.off)
		}
		if after, _ := a.engine.Current(); after.Number != before.Number || strings.Contains(told(t, a), "keys") {
			t.Errorf("%q: a seed is taken into a configuration that is forgotten: %s", text, told(t, a))
		}
	}
	a, m := newShop(t, `{"held":true,"refused":"it is newer"}`)
	g := writing("disk", "setup.adopt: yes\n")
	seeded(t, a, time.Minute, nil, g)
	if m.reboots > 0 || g.read > 0 {
		t.Errorf("a disk that was refused: %d restarts", m.reboots)
	}
}

// TestSeedsTellNoSecrets gives secrets that cannot be taken, in every place
// that a secret has, and looks for them in all that is told and logged.
func TestSeedsTellNoSecrets(t *testing.T) {
	const mark = "HUSHHUSH"
	for i, g := range []*giver{
		giving("ovf", "access.password", mark),
		giving("ovf", "access.password", "$argon2id$"+mark),
		giving("ovf", "application.key", mark),
		giving("ovf", "network.proxy", "http://user:"+mark+"@"),
		giving("ovf", "network.proxy", "htp://user:"+mark+"@proxy:70000/x y"),
		writing("disk", "access: {password: "+mark+"}\napplication: {key: "+mark+"}\n"),
		writing("disk", "format: 1\naccess: {accounts: [{name: a, role: admin, hash: "+mark+"}, {name: b, role: admin, password: "+mark+"}]}\n"),
		writing("disk", "format: 1\naccess: {tokens: [{name: a, role: admin, hash: "+mark+"}], accounts: {password: "+mark+"}}\napplication: {key: "+mark+"}\n"),
		writing("disk", "format: 1\nnetwork: {proxy: 'user:"+mark+"@x y'}\n"),
		writing("disk", "access.password: "+mark+": "+mark+"\n"), // no YAML
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			a, _ := newShop(t, "{}")
			var mu sync.Mutex
			var logged strings.Builder
			a.opts.Log = func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&logged, format+"\n", args...)
			}
			seeded(t, a, time.Minute, nil, g)
			if len(a.seedReports()[0].Problems) == 0 {
				t.Fatalf("it was taken: %s", told(t, a))
			}
			all := logged.String() + told(t, a) + marshal(t, a.Setup(t.Context(), true)) + marshal(t, a.Status(t.Context()))
			if at := strings.Index(all, mark); at >= 0 {
				t.Errorf("the secret is told: %s", all[max(0, at-200):min(len(all), at+50)])
			}
		})
	}
}

// TestCommitOfferFails: a disk that is full, or a change that waits, is told
// of, and tried again.
func TestCommitOfferFails(t *testing.T) {
	a, _ := newShop(t, "{}")
	_, pending, err := a.engine.Commit(t.Context(), config.Change{Edit: func(d *setting.Document) error {
		d.Firewall.Management = []string{"192.0.2.0/24"}
		return nil
	}})
	if err != nil || pending == nil {
		t.Fatal(pending, err)
	}
	seeded(t, a, 10*time.Minute, func(t *testing.T) {
		if document(a).Setup.Complete || !slices.ContainsFunc(a.seedWarnings(), func(w string) bool { return strings.Contains(w, "waits to be confirmed") }) {
			t.Errorf("meanwhile: %s", told(t, a))
		}
		if err := a.engine.Confirm(config.By{}); err != nil {
			t.Error(err)
		}
	}, writing("disk", everything))
	if !document(a).Setup.Complete {
		t.Errorf("not tried again: %s", told(t, a))
	}
}
