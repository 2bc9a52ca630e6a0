package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// The bounds of a request: a form holds at most a few certificates and texts,
// and a change may work for as long as the API lets it.
const (
	maxForm = 1 << 20
	maxWork = 6 * time.Minute
)

// NewHandler serves the pages of the API that it is given. It does no work
// until the first request: the templates are read then, not while the
// appliance boots.
func NewHandler(api http.Handler) http.Handler {
	return guard(http.NewCrossOriginProtection().Handler(newSite(api).mux))
}

func newSite(api http.Handler) *site {
	s := &site{api: client.NewHandler(api), now: time.Now, load: sync.OnceValue(load), mux: http.NewServeMux()}
	for _, r := range routes() {
		s.mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, r) })
	}
	s.mux.HandleFunc("GET /assets/{file}", s.asset)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, route{handle: missing}) })
	return s
}

// guard sets the headers that keep other sites' hands off the pages. Nothing
// may be loaded but our own script, style and pictures.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Strict-Transport-Security", "max-age=86400")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// route is one page, or one form's way back.
type route struct {
	method, path string
	// open pages are for people who are not logged in, too.
	open   bool
	handle func(v *visit) error
}

// routes are all pages. What a visitor may do is the API's to say: nothing
// here knows more than the API tells the visitor's own session.
func routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/{$}", true, overview},
		{get, "/brand/logo", true, logo},
		{get, "/brand/accent.css", true, accentSheet},
		{get, "/pages/{name}", true, vendorPage},
		{get, "/login", true, loginPage},
		{post, "/login", true, login},
		{get, "/login/code", true, codePage},
		{post, "/login/code", true, loginCode},
		{get, "/login/provider", true, toProvider},
		{get, providerPath, true, fromProvider},
		{post, "/login/passkey", true, loginPasskey},
		{post, "/login/passkey/ask", true, askPasskey},
		{post, "/logout", true, logout},
		{get, "/setup", true, wizard},
		{post, "/setup", true, answer},

		{post, "/fix", false, fix},
		{post, "/services/{name}/restart", false, restartService},
		{get, "/settings", false, settingsList},
		{get, "/settings/{key}", false, settingPage},
		{post, "/settings/{key}", false, changeSetting},
		{post, "/settings/firewall/rules", false, changeRules},
		{get, "/settings/network/adapters", false, adaptersPage},
		{post, "/settings/network/adapters", false, changeAdapters},
		{get, "/certificate", false, certificatePage},
		{post, "/certificate", false, uploadCertificate},
		{post, "/certificate/request", false, requestCertificate},
		{post, "/certificate/acme", false, askAuthority},
		{post, "/certificate/own", false, ownCertificate},
		{post, "/confirm", false, confirm},
		{post, "/undo", false, undo},

		{get, "/history", false, history},
		{get, "/history/export", false, export},
		{get, "/history/{n}", false, revision},
		{post, "/history/{n}/revert", false, revert},

		{get, "/access", false, accessPage},
		{post, "/access/password", false, ownPassword},
		{post, "/access/accounts", false, newAccount},
		{post, "/access/accounts/{name}/role", false, setRole},
		{post, "/access/accounts/{name}/delete", false, deleteAccount},
		{post, "/access/accounts/{name}/factor", false, otherFactorOff},
		{post, "/access/factor", false, offerFactor},
		{post, "/access/factor/on", false, acceptFactor},
		{post, "/access/factor/recovery", false, newRecovery},
		{post, "/access/factor/off", false, factorOff},
		{post, "/access/accounts/{name}/passkeys", false, otherPasskeys},
		{post, "/access/passkeys", false, offerPasskey},
		{post, "/access/passkeys/add", false, newPasskey},
		{post, "/access/passkeys/{id}/rename", false, renamePasskey},
		{post, "/access/passkeys/{id}/delete", false, deletePasskey},
		{post, "/access/sessions/end", false, endOthers},
		{post, "/access/sessions/{id}/end", false, endSession},
		{post, "/access/tokens", false, newToken},
		{post, "/access/tokens/{name}/delete", false, deleteToken},

		{get, "/support", false, supportPage},
		{post, "/support", false, openSupport},
		{post, "/support/end", false, endSupport},
		{get, "/support/recordings/{session}/{file}", false, recording},

		{get, "/updates", false, updatesPage},
		{post, "/updates/check", false, checkUpdates},
		{post, "/updates/download", false, downloadUpdate},
		{post, "/updates/install", false, installUpdate},
		{post, "/updates/cancel", false, cancelUpdate},
		{post, "/updates/postpone", false, postponeUpdate},
		{post, "/updates/back", false, backUpdate},
		{post, bundlePath, false, uploadBundle},
		{post, "/updates/media", false, useMedium},

		{get, "/log", false, logPage},
		{get, "/power", false, powerPage},
		{post, "/power", false, power},
		{post, "/reset", false, reset},
	}
}

// site serves all visits.
type site struct {
	api  *client.Client
	now  func() time.Time
	load func() content
	mux  *http.ServeMux
	brand
}

// shown is the page that is seen at a path: that of the form for the path of a
// form's way back.
func (s *site) shown(to string) string {
	for to != "/" {
		if _, pattern := s.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: to}}); pattern != "/" {
			return to
		}
		to = path.Dir(to)
	}
	return to
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, route route) {
	v := &visit{site: s, w: w, r: r}
	if err := v.begin(); err != nil {
		v.fail(err)
		return
	}
	if r.Method == http.MethodPost && route.path != bundlePath {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		c := http.NewResponseController(w) // a writer without deadlines, as in tests, needs none
		end := s.now().Add(maxWork)
		_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end)
		if err := readForm(r); err != nil {
			v.fail(&client.Error{Status: http.StatusBadRequest, Message: "the form cannot be read: " + err.Error()})
			return
		}
	}
	if !route.open && v.who.Account == "" && route.path != "" {
		v.toLogin()
		return
	}
	if err := route.handle(v); err != nil {
		v.fail(err)
	}
}

func missing(v *visit) error {
	return &client.Error{Status: http.StatusNotFound, Message: v.T("web.missing")}
}

// ctx ends with the visit.
func (v *visit) ctx() context.Context { return v.r.Context() }

// refused is the API's answer to what cannot be done, or nil.
func refused(err error) *client.Error {
	var e *client.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// problemsOf are what is wrong with a change, and whether that is all.
func problemsOf(err error) ([]wire.Problem, bool) {
	e := refused(err)
	if e == nil || e.Status != http.StatusUnprocessableEntity {
		return nil, false
	}
	return e.Problems, true
}
