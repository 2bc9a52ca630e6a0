package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting/formats"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
)

// The cookies: the key of a session, the one-time code of the first boot, and
// what stands for a password until the code of the second factor is there.
// Browsers send them back over TLS to this very port's host only, never from
// another site's page, and show them to no script.
const (
	sessionCookie = "__Host-ingot"
	codeCookie    = "__Host-ingot-code"
	halfCookie    = "__Host-ingot-half"
)

// visit is one request of a browser.
type visit struct {
	site *site
	w    http.ResponseWriter
	r    *http.Request
	// api asks as the visitor.
	api *client.Client
	// who is the visitor; the zero session is nobody.
	who    wire.Session
	status wire.Status
	// guest is the support session that is open, once somebody asked.
	guest *wire.SupportSession

	words  words.Words
	format formats.Format
	zone   *time.Location
}

// begin finds out who the visitor is, and how the appliance speaks.
func (v *visit) begin() (err error) {
	v.api = v.site.api
	key := v.cookie(sessionCookie)
	if key != "" {
		v.api = v.api.WithToken(key)
		if v.polls() {
			v.api = v.api.Polling()
		}
		v.who, err = v.api.Session(v.ctx())
		if e := refused(err); e != nil && e.Status == http.StatusUnauthorized {
			v.api, v.who = v.site.api, wire.Session{}
			v.forget(sessionCookie)
			if v.polls() {
				v.w.Header().Set("HX-Refresh", "true") // the page around it is no more the visitor's
			}
			err = nil
		}
		if err != nil {
			return err
		}
	}
	v.status, err = v.site.api.Status(v.ctx())
	l := v.status.Locale
	v.words = words.Words{Wanted: l.Language, Charset: terminal.Full}
	v.format = formats.Of(l.Formats)
	if v.zone, _ = time.LoadLocation(l.Zone); v.zone == nil {
		v.zone = time.UTC
	}
	if v.status.Pending != nil {
		// What waits is confirmed over a new connection: let there be one.
		v.w.Header().Set("Connection", "close")
	}
	return err
}

// pollMark is in the address that a browser without scripts asks by itself.
const pollMark = "again"

// polls says that the page asks, not the visitor, who may be gone.
func (v *visit) polls() bool {
	return v.r.Method == http.MethodGet && (v.r.Header.Get("HX-Request") == "true" || v.r.URL.Query().Has(pollMark))
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// remember sets a cookie that ends with the browser; the session itself ends
// earlier.
func (v *visit) remember(name, value string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func (v *visit) forget(name string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// redirect sends the browser to a page of ours.
func (v *visit) redirect(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// toLogin asks the visitor to log in, and then brings them back. A script that
// asks for a part of a page would follow a redirect, and find no such part in
// the form: it is told to go there with the whole page.
func (v *visit) toLogin() {
	to := "/"
	if v.r.Method == http.MethodGet {
		to = v.r.URL.RequestURI()
	}
	login := "/login?to=" + url.QueryEscape(to)
	if v.r.Header.Get("HX-Request") == "true" {
		v.w.Header().Del("HX-Refresh")
		v.w.Header().Set("HX-Redirect", login)
		v.w.WriteHeader(http.StatusNoContent)
		return
	}
	_ = v.redirect(login)
}

// local is a path of ours that somebody handed in, or "/". Browsers take a
// backslash for a slash, and leave out control characters before they look.
func local(path string) string {
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, odd) {
		return "/"
	}
	return path
}

// T is a message in the appliance's language.
func (v *visit) T(id string, args ...any) string { return v.words.Text(id, args...) }

// may says whether the visitor's role is enough; the API has the last word.
func (v *visit) may(role string) bool {
	rank := map[string]int{"auditor": 1, "operator": 2, "admin": 3}
	return rank[v.who.Role] >= rank[role]
}

// frame is what every page shows around its own content.
type frame struct {
	v *visit
	// Title is the page's, At its place in the menu.
	Title, At string
	// Data is the page's own.
	Data any
	// Said is a message about what was done last; Warn makes it a warning.
	Said string
	Warn bool
	// Refresh is seconds until a browser without scripts asks again; 0 is never.
	Refresh int
	content content
}

// show answers with a page.
func (v *visit) show(status int, name, at, title string, data any) error {
	return v.showFrame(status, name, frame{At: at, Title: title, Data: data})
}

func (v *visit) showFrame(status int, name string, f frame) error {
	f.v, f.content = v, v.site.load()
	if v.r.URL.Query().Get("said") != "" {
		if text, ok := v.words.Lookup("web.said." + v.r.URL.Query().Get("said")); ok {
			f.Said = text
		}
	}
	t := f.content.pages[name]
	if t == nil {
		return errors.New("there is no template " + name)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, f); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(page.Bytes()) // a browser that went away needs no answer
	return nil
}

// fail answers with what went wrong.
func (v *visit) fail(err error) {
	e := refused(err)
	switch {
	case e == nil:
		e = &client.Error{Status: http.StatusInternalServerError, Message: err.Error()}
	case e.Status == http.StatusUnauthorized:
		v.toLogin()
		return
	}
	data := struct {
		Message, Hint string
		Problems      []string
	}{v.say(e.Message), v.words.Hint(e.Hint), nil}
	for _, p := range v.inWords(e.Problems) {
		data.Problems = append(data.Problems, p.Path+": "+p.Message)
	}
	if err := v.show(e.Status, "error", "", v.T("web.error"), data); err != nil {
		http.Error(v.w, "cannot show the page: "+err.Error(), http.StatusInternalServerError)
	}
}

// What templates ask of the frame.

// T is a message in the appliance's language.
func (f frame) T(id string, args ...any) string { return f.v.T(id, args...) }

// Asset is the path of a file that pages load; "" when it was not built.
func (f frame) Asset(name string) string { return f.content.names[name] }

// Lang is the language that the page is in.
func (f frame) Lang() string { return f.v.words.Language() }

// Status is how the appliance is.
func (f frame) Status() wire.Status { return f.v.status }

// Initial stands for the product where there is no picture of it.
func (f frame) Initial() string { return initial(f.v.status.Title) }

// StateWord is the state of the appliance or of a service.
func (f frame) StateWord(s wire.State) string { return f.v.stateWord(s) }

// Account is the visitor's; "" is nobody. Role is what they may do.
func (f frame) Account() string { return f.v.who.Account }

// Role is what the visitor may do.
func (f frame) Role() string { return f.v.who.Role }

// May says whether the visitor's role is at least this one.
func (f frame) May(role string) bool { return f.v.may(role) }

// Path is where a GET shows the page.
func (f frame) Path() string { return f.v.site.shown(f.v.r.URL.Path) }

// Again is where a browser without scripts asks for the page by itself.
func (f frame) Again() string {
	asked := f.v.r.URL.Query()
	asked.Del("said")
	asked.Set(pollMark, "")
	return f.Path() + "?" + asked.Encode()
}

// Time is a time as the appliance writes it.
func (f frame) Time(t time.Time) string { return f.v.format.DateTime(t.In(f.v.zone)) }

// Size is a number of bytes.
func (f frame) Size(n int64) string { return f.v.format.Size(n) }

// entry is one line of the menu.
type entry struct {
	Key, Path, Title string
	Here             bool
}

// Menu are the pages for the visitor.
func (f frame) Menu() []entry {
	var list []entry
	if f.v.who.Account == "" {
		return f.vendorPages(list)
	}
	for _, e := range []entry{
		{Key: "overview", Path: "/"}, {Key: "settings", Path: "/settings"}, {Key: "access", Path: "/access"},
		{Key: "history", Path: "/history"}, {Key: "log", Path: "/log"}, {Key: "updates", Path: "/updates"}, {Key: "support", Path: "/support"}, {Key: "power", Path: "/power"},
	} {
		if e.Key == "power" && !f.v.may("operator") || e.Key == "support" && f.v.status.Support == nil {
			continue
		}
		e.Title, e.Here = f.T("web.menu."+e.Key), e.Key == f.At
		list = append(list, e)
	}
	return f.vendorPages(list)
}

func (f frame) vendorPages(list []entry) []entry {
	for _, p := range f.Brand().Pages {
		list = append(list, entry{Path: "/pages/" + p.Name, Title: p.Title, Here: f.At == "page "+p.Name})
	}
	return list
}

// inFrame is a field with the frame whose language it is shown in.
type inFrame struct {
	T     frame
	Field field
	// Preview is where the form is shown again as a choice in it makes it.
	Preview string
}

// Field is what the template of a field is given.
func (f frame) Field(fl field) inFrame {
	return inFrame{f, fl, f.v.r.URL.Path + "?preview"}
}
