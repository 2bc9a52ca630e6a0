package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// fakeSource notes what it is asked and answers with something of everything,
// or with an error.
type fakeSource struct {
	mu    sync.Mutex
	calls []string
	// fail is the answer of everything that can fail.
	fail error
	// base is what a change was made from; ended and bounded say whether its
	// context had ended then, and will.
	base           int
	ended, bounded bool
	// pending is the connection of the change that waits.
	pending uint64
	// factor is the second factor that every account has.
	factor access.Factor
	// keys are the passkeys of accounts.
	keys map[string][]setting.Passkey
}

func (f *fakeSource) called(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.fail
}

// last is the last call.
func (f *fakeSource) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		return ""
	}
	return f.calls[len(f.calls)-1]
}

func who(by config.By) string { return by.Who + "@" + by.From }

func (f *fakeSource) Status(context.Context) wire.Status {
	return wire.Status{Name: "demo", State: wire.Healthy, Network: []wire.Interface{}, URLs: []wire.URL{}, Services: []wire.Service{}}
}

func (f *fakeSource) Checks(context.Context) wire.Checks {
	return wire.Checks{FailedUnits: []wire.FailedUnit{}, Listening: []wire.Listening{}, Writable: []wire.Mount{}, Processes: []wire.Process{},
		BootTimes: wire.BootTimes{Units: []wire.UnitTimes{}}, Jobs: []string{"x.service"}, Warnings: []string{}, Errors: []string{}}
}

func (f *fakeSource) Config(context.Context) (wire.Config, error) {
	return wire.Config{Revision: 7, Document: json.RawMessage(`{"format":1}`),
		Pending: &wire.Pending{Revision: 7, RevertTo: 6, Seconds: 100, Settings: []string{"network"}}}, f.called("config")
}

func (f *fakeSource) Change(ctx context.Context, by config.By, base int, c wire.Change) (wire.Changed, error) {
	f.mu.Lock()
	f.base, f.pending = base, by.Connection
	_, f.bounded = ctx.Deadline()
	f.ended = ctx.Err() != nil
	f.mu.Unlock()
	return wire.Changed{Revision: 8, Diff: "+x"}, f.called("change by %s: %s%s%v %s", who(by), c.Document, c.Merge, c.Values, c.Why)
}

func (f *fakeSource) Confirm(_ context.Context, by config.By) error {
	if err := f.called("confirm by %s", who(by)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending != 0 && by.Connection <= f.pending {
		return config.ErrSameConnection
	}
	return nil
}

func (f *fakeSource) Settings(_ context.Context, wanted func(key string) bool) ([]wire.Setting, error) {
	facts := []wire.Fact{}
	if wanted("network") {
		facts = []wire.Fact{{Name: "name", Wanted: "a", Actual: "b", Differs: true}}
	}
	return []wire.Setting{{Key: "network", Facts: facts,
		Properties: []wire.Property{{Key: "network.hostname", Title: "Host name", Type: "host", Options: []wire.Option{{Value: "x", Title: "X"}}}}}}, f.called("settings")
}

func (f *fakeSource) Preview(_ context.Context, values map[string]string) ([]wire.Property, error) {
	return []wire.Property{{Key: "network.mode", Title: "Mode", Type: "enum", Value: values["network.mode"], Hidden: true}}, f.called("preview %v", values)
}

func (f *fakeSource) Revisions(context.Context) ([]wire.Revision, error) {
	return []wire.Revision{{Number: 7, Time: time.Unix(1, 0).UTC(), Who: "root"}}, f.called("revisions")
}

func (f *fakeSource) Revision(_ context.Context, n int) (wire.Config, error) {
	return wire.Config{Revision: n, Document: json.RawMessage(`{}`)}, f.called("revision %d", n)
}

func (f *fakeSource) Diff(_ context.Context, from, to int) (wire.Diff, error) {
	return wire.Diff{From: from, To: to, Diff: "-x"}, f.called("diff %d %d", from, to)
}

func (f *fakeSource) Revert(_ context.Context, by config.By, base, to int, why string) (wire.Changed, error) {
	return wire.Changed{Revision: 9}, f.called("revert by %s from %d to %d: %s", who(by), base, to, why)
}

func (f *fakeSource) Export(_ context.Context, secrets bool) ([]byte, error) {
	return []byte("network.hostname=x\n"), f.called("export %v", secrets)
}

func (f *fakeSource) Schema() ([]byte, error) { return []byte(`{"type":"object"}`), f.called("schema") }

func (f *fakeSource) Setup(_ context.Context, local bool) wire.Setup {
	_ = f.called("setup %v", local)
	s := wire.Setup{Steps: []wire.Step{{Name: "eula", Needed: true, Licence: &wire.Licence{Languages: []string{"en"}}}},
		Seeds: []wire.Seed{{Provider: "fw_cfg", Problems: []wire.Problem{{Path: "x", Message: "is not known"}}}}}
	if local {
		s.Code = "1234"
	}
	return s
}

func (f *fakeSource) Answer(ctx context.Context, by config.By, local bool, a wire.Answer) (wire.Setup, error) {
	if !local && a.Code != "1234" {
		return wire.Setup{}, access.ErrCode
	}
	return f.Setup(ctx, local), f.called("answer by %s %v: %s", who(by), local, a.Step)
}

func (f *fakeSource) Provider(context.Context) wire.Provider {
	return wire.Provider{Title: "Example Ltd"}
}

func (f *fakeSource) BeginProvider(_ context.Context, b wire.BeginProvider) (wire.BegunProvider, error) {
	return wire.BegunProvider{URL: "https://login.example.com/auth", Key: "key"}, f.called("begin for %s", b.Redirect)
}

// FinishProvider vouches for whoever brings "ADMIN", and knows "NOBODY".
func (f *fakeSource) FinishProvider(_ context.Context, b wire.FinishProvider) (access.Person, error) {
	if err := f.called("finish %s", b.State); err != nil {
		return access.Person{}, err
	}
	switch b.Code {
	case "ADMIN":
		return access.Person{Who: "oidc:alice", Role: setting.Admin, Good: func() bool { return true }}, nil
	case "NOBODY":
		return access.Person{Who: "oidc:nora"}, access.ErrNoRole
	}
	return access.Person{}, &Error{Status: http.StatusBadGateway, Message: "it is not believed"}
}

// Access has an account and a token of each role; the password of each account
// is its name, and it is its own hash.
func (f *fakeSource) Access() setting.Access {
	f.mu.Lock()
	factor, keys := f.factor, maps.Clone(f.keys)
	f.mu.Unlock()
	var a setting.Access
	for _, role := range []setting.Role{setting.Admin, setting.Operator, setting.Auditor, "guest"} {
		a.Accounts = append(a.Accounts, setting.Account{Name: string(role), Role: role, Hash: string(role), TOTP: factor.TOTP, Recovery: factor.Recovery, Passkeys: keys[string(role)]})
		a.Tokens = append(a.Tokens, setting.Token{Name: string(role), Role: role, Hash: access.HashTokenKey("key of " + string(role))})
	}
	a.Tokens[2].Expires = "2999-01-01T00:00:00Z"
	return a
}

func (f *fakeSource) SetPassword(_ context.Context, by config.By, p wire.NewPassword) error {
	return f.called("password of %s by %s", p.Account, who(by))
}

func (f *fakeSource) NewAccount(_ context.Context, by config.By, a wire.NewAccount) error {
	return f.called("new account %s %s by %s", a.Name, a.Role, who(by))
}

func (f *fakeSource) SetRole(_ context.Context, by config.By, account, role string) error {
	return f.called("role of %s is %s by %s", account, role, who(by))
}

func (f *fakeSource) DeleteAccount(_ context.Context, by config.By, account string) error {
	return f.called("delete account %s by %s", account, who(by))
}

func (f *fakeSource) SetFactor(_ context.Context, by config.By, account string, factor access.Factor) error {
	f.mu.Lock()
	f.factor = factor
	f.mu.Unlock()
	return f.called("factor of %s by %s: %v", account, who(by), factor.TOTP != "")
}

func (f *fakeSource) AddPasskey(_ context.Context, by config.By, account string, p setting.Passkey) error {
	f.mu.Lock()
	if f.keys == nil {
		f.keys = map[string][]setting.Passkey{}
	}
	f.keys[account] = append(slices.Clone(f.keys[account]), p)
	f.mu.Unlock()
	return f.called("passkey %s of %s by %s", p.Name, account, who(by))
}

func (f *fakeSource) RenamePasskey(_ context.Context, by config.By, account, id, name string) error {
	return f.called("passkey %.4s of %s is %s by %s", id, account, name, who(by))
}

func (f *fakeSource) DeletePasskey(_ context.Context, by config.By, account, id string) error {
	f.mu.Lock()
	if f.keys != nil {
		f.keys[account] = slices.DeleteFunc(slices.Clone(f.keys[account]), func(p setting.Passkey) bool { return id == "" || p.ID == id })
	}
	f.mu.Unlock()
	return f.called("delete passkey %.4s of %s by %s", id, account, who(by))
}

func (f *fakeSource) NewToken(_ context.Context, by config.By, t wire.NewToken) (wire.Token, error) {
	return wire.Token{Name: t.Name, Role: t.Role, Key: "k"}, f.called("new token %s by %s", t.Name, who(by))
}

func (f *fakeSource) DeleteToken(_ context.Context, by config.By, name string) error {
	return f.called("delete token %s by %s", name, who(by))
}

func (f *fakeSource) TLS(context.Context) (wire.TLS, error) {
	return wire.TLS{Source: "uploaded", InUse: "self-signed", Chain: []wire.Certificate{{Subject: "CN=x", Names: []string{"x"}}}, Warnings: []string{"w"}, Names: []string{"x"}}, f.called("tls")
}

func (f *fakeSource) Request(_ context.Context, by config.By, r wire.NewRequest) (wire.Request, error) {
	return wire.Request{Names: r.Names, PEM: "pem"}, f.called("request for %v by %s", r.Names, who(by))
}

func (f *fakeSource) Support(context.Context) (wire.Support, error) {
	s := wire.SupportSession{ID: "x", Name: "alice", Shells: []wire.SupportShell{{Recordings: []wire.SupportRecording{{File: "1.cast"}}}}, Logins: []wire.SupportLogin{{From: "192.0.2.9"}}}
	return wire.Support{Port: 5422, Principals: []string{"support"}, Minutes: []int{15}, Open: &s, Sessions: []wire.SupportSession{s}}, f.called("support")
}

func (f *fakeSource) OpenSupport(_ context.Context, by config.By, n wire.NewSupport) (wire.SupportSession, error) {
	return wire.SupportSession{ID: "x", Logins: []wire.SupportLogin{}, Shells: []wire.SupportShell{}}, f.called("support for %s, %d minutes, %s, by %s", n.Certificate, n.Minutes, n.Why, who(by))
}

func (f *fakeSource) EndSupport(_ context.Context, by config.By) error {
	return f.called("end support by %s", who(by))
}

func (f *fakeSource) SupportRecording(_ context.Context, session, file string) ([]byte, error) {
	return []byte("{}\n"), f.called("recording %s of %s", file, session)
}

func (f *fakeSource) Updates(_ context.Context, language string) (wire.Updates, error) {
	return wire.Updates{Version: "1.0.0", Slots: []wire.UpdateSlot{{Version: "1.0.0", State: wire.SlotCurrent}}, History: []wire.UpdateEvent{{Outcome: wire.OutcomeInstalled}}},
		f.called("updates in %s", language)
}

func (f *fakeSource) CheckUpdates(_ context.Context, by config.By) error {
	return f.called("check updates by %s", who(by))
}

func (f *fakeSource) DownloadUpdate(_ context.Context, by config.By, version string) error {
	return f.called("download %s by %s", version, who(by))
}

func (f *fakeSource) InstallUpdate(_ context.Context, by config.By, w wire.InstallUpdate) error {
	return f.called("install %s, %v, by %s", w.Version, w.Window, who(by))
}

func (f *fakeSource) CancelUpdate(_ context.Context, by config.By) error {
	return f.called("cancel update by %s", who(by))
}

func (f *fakeSource) PostponeUpdate(_ context.Context, by config.By, w wire.PostponeUpdate) error {
	return f.called("postpone %d by %s", w.Days, who(by))
}

func (f *fakeSource) BackUpdate(_ context.Context, by config.By, w wire.BackUpdate) error {
	return f.called("back to %s, %s, by %s", w.Version, w.Data, who(by))
}

func (f *fakeSource) UploadBundle(_ context.Context, by config.By, body io.Reader, size int64) error {
	n, err := io.Copy(io.Discard, body)
	return errors.Join(err, f.called("bundle of %d bytes, said %d, by %s", n, size, who(by)))
}

func (f *fakeSource) UpdateMedia(context.Context) ([]wire.UpdateMedium, error) {
	return []wire.UpdateMedium{{Name: "sr0", Label: "UPDATES", File: "x.ingot"}}, f.called("media")
}

func (f *fakeSource) UseMedium(_ context.Context, by config.By, name string) error {
	return f.called("use medium %s by %s", name, who(by))
}

func (f *fakeSource) Power(_ context.Context, by config.By, action string) error {
	return f.called("power %s by %s", action, who(by))
}

func (f *fakeSource) Reset(_ context.Context, by config.By, confirm string) error {
	return f.called("reset %s by %s", confirm, who(by))
}

func (f *fakeSource) Restart(_ context.Context, by config.By, service string) error {
	return f.called("restart %s by %s", service, who(by))
}

func (f *fakeSource) Fix(_ context.Context, by config.By, notice string) error {
	return f.called("fix %s by %s", notice, who(by))
}

func (f *fakeSource) Log(_ context.Context, service string, lines int) (wire.Log, error) {
	return wire.Log{Lines: []wire.LogLine{{Time: time.Unix(1, 0).UTC(), Text: "hello"}}}, f.called("log %s %d", service, lines)
}

func (f *fakeSource) Firewall(context.Context) ([]wire.FirewallRule, error) {
	return []wire.FirewallRule{{Origin: "own", Action: "accept"}}, f.called("firewall")
}

func (f *fakeSource) Resources(context.Context) []wire.Resource {
	return []wire.Resource{{Service: "db", Name: "memory", Value: 1}}
}

func (f *fakeSource) Branding() wire.Branding {
	return wire.Branding{Accent: "#2450c8", Links: []wire.URL{{Title: "Help", URL: "https://example.com/"}}}
}

func (f *fakeSource) Metrics(_ context.Context, span string) wire.Metrics {
	_ = f.called("metrics %s", span)
	return wire.Metrics{Range: span, Step: 10, End: time.Unix(1000, 0).UTC(),
		Series: []wire.Series{{Name: wire.MetricCPU, Unit: wire.UnitPercent, Total: 100, Points: wire.Points{1.5, math.NaN()}, Maxima: wire.Points{2, math.NaN()}}}}
}

// newGate is a gate to the fake's accounts that hashes nothing.
func newGate(f *fakeSource) *access.Gate {
	return access.New(f.Access, access.Options{Verify: func(hash, password string) bool { return hash == password }})
}

// newAPI is a whole API over a fake.
func newAPI() (*fakeSource, *access.Gate, http.Handler) {
	f := new(fakeSource)
	gate := newGate(f)
	return f, gate, NewHandler(Routes(f, gate), gate)
}
