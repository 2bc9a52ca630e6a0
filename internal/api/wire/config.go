package wire

import (
	"encoding/json"
	"time"
)

// Config is GET /v1/config: the configuration document in force. The answer's
// ETag is its revision; a write sends it back in If-Match.
type Config struct {
	Revision int `json:"revision"`
	// Document is the whole document; secrets are "********".
	Document json.RawMessage `json:"document"`
	// Pending says that the revision is undone unless somebody confirms it.
	Pending *Pending `json:"pending,omitempty"`
}

// Pending is a change that waits to be confirmed over a new connection.
type Pending struct {
	Revision int `json:"revision"`
	// RevertTo is the revision that comes back otherwise.
	RevertTo int `json:"revert_to"`
	// Seconds are left.
	Seconds int `json:"seconds"`
	// Settings are the keys of those by which it can cut somebody off.
	Settings []string `json:"settings"`
}

// Change is the body of PUT /v1/config (Document) and PATCH /v1/config (Merge
// or Values).
type Change struct {
	// Document is a whole document; secrets that are "********" stay as they are.
	Document json.RawMessage `json:"document,omitempty"`
	// Merge is a JSON merge patch (RFC 7386) of the document.
	Merge json.RawMessage `json:"merge,omitempty"`
	// Values are properties by key, as text.
	Values map[string]string `json:"values,omitempty"`
	// Why is for the history; may be "".
	Why string `json:"why,omitempty"`
	// Try only validates and runs the services' checks.
	Try bool `json:"try,omitempty"`
}

// Changed is the answer to a change.
type Changed struct {
	Revision int `json:"revision"`
	// Pending is there when it has to be confirmed.
	Pending *Pending `json:"pending,omitempty"`
	// Diff is what changed, as a unified diff without secrets.
	Diff string `json:"diff,omitempty"`
}

// Problem is one thing wrong with a change.
type Problem struct {
	Path string `json:"path"`
	// Property is the key of the property by which a form asks for it; "" when
	// that is the path itself, or when none asks.
	Property string `json:"property,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// Setting is one part of the document with its properties and how the live
// system compares: GET /v1/settings.
type Setting struct {
	Key        string     `json:"key"`
	Properties []Property `json:"properties"`
	Facts      []Fact     `json:"facts"`
	// Problem says why the facts could not be had.
	Problem string `json:"problem,omitempty"`
	// Guarded says that a change of it may have to be confirmed over a new
	// connection.
	Guarded bool `json:"guarded,omitempty"`
}

// Property is one value of a setting as text.
type Property struct {
	Key      string   `json:"key"`
	Title    string   `json:"title"`
	Help     string   `json:"help,omitempty"`
	Group    string   `json:"group,omitempty"`
	Step     string   `json:"step,omitempty"`
	Type     string   `json:"type"`
	Options  []Option `json:"options,omitempty"`
	Default  string   `json:"default,omitempty"`
	Example  string   `json:"example,omitempty"`
	Required bool     `json:"required,omitempty"`
	// Value is "********" for a secret that is set.
	Value string `json:"value"`
	// Hidden says that it means nothing as the other values are.
	Hidden bool `json:"hidden,omitempty"`
}

// Option is one value of an enum.
type Option struct {
	Value string `json:"value"`
	Title string `json:"title"`
}

// Fact is one thing of the live system beside what is wanted.
type Fact struct {
	Name    string `json:"name"`
	Wanted  string `json:"wanted"`
	Actual  string `json:"actual"`
	Differs bool   `json:"differs,omitempty"`
}

// Revision is one entry of the history.
type Revision struct {
	Number int       `json:"number"`
	Time   time.Time `json:"time"`
	// Who is an account, a token ("token:NAME"), "root", "console", "setup" (the
	// wizard from elsewhere), "seed" or "system".
	Who string `json:"who"`
	// From is an address, "console", "unix" or "".
	From string `json:"from,omitempty"`
	Why  string `json:"why,omitempty"`
	// Hash is the SHA-256 of the revision, Previous that of the one before.
	Hash     string `json:"hash"`
	Previous string `json:"previous"`
	// Current is the one in force; Unconfirmed that it waits for somebody.
	Current     bool `json:"current,omitempty"`
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// Diff compares two revisions.
type Diff struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Diff string `json:"diff"`
}

// Setup is GET /v1/setup: how far the first boot has come.
type Setup struct {
	Complete bool `json:"complete"`
	// Steps are those of the wizard, in order.
	Steps []Step `json:"steps"`
	// Seeds are what came in from outside.
	Seeds []Seed `json:"seeds,omitempty"`
	// Code is the one-time code that a remote wizard must give; told only on
	// the appliance itself.
	Code string `json:"code,omitempty"`
	// Adopt is there when the data disk is another appliance's.
	Adopt *Adopt `json:"adopt,omitempty"`
}

// Step is one step of the wizard.
type Step struct {
	Name string `json:"name"`
	// Done says that it was answered, Needed that it must be.
	Done   bool `json:"done"`
	Needed bool `json:"needed"`
	// Properties are what it asks for.
	Properties []Property `json:"properties,omitempty"`
	// Licence is the text to accept, of step "eula".
	Licence *Licence `json:"licence,omitempty"`
}

// Licence is a text to accept.
type Licence struct {
	Language  string   `json:"language"`
	Languages []string `json:"languages"`
	Text      string   `json:"text"`
	Hash      string   `json:"hash"`
}

// Answer is the body of POST /v1/setup: the answers of one step.
type Answer struct {
	Step string `json:"step"`
	// Values are properties by key.
	Values map[string]string `json:"values,omitempty"`
	// Accept is the hash of the licence that is accepted.
	Accept string `json:"accept,omitempty"`
	// Code is the one-time code; not needed on the appliance itself.
	Code string `json:"code,omitempty"`
	// Adopt answers whether to take over the data disk.
	Adopt *bool `json:"adopt,omitempty"`
	// Preview only asks what the steps would ask with these values: which of
	// the properties would mean something. Nothing is checked or kept.
	Preview bool `json:"preview,omitempty"`
}

// Seed is one provider's answers.
type Seed struct {
	Provider string `json:"provider"`
	// Keys are those that were taken.
	Keys []string `json:"keys,omitempty"`
	// Problems are those that were not, each with why.
	Problems []Problem `json:"problems,omitempty"`
}

// Adopt says whose the data disk is.
type Adopt struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	Title   string `json:"title"`
	// Refused says why it cannot be taken over; "" when it can.
	Refused string `json:"refused,omitempty"`
}

// Login is the body of POST /v1/login. Where the account has a second factor
// and no right code comes along, the answer is 401 with "code_needed": the
// log-in then goes on with Continue and Code alone, or with everything anew.
type Login struct {
	Account  string `json:"account,omitempty"`
	Password string `json:"password,omitempty"`
	// Code is what the authenticator app shows, or a recovery code.
	Code string `json:"code,omitempty"`
	// Continue is that of the error.
	Continue string `json:"continue,omitempty"`
}

// Session is who is asking: GET /v1/session, and the answer to a log-in.
type Session struct {
	Account string `json:"account"`
	Role    string `json:"role"`
	// Elsewhere says where the account is kept: ldap or oidc; "" is here.
	Elsewhere string `json:"elsewhere,omitempty"`
	// Token goes into "Authorization: Bearer"; only in the answer to a log-in.
	Token   string    `json:"token,omitempty"`
	Expires time.Time `json:"expires"`
	// Started is when the session was opened; only of accounts.
	Started *time.Time `json:"started,omitempty"`
	// Before is the account's log-in before this one, and Failures how many
	// failed between the two.
	Before   *LoginEvent `json:"before,omitempty"`
	Failures int         `json:"failures,omitempty"`
}

// OpenSession is one session: GET /v1/sessions.
type OpenSession struct {
	// ID names it in DELETE /v1/sessions/{id}; it is not its key.
	ID      string `json:"id"`
	Account string `json:"account"`
	// From is an address, "console" or "unix"; Agent what the browser or
	// program calls itself.
	From    string    `json:"from"`
	Agent   string    `json:"agent,omitempty"`
	Started time.Time `json:"started"`
	Used    time.Time `json:"used"`
	Expires time.Time `json:"expires"`
	// Own is the session that asks.
	Own bool `json:"own,omitempty"`
}

// LoginEvent is a log-in: GET /v1/logins. Those that failed in the same way
// from the same place within an hour are one, Time the last of them.
type LoginEvent struct {
	Time time.Time `json:"time"`
	// Account is "" where there was none of that name.
	Account string `json:"account,omitempty"`
	From    string `json:"from"`
	Agent   string `json:"agent,omitempty"`
	// Result is password, code, recovery, passkey, directory or provider, by
	// what was enough; wrong-password, wrong-code, wrong-passkey or wrong-group.
	Result string `json:"result"`
	Count  int    `json:"count"`
}

// Factor is the own second factor: GET /v1/factor.
type Factor struct {
	On bool `json:"on"`
	// Recovery is how many recovery codes are left.
	Recovery int `json:"recovery"`
}

// OfferFactor is the body of POST /v1/factor, which begins to set up the own
// second factor.
type OfferFactor struct {
	// Current is the account's password.
	Current string `json:"current"`
}

// OfferedFactor is the secret for an authenticator app. It counts once a code
// of it was given in PUT /v1/factor.
type OfferedFactor struct {
	Secret string `json:"secret"`
	// URL is what an app reads from a QR code.
	URL string `json:"url"`
}

// AcceptFactor is the body of PUT /v1/factor.
type AcceptFactor struct {
	Code string `json:"code"`
}

// RecoveryCodes are told once. Each opens one log-in in place of a code.
type RecoveryCodes struct {
	Codes []string `json:"codes"`
}

// ProveFactor is the body of POST /v1/factor/recovery, which makes new
// recovery codes, and of POST /v1/factor/off.
type ProveFactor struct {
	// Account is another one whose second factor an admin switches off; the
	// rest is not needed then. "" is the own.
	Account string `json:"account,omitempty"`
	Current string `json:"current,omitempty"`
	// Code is one of the app, or a recovery code.
	Code string `json:"code,omitempty"`
}

// NewPassword is the body of POST /v1/password.
type NewPassword struct {
	Account  string `json:"account"`
	Password string `json:"password"`
	// Current is the password so far; needed of whoever is logged in with the
	// account itself, so that a session left open is no way to take it over.
	Current string `json:"current,omitempty"`
}

// Branding is how the vendor wants the pages: GET /v1/branding.
type Branding struct {
	// Accent is the colour of buttons and links, such as "#2450c8"; may be "".
	Accent string `json:"accent,omitempty"`
	// Logo is a picture of the media type LogoType; may be empty.
	Logo     []byte       `json:"logo,omitempty"`
	LogoType string       `json:"logo_type,omitempty"`
	Links    []URL        `json:"links,omitempty"`
	Pages    []VendorPage `json:"pages,omitempty"`
}

// VendorPage is one page that the vendor wrote.
type VendorPage struct {
	// Name is the last part of its address.
	Name  string `json:"name"`
	Title string `json:"title"`
	// HTML is its markup, without scripts.
	HTML string `json:"html"`
}

// Account is one person who may log in: GET /v1/accounts.
type Account struct {
	Name string `json:"name"`
	// Role is admin, operator or auditor.
	Role string `json:"role"`
	// SecondFactor says that the password alone is not enough.
	SecondFactor bool `json:"second_factor,omitempty"`
	// Passkeys is how many it has.
	Passkeys int `json:"passkeys,omitempty"`
}

// NewAccount is the body of POST /v1/accounts.
type NewAccount struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	Password string `json:"password"`
}

// Role is the body of PUT /v1/accounts/{name}/role.
type Role struct {
	Role string `json:"role"`
}

// NewToken is the body of POST /v1/tokens; Token its answer, the only time
// that the key is told.
type NewToken struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// Days until it ends; 0 is never.
	Days int `json:"days,omitempty"`
	// Scopes are what of the role it may do: read (all that is asked with
	// GET), settings (the configuration but for accounts and tokens), power
	// (restarts), access (accounts and tokens). None is everything; one that is
	// limited is never told secrets.
	Scopes []string `json:"scopes,omitempty"`
}

// Token is a key for a program.
type Token struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Key     string `json:"key,omitempty"`
	Expires string `json:"expires,omitempty"`
	// Scopes are what it is limited to; none is everything of its role.
	Scopes []string `json:"scopes,omitempty"`
	// Used is when it was used last, From where; nil is never.
	Used *time.Time `json:"used,omitempty"`
	From string     `json:"from,omitempty"`
}

// Power is the body of POST /v1/power.
type Power struct {
	// Action is "restart" or "off".
	Action string `json:"action"`
}

// Reset is the body of POST /v1/reset, the factory reset.
type Reset struct {
	// Confirm is the appliance's name, typed.
	Confirm string `json:"confirm"`
}

// Restart is the body of POST /v1/restart: one service.
type Restart struct {
	Service string `json:"service"`
}

// Log is the end of the journal: GET /v1/log?service=NAME&lines=N.
type Log struct {
	Lines []LogLine `json:"lines"`
}

// LogLine is one line of the journal.
type LogLine struct {
	Time time.Time `json:"time"`
	Unit string    `json:"unit,omitempty"`
	// Priority is syslog's: 0 emergency to 7 debug.
	Priority int    `json:"priority"`
	Text     string `json:"text"`
}

// FirewallRule is one rule in force: GET /v1/firewall.
type FirewallRule struct {
	Origin   string `json:"origin"`
	Comment  string `json:"comment,omitempty"`
	Source   string `json:"source,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Port     string `json:"port,omitempty"`
	Action   string `json:"action"`
	Packets  uint64 `json:"packets"`
	Bytes    uint64 `json:"bytes"`
}

// Resource is what the machine gives and what of it a service gets.
type Resource struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Formula string `json:"formula"`
	Value   int64  `json:"value"`
	// Bytes says that the value is a size.
	Bytes bool `json:"bytes,omitempty"`
}

// Preview is the body of POST /v1/preview: values that a form holds and that
// are not kept yet. Values that are not valid are passed over.
type Preview struct {
	// Values are properties by key, as text.
	Values map[string]string `json:"values"`
}

// Revert is the body of POST /v1/revisions/{n}/revert.
type Revert struct {
	// Why is for the history; may be "".
	Why string `json:"why,omitempty"`
}

// Nothing is the answer of a route that has nothing to tell.
type Nothing struct{}
