package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

func (h handlers) setup(r *http.Request) (any, error) {
	return h.src.Setup(r.Context(), CallerOf(r.Context()).root()), nil
}

// setupName is what guesses at the one-time code are counted under; no account
// is called so.
const setupName = "the setup code"

func (h handlers) answer(r *http.Request, a wire.Answer) (any, error) {
	c := CallerOf(r.Context())
	by := c.by()
	if by.Who == "" {
		by.Who = "setup"
	}
	if c.root() {
		return result(h.src.Answer(r.Context(), by, true, a))
	}
	settle, err := h.gate.Attempt(c.place(), setupName)
	if err != nil {
		return nil, err
	}
	right := false
	defer func() { settle(right) }()
	setup, err := h.src.Answer(r.Context(), by, false, a)
	right = !errors.Is(err, access.ErrCode)
	return setup, err
}

func (h handlers) login(r *http.Request, l wire.Login) (any, error) {
	c := CallerOf(r.Context())
	key, id, err := h.gate.Login(r.Context(), access.Try{
		Address: c.place(), From: c.by().From, Agent: r.UserAgent(),
		Account: l.Account, Password: l.Password, Code: l.Code, Continue: l.Continue,
	})
	if err != nil {
		return nil, err
	}
	session := sessionOf(id)
	session.Token = key
	return session, nil
}

// sessionOf is who an account's session stands for.
func sessionOf(id access.Identity) wire.Session {
	s := wire.Session{Account: id.Who, Role: string(id.Role), Expires: id.Expires, Failures: id.Failures}
	if !id.Started.IsZero() {
		started := id.Started.UTC().Truncate(time.Second)
		s.Started = &started
	}
	if id.Account == "" && !id.Started.IsZero() {
		s.Elsewhere, _, _ = strings.Cut(id.Who, ":")
	}
	if id.Before != nil {
		before := loginEvent(*id.Before)
		s.Before = &before
	}
	return s
}

func (h handlers) logout(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	if !h.gate.Logout(c.key) {
		return nil, &Error{Status: http.StatusConflict, Message: "there is no session to end",
			Hint: "API tokens end when they are deleted"}
	}
	return wire.Nothing{}, nil
}

func (h handlers) session(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	session := sessionOf(c.identity)
	session.Account, session.Role = c.Who, string(c.Role) // root and the console have no key
	return session, nil
}

func (h handlers) password(r *http.Request, p wire.NewPassword) (any, error) {
	c := CallerOf(r.Context())
	if p.Account == "" {
		p.Account = c.Account
	}
	switch {
	case p.Account == "" && c.person() != "":
		return nil, errElsewhere
	case p.Account == "":
		return nil, &Error{Status: http.StatusBadRequest, Message: "the account is missing"}
	case p.Account != c.Account && !mayAdminister(c):
		return nil, &Error{Status: http.StatusForbidden, Message: "you can set your own password only",
			Hint: "it takes the role admin to set another's"}
	}
	if p.Account == c.Account {
		if err := h.checkOwn(r.Context(), c, p.Current); err != nil {
			return nil, err
		}
	}
	return wire.Nothing{}, h.src.SetPassword(r.Context(), c.by(), p)
}

// checkOwn wants the password of the account that the caller is logged in with.
func (h handlers) checkOwn(ctx context.Context, c Caller, password string) error {
	problem := func(message string) error {
		return &config.InvalidError{Problems: []setting.Problem{{
			Path: "current", Message: message, Hint: "give the password that the account has now",
		}}}
	}
	if password == "" {
		return problem("the current password is missing")
	}
	err := h.gate.Check(ctx, c.place(), c.Account, password)
	if errors.Is(err, access.ErrDenied) {
		return problem("the current password is wrong") // the session itself is good: no 401
	}
	return err
}

func (h handlers) accounts(*http.Request) (any, error) {
	list := []wire.Account{}
	for _, a := range h.src.Access().Accounts {
		list = append(list, wire.Account{Name: a.Name, Role: string(a.Role), SecondFactor: a.TOTP != "", Passkeys: len(a.Passkeys)})
	}
	return list, nil
}

func (h handlers) newAccount(r *http.Request, a wire.NewAccount) (any, error) {
	return wire.Nothing{}, h.src.NewAccount(r.Context(), CallerOf(r.Context()).by(), a)
}

// errOwn keeps an administrator from locking themselves out by a slip.
var errOwn = &Error{Status: http.StatusConflict, Message: "this is your own account", Hint: "let another administrator do it"}

func (h handlers) setRole(r *http.Request, body wire.Role) (any, error) {
	c, name := CallerOf(r.Context()), r.PathValue("name")
	if name == c.Account {
		return nil, errOwn
	}
	return wire.Nothing{}, h.src.SetRole(r.Context(), c.by(), name, body.Role)
}

func (h handlers) deleteAccount(r *http.Request) (any, error) {
	c, name := CallerOf(r.Context()), r.PathValue("name")
	if name == c.Account {
		return nil, errOwn
	}
	return wire.Nothing{}, h.src.DeleteAccount(r.Context(), c.by(), name)
}

func (h handlers) tokens(*http.Request) (any, error) {
	list := []wire.Token{}
	for _, t := range h.src.Access().Tokens {
		token := wire.Token{Name: t.Name, Role: string(t.Role), Expires: t.Expires, Scopes: t.Scopes}
		if use := h.gate.TokenUse(t.Hash); !use.Time.IsZero() {
			token.Used, token.From = &use.Time, use.From
		}
		list = append(list, token)
	}
	return list, nil
}

func (h handlers) newToken(r *http.Request, t wire.NewToken) (any, error) {
	return result(h.src.NewToken(r.Context(), CallerOf(r.Context()).by(), t))
}

func (h handlers) deleteToken(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.DeleteToken(r.Context(), CallerOf(r.Context()).by(), r.PathValue("name"))
}
