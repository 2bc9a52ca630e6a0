package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

const shop = "https://shop.example.com:5480"

// deviceOf makes a passkey as a browser is told to.
func deviceOf(t testing.TB) *passkeytest.Passkey {
	t.Helper()
	key, err := passkeytest.Make(passkeytest.P256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestPasskey is the life of a passkey over the API alone.
func TestPasskey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, handler := newAPI()
		far := client.NewHandler(handler)
		ctx := WithCaller(t.Context(), Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"})
		login := func(account string) *client.Client {
			t.Helper()
			session, err := far.Login(ctx, wire.Login{Account: account, Password: account})
			if err != nil {
				t.Fatal(err)
			}
			return far.WithToken(session.Token)
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
		me, admin := login("operator"), login("admin")

		// What is known beforehand.
		for origin, want := range map[string]wire.PasskeySite{shop: {Name: "shop.example.com"}, "https://192.0.2.7:5480": {}, "x": {}} {
			if got, err := far.PasskeySite(ctx, origin); err != nil || got != want {
				t.Errorf("at %s: %+v, %v", origin, got, err)
			}
		}
		if list, err := me.Passkeys(ctx); err != nil || len(list) != 0 {
			t.Errorf("Passkeys() = %+v, %v", list, err)
		}

		// To be added takes the password, and a place with a name.
		_, err := me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop})
		refused("begin without the password", err, 422, "current the current password is missing")
		_, err = me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "wrong"})
		refused("begin with a wrong password", err, 422, "current the current password is wrong")
		_, err = me.OfferPasskey(ctx, wire.OfferPasskey{Origin: "https://192.0.2.7:5480", Current: "operator"})
		refused("begin at an address", err, 400, "this is an address")
		offer, err := me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "operator"})
		if err != nil || offer.RP.ID != "shop.example.com" || offer.User.Name != "operator" || strings.Contains(offer.User.ID, "operator") || offer.Attestation != "none" ||
			offer.Selection != (wire.PasskeySelection{ResidentKey: "required", RequireResidentKey: true, UserVerification: "required"}) || len(offer.Parameters) != 3 || len(offer.Exclude) != 0 {
			t.Fatalf("begin: %+v, %v", offer, err)
		}
		key := deviceOf(t)
		add := wire.NewPasskey{Origin: shop, Challenge: offer.Challenge, Name: "Telephone", Credential: key.Create(shop, offer.Challenge)}
		_, err = admin.NewPasskey(ctx, add)
		refused("for another account", err, 409, "not asked for")
		wrong := add
		wrong.Credential = key.Create(shop, offer.Challenge, func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Verified })
		_, err = me.NewPasskey(ctx, wrong)
		refused("without verification", err, 422, "credential the device has not verified who uses it")
		made, err := me.NewPasskey(ctx, add)
		if err != nil || made.ID != key.Name() || made.Host != "shop.example.com" || made.Used != nil || f.last() != "passkey Telephone of operator by operator@192.0.2.7" {
			t.Fatalf("%+v, %v, %s", made, err, f.last())
		}
		_, err = me.NewPasskey(ctx, add)
		refused("the same again", err, 409, "not asked for")
		if site, err := far.PasskeySite(ctx, shop); err != nil || !site.Any || !site.Here {
			t.Errorf("PasskeySite() = %+v, %v", site, err)
		}
		if site, err := far.PasskeySite(ctx, "https://till.example.com:5480"); err != nil || !site.Any || site.Here {
			t.Errorf("PasskeySite() elsewhere = %+v, %v", site, err)
		}
		if list, err := me.Accounts(ctx); err != nil || list[1].Passkeys != 1 || list[0].Passkeys != 0 {
			t.Errorf("Accounts() = %+v, %v", list, err)
		}
		if again, err := me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "operator"}); err != nil || len(again.Exclude) != 1 || again.Exclude[0].ID != key.Name() || again.User.ID != offer.User.ID {
			t.Errorf("a second one: %+v, %v", again, err)
		}

		// Log-ins.
		request, err := far.AskPasskey(ctx, shop)
		if err != nil || request.RPID != "shop.example.com" || request.UserVerification != "required" {
			t.Fatalf("%+v, %v", request, err)
		}
		_, err = far.AskPasskey(ctx, "https://[2001:db8::7]:5480")
		refused("ask at an address", err, 400, "this is an address")
		answer := wire.AnswerPasskey{Origin: shop, Challenge: request.Challenge, Credential: deviceOf(t).Get(shop, request.Challenge)}
		_, err = far.AnswerPasskey(ctx, answer)
		refused("an unknown one", err, 401, "not known here")
		answer.Credential = key.Get(shop, request.Challenge)
		session, err := far.As("Firefox").AnswerPasskey(ctx, answer)
		if err != nil || session.Account != "operator" || session.Role != "operator" || session.Token == "" || session.Before == nil {
			t.Fatalf("%+v, %v", session, err)
		}
		_, err = far.AnswerPasskey(ctx, answer)
		refused("the same again", err, 409, "not asked for")
		mine := far.WithToken(session.Token)
		if list, err := mine.Passkeys(ctx); err != nil || len(list) != 1 || list[0].Used == nil || list[0].From != "192.0.2.7" || time.Since(*list[0].Used) > time.Minute {
			t.Errorf("Passkeys() = %+v, %v", list, err)
		}
		if events, err := admin.Logins(ctx); err != nil || events[0].Result != "passkey" || events[0].Agent != "Firefox" || events[1].Result != "wrong-passkey" {
			t.Errorf("Logins() = %+v, %v", events, err)
		}
		if list, err := admin.Passkeys(ctx); err != nil || len(list) != 0 {
			t.Errorf("an admin's own are %+v, %v", list, err)
		}

		// With a second factor adding one takes its code.
		f.mu.Lock()
		f.factor = access.Factor{TOTP: strings.Repeat("MFRGGZDF", 4)}
		f.mu.Unlock()
		_, err = me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "operator"})
		refused("begin without the code", err, 422, "code ")
		_, err = me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "operator", Code: "000000"})
		refused("begin with a wrong code", err, 422, "code ")
		if _, err = me.OfferPasskey(ctx, wire.OfferPasskey{Origin: shop, Current: "operator", Code: access.Code(f.factor.TOTP, time.Now())}); err != nil {
			t.Errorf("begin with the code: %v", err)
		}
		f.mu.Lock()
		f.factor = access.Factor{}
		f.mu.Unlock()

		// A session that the passkey opened ends with it; that of the password does not.
		me = login("operator")
		request, err = far.AskPasskey(ctx, shop)
		if err != nil {
			t.Fatal(err)
		}
		session, err = far.AnswerPasskey(ctx, wire.AnswerPasskey{Origin: shop, Challenge: request.Challenge, Credential: key.Get(shop, request.Challenge)})
		if err != nil {
			t.Fatal(err)
		}
		mine = far.WithToken(session.Token)
		if err := me.RenamePasskey(ctx, key.Name(), "Old one"); err != nil || !strings.HasSuffix(f.last(), "of operator is Old one by operator@192.0.2.7") {
			t.Errorf("%v, %s", err, f.last())
		}
		if err := admin.DeletePasskeys(ctx, "operator"); err != nil || f.last() != "delete passkey  of operator by admin@192.0.2.7" {
			t.Errorf("%v, %s", err, f.last())
		}
		_, err = mine.Session(ctx)
		refused("the session of the passkey", err, 401, "")
		if _, err = me.Session(ctx); err != nil {
			t.Error(err)
		}
		if err := me.DeletePasskey(ctx, key.Name()); err != nil || !strings.HasSuffix(f.last(), "of operator by operator@192.0.2.7") {
			t.Errorf("%v, %s", err, f.last())
		}
	})
}

// FuzzPasskeyBodies sends anything where the browser's answers go: nobody gets
// in, nothing is kept, and it is the caller's fault.
func FuzzPasskeyBodies(f *testing.F) {
	src, gate, handler := newAPI()
	key := deviceOf(f)
	for _, seed := range []string{
		"", "{}", "null", `{"origin":"` + shop + `"}`, `{"origin":"https://192.0.2.7"}`, `{"origin":1}`,
		`{"origin":"` + shop + `","challenge":"x","credential":{}}`, `{"origin":"` + shop + `","challenge":"x","name":"x","credential":[]}`,
		`{"origin":"` + shop + `","challenge":"x","credential":` + string(key.Get(shop, "x")) + `}`,
		`{"origin":"` + shop + `","challenge":"CHALLENGE","credential":` + string(key.Get(shop, "x")) + `}`,
		`{"origin":"` + shop + `","challenge":"CHALLENGE","credential":` + string(deviceOf(f).Create(shop, "x")) + `}`,
	} {
		f.Add(seed)
	}
	session, _, err := gate.Login(f.Context(), access.Try{Address: "192.0.2.9", Account: "admin", Password: "admin"})
	if err != nil {
		f.Fatal(err)
	}
	far := Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}
	f.Fuzz(func(t *testing.T, body string) {
		challenge, err := gate.AskPasskey("", shop)
		if err != nil {
			t.Fatal(err)
		}
		body = strings.ReplaceAll(body, "CHALLENGE", challenge)
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			w := ask(handler, asker{caller: far}, method, "/v1/login/passkey", body)
			asked := method == http.MethodPost && w.Code == http.StatusOK
			if !asked && (w.Code < 400 || w.Code >= 500) || strings.Contains(w.Body.String(), "ingots_") {
				t.Errorf("%s %q = %d %s", method, body, w.Code, w.Body)
			}
		}
		src.mu.Lock()
		src.calls = nil
		src.mu.Unlock()
		w := ask(handler, asker{caller: far, header: "Bearer " + session}, http.MethodPut, "/v1/passkeys", body)
		if w.Code < 400 || w.Code >= 500 || w.Code == http.StatusUnauthorized || src.last() != "" || !json.Valid(w.Body.Bytes()) {
			t.Errorf("PUT /v1/passkeys %q = %d %s, %s", body, w.Code, w.Body, src.last())
		}
	})
}
