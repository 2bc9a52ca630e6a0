package api

import (
	"context"
	"io"
	"net/http"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// Source is what the handlers ask. Its methods are called from many goroutines
// at once. Those that only tell must answer within seconds or when ctx ends;
// those that change something get a ctx that outlives the caller's connection,
// for a change may be what cuts it.
//
// Its errors are answered by their kind: see [Error] for which status.
type Source interface {
	Status(ctx context.Context) wire.Status
	Checks(ctx context.Context) wire.Checks

	// Config is the document in force, without secrets.
	Config(ctx context.Context) (wire.Config, error)
	// Change makes a change from revision base; 0 does not look which one is
	// in force. Exactly one of c's Document, Merge and Values is given.
	Change(ctx context.Context, by config.By, base int, c wire.Change) (wire.Changed, error)
	Confirm(ctx context.Context, by config.By) error
	// Settings are all of them, with the facts of those that facts wants.
	Settings(ctx context.Context, facts func(key string) bool) ([]wire.Setting, error)
	// Preview is all properties as they would be with values that are not
	// kept; those that are not valid are passed over.
	Preview(ctx context.Context, values map[string]string) ([]wire.Property, error)
	Revisions(ctx context.Context) ([]wire.Revision, error)
	Revision(ctx context.Context, n int) (wire.Config, error)
	// Diff compares two revisions; from may be 0, for nothing at all.
	Diff(ctx context.Context, from, to int) (wire.Diff, error)
	Revert(ctx context.Context, by config.By, base, to int, why string) (wire.Changed, error)
	// Export is the document as a seed.
	Export(ctx context.Context, secrets bool) ([]byte, error)
	// Schema is the JSON Schema of the document.
	Schema() ([]byte, error)

	// Setup is how far the first boot has come; local says that the caller is
	// on the appliance and may know the one-time code.
	Setup(ctx context.Context, local bool) wire.Setup
	// Answer takes the answers of a step. When not local, a wrong code is
	// [access.ErrCode].
	Answer(ctx context.Context, by config.By, local bool, a wire.Answer) (wire.Setup, error)

	// Provider is who else lets people in; Begin and FinishProvider are the
	// halves of a log-in there. With [access.ErrNoRole] the person is known.
	Provider(ctx context.Context) wire.Provider
	BeginProvider(ctx context.Context, b wire.BeginProvider) (wire.BegunProvider, error)
	FinishProvider(ctx context.Context, f wire.FinishProvider) (access.Person, error)

	// Access is who may manage the appliance.
	Access() setting.Access
	SetPassword(ctx context.Context, by config.By, p wire.NewPassword) error
	NewAccount(ctx context.Context, by config.By, a wire.NewAccount) error
	SetRole(ctx context.Context, by config.By, account, role string) error
	DeleteAccount(ctx context.Context, by config.By, account string) error
	// SetFactor switches the second factor of an account on, changes its
	// recovery codes, or with the zero factor switches it off.
	SetFactor(ctx context.Context, by config.By, account string, f access.Factor) error
	// AddPasskey adds a passkey to an account, RenamePasskey renames one.
	AddPasskey(ctx context.Context, by config.By, account string, p setting.Passkey) error
	RenamePasskey(ctx context.Context, by config.By, account, id, name string) error
	// DeletePasskey deletes one of an account; with "" all of them.
	DeletePasskey(ctx context.Context, by config.By, account, id string) error
	NewToken(ctx context.Context, by config.By, t wire.NewToken) (wire.Token, error)
	DeleteToken(ctx context.Context, by config.By, name string) error

	// TLS is the certificate of the management port; Request makes a request
	// for one with a key that stays here.
	TLS(ctx context.Context) (wire.TLS, error)
	Request(ctx context.Context, by config.By, r wire.NewRequest) (wire.Request, error)

	// Support is how support sessions are.
	Support(ctx context.Context) (wire.Support, error)
	OpenSupport(ctx context.Context, by config.By, n wire.NewSupport) (wire.SupportSession, error)
	EndSupport(ctx context.Context, by config.By) error
	SupportRecording(ctx context.Context, session, file string) ([]byte, error)

	// Updates is what runs and what there is, with notes in a language.
	Updates(ctx context.Context, language string) (wire.Updates, error)
	// CheckUpdates returns when the repository was asked; the others begin
	// what they are called.
	CheckUpdates(ctx context.Context, by config.By) error
	DownloadUpdate(ctx context.Context, by config.By, version string) error
	InstallUpdate(ctx context.Context, by config.By, want wire.InstallUpdate) error
	CancelUpdate(ctx context.Context, by config.By) error
	PostponeUpdate(ctx context.Context, by config.By, want wire.PostponeUpdate) error
	BackUpdate(ctx context.Context, by config.By, want wire.BackUpdate) error
	// UploadBundle reads a bundle to its end; size is -1 when it is not known.
	UploadBundle(ctx context.Context, by config.By, body io.Reader, size int64) error
	// UpdateMedia are the attached media with updates; UseMedium takes those
	// of one.
	UpdateMedia(ctx context.Context) ([]wire.UpdateMedium, error)
	UseMedium(ctx context.Context, by config.By, name string) error

	// Power takes "restart" and "off".
	Power(ctx context.Context, by config.By, action string) error
	Reset(ctx context.Context, by config.By, confirm string) error
	Restart(ctx context.Context, by config.By, service string) error
	// Fix does what a notice of the status offers.
	Fix(ctx context.Context, by config.By, notice string) error
	// Log is the end of the journal, of one service or, with "", of all.
	Log(ctx context.Context, service string, lines int) (wire.Log, error)
	Firewall(ctx context.Context) ([]wire.FirewallRule, error)
	Resources(ctx context.Context) []wire.Resource
	Branding() wire.Branding
	// Metrics is the load over one of [wire.MetricRanges].
	Metrics(ctx context.Context, span string) wire.Metrics
}

// Route is one line of the table.
type Route struct {
	Method string
	// Path is a pattern of [http.ServeMux] without method and host.
	Path    string
	Access  Access
	Summary string
	// Query are the parameters that it takes.
	Query []Parameter
	// Request is the zero value of the body's type; nil takes none.
	Request any
	// Response is the zero value of the answer's type, or a [Raw] with its type.
	Response any
	// IfMatch wants to know which revision the caller has seen.
	IfMatch bool
	// Slow routes may work for [maxWork], and go on when the caller is gone.
	Slow bool
	// MaxBody bounds the body in bytes; 0 is [maxBody].
	MaxBody int64
	// Stream hands the body to the handler as it comes, for as long as it does.
	Stream bool
	// Handle returns the body, to be sent as JSON with status 200, or an
	// error. A [Raw] body is sent as it is.
	Handle func(r *http.Request) (any, error)
}

// Parameter is one parameter of a query.
type Parameter struct{ Name, Summary string }

// Raw is an answer that is not made here.
type Raw struct {
	// Type is its media type.
	Type string
	Data []byte
}

const (
	get, put, patch = http.MethodGet, http.MethodPut, http.MethodPatch
	post, del       = http.MethodPost, http.MethodDelete
)

// Routes is the whole API.
func Routes(src Source, gate *access.Gate) []Route {
	h := handlers{src, gate}
	return []Route{
		{Method: get, Path: "/v1/status", Access: Open{}, Summary: "How the appliance is.",
			Response: wire.Status{}, Handle: h.status},
		{Method: get, Path: "/v1/checks", Access: Local{}, Summary: "What an acceptance test wants to know of the inside.",
			Response: wire.Checks{}, Handle: h.checks},

		{Method: get, Path: "/v1/branding", Access: Open{}, Summary: "How the vendor wants the pages.",
			Response: wire.Branding{}, Handle: h.branding},

		{Method: get, Path: "/v1/config", Access: Reader{}, Summary: "The configuration document in force, without secrets.",
			Response: wire.Config{}, Handle: h.config},
		takes(h.replace, Route{Method: put, Path: "/v1/config", Access: Administer{}, Summary: "Replace the configuration document.",
			Response: wire.Changed{}, IfMatch: true, Slow: true, MaxBody: maxConfig}),
		takes(h.change, Route{Method: patch, Path: "/v1/config", Access: Administer{}, Summary: "Change parts of the configuration document, or single properties.",
			Response: wire.Changed{}, IfMatch: true, Slow: true, MaxBody: maxConfig}),
		{Method: post, Path: "/v1/config/confirm", Access: Operate{}, Summary: "Confirm the pending change, over a connection opened after it.",
			Response: wire.Nothing{}, Slow: true, Handle: h.confirm},
		{Method: get, Path: "/v1/config/export", Access: Reader{}, Summary: "The configuration as a seed for another appliance.",
			Query:    []Parameter{{"secrets", "`yes` includes secrets; for admins only"}},
			Response: Raw{Type: exportType}, Handle: h.export},
		{Method: get, Path: "/v1/config/schema", Access: Reader{}, Summary: "The JSON Schema of the configuration document.",
			Response: Raw{Type: schemaType}, Handle: h.schema},
		{Method: get, Path: "/v1/settings", Access: Reader{}, Summary: "All settings: their properties, and what is wanted beside what is.",
			Query:    []Parameter{{"facts", "what is, of this setting alone, \"" + noFacts + "\" of none; default of all"}},
			Response: []wire.Setting{}, Handle: h.settings},
		takes(h.preview, Route{Method: post, Path: "/v1/preview", Access: Reader{}, Summary: "What the properties would be with other values: which of them would mean something. Nothing is checked or changed.",
			Response: []wire.Property{}}),

		{Method: get, Path: "/v1/revisions", Access: Reader{}, Summary: "The history, the newest first.",
			Response: []wire.Revision{}, Handle: h.revisions},
		{Method: get, Path: "/v1/revisions/{n}", Access: Reader{}, Summary: "The document of one revision, without secrets.",
			Response: wire.Config{}, Handle: h.revision},
		{Method: get, Path: "/v1/revisions/{n}/diff", Access: Reader{}, Summary: "What one revision changed.",
			Query:    []Parameter{{"from", "compare with this revision instead of the one before"}},
			Response: wire.Diff{}, Handle: h.diff},
		takes(h.revert, Route{Method: post, Path: "/v1/revisions/{n}/revert", Access: Administer{}, Summary: "Make the document of an older revision a new one.",
			Response: wire.Changed{}, IfMatch: true, Slow: true}),

		{Method: get, Path: "/v1/setup", Access: Open{}, Summary: "How far the first boot has come.",
			Response: wire.Setup{}, Handle: h.setup},
		takes(h.answer, Route{Method: post, Path: "/v1/setup", Access: Open{}, Summary: "Answer a step of the first boot; from elsewhere with the one-time code that the console shows.",
			Response: wire.Setup{}, Slow: true}),

		takes(h.login, Route{Method: post, Path: "/v1/login", Access: Open{}, Summary: "Open a session.",
			Response: wire.Session{}}),
		{Method: get, Path: "/v1/login/provider", Access: Open{}, Summary: "Who else lets people in, by browser (OpenID Connect).",
			Response: wire.Provider{}, Handle: h.provider},
		takes(h.beginProvider, Route{Method: post, Path: "/v1/login/provider", Access: Open{}, Summary: "Begin to log in by the provider: where to send the browser to.",
			Response: wire.BegunProvider{}}),
		takes(h.finishProvider, Route{Method: post, Path: "/v1/login/provider/finish", Access: Open{}, Summary: "Open a session by what the browser brought back.",
			Response: wire.Session{}}),
		{Method: post, Path: "/v1/logout", Access: SignedIn{}, Summary: "End the own session.",
			Response: wire.Nothing{}, Handle: h.logout},
		{Method: get, Path: "/v1/session", Access: SignedIn{}, Summary: "Who is asking.",
			Response: wire.Session{}, Handle: h.session},
		{Method: get, Path: "/v1/sessions", Access: SignedIn{}, Summary: "The open sessions of the own account; for an admin those of all.",
			Response: []wire.OpenSession{}, Handle: h.sessions},
		{Method: del, Path: "/v1/sessions", Access: SignedIn{}, Summary: "End all sessions of the own account but this one.",
			Response: wire.Nothing{}, Handle: h.endOthers},
		{Method: del, Path: "/v1/sessions/{id}", Access: SignedIn{}, Summary: "End a session of the own account; as an admin, of any.",
			Response: wire.Nothing{}, Handle: h.endSession},
		{Method: get, Path: "/v1/logins", Access: Reader{}, Summary: "The last log-ins, those that failed too, the newest first.",
			Response: []wire.LoginEvent{}, Handle: h.logins},
		{Method: get, Path: "/v1/factor", Access: SignedIn{}, Summary: "How the own second factor is.",
			Response: wire.Factor{}, Handle: h.factor},
		takes(h.offerFactor, Route{Method: post, Path: "/v1/factor", Access: SignedIn{}, Summary: "Begin to set up the own second factor, by giving the password.",
			Response: wire.OfferedFactor{}}),
		takes(h.acceptFactor, Route{Method: put, Path: "/v1/factor", Access: SignedIn{}, Summary: "Switch the second factor on that was begun, by a code of it; the other sessions end.",
			Response: wire.RecoveryCodes{}, Slow: true}),
		takes(h.newRecovery, Route{Method: post, Path: "/v1/factor/recovery", Access: SignedIn{}, Summary: "Make new recovery codes, by giving password and code; the old ones end.",
			Response: wire.RecoveryCodes{}, Slow: true}),
		takes(h.factorOff, Route{Method: post, Path: "/v1/factor/off", Access: SignedIn{}, Summary: "Switch the own second factor off, by giving password and code; as an admin, that of any other account.",
			Response: wire.Nothing{}, Slow: true}),
		{Method: get, Path: "/v1/login/passkey", Access: Open{}, Summary: "What is known of passkeys where the browser is.",
			Query:    []Parameter{{"origin", "where the browser is: `https://NAME:PORT`"}},
			Response: wire.PasskeySite{}, Handle: h.passkeySite},
		takes(h.askPasskey, Route{Method: post, Path: "/v1/login/passkey", Access: Open{}, Summary: "Begin a log-in with a passkey.",
			Response: wire.PasskeyRequest{}}),
		takes(h.answerPasskey, Route{Method: put, Path: "/v1/login/passkey", Access: Open{}, Summary: "Open a session by the answer of a passkey.",
			Response: wire.Session{}}),
		{Method: get, Path: "/v1/passkeys", Access: SignedIn{}, Summary: "The own passkeys.",
			Response: []wire.Passkey{}, Handle: h.passkeys},
		takes(h.offerPasskey, Route{Method: post, Path: "/v1/passkeys", Access: SignedIn{}, Summary: "Begin to add an own passkey, by giving the password and, where there is a second factor, a code.",
			Response: wire.PasskeyCreation{}}),
		takes(h.newPasskey, Route{Method: put, Path: "/v1/passkeys", Access: SignedIn{}, Summary: "Add the passkey that the browser made.",
			Response: wire.Passkey{}, Slow: true}),
		takes(h.renamePasskey, Route{Method: put, Path: "/v1/passkeys/{id}", Access: SignedIn{}, Summary: "Rename an own passkey.",
			Response: wire.Nothing{}, Slow: true}),
		{Method: del, Path: "/v1/passkeys/{id}", Access: SignedIn{}, Summary: "Delete an own passkey; the sessions that it opened end.",
			Response: wire.Nothing{}, Slow: true, Handle: h.deletePasskey},
		{Method: del, Path: "/v1/accounts/{name}/passkeys", Access: Administer{}, Summary: "Delete all passkeys of an account; the sessions that they opened end.",
			Response: wire.Nothing{}, Slow: true, Handle: h.deletePasskeys},
		takes(h.password, Route{Method: post, Path: "/v1/password", Access: SignedIn{}, Summary: "Set the own password, by giving the current one; as an admin, that of any other account.",
			Response: wire.Nothing{}, Slow: true}),
		{Method: get, Path: "/v1/accounts", Access: Reader{}, Summary: "Who may log in.",
			Response: []wire.Account{}, Handle: h.accounts},
		takes(h.newAccount, Route{Method: post, Path: "/v1/accounts", Access: Administer{}, Summary: "Let another person log in.",
			Response: wire.Nothing{}, Slow: true}),
		takes(h.setRole, Route{Method: put, Path: "/v1/accounts/{name}/role", Access: Administer{}, Summary: "Say what another account may do; its sessions end.",
			Response: wire.Nothing{}, Slow: true}),
		{Method: del, Path: "/v1/accounts/{name}", Access: Administer{}, Summary: "Delete another account; its sessions end.",
			Response: wire.Nothing{}, Slow: true, Handle: h.deleteAccount},
		{Method: get, Path: "/v1/tokens", Access: Reader{}, Summary: "The API tokens, without their keys.",
			Response: []wire.Token{}, Handle: h.tokens},
		takes(h.newToken, Route{Method: post, Path: "/v1/tokens", Access: Administer{}, Summary: "Make an API token; its key is told this once.",
			Response: wire.Token{}, Slow: true}),
		{Method: del, Path: "/v1/tokens/{name}", Access: Administer{}, Summary: "Delete an API token.",
			Response: wire.Nothing{}, Slow: true, Handle: h.deleteToken},

		{Method: get, Path: "/v1/tls", Access: Reader{}, Summary: "The certificate of the management port.",
			Response: wire.TLS{}, Handle: h.tls},
		takes(h.request, Route{Method: post, Path: "/v1/tls/csr", Access: Administer{}, Summary: "Make a certificate request, with a key that stays on the appliance.",
			Response: wire.Request{}}),

		{Method: get, Path: "/v1/support", Access: Reader{}, Summary: "Support sessions: the one that is open, and those that are kept.",
			Response: wire.Support{}, Handle: h.support},
		takes(h.openSupport, Route{Method: post, Path: "/v1/support", Access: Administer{}, Summary: "Let somebody of the vendor's support in, by their certificate, for a time.",
			Response: wire.SupportSession{}, Slow: true}),
		{Method: del, Path: "/v1/support", Access: Operate{}, Summary: "End the support session; all that was started in it is killed.",
			Response: wire.Nothing{}, Slow: true, Handle: h.endSupport},
		{Method: get, Path: "/v1/support/{session}/{file}", Access: Reader{}, Summary: "A recording of a support session, an asciicast (version 2).",
			Response: Raw{Type: castType}, Handle: h.supportRecording},

		{Method: get, Path: "/v1/updates", Access: Reader{}, Summary: "What runs, what there is, what is being done, and what was.",
			Query:    []Parameter{{"language", "of the release notes; default en"}},
			Response: wire.Updates{}, Handle: h.updates},
		{Method: post, Path: "/v1/updates/check", Access: Operate{}, Summary: "Ask the repository what there is.",
			Response: wire.Nothing{}, Slow: true, Handle: h.checkUpdates},
		takes(h.downloadUpdate, Route{Method: post, Path: "/v1/updates/download", Access: Operate{}, Summary: "Begin to download a version, and to write it beside the one that runs.",
			Response: wire.Nothing{}}),
		takes(h.installUpdate, Route{Method: post, Path: "/v1/updates/install", Access: Operate{}, Summary: "Begin to install a version: download it, and restart into it, at once or in the maintenance window.",
			Response: wire.Nothing{}}),
		{Method: post, Path: "/v1/updates/cancel", Access: Operate{}, Summary: "End what is being done, until the machine is about to restart.",
			Response: wire.Nothing{}, Handle: h.cancelUpdate},
		takes(h.postponeUpdate, Route{Method: post, Path: "/v1/updates/postpone", Access: Administer{}, Summary: "Let nothing be installed by itself for some days.",
			Response: wire.Nothing{}, Slow: true}),
		takes(h.backUpdate, Route{Method: post, Path: "/v1/updates/back", Access: Operate{}, Summary: "Go back to a version that is still on the disk.",
			Response: wire.Nothing{}}),
		{Method: put, Path: "/v1/updates/bundle", Access: Operate{}, Summary: "Hand in a bundle: the body is the file. What it holds is then available.",
			Response: wire.Nothing{}, Stream: true, MaxBody: maxBundle, Handle: h.uploadBundle},
		{Method: get, Path: "/v1/updates/media", Access: Reader{}, Summary: "The attached disks and CDs with a bundle or a repository.",
			Response: []wire.UpdateMedium{}, Handle: h.updateMedia},
		takes(h.useMedium, Route{Method: post, Path: "/v1/updates/media", Access: Operate{}, Summary: "Take the updates of an attached medium. What they hold is then available.",
			Response: wire.Nothing{}, Slow: true}),

		takes(h.power, Route{Method: post, Path: "/v1/power", Access: Operate{}, Summary: "Restart the machine, or switch it off.",
			Response: wire.Nothing{}}),
		takes(h.reset, Route{Method: post, Path: "/v1/reset", Access: Administer{}, Summary: "Reset to factory state: all data and settings are lost.",
			Response: wire.Nothing{}, Slow: true}),
		takes(h.restart, Route{Method: post, Path: "/v1/restart", Access: Operate{}, Summary: "Restart one service.",
			Response: wire.Nothing{}, Slow: true}),
		{Method: post, Path: "/v1/notices/{id}/fix", Access: Operate{}, Summary: "Do what a notice of the status offers.",
			Response: wire.Nothing{}, Slow: true, Handle: h.fix},
		{Method: get, Path: "/v1/log", Access: Reader{}, Summary: "The end of the log.",
			Query:    []Parameter{{"service", "of this service alone"}, {"lines", "how many, at most 1000; default 100"}},
			Response: wire.Log{}, Handle: h.log},
		{Method: get, Path: "/v1/firewall", Access: Reader{}, Summary: "The firewall rules in force, with their counters.",
			Response: []wire.FirewallRule{}, Handle: h.firewall},
		{Method: get, Path: "/v1/resources", Access: Reader{}, Summary: "What the machine gives, and what of it each service gets.",
			Response: []wire.Resource{}, Handle: h.resources},
		{Method: get, Path: "/v1/metrics", Access: Reader{}, Summary: "The load of the machine and of its services over time.",
			Query:    []Parameter{{"range", "`hour` (the default), `day` or `week`"}},
			Response: wire.Metrics{}, Handle: h.metrics},
	}
}

// handlers answer the routes.
type handlers struct {
	src  Source
	gate *access.Gate
}

// takes completes a route that takes a body.
func takes[T any](handle func(r *http.Request, body T) (any, error), route Route) Route {
	route.Request = *new(T)
	route.Handle = func(r *http.Request) (any, error) {
		var body T
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		return handle(r, body)
	}
	return route
}
