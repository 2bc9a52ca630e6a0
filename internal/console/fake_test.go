package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

const fingerprint = "1E:F0:8B:1C:15:02:EF:A5:35:FB:61:60:6B:8E:63:75:61:70:5B:10:9E:B1:5E:1F:9F:F4:5C:4E:45:1C:76:72"

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func healthy() wire.Status {
	return wire.Status{
		Name: "pocketbase", Title: "PocketBase", Vendor: "Example Software", Version: "1.4.0",
		Hostname: "pocketbase", State: wire.Healthy, Uptime: 4000, CPUs: 2,
		Memory:  wire.Memory{Total: 3 << 30, Available: 900 << 20},
		Network: []wire.Interface{{Name: "eth0", State: "up", Addresses: []string{"192.168.1.20/24", "2001:db8::20/64"}}},
		URLs:    []wire.URL{{Title: "Application", URL: "http://192.168.1.20/_/"}},

		Management: "https://192.168.1.20:5480/", Fingerprint: fingerprint,
		Services: []wire.Service{{Name: "pocketbase", Title: "PocketBase", State: wire.Healthy}},
	}
}

// fakeAgent plays the agent: a first boot whose answers it keeps and checks,
// one account, and a history.
type fakeAgent struct {
	mu        sync.Mutex
	status    wire.Status
	err       error
	setup     wire.Setup
	facts     facts
	revision  int
	pending   *wire.Pending
	passwords map[string]string
	// loggedIn is the account of the session.
	loggedIn string
	values   map[string]string
	log      wire.Log
	// asked is what was asked and changes something, in order.
	asked []string
	// refuse fails every order with it.
	refuse error
}

func newAgent() *fakeAgent {
	return &fakeAgent{
		status: healthy(), setup: wire.Setup{Complete: true}, revision: 4,
		passwords: map[string]string{}, values: map[string]string{},
		facts: facts{
			settings: []wire.Setting{{Key: "network", Properties: networkProperties()}},
			resources: []wire.Resource{
				{Service: "pocketbase", Name: "memory", Formula: "40%", Value: 1228 << 20, Bytes: true},
				{Service: "pocketbase", Name: "workers", Formula: "cpus * 2", Value: 4},
			},
		},
	}
}

// firstBoot is an agent whose appliance nobody set up.
func firstBoot() *fakeAgent {
	a := newAgent()
	a.status.State = wire.Starting
	a.setup = wire.Setup{Code: "4711-0815", Steps: []wire.Step{
		{Name: "language", Needed: true, Properties: []wire.Property{
			{Key: "language.language", Title: "Language", Type: "enum", Required: true, Value: "en", Options: []wire.Option{{Value: "en", Title: "English"}, {Value: "de", Title: "Deutsch"}, {Value: "ja", Title: "日本語"}}},
			{Key: "language.units", Title: "Units", Type: "enum", Required: true, Value: "metric", Options: []wire.Option{{Value: "metric", Title: "metric"}, {Value: "imperial", Title: "imperial"}}},
		}},
		{Name: "keyboard", Needed: true, Properties: []wire.Property{
			{Key: "keyboard.layout", Title: "Keyboard layout", Type: "enum", Required: true, Value: "us", Options: []wire.Option{
				{Value: "us", Title: "English (US)"}, {Value: "gb", Title: "English (UK)"}, {Value: "de", Title: "German"}, {Value: "ch", Title: "German (Switzerland)"}, {Value: "fr", Title: "French"}, {Value: "jp", Title: "Japanese"}}},
		}},
		{Name: "eula", Needed: true, Licence: &wire.Licence{Language: "en", Languages: []string{"en", "de"}, Text: licenceText(), Hash: "abc"}},
		{Name: "network", Needed: true, Properties: networkProperties()},
		{Name: "time", Needed: true, Properties: []wire.Property{
			{Key: "time.zone", Title: "Time zone", Type: "enum", Required: true, Value: "UTC", Options: zones()},
			{Key: "time.servers", Title: "Time servers", Type: "names", Help: "NTP servers, separated by spaces.", Example: "ntp.example.com"},
		}},
		{Name: "administrator", Needed: true, Properties: []wire.Property{
			{Key: "access.administrator", Title: "Administrator", Type: "string", Value: "admin", Required: true},
			{Key: "access.password", Title: "Password", Type: "secret", Required: true, Help: "At least 10 characters of any kind; several words make a good one."},
		}},
		{Name: "application", Needed: true, Properties: applicationProperties()},
	}}
	return a
}

func licenceText() string {
	text := "LICENCE AGREEMENT\n\n"
	for i := range 30 {
		text += fmt.Sprintf("%d. The licensee may use the software as described in the contract, and not otherwise; this sentence is here to be wrapped.\n\n", i+1)
	}
	return text + "   a) the end\n"
}

func zones() []wire.Option {
	var out []wire.Option
	for _, z := range []string{"UTC", "Africa/Cairo", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Europe/London", "Pacific/Auckland"} {
		out = append(out, wire.Option{Value: z, Title: z})
	}
	return out
}

func networkProperties() []wire.Property {
	return []wire.Property{
		{Key: "network.hostname", Title: "Host name", Group: "Network", Type: "string", Required: true, Value: "pocketbase", Example: "demo.example.com"},
		{Key: "network.mode", Title: "Addresses", Group: "Network", Type: "enum", Value: "dhcp", Options: []wire.Option{{Value: "dhcp", Title: "Automatic (DHCP)"}, {Value: "static", Title: "Static"}}},
		{Key: "network.address", Title: "IPv4 address", Group: "Network", Type: "prefix", Hidden: true, Help: "The address with the length of its network.", Example: "192.0.2.7/24"},
		{Key: "network.gateway", Title: "IPv4 gateway", Group: "Network", Type: "address", Hidden: true, Example: "192.0.2.1"},
		{Key: "network.dns", Title: "DNS servers", Group: "Network", Type: "addresses", Example: "192.0.2.53"},
	}
}

func applicationProperties() []wire.Property {
	return []wire.Property{
		{Key: "application.title", Title: "Site title", Group: "Site", Type: "string", Required: true, Help: "What stands at the top of every page."},
		{Key: "application.public", Title: "Open to everyone", Group: "Site", Type: "bool", Default: "true", Help: "Whether pages can be read without an account."},
		{Key: "application.database", Title: "Database", Group: "Database", Type: "enum", Required: true, Value: "embedded", Options: []wire.Option{{Value: "embedded", Title: "In this appliance"}, {Value: "external", Title: "Elsewhere"}}},
		{Key: "application.database_host", Title: "Address of the external database server", Group: "Database", Type: "host", Hidden: true, Required: true, Example: "db.example.com"},
		{Key: "application.database_password", Title: "Database password", Group: "Database", Type: "secret", Hidden: true},
		{Key: "application.database_ca", Title: "Certificate", Group: "Database", Type: "certificate", Hidden: true},
	}
}

func (f *fakeAgent) set(change func(*wire.Status), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
	f.err = err
}

// note remembers an order, and refuses it if the test wants that.
func (f *fakeAgent) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.refuse
}

func (f *fakeAgent) As(token string) Source { return sessionOf{f, token} }

// sessionOf is the agent asked with a token.
type sessionOf struct {
	*fakeAgent
	token string
}

func (s sessionOf) Config(ctx context.Context) (wire.Config, error) {
	if s.token != "good" {
		return wire.Config{}, &client.Error{Status: 401, Message: "the session has ended"}
	}
	return s.fakeAgent.Config(ctx)
}

func (f *fakeAgent) Status(context.Context) (wire.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	status := f.status
	status.Services = slices.Clone(status.Services) // the test changes its own
	return status, f.err
}

func (f *fakeAgent) Setup(context.Context) (wire.Setup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now(), f.err
}

// now is the setup with a copy of the steps, as JSON would make it.
func (f *fakeAgent) now() wire.Setup {
	s := f.setup
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		s.Steps[i].Properties = f.preview(s.Steps[i].Properties, nil)
	}
	return s
}

// preview are properties with the values kept and hidden by their rules.
func (f *fakeAgent) preview(list []wire.Property, values map[string]string) []wire.Property {
	list = slices.Clone(list)
	get := func(key string) string {
		value, ok := values[key]
		if !ok {
			value = f.values[key]
		}
		return value
	}
	for i := range list {
		p := &list[i]
		if v, ok := f.values[p.Key]; ok {
			p.Value = v
			if p.Type == "secret" {
				p.Value = "********"
			}
		}
		switch p.Key {
		case "network.address", "network.gateway":
			p.Hidden = get("network.mode") != "static"
		case "application.database_host", "application.database_password", "application.database_ca":
			p.Hidden = get("application.database") != "external"
		}
	}
	return list
}

func (f *fakeAgent) Preview(_ context.Context, values map[string]string) ([]wire.Property, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []wire.Property
	for _, s := range f.setup.Steps {
		list = append(list, s.Properties...)
	}
	for _, s := range f.facts.settings {
		list = append(list, s.Properties...)
	}
	return f.preview(list, values), nil
}

func (f *fakeAgent) Answer(_ context.Context, a wire.Answer) (wire.Setup, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Adopt != nil {
		f.setup.Adopt = nil
		return f.now(), f.note("adopt %v", *a.Adopt)
	}
	var problems []wire.Problem
	if p := a.Values["access.password"]; a.Step == "administrator" && len(p) < 10 {
		problems = append(problems, wire.Problem{Path: "access.password", Message: "is too short", Hint: "take at least 10 characters"})
	}
	if a.Step == "network" && a.Values["network.mode"] == "static" && a.Values["network.address"] == "" {
		problems = append(problems, wire.Problem{Path: "network.address", Message: "must have a value"})
	}
	if a.Step == "application" && a.Values["application.title"] == "" {
		problems = append(problems, wire.Problem{Path: "application.title", Message: "must have a value"}, wire.Problem{Message: "the check of PocketBase failed"})
	}
	if len(problems) > 0 {
		return wire.Setup{}, &client.Error{Status: 422, Message: "the answers are not valid", Problems: problems}
	}
	if err := f.note("answer %s %s%v", a.Step, a.Accept, sorted(a.Values)); err != nil {
		return wire.Setup{}, err
	}
	maps.Copy(f.values, a.Values)
	f.setup.Complete = true
	for i := range f.setup.Steps {
		s := &f.setup.Steps[i]
		s.Done = s.Done || s.Name == a.Step
		f.setup.Complete = f.setup.Complete && s.Done
	}
	return f.now(), nil
}

func sorted(values map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		out = append(out, k+"="+values[k])
	}
	return out
}

func (f *fakeAgent) Config(context.Context) (wire.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return wire.Config{Revision: f.revision, Pending: f.pending}, f.err
}

func (f *fakeAgent) Change(_ context.Context, base int, c wire.Change) (wire.Changed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Values["network.address"] == "nonsense" {
		return wire.Changed{}, &client.Error{Status: 422, Message: "no", Problems: []wire.Problem{{Path: "network.address", Message: "is not an address", Hint: "write 192.0.2.7/24"}}}
	}
	if err := f.note("change %d %v", base, sorted(c.Values)); err != nil {
		return wire.Changed{}, err
	}
	f.revision++
	f.pending = &wire.Pending{Revision: f.revision, RevertTo: base, Seconds: 120, Settings: []string{"network"}}
	return wire.Changed{Revision: f.revision, Pending: f.pending}, nil
}

func (f *fakeAgent) Confirm(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
	return f.note("confirm")
}

func (f *fakeAgent) Settings(context.Context) ([]wire.Setting, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.facts.settings)
	for i := range list {
		list[i].Properties = f.preview(list[i].Properties, nil)
	}
	return list, f.err
}

func (f *fakeAgent) Resources(context.Context) ([]wire.Resource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.facts.resources, f.err
}

func (f *fakeAgent) Revisions(context.Context) ([]wire.Revision, error) {
	return []wire.Revision{
		{Number: 1, Time: noon.Add(-48 * time.Hour), Who: "system", Why: "the first"},
		{Number: 2, Time: noon.Add(-47 * time.Hour), Who: "console", From: "console", Why: "first boot: network"},
		{Number: 3, Time: noon.Add(-3 * time.Hour), Who: "maria", From: "192.0.2.9", Why: "the new name server of the second building"},
		{Number: 4, Time: noon.Add(-2 * time.Hour), Who: "token:backup", Current: true},
	}, nil
}

func (f *fakeAgent) Diff(_ context.Context, from, to int) (wire.Diff, error) {
	return wire.Diff{From: from, To: to, Diff: "--- revision\n+++ revision\n@@ -3,3 +3,3 @@\n   \"dns\": [\n-    \"192.0.2.53\"\n+    \"192.0.2.54\"\n   ]\n"}, nil
}

func (f *fakeAgent) Revert(_ context.Context, base, to int, why string) (wire.Changed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
	f.revision = max(f.revision, base) + 1
	return wire.Changed{Revision: f.revision}, f.note("revert %d to %d", base, to)
}

func (f *fakeAgent) Login(_ context.Context, l wire.Login) (wire.Session, error) {
	switch l.Continue {
	case "half":
		if l.Code != "123456" {
			return wire.Session{}, &client.Error{Status: 401, Message: "the code is wrong, or was used before", CodeNeeded: true, Continue: "half"}
		}
		return wire.Session{Account: "fiona", Role: "admin", Token: "good"}, nil
	case "late":
		return wire.Session{}, &client.Error{Status: 401, Message: "the session or token is not valid, or no more"}
	}
	if goOn := map[string]string{"fiona": "half", "lars": "late"}[l.Account]; goOn != "" {
		return wire.Session{}, &client.Error{Status: 401, Message: "the code is needed as well", CodeNeeded: true, Continue: goOn}
	}
	if l.Password != cmp.Or(f.passwords[l.Account], "correct horse") {
		return wire.Session{}, &client.Error{Status: 401, Message: "the account or the password is wrong"}
	}
	f.loggedIn = l.Account
	return wire.Session{Account: l.Account, Role: "admin", Token: "good"}, nil
}

func (f *fakeAgent) Logout(context.Context) error { return f.note("logout") }

func (f *fakeAgent) SetPassword(_ context.Context, p wire.NewPassword) error {
	if err := f.note("password of %s", p.Account); err != nil {
		return err
	}
	if own := f.loggedIn == p.Account; own != (p.Current != "") || own && p.Current != cmp.Or(f.passwords[p.Account], "correct horse") {
		return &client.Error{Status: 422, Message: "the change is not valid", Problems: []wire.Problem{{Path: "current", Message: "the current password is wrong"}}}
	}
	f.passwords[p.Account] = p.Password
	return nil
}

func (f *fakeAgent) Power(_ context.Context, action string) error { return f.note("power %s", action) }
func (f *fakeAgent) Reset(_ context.Context, confirm string) error {
	return f.note("reset %s", confirm)
}
func (f *fakeAgent) Restart(_ context.Context, service string) error {
	return f.note("restart %s", service)
}

func (f *fakeAgent) Fix(_ context.Context, notice string) error {
	if err := f.note("fix %s", notice); err != nil {
		return err
	}
	f.status.Notices = slices.DeleteFunc(f.status.Notices, func(n wire.Notice) bool { return n.ID == notice })
	return nil
}

func (f *fakeAgent) Log(_ context.Context, service string, lines int) (wire.Log, error) {
	if len(f.log.Lines) > lines {
		return wire.Log{}, errors.New("more lines than asked for")
	}
	return f.log, nil
}
