package api

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// ProviderPath is where a provider sends browsers back to.
const ProviderPath = "/login/provider/back"

// errElsewhere is for whoever has no account here to change.
var errElsewhere = &Error{Status: http.StatusBadRequest, Message: "your account is not kept on this appliance, nor are its password and second factor",
	Hint: "change them where it is kept: in the directory, or at the provider"}

// person is whose session asks: an account, or somebody whose account is kept
// elsewhere; "" for others.
func (c Caller) person() string {
	if c.identity.Started.IsZero() {
		return c.Account
	}
	return c.Who
}

// noAccount says why something about the own account cannot be done.
func (c Caller) noAccount() error {
	if c.person() != "" {
		return errElsewhere
	}
	return errNoAccount
}

func (h handlers) provider(r *http.Request) (any, error) {
	return h.src.Provider(r.Context()), nil
}

func (h handlers) beginProvider(r *http.Request, b wire.BeginProvider) (any, error) {
	u, err := url.Parse(b.Redirect)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || b.Redirect != "https://"+u.Host+ProviderPath || len(b.Redirect) > 300 {
		return nil, &Error{Status: http.StatusBadRequest, Message: "the address to come back to is not one of these pages",
			Hint: "give https://HOST:PORT" + ProviderPath}
	}
	return result(h.src.BeginProvider(r.Context(), b))
}

func (h handlers) finishProvider(r *http.Request, f wire.FinishProvider) (any, error) {
	c := CallerOf(r.Context())
	t := access.Try{Address: c.place(), From: c.by().From, Agent: r.UserAgent()}
	key, id, err := h.gate.Vouch(t, func() (access.Person, bool, error) {
		p, err := h.src.FinishProvider(r.Context(), f)
		e, ok := errors.AsType[Statuser](err)
		// Of a log-in that was not begun here nobody is asked.
		return p, ok && e.Status() == http.StatusConflict, err
	})
	if err != nil {
		return nil, err
	}
	session := sessionOf(id)
	session.Token = key
	return session, nil
}
