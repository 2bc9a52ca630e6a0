package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
)

var stranger = asker{caller: Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}}

// bearer is somebody far away with a key.
func bearer(key string) asker {
	return asker{caller: stranger.caller, header: "Bearer " + key}
}

// TestRedirects: browsers come back to these pages and nowhere else.
func TestRedirects(t *testing.T) {
	src, _, handler := newAPI()
	for redirect, want := range map[string]int{
		"https://192.0.2.1:5480/login/provider/back":      200,
		"https://[2001:db8::1]:5480/login/provider/back":  200,
		"https://box.example.com/login/provider/back":     200,
		"http://192.0.2.1:5480/login/provider/back":       400,
		"https://192.0.2.1:5480/":                         400,
		"https://192.0.2.1:5480/login/provider/back?x=y":  400,
		"https://192.0.2.1:5480/login/provider/back#x":    400,
		"https://192.0.2.1:5480/login/provider/back/":     400,
		"https://192.0.2.1:5480/x/../login/provider/back": 400,
		"https://192.0.2.1:5480/login%2fprovider/back":    400,
		"https://user@192.0.2.1/login/provider/back":      400,
		"https:///login/provider/back":                    400,
		"//192.0.2.1/login/provider/back":                 400,
		"javascript:alert(1)//login/provider/back":        400,
		"": 400, "\x00": 400,
		"https://" + strings.Repeat("a", 400) + "/login/provider/back": 400,
	} {
		src.calls = nil
		body := `{"redirect":` + quoted(redirect) + `}`
		if w := ask(handler, stranger, "POST", "/v1/login/provider", body); w.Code != want || (want == 200) != (len(src.calls) == 1) {
			t.Errorf("%q = %d %s, %v", redirect, w.Code, w.Body, src.calls)
		}
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer("\x00", `\u0000`, `"`, `\"`).Replace(s) + `"`
}

// TestProviderSessions: who comes by a provider has a session, and nothing
// that belongs to accounts of the appliance.
func TestProviderSessions(t *testing.T) {
	src, gate, handler := newAPI()
	session := read[wire.Session](t, ask(handler, stranger, "POST", "/v1/login/provider/finish", `{"key":"k","state":"s","code":"ADMIN"}`))
	if session.Account != "oidc:alice" || session.Role != "admin" || session.Elsewhere != "oidc" || session.Token == "" || session.Started == nil {
		t.Fatalf("the session is %+v", session)
	}
	me := bearer(session.Token)
	if got := read[wire.Session](t, ask(handler, me, "GET", "/v1/session", "")); got.Account != "oidc:alice" || got.Elsewhere != "oidc" {
		t.Errorf("the session is %+v", got)
	}
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/v1/factor", ""}, {"POST", "/v1/factor", `{"current":"x"}`}, {"PUT", "/v1/factor", `{"code":"123456"}`},
		{"POST", "/v1/factor/recovery", `{"current":"x","code":"123456"}`}, {"POST", "/v1/factor/off", `{"current":"x","code":"1"}`},
		{"POST", "/v1/password", `{"password":"correct horse","current":"x"}`},
		{"PUT", "/v1/passkeys/x", `{"name":"x"}`}, {"DELETE", "/v1/passkeys/x", ""},
	} {
		src.calls = nil
		if w := ask(handler, me, r.method, r.path, r.body); w.Code != 400 || !strings.Contains(w.Body.String(), "is not kept on this appliance") || len(src.calls) != 0 {
			t.Errorf("%s %s = %d %s", r.method, r.path, w.Code, w.Body)
		}
	}
	if list := read[[]wire.OpenSession](t, ask(handler, me, "GET", "/v1/sessions", "")); len(list) != 1 || !list[0].Own {
		t.Errorf("sessions: %+v", list)
	}
	if ask(handler, me, "PATCH", "/v1/config", `{"values":{"a":"b"}}`, func(h http.Header) { h.Set("If-Match", `"7"`) }); !strings.HasPrefix(src.last(), "change by oidc:alice@192.0.2.7") {
		t.Errorf("the history says %q", src.last())
	}
	other := read[wire.Session](t, ask(handler, stranger, "POST", "/v1/login/provider/finish", `{"key":"k","state":"s","code":"ADMIN"}`))
	if w := ask(handler, me, "DELETE", "/v1/sessions", ""); w.Code != 200 {
		t.Errorf("ending the others = %d %s", w.Code, w.Body)
	}
	if _, err := gate.Identify(other.Token, ""); !errors.Is(err, access.ErrExpired) {
		t.Errorf("the other one goes on: %v", err)
	}
	if w := ask(handler, me, "POST", "/v1/logout", ""); w.Code != 200 {
		t.Errorf("logging out = %d", w.Code)
	}
}

// TestProviderRefusals: whom it does not vouch for, and too many of them.
func TestProviderRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, gate, handler := newAPI()
		finish := func(code string) int {
			return ask(handler, stranger, "POST", "/v1/login/provider/finish", `{"key":"k","state":"s","code":"`+code+`"}`).Code
		}
		for range 10 { // known, so nobody guesses
			if got := finish("NOBODY"); got != 403 {
				t.Fatalf("without a group = %d", got)
			}
		}
		if e := gate.Logins()[0]; e.Account != "oidc:nora" || e.Result != access.WrongGroup || e.Count != 10 {
			t.Errorf("the log-ins say %+v", e)
		}
		var got []int
		for range 4 {
			got = append(got, finish("FORGED"))
		}
		if got[0] != 502 || got[3] != 429 {
			t.Errorf("forged answers = %v", got)
		}
	})
}

// read is the body of an answer that was good.
func read[T any](t *testing.T, w *httptest.ResponseRecorder) (body T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body
}
