package web

import (
	"net/http"
	"net/url"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

type loginView struct {
	To, Account, Problem string
	// Provider is what the button of the provider says; "" is none.
	Provider string
}

func loginPage(v *visit) error {
	to := local(v.r.URL.Query().Get("to"))
	if v.who.Account != "" {
		return v.redirect(to)
	}
	return v.showLogin(http.StatusOK, loginView{To: to})
}

func login(v *visit) error {
	view := loginView{To: local(v.r.PostForm.Get("to")), Account: v.r.PostForm.Get("account")}
	session, err := v.asBrowser().Login(v.ctx(), wire.Login{Account: view.Account, Password: v.r.PostForm.Get("password")})
	if e := refused(err); e != nil {
		if e.Continue != "" {
			return v.toCode(e.Continue, view.To)
		}
		view.Problem = v.loginProblem(e.Status, v.say(e.Message))
		if e.RetryAfter > 0 {
			view.Problem = v.T("web.login.wait", int(e.RetryAfter.Seconds()))
		}
		return v.showLogin(e.Status, view)
	}
	if err != nil {
		return err
	}
	return v.enter(session, view.To)
}

// asBrowser asks as nobody, and says which browser it is.
func (v *visit) asBrowser() *client.Client { return v.site.api.As(v.r.UserAgent()) }

// enter is what follows a log-in.
func (v *visit) enter(session wire.Session, to string) error {
	if old := v.cookie(sessionCookie); old != "" {
		_ = v.api.Logout(v.ctx()) // the session that this one replaces
	}
	v.remember(sessionCookie, session.Token)
	return v.redirect(to)
}

// toCode asks for the code of the second factor. What stands for the password
// until then is in a cookie, and never in a page.
func (v *visit) toCode(key, to string) error {
	v.remember(halfCookie, key)
	return v.redirect("/login/code?to=" + url.QueryEscape(to))
}

func codePage(v *visit) error {
	if v.cookie(halfCookie) == "" {
		return v.redirect("/login")
	}
	return v.show(http.StatusOK, "logincode", "", v.T("web.code.head"), loginView{To: local(v.r.URL.Query().Get("to"))})
}

func loginCode(v *visit) error {
	view := loginView{To: local(v.r.PostForm.Get("to"))}
	half := v.cookie(halfCookie)
	if half == "" {
		return v.redirect("/login")
	}
	session, err := v.asBrowser().Login(v.ctx(), wire.Login{Continue: half, Code: v.r.PostForm.Get("code")})
	e := refused(err)
	switch {
	case err == nil:
		v.forget(halfCookie)
		return v.enter(session, view.To)
	case e == nil:
		return err
	case e.CodeNeeded:
		view.Problem = v.T("web.code.wrong")
	case e.RetryAfter > 0:
		view.Problem = v.T("web.login.wait", int(e.RetryAfter.Seconds()))
	default:
		v.forget(halfCookie)
		view.Problem = v.T("web.code.late")
		return v.showLogin(e.Status, view)
	}
	return v.show(e.Status, "logincode", "", v.T("web.code.head"), view)
}

func logout(v *visit) error {
	if v.who.Account != "" {
		if err := v.api.Logout(v.ctx()); err != nil && refused(err) == nil {
			return err
		}
	}
	v.forget(sessionCookie)
	return v.redirect("/?said=logout")
}
