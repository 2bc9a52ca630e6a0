package web

import (
	"encoding/json"
	"net/http"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// passkeyCookie is the challenge that the browser's device is to answer. No
// script sees the cookie, so an answer is good in this browser alone.
const passkeyCookie = "__Host-ingot-passkey"

// origin is where the browser is, as it says itself. What it answers for a
// passkey must be from there.
func (v *visit) origin() string { return "https://" + v.r.Host }

// Passkeys is what is known of passkeys where the visitor is.
func (f frame) Passkeys() (wire.PasskeySite, error) {
	return f.v.site.api.PasskeySite(f.v.ctx(), f.v.origin())
}

// askPasskey is what the script asks before it asks the device: it answers
// with JSON.
func askPasskey(v *visit) error {
	request, err := v.asBrowser().AskPasskey(v.ctx(), v.origin())
	if err != nil {
		return err
	}
	v.remember(passkeyCookie, request.Challenge)
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, _ = v.w.Write(data) // a browser that went away needs no answer
	return nil
}

// credential is what the script put into a form.
func (v *visit) credential() json.RawMessage {
	if text := []byte(v.r.PostForm.Get("credential")); json.Valid(text) {
		return text
	}
	return json.RawMessage("null") // which the API refuses with its reason
}

func loginPasskey(v *visit) error {
	view := loginView{To: local(v.r.PostForm.Get("to"))}
	challenge := v.cookie(passkeyCookie)
	v.forget(passkeyCookie)
	session, err := v.asBrowser().AnswerPasskey(v.ctx(), wire.AnswerPasskey{Origin: v.origin(), Challenge: challenge, Credential: v.credential()})
	e := refused(err)
	switch {
	case err == nil:
		return v.enter(session, view.To)
	case e == nil:
		return err
	case e.RetryAfter > 0:
		view.Problem = v.T("web.login.wait", int(e.RetryAfter.Seconds()))
	case e.Status == http.StatusConflict:
		view.Problem = v.T("web.code.late")
	case e.Status == http.StatusUnauthorized:
		view.Problem = v.T("web.passkey.wrong")
	case e.Status == http.StatusForbidden:
		view.Problem = v.T("web.passkey.copied")
	default:
		view.Problem = v.advice(e.Message, e.Hint)
	}
	return v.showLogin(e.Status, view)
}

// passkeyView is a passkey that the device is to make.
type passkeyView struct {
	Name string
	// Options are for the script, as JSON.
	Options string
}

func offerPasskey(v *visit) error {
	form := v.r.PostForm
	offer, err := v.api.OfferPasskey(v.ctx(), wire.OfferPasskey{Origin: v.origin(), Current: form.Get("current"), Code: form.Get("code")})
	if err != nil {
		return v.passkeyRefused(err)
	}
	options, err := json.Marshal(offer)
	if err != nil {
		return err
	}
	v.remember(passkeyCookie, offer.Challenge)
	return v.show(http.StatusOK, "passkey", "access", v.T("web.passkey.head"), passkeyView{Name: form.Get("name"), Options: string(options)})
}

// passkeyRefused says on the page of access why something was refused.
func (v *visit) passkeyRefused(err error) error {
	view := accessView{KeyName: v.r.PostForm.Get("name")}
	if view.Passkey, err = v.complaints(err); err != nil {
		return err
	}
	return v.showAccess(http.StatusUnprocessableEntity, view)
}

func newPasskey(v *visit) error {
	challenge := v.cookie(passkeyCookie)
	v.forget(passkeyCookie)
	_, err := v.api.NewPasskey(v.ctx(), wire.NewPasskey{
		Origin: v.origin(), Challenge: challenge, Name: v.r.PostForm.Get("name"), Credential: v.credential(),
	})
	return v.answerPasskey(err, "passkey")
}

func renamePasskey(v *visit) error {
	return v.answerPasskey(v.api.RenamePasskey(v.ctx(), v.r.PathValue("id"), v.r.PostForm.Get("name")), "passkey-renamed")
}

func deletePasskey(v *visit) error {
	return v.answerPasskey(v.api.DeletePasskey(v.ctx(), v.r.PathValue("id")), "passkey-deleted")
}

func (v *visit) answerPasskey(err error, said string) error {
	if err != nil {
		return v.passkeyRefused(err)
	}
	return v.redirect("/access?said=" + said)
}

func otherPasskeys(v *visit) error {
	return v.answerAccount(v.api.DeletePasskeys(v.ctx(), v.r.PathValue("name")), accessView{}, "passkeys-deleted")
}
