package web

import (
	"net/http"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// accessView is who may manage the appliance.
type accessView struct {
	Accounts []wire.Account
	Tokens   []wire.Token
	// Own is the visitor's second factor.
	Own wire.Factor
	// Keys are the visitor's passkeys, KeyName is what one was to be called.
	Keys     []wire.Passkey
	KeyName  string
	Sessions []wire.OpenSession
	// Others says that some of them are the visitor's own, and not this one.
	Others bool
	Logins []wire.LoginEvent
	// Older are log-ins that are shown on demand.
	Older []wire.LoginEvent
	// New is a token that was just made: its key is shown this once.
	New *wire.Token
	// Password, Account, Token, Factor and Passkey are why those forms were
	// refused, Name and Person what was typed.
	Password, Account, Token, Factor, Passkey []string
	Name, Person                              string
}

// Roles are what an account or token may be, the least first.
func (f frame) Roles() []string { return []string{"auditor", "operator", "admin"} }

// Scopes are what a token can be limited to.
func (f frame) Scopes() []string { return []string{"read", "settings", "power", "access"} }

func accessPage(v *visit) error { return v.showAccess(http.StatusOK, accessView{}) }

func (v *visit) showAccess(status int, view accessView) error {
	var err error
	if view.Accounts, err = v.api.Accounts(v.ctx()); err != nil {
		return err
	}
	if view.Tokens, err = v.api.Tokens(v.ctx()); err != nil {
		return err
	}
	if v.who.Elsewhere == "" {
		if view.Keys, err = v.api.Passkeys(v.ctx()); err != nil {
			return err
		}
	}
	if err := v.showSessions(&view); err != nil {
		return err
	}
	return v.show(status, "access", "access", v.T("web.menu.access"), view)
}

func ownPassword(v *visit) error {
	form := v.r.PostForm
	if form.Get("password") != form.Get("again") {
		return v.showAccess(http.StatusUnprocessableEntity, accessView{Password: []string{v.T("form.differ")}})
	}
	err := v.api.SetPassword(v.ctx(), wire.NewPassword{Account: v.who.Account, Password: form.Get("password"), Current: form.Get("current")})
	if err != nil {
		problems, err := v.complaints(err)
		if err != nil {
			return err
		}
		return v.showAccess(http.StatusUnprocessableEntity, accessView{Password: problems})
	}
	// The sessions of the old password have ended, this one too.
	session, err := v.asBrowser().Login(v.ctx(), wire.Login{Account: v.who.Account, Password: form.Get("password")})
	if err != nil {
		v.forget(sessionCookie)
		if e := refused(err); e != nil && e.Continue != "" {
			return v.toCode(e.Continue, "/access?said=password")
		}
		return v.redirect("/login?to=/access")
	}
	v.remember(sessionCookie, session.Token)
	return v.redirect("/access?said=password")
}

// complaints are the sentences of an error that is about what was typed; any
// other error is handed back.
func (v *visit) complaints(err error) ([]string, error) {
	e := refused(err)
	if e == nil || e.Status != http.StatusUnprocessableEntity && e.Status != http.StatusBadRequest && e.Status != http.StatusConflict {
		return nil, err
	}
	var list []string
	for _, p := range e.Problems {
		list = append(list, v.advice(p.Message, p.Hint))
	}
	if len(list) == 0 {
		list = []string{v.advice(e.Message, e.Hint)}
	}
	return list, nil
}

func newAccount(v *visit) error {
	form := v.r.PostForm
	view := accessView{Person: form.Get("name")}
	if form.Get("password") != form.Get("again") {
		view.Account = []string{v.T("form.differ")}
		return v.showAccess(http.StatusUnprocessableEntity, view)
	}
	err := v.api.NewAccount(v.ctx(), wire.NewAccount{Name: view.Person, Role: form.Get("role"), Password: form.Get("password")})
	return v.answerAccount(err, view, "account")
}

func setRole(v *visit) error {
	err := v.api.SetRole(v.ctx(), v.r.PathValue("name"), v.r.PostForm.Get("role"))
	return v.answerAccount(err, accessView{}, "role")
}

func deleteAccount(v *visit) error {
	return v.answerAccount(v.api.DeleteAccount(v.ctx(), v.r.PathValue("name")), accessView{}, "account-deleted")
}

// answerAccount says what was done with an account, or why not.
func (v *visit) answerAccount(err error, view accessView, said string) error {
	if err == nil {
		return v.redirect("/access?said=" + said)
	}
	if view.Account, err = v.complaints(err); err != nil {
		return err
	}
	return v.showAccess(http.StatusUnprocessableEntity, view)
}

func newToken(v *visit) error {
	form := v.r.PostForm
	days, _ := strconv.Atoi(form.Get("days")) // of a list
	view := accessView{Name: form.Get("name")}
	token, err := v.api.NewToken(v.ctx(), wire.NewToken{Name: view.Name, Role: form.Get("role"), Days: days, Scopes: form["scope"]})
	if err != nil {
		if view.Token, err = v.complaints(err); err != nil {
			return err
		}
		return v.showAccess(http.StatusUnprocessableEntity, view)
	}
	return v.showAccess(http.StatusOK, accessView{New: &token})
}

func deleteToken(v *visit) error {
	if err := v.api.DeleteToken(v.ctx(), v.r.PathValue("name")); err != nil {
		return err
	}
	return v.redirect("/access?said=token-deleted")
}
