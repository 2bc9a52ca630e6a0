package web

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// providerCookie is what a log-in by the provider must keep until the browser
// comes back. It comes back by a link on the provider's page, so this is the
// one cookie that goes along with those; it opens nothing.
const (
	providerCookie = "__Host-ingot-provider"
	providerWithin = 10 * time.Minute
	// providerPath is where the provider sends browsers back to.
	providerPath = "/login/provider/back"
	// maxTo bounds the page that a log-in leads to, in bytes.
	maxTo = 500
)

// providerAddress is where the provider sends the visitor's browser back to:
// to the host by which it came.
func (v *visit) providerAddress() string { return "https://" + v.r.Host + providerPath }

// toProvider sends a browser to the provider. It is a link, not a form: pages
// may not send forms elsewhere. So that no other site's page can log somebody
// in, only our own, and what people type, begins it.
func toProvider(v *visit) error {
	to := local(v.r.URL.Query().Get("to"))
	if v.who.Account != "" {
		return v.redirect(to)
	}
	if site := v.r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return v.showLogin(http.StatusOK, loginView{To: to})
	}
	begun, err := v.asBrowser().BeginProvider(v.ctx(), wire.BeginProvider{Redirect: v.providerAddress()})
	if err != nil {
		return v.refuseProvider(err, to)
	}
	if len(to) > maxTo {
		to = "/"
	}
	v.rememberFlow(begun.Key+"."+base64.RawURLEncoding.EncodeToString([]byte(to)), int(providerWithin.Seconds()))
	http.Redirect(v.w, v.r, begun.URL, http.StatusSeeOther)
	return nil
}

// rememberFlow sets the cookie of a log-in by the provider for some seconds;
// less than none forgets it.
func (v *visit) rememberFlow(value string, seconds int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: providerCookie, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// fromProvider is where the browser comes back. The session's cookie does not
// go along with links of other sites, and this one was followed on the
// provider's: so the answer is a page, which then leads on.
func fromProvider(v *visit) error {
	key, encoded, _ := strings.Cut(v.cookie(providerCookie), ".")
	v.rememberFlow("", -1)
	text, _ := base64.RawURLEncoding.DecodeString(encoded) // what cannot be read leads to the first page
	to := local(string(text))
	q := v.r.URL.Query()
	session, err := v.asBrowser().FinishProvider(v.ctx(), wire.FinishProvider{
		Key: key, State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), ErrorDescription: q.Get("error_description"),
	})
	if err != nil {
		return v.refuseProvider(err, to)
	}
	v.remember(sessionCookie, session.Token)
	v.w.Header().Set("Refresh", "0; url="+to)
	return v.show(http.StatusOK, "entered", "", v.T("login.head"), to)
}

// refuseProvider shows the log-in page with why the provider let nobody in.
func (v *visit) refuseProvider(err error, to string) error {
	e := refused(err)
	if e == nil {
		return err
	}
	view := loginView{To: to}
	switch {
	case e.RetryAfter > 0:
		view.Problem = v.T("web.login.wait", int(e.RetryAfter.Seconds()))
	case e.Status == http.StatusConflict:
		view.Problem = v.T("web.provider.late")
	default:
		view.Problem = v.loginProblem(e)
	}
	return v.showLogin(e.Status, view)
}

// loginProblem says why somebody is not let in.
func (v *visit) loginProblem(e *client.Error) string {
	switch e.Status {
	case http.StatusUnauthorized:
		return v.T("web.login.wrong")
	case http.StatusForbidden:
		return v.T("web.login.norole")
	case http.StatusServiceUnavailable:
		return v.T("web.login.elsewhere")
	}
	message := capital(v.say(e.Message))
	if e.Hint == "" {
		return message
	}
	stop := v.T("web.stop")
	return strings.TrimSuffix(message, strings.TrimSpace(stop)) + stop + capital(v.say(e.Hint))
}

// capital is a phrase as a sentence begins; "" stays.
func capital(phrase string) string {
	first, n := utf8.DecodeRuneInString(phrase)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + phrase[n:]
}

// Elsewhere says that the visitor's account is not kept on this appliance.
func (f frame) Elsewhere() bool { return f.v.who.Elsewhere != "" }

// showLogin shows the log-in page, with the provider's button if there is one.
func (v *visit) showLogin(status int, view loginView) error {
	provider, err := v.site.api.Provider(v.ctx())
	if err != nil {
		return err
	}
	view.Provider = provider.Title
	return v.show(status, "login", "", v.T("login.head"), view)
}
