package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// errNoAccount is for callers that are nobody in particular.
var errNoAccount = &Error{Status: http.StatusBadRequest, Message: "this is about your own account, and you have none",
	Hint: "log in with an account; tokens and root have no second factor and no sessions"}

func (h handlers) sessions(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	list := []wire.OpenSession{}
	whose := c.person()
	switch {
	case mayAdminister(c):
		whose = ""
	case whose == "":
		return list, nil // of a token there are none
	}
	for _, s := range h.gate.Sessions(whose, c.key) {
		list = append(list, wire.OpenSession{ID: s.ID, Account: s.Account, From: s.From, Agent: s.Agent,
			Started: s.Started.UTC(), Used: s.Used.UTC(), Expires: s.Expires.UTC(), Own: s.Own})
	}
	return list, nil
}

func (h handlers) endOthers(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	if c.person() == "" {
		return nil, errNoAccount
	}
	h.gate.EndOthers(c.person(), c.key)
	return wire.Nothing{}, nil
}

func (h handlers) endSession(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	whose := c.person()
	if mayAdminister(c) {
		whose = ""
	} else if whose == "" {
		return nil, errNoAccount
	}
	if !h.gate.EndSession(whose, r.PathValue("id")) {
		return nil, &Error{Status: http.StatusNotFound, Message: "there is no such session", Hint: "it may have ended; GET /v1/sessions lists yours"}
	}
	return wire.Nothing{}, nil
}

func (h handlers) logins(*http.Request) (any, error) {
	list := []wire.LoginEvent{}
	for _, e := range h.gate.Logins() {
		list = append(list, loginEvent(e))
	}
	return list, nil
}

func loginEvent(e access.LoginEvent) wire.LoginEvent {
	return wire.LoginEvent{Time: e.Time, Account: e.Account, From: e.From, Agent: e.Agent, Result: string(e.Result), Count: e.Count}
}

// own is the account that the caller is logged in with.
func (h handlers) own(c Caller) (setting.Account, error) {
	all := h.src.Access()
	a := all.Account(c.Account)
	if c.Account == "" || a == nil {
		return setting.Account{}, c.noAccount()
	}
	return *a, nil
}

func (h handlers) factor(r *http.Request) (any, error) {
	a, err := h.own(CallerOf(r.Context()))
	if err != nil {
		return nil, err
	}
	return wire.Factor{On: a.TOTP != "", Recovery: h.gate.RecoveryLeft(a)}, nil
}

// errFactorOn keeps a second factor from being replaced without its code.
var errFactorOn = &Error{Status: http.StatusConflict, Message: "the second factor is on", Hint: "switch it off first"}

func (h handlers) offerFactor(r *http.Request, o wire.OfferFactor) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	if a.TOTP != "" {
		return nil, errFactorOn
	}
	if err := h.checkOwn(r.Context(), c, o.Current); err != nil {
		return nil, err
	}
	secret, err := h.gate.OfferFactor(a.Name)
	if err != nil {
		return nil, err
	}
	status := h.src.Status(r.Context())
	return wire.OfferedFactor{Secret: secret, URL: access.FactorURL(status.Title+" ("+status.Hostname+")", a.Name, secret)}, nil
}

func (h handlers) acceptFactor(r *http.Request, f wire.AcceptFactor) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	if a.TOTP != "" {
		return nil, errFactorOn
	}
	factor, err := h.gate.AcceptFactor(a.Name, f.Code)
	if err != nil {
		return nil, wrongCode(err)
	}
	if err := h.src.SetFactor(r.Context(), c.by(), a.Name, factor); err != nil {
		return nil, err
	}
	h.gate.EndOthers(a.Name, c.key) // they were opened with less
	return wire.RecoveryCodes{Codes: factor.Codes}, nil
}

func (h handlers) newRecovery(r *http.Request, p wire.ProveFactor) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	if err := h.prove(r.Context(), c, a, p); err != nil {
		return nil, err
	}
	factor, err := h.gate.NewRecovery(a.Name)
	if err != nil {
		return nil, err
	}
	return wire.RecoveryCodes{Codes: factor.Codes}, h.src.SetFactor(r.Context(), c.by(), a.Name, factor)
}

func (h handlers) factorOff(r *http.Request, p wire.ProveFactor) (any, error) {
	c := CallerOf(r.Context())
	if p.Account != "" && p.Account != c.Account {
		if !mayAdminister(c) {
			return nil, &Error{Status: http.StatusForbidden, Message: "you can switch off your own second factor only",
				Hint: "it takes the role admin to switch off another's"}
		}
		return wire.Nothing{}, h.src.SetFactor(r.Context(), c.by(), p.Account, access.Factor{})
	}
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	if err := h.prove(r.Context(), c, a, p); err != nil {
		return nil, err
	}
	return wire.Nothing{}, h.src.SetFactor(r.Context(), c.by(), a.Name, access.Factor{})
}

// prove wants password and code of the account that the caller is logged in
// with.
func (h handlers) prove(ctx context.Context, c Caller, a setting.Account, p wire.ProveFactor) error {
	if a.TOTP == "" {
		return &Error{Status: http.StatusConflict, Message: "the second factor is off"}
	}
	if err := h.checkOwn(ctx, c, p.Current); err != nil {
		return err
	}
	return wrongCode(h.gate.CheckCode(c.place(), a.Name, p.Code))
}

// wrongCode makes a problem of a code that is not right: the session itself is
// good, so it is no 401.
func wrongCode(err error) error {
	if _, ok := errors.AsType[*access.CodeError](err); !ok {
		return err
	}
	return &config.InvalidError{Problems: []setting.Problem{{
		Path: "code", Message: err.Error(), Hint: "take the next one of the app; if none is right, compare the clocks of telephone and appliance",
	}}}
}
