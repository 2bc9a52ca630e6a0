package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Status is how the appliance is.
func (c *Client) Status(ctx context.Context) (wire.Status, error) {
	return get[wire.Status](ctx, c, "/v1/status")
}

// Checks is what an acceptance test wants to know of the inside.
func (c *Client) Checks(ctx context.Context) (wire.Checks, error) {
	return get[wire.Checks](ctx, c, "/v1/checks")
}

// Branding is how the vendor wants the pages.
func (c *Client) Branding(ctx context.Context) (wire.Branding, error) {
	return get[wire.Branding](ctx, c, "/v1/branding")
}

// Config is the configuration document in force, without secrets.
func (c *Client) Config(ctx context.Context) (wire.Config, error) {
	return get[wire.Config](ctx, c, "/v1/config")
}

// Change makes a change that was made from revision base; 0 does not look
// which one is in force. A document replaces the one in force.
func (c *Client) Change(ctx context.Context, base int, change wire.Change) (wire.Changed, error) {
	method := http.MethodPatch
	if change.Document != nil {
		method = http.MethodPut
	}
	return answer[wire.Changed](ctx, c, request{method: method, path: "/v1/config", body: change, match: match(base)})
}

// Confirm confirms the pending change, over a new connection.
func (c *Client) Confirm(ctx context.Context) error {
	_, err := c.ask(ctx, request{method: http.MethodPost, path: "/v1/config/confirm", fresh: true})
	return err
}

// Settings are all settings with their properties, and what is wanted of them
// beside what is.
func (c *Client) Settings(ctx context.Context) ([]wire.Setting, error) {
	return get[[]wire.Setting](ctx, c, "/v1/settings")
}

// SettingsWithFacts are all settings, with what is of one, or with "none" of
// none: some is slow to find out.
func (c *Client) SettingsWithFacts(ctx context.Context, key string) ([]wire.Setting, error) {
	return get[[]wire.Setting](ctx, c, "/v1/settings?"+url.Values{"facts": {key}}.Encode())
}

// Preview is what the properties would be with values that are not kept: which
// of them would mean something. Nothing is checked or changed.
func (c *Client) Preview(ctx context.Context, values map[string]string) ([]wire.Property, error) {
	return answer[[]wire.Property](ctx, c, request{method: http.MethodPost, path: "/v1/preview", body: wire.Preview{Values: values}})
}

// Revisions are the history, the newest first.
func (c *Client) Revisions(ctx context.Context) ([]wire.Revision, error) {
	return get[[]wire.Revision](ctx, c, "/v1/revisions")
}

// Revision is the document of one revision, without secrets.
func (c *Client) Revision(ctx context.Context, n int) (wire.Config, error) {
	return get[wire.Config](ctx, c, fmt.Sprintf("/v1/revisions/%d", n))
}

// Diff compares two revisions.
func (c *Client) Diff(ctx context.Context, from, to int) (wire.Diff, error) {
	return get[wire.Diff](ctx, c, fmt.Sprintf("/v1/revisions/%d/diff?from=%d", to, from))
}

// Revert makes the document of revision to a new one, on top of base.
func (c *Client) Revert(ctx context.Context, base, to int, why string) (wire.Changed, error) {
	return answer[wire.Changed](ctx, c, request{method: http.MethodPost, path: fmt.Sprintf("/v1/revisions/%d/revert", to),
		body: wire.Revert{Why: why}, match: match(base)})
}

// Export is the configuration as a seed for another appliance.
func (c *Client) Export(ctx context.Context, secrets bool) ([]byte, error) {
	path := "/v1/config/export"
	if secrets {
		path += "?secrets=yes"
	}
	return c.ask(ctx, request{method: http.MethodGet, path: path})
}

// Schema is the JSON Schema of the configuration document.
func (c *Client) Schema(ctx context.Context) ([]byte, error) {
	return c.ask(ctx, request{method: http.MethodGet, path: "/v1/config/schema"})
}

// Setup is how far the first boot has come.
func (c *Client) Setup(ctx context.Context) (wire.Setup, error) {
	return get[wire.Setup](ctx, c, "/v1/setup")
}

// Answer answers a step of the first boot.
func (c *Client) Answer(ctx context.Context, a wire.Answer) (wire.Setup, error) {
	return answer[wire.Setup](ctx, c, request{method: http.MethodPost, path: "/v1/setup", body: a})
}

// Login opens a session; [Client.WithToken] sends its key. An *[Error] with
// CodeNeeded asks for the code of a second factor.
func (c *Client) Login(ctx context.Context, l wire.Login) (wire.Session, error) {
	return answer[wire.Session](ctx, c, request{method: http.MethodPost, path: "/v1/login", body: l})
}

// Provider is who else lets people in.
func (c *Client) Provider(ctx context.Context) (wire.Provider, error) {
	return get[wire.Provider](ctx, c, "/v1/login/provider")
}

// BeginProvider is where to send a browser to that logs in by the provider.
func (c *Client) BeginProvider(ctx context.Context, b wire.BeginProvider) (wire.BegunProvider, error) {
	return answer[wire.BegunProvider](ctx, c, request{method: http.MethodPost, path: "/v1/login/provider", body: b})
}

// FinishProvider opens a session by what the browser brought back.
func (c *Client) FinishProvider(ctx context.Context, f wire.FinishProvider) (wire.Session, error) {
	return answer[wire.Session](ctx, c, request{method: http.MethodPost, path: "/v1/login/provider/finish", body: f})
}

// Logout ends the session whose key is sent.
func (c *Client) Logout(ctx context.Context) error { return c.do(ctx, "/v1/logout", nil) }

// Session is who is asking.
func (c *Client) Session(ctx context.Context) (wire.Session, error) {
	return get[wire.Session](ctx, c, "/v1/session")
}

// Sessions are the own ones; for an admin all.
func (c *Client) Sessions(ctx context.Context) ([]wire.OpenSession, error) {
	return get[[]wire.OpenSession](ctx, c, "/v1/sessions")
}

// EndSession ends a session by its ID.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/sessions/"+url.PathEscape(id))
}

// EndOthers ends all sessions of the own account but the one that asks.
func (c *Client) EndOthers(ctx context.Context) error { return c.remove(ctx, "/v1/sessions") }

// Logins are the last log-ins, those that failed too, the newest first.
func (c *Client) Logins(ctx context.Context) ([]wire.LoginEvent, error) {
	return get[[]wire.LoginEvent](ctx, c, "/v1/logins")
}

// Factor is how the own second factor is.
func (c *Client) Factor(ctx context.Context) (wire.Factor, error) {
	return get[wire.Factor](ctx, c, "/v1/factor")
}

// OfferFactor begins to set up the own second factor.
func (c *Client) OfferFactor(ctx context.Context, o wire.OfferFactor) (wire.OfferedFactor, error) {
	return answer[wire.OfferedFactor](ctx, c, request{method: http.MethodPost, path: "/v1/factor", body: o})
}

// AcceptFactor switches the second factor on that was offered.
func (c *Client) AcceptFactor(ctx context.Context, code string) (wire.RecoveryCodes, error) {
	return answer[wire.RecoveryCodes](ctx, c, request{method: http.MethodPut, path: "/v1/factor", body: wire.AcceptFactor{Code: code}})
}

// NewRecovery replaces the own recovery codes.
func (c *Client) NewRecovery(ctx context.Context, p wire.ProveFactor) (wire.RecoveryCodes, error) {
	return answer[wire.RecoveryCodes](ctx, c, request{method: http.MethodPost, path: "/v1/factor/recovery", body: p})
}

// FactorOff switches a second factor off.
func (c *Client) FactorOff(ctx context.Context, p wire.ProveFactor) error {
	return c.do(ctx, "/v1/factor/off", p)
}

// SetPassword sets the password of an account.
func (c *Client) SetPassword(ctx context.Context, p wire.NewPassword) error {
	return c.do(ctx, "/v1/password", p)
}

// Accounts are who may log in.
func (c *Client) Accounts(ctx context.Context) ([]wire.Account, error) {
	return get[[]wire.Account](ctx, c, "/v1/accounts")
}

// NewAccount lets another person log in.
func (c *Client) NewAccount(ctx context.Context, a wire.NewAccount) error {
	return c.do(ctx, "/v1/accounts", a)
}

// SetRole says what another account may do.
func (c *Client) SetRole(ctx context.Context, account, role string) error {
	_, err := c.ask(ctx, request{method: http.MethodPut, path: "/v1/accounts/" + url.PathEscape(account) + "/role", body: wire.Role{Role: role}})
	return err
}

// DeleteAccount deletes another account.
func (c *Client) DeleteAccount(ctx context.Context, account string) error {
	return c.remove(ctx, "/v1/accounts/"+url.PathEscape(account))
}

// Tokens are the API tokens, without their keys.
func (c *Client) Tokens(ctx context.Context) ([]wire.Token, error) {
	return get[[]wire.Token](ctx, c, "/v1/tokens")
}

// NewToken makes an API token and tells its key.
func (c *Client) NewToken(ctx context.Context, t wire.NewToken) (wire.Token, error) {
	return answer[wire.Token](ctx, c, request{method: http.MethodPost, path: "/v1/tokens", body: t})
}

// DeleteToken deletes an API token.
func (c *Client) DeleteToken(ctx context.Context, name string) error {
	return c.remove(ctx, "/v1/tokens/"+url.PathEscape(name))
}

// TLS is the certificate of the management port.
func (c *Client) TLS(ctx context.Context) (wire.TLS, error) {
	return get[wire.TLS](ctx, c, "/v1/tls")
}

// Request makes a certificate request, with a key that stays on the appliance.
func (c *Client) Request(ctx context.Context, r wire.NewRequest) (wire.Request, error) {
	return answer[wire.Request](ctx, c, request{method: http.MethodPost, path: "/v1/tls/csr", body: r})
}

// Power restarts the machine ("restart") or switches it off ("off").
func (c *Client) Power(ctx context.Context, action string) error {
	return c.do(ctx, "/v1/power", wire.Power{Action: action})
}

// Reset resets to factory state; confirm is the appliance's name.
func (c *Client) Reset(ctx context.Context, confirm string) error {
	return c.do(ctx, "/v1/reset", wire.Reset{Confirm: confirm})
}

// Restart restarts one service.
func (c *Client) Restart(ctx context.Context, service string) error {
	return c.do(ctx, "/v1/restart", wire.Restart{Service: service})
}

// Fix does what a notice of the status offers.
func (c *Client) Fix(ctx context.Context, notice string) error {
	return c.do(ctx, "/v1/notices/"+url.PathEscape(notice)+"/fix", nil)
}

// Log is the end of the log, of one service or, with "", of all; 0 lines leave
// it to the agent how many.
func (c *Client) Log(ctx context.Context, service string, lines int) (wire.Log, error) {
	query := url.Values{}
	if service != "" {
		query.Set("service", service)
	}
	if lines != 0 {
		query.Set("lines", strconv.Itoa(lines))
	}
	return get[wire.Log](ctx, c, "/v1/log?"+query.Encode())
}

// Firewall are the rules in force, with their counters.
func (c *Client) Firewall(ctx context.Context) ([]wire.FirewallRule, error) {
	return get[[]wire.FirewallRule](ctx, c, "/v1/firewall")
}

// Resources are what the machine gives, and what of it each service gets.
func (c *Client) Resources(ctx context.Context) ([]wire.Resource, error) {
	return get[[]wire.Resource](ctx, c, "/v1/resources")
}

// Metrics is the load over one of [wire.MetricRanges]; "" is the shortest.
func (c *Client) Metrics(ctx context.Context, span string) (wire.Metrics, error) {
	return get[wire.Metrics](ctx, c, "/v1/metrics?"+url.Values{"range": {span}}.Encode())
}
