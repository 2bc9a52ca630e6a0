package api

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// TestFactor is the life of a second factor, and of the sessions beside it,
// over the API alone.
func TestFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, handler := newAPI()
		far := client.NewHandler(handler)
		ctx := WithCaller(t.Context(), Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"})
		login := func(l wire.Login) (*client.Client, *client.Error) {
			t.Helper()
			session, err := far.As("Firefox").Login(ctx, l)
			var e *client.Error
			if errors.As(err, &e) {
				return nil, e
			}
			if err != nil {
				t.Fatal(err)
			}
			return far.WithToken(session.Token), nil
		}
		refused := func(what string, err error, status int, text string) {
			t.Helper()
			var e *client.Error
			if !errors.As(err, &e) || e.Status != status {
				t.Errorf("%s: %v, want status %d", what, err, status)
				return
			}
			for _, p := range e.Problems {
				e.Message += " " + p.Path + " " + p.Message
			}
			if !strings.Contains(e.Message, text) {
				t.Errorf("%s: %s, want %q", what, e.Message, text)
			}
		}
		password := wire.Login{Account: "operator", Password: "operator"}
		me, _ := login(password)
		other, _ := login(password)
		admin, _ := login(wire.Login{Account: "admin", Password: "admin"})

		_, err := me.OfferFactor(ctx, wire.OfferFactor{})
		refused("begin without the password", err, 422, "current the current password is missing")
		_, err = me.OfferFactor(ctx, wire.OfferFactor{Current: "wrong"})
		refused("begin with a wrong password", err, 422, "current the current password is wrong")
		offer, err := me.OfferFactor(ctx, wire.OfferFactor{Current: "operator"})
		if err != nil || !strings.HasPrefix(offer.URL, "otpauth://totp/") || !strings.Contains(offer.URL, "secret="+offer.Secret+"&") {
			t.Fatalf("begin: %+v, %v", offer, err)
		}
		_, err = me.AcceptFactor(ctx, "000000")
		refused("a wrong code", err, 422, "code the code is wrong")
		if now, err := me.Factor(ctx); err != nil || now.On {
			t.Errorf("it is on before a code was right: %+v, %v", now, err)
		}
		codes, err := me.AcceptFactor(ctx, access.Code(offer.Secret, time.Now()))
		if err != nil || len(codes.Codes) != 10 || f.last() != "factor of operator by operator@192.0.2.7: true" {
			t.Fatalf("%+v, %v, %s", codes, err, f.last())
		}
		_, err = other.Session(ctx)
		refused("a session from before", err, 401, "")
		if now, err := me.Factor(ctx); err != nil || !now.On || now.Recovery != 10 {
			t.Errorf("Factor() = %+v, %v", now, err)
		}
		_, err = me.OfferFactor(ctx, wire.OfferFactor{Current: "operator"})
		refused("begin again", err, 409, "is on")
		_, err = me.AcceptFactor(ctx, "000000")
		refused("another one", err, 409, "is on")
		if list, err := me.Accounts(ctx); err != nil || !list[1].SecondFactor {
			t.Errorf("the accounts are %+v, %v", list, err)
		}

		// Log-ins: the marker comes only behind a right password.
		time.Sleep(time.Minute)
		if _, e := login(wire.Login{Account: "operator", Password: "wrong", Code: codes.Codes[0]}); e == nil || e.Status != 401 || e.CodeNeeded || e.Continue != "" {
			t.Errorf("a wrong password: %+v", e)
		}
		_, e := login(password)
		if e == nil || e.Status != 401 || !e.CodeNeeded || e.Continue == "" {
			t.Fatalf("no code: %+v", e)
		}
		if _, again := login(wire.Login{Continue: e.Continue, Code: "000000"}); again == nil || !again.CodeNeeded || again.Continue != e.Continue || !strings.Contains(again.Message, "wrong") {
			t.Errorf("a wrong code: %+v", again)
		}
		other, e = login(wire.Login{Continue: e.Continue, Code: access.Code(offer.Secret, time.Now())})
		if e != nil {
			t.Fatal(e)
		}
		session, err := other.Session(ctx)
		if err != nil || session.Before == nil || session.Before.From != "192.0.2.7" || session.Failures != 2 || session.Started == nil {
			t.Errorf("Session() = %+v, %v", session, err)
		}

		// Sessions and log-ins.
		mine, err := other.Sessions(ctx)
		if err != nil || len(mine) != 2 || !mine[0].Own || mine[1].Own || mine[0].Agent != "Firefox" || mine[0].Account != "operator" {
			t.Fatalf("Sessions() = %+v, %v", mine, err)
		}
		all, err := admin.Sessions(ctx)
		if err != nil || len(all) != 3 {
			t.Errorf("an admin sees %+v, %v", all, err)
		}
		for _, s := range all {
			if s.Account == "admin" {
				refused("another's session", other.EndSession(ctx, s.ID), 404, "no such session")
			}
		}
		if err := admin.EndSession(ctx, mine[1].ID); err != nil {
			t.Error(err)
		}
		_, err = me.Session(ctx)
		refused("the session that was ended", err, 401, "")
		if err := other.EndOthers(ctx); err != nil {
			t.Error(err)
		}
		events, err := admin.Logins(ctx)
		if err != nil || len(events) != 6 || events[0].Result != "code" || events[1].Result != "wrong-code" || events[2].Result != "wrong-password" {
			t.Errorf("Logins() = %+v, %v", events, err)
		}

		// New recovery codes, and off.
		time.Sleep(time.Minute)
		code := func() string { time.Sleep(30 * time.Second); return access.Code(offer.Secret, time.Now()) }
		_, err = other.NewRecovery(ctx, wire.ProveFactor{Current: "operator", Code: "000000"})
		refused("new recovery codes with a wrong code", err, 422, "code")
		_, err = other.NewRecovery(ctx, wire.ProveFactor{Current: "wrong", Code: code()})
		refused("new recovery codes with a wrong password", err, 422, "current")
		more, err := other.NewRecovery(ctx, wire.ProveFactor{Current: "operator", Code: code()})
		if err != nil || len(more.Codes) != 10 || more.Codes[0] == codes.Codes[0] {
			t.Errorf("NewRecovery() = %+v, %v", more, err)
		}
		refused("off with no code", other.FactorOff(ctx, wire.ProveFactor{Current: "operator"}), 422, "code")
		refused("off by an old recovery code", other.FactorOff(ctx, wire.ProveFactor{Current: "operator", Code: codes.Codes[0]}), 422, "code")
		refused("another's", other.FactorOff(ctx, wire.ProveFactor{Account: "admin"}), 403, "your own")
		refused("the own, as if it were another's", admin.FactorOff(ctx, wire.ProveFactor{Account: "admin"}), 422, "current")
		if err := other.FactorOff(ctx, wire.ProveFactor{Current: "operator", Code: more.Codes[0]}); err != nil || f.last() != "factor of operator by operator@192.0.2.7: false" {
			t.Errorf("off: %v, %s", err, f.last())
		}
		refused("off again", other.FactorOff(ctx, wire.ProveFactor{Current: "operator", Code: code()}), 409, "is off")
	})
}

// TestTokenUse: the list says when and where a token was used.
func TestTokenUse(t *testing.T) {
	_, _, handler := newAPI()
	c := client.NewHandler(handler)
	ctx := WithCaller(t.Context(), Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"})
	list, err := c.WithToken("key of auditor").Tokens(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range list {
		if used := token.Used != nil && time.Since(*token.Used) < time.Minute && token.From == "192.0.2.7"; used != (token.Name == "auditor") {
			t.Errorf("%+v", token)
		}
	}
}
