package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys"
)

const (
	passkeyType = "public-key"
	// passkeyTimeout is how long a browser waits for the device, in
	// milliseconds; the challenge ends a little later.
	passkeyTimeout = 4 * 60 * 1000
)

func (h handlers) passkeys(r *http.Request) (any, error) {
	list := []wire.Passkey{}
	all := h.src.Access()
	if a := all.Account(CallerOf(r.Context()).Account); a != nil {
		for _, p := range a.Passkeys {
			list = append(list, h.passkey(p))
		}
	}
	return list, nil
}

func (h handlers) passkey(p setting.Passkey) wire.Passkey {
	shown := wire.Passkey{ID: p.ID, Name: p.Name, Host: p.Host}
	shown.Created, _ = time.Parse(time.RFC3339, p.Created) // as the settings have seen
	if use := h.gate.PasskeyUse(p.ID); !use.Time.IsZero() {
		shown.Used, shown.From = &use.Time, use.From
	}
	return shown
}

// offerPasskey takes all that a log-in takes: the passkey will stand in for it.
func (h handlers) offerPasskey(r *http.Request, o wire.OfferPasskey) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	name, err := passkeys.Name(o.Origin)
	if err != nil {
		return nil, wrongOrigin(err)
	}
	if len(a.Passkeys) >= setting.MaxPasskeys {
		return nil, &Error{Status: http.StatusConflict, Message: "this account has as many passkeys as there may be", Hint: "delete one that is not used any more"}
	}
	if err := h.proveAll(r.Context(), c, a, o); err != nil {
		return nil, err
	}
	challenge, err := h.gate.AskPasskey(a.Name, o.Origin)
	if err != nil {
		return nil, err
	}
	return creation(a, wire.PasskeyParty{ID: name, Name: h.src.Status(r.Context()).Title}, challenge), nil
}

// proveAll wants the password of the account that the caller is logged in
// with, and a code where there is a second factor.
func (h handlers) proveAll(ctx context.Context, c Caller, a setting.Account, o wire.OfferPasskey) error {
	if a.TOTP != "" {
		return h.prove(ctx, c, a, wire.ProveFactor{Current: o.Current, Code: o.Code})
	}
	return h.checkOwn(ctx, c, o.Current)
}

// creation is what a browser is to make. A device keeps one passkey of each
// user's ID, so that a new one takes the place of one that was deleted here.
func creation(a setting.Account, party wire.PasskeyParty, challenge string) wire.PasskeyCreation {
	id := sha256.Sum256([]byte("passkeys of " + a.Name))
	o := wire.PasskeyCreation{
		Challenge: challenge, RP: party, Timeout: passkeyTimeout, Attestation: "none",
		User:      wire.PasskeyUser{ID: passkeys.Encode(id[:16]), Name: a.Name, DisplayName: a.Name},
		Selection: wire.PasskeySelection{ResidentKey: "required", RequireResidentKey: true, UserVerification: "required"},
		Exclude:   []wire.PasskeyDescriptor{},
	}
	for _, alg := range passkeys.Algorithms() {
		o.Parameters = append(o.Parameters, wire.PasskeyParameter{Type: passkeyType, Alg: alg})
	}
	for _, p := range a.Passkeys {
		if p.Host == party.ID {
			o.Exclude = append(o.Exclude, wire.PasskeyDescriptor{Type: passkeyType, ID: p.ID})
		}
	}
	return o
}

func (h handlers) newPasskey(r *http.Request, n wire.NewPasskey) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	key, err := h.gate.NewPasskey(a.Name, n.Name, access.PasskeyAnswer{Origin: n.Origin, Challenge: n.Challenge, Credential: n.Credential})
	if errors.Is(err, access.ErrLate) {
		return nil, err
	}
	if err != nil {
		return nil, &config.InvalidError{Problems: []setting.Problem{{Path: "credential", Message: err.Error(), Hint: "begin again"}}}
	}
	if err := h.src.AddPasskey(r.Context(), c.by(), a.Name, key); err != nil {
		return nil, err
	}
	return h.passkey(key), nil
}

func (h handlers) renamePasskey(r *http.Request, n wire.RenamePasskey) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	return wire.Nothing{}, h.src.RenamePasskey(r.Context(), c.by(), a.Name, r.PathValue("id"), n.Name)
}

func (h handlers) deletePasskey(r *http.Request) (any, error) {
	c := CallerOf(r.Context())
	a, err := h.own(c)
	if err != nil {
		return nil, err
	}
	return wire.Nothing{}, h.src.DeletePasskey(r.Context(), c.by(), a.Name, r.PathValue("id"))
}

func (h handlers) deletePasskeys(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.DeletePasskey(r.Context(), CallerOf(r.Context()).by(), r.PathValue("name"), "")
}

func (h handlers) passkeySite(r *http.Request) (any, error) {
	var site wire.PasskeySite
	site.Name, _ = passkeys.Name(r.URL.Query().Get("origin")) // "" where there can be none
	for _, a := range h.src.Access().Accounts {
		for _, p := range a.Passkeys {
			site.Any, site.Here = true, site.Here || p.Host == site.Name
		}
	}
	return site, nil
}

func (h handlers) askPasskey(_ *http.Request, a wire.AskPasskey) (any, error) {
	challenge, err := h.gate.AskPasskey("", a.Origin)
	if err != nil {
		return nil, wrongOrigin(err)
	}
	name, _ := passkeys.Name(a.Origin) // as the gate has seen
	return wire.PasskeyRequest{Challenge: challenge, RPID: name, Timeout: passkeyTimeout, UserVerification: "required"}, nil
}

func (h handlers) answerPasskey(r *http.Request, a wire.AnswerPasskey) (any, error) {
	c := CallerOf(r.Context())
	key, id, err := h.gate.Login(r.Context(), access.Try{
		Address: c.place(), From: c.by().From, Agent: r.UserAgent(),
		Passkey: &access.PasskeyAnswer{Origin: a.Origin, Challenge: a.Challenge, Credential: a.Credential},
	})
	if err != nil {
		return nil, err
	}
	session := sessionOf(id)
	session.Token = key
	return session, nil
}

func wrongOrigin(err error) error {
	return &Error{Status: http.StatusBadRequest, Message: err.Error(), Hint: "open the appliance under a name, with a certificate that the browser trusts"}
}
