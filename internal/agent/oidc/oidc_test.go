package oidc

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent/oidc/providertest"
	"github.com/ingotvm/ingot/internal/config/setting"
)

const redirect = "https://192.0.2.1:5480/login/provider/back"

// world is a provider, and a client with a clock of its own.
type world struct {
	*Client
	t     *testing.T
	p     *providertest.Provider
	o     setting.OIDC
	ahead atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, p: providertest.Start(t, redirect)}
	w.o = w.p.Setting()
	w.Client = newClient(t, Options{Log: t.Logf, Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }})
	return w
}

func newClient(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// visit begins a log-in and goes through the provider's pages.
func (w *world) visit(name string) Answer {
	w.t.Helper()
	address, key, err := w.Begin(w.t.Context(), w.o, setting.Network{}, redirect)
	if err != nil {
		w.t.Fatal(err)
	}
	return answerOf(key, w.p.Browse(w.t, address, name, providertest.Password))
}

func answerOf(key string, back *url.URL) Answer {
	q := back.Query()
	return Answer{Key: key, State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Text: q.Get("error_description")}
}

func (w *world) finish(a Answer) (Person, error) {
	return w.Finish(w.t.Context(), w.o, setting.Network{}, a)
}

// TestLogin: each role, and nobody without one.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]setting.Role{"alice": setting.Admin, "oskar": setting.Operator, "aurel": setting.Auditor} {
		if p, err := w.finish(w.visit(name)); err != nil || p != (Person{name, want}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, err := w.finish(w.visit("nora")); !errors.Is(err, ErrNoRole) || p.Name != "nora" || p.Role != "" {
		t.Errorf("nora: %+v, %v", p, err)
	}
	w.o.NameClaim = "email"
	if p, err := w.finish(w.visit("alice")); err != nil || p.Name != "alice@example.com" {
		t.Errorf("by e-mail: %+v, %v", p, err)
	}
	w.p.TamperInfo(func(info map[string]any) { info["email_verified"] = false })
	if _, err := w.finish(w.visit("alice")); err == nil || !strings.Contains(err.Error(), "whether the e-mail address is yours") {
		t.Errorf("an address that nobody verified: %v", err)
	}
}

// TestRequest: what the browser takes to the provider.
func TestRequest(t *testing.T) {
	w := newWorld(t)
	address, key, err := w.Begin(t.Context(), w.o, setting.Network{}, redirect)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	q := u.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": "appliance", "redirect_uri": redirect, "scope": "openid profile email", "code_challenge_method": "S256"} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 43 {
			t.Errorf("%s is %q", name, q.Get(name))
		}
		if strings.Contains(key, q.Get(name)) {
			t.Errorf("the key tells %s", name)
		}
	}
	if again, _, _ := w.Begin(t.Context(), w.o, setting.Network{}, redirect); again == address {
		t.Error("two log-ins are the same")
	}
	wrong := strings.Replace(address, url.QueryEscape(redirect), url.QueryEscape("https://evil.example/login/provider/back"), 1)
	if said := w.p.Refuses(t, wrong); !strings.Contains(said, "redirect_uri") {
		t.Errorf("the provider takes another redirect: %s", said)
	}
}

// TestForged: tokens that are not for this appliance, this log-in, this time,
// or not by the provider.
func TestForged(t *testing.T) {
	hour := func(n int64) int64 { return time.Now().Unix() + n*3600 }
	for _, test := range []struct {
		name   string
		change func(*providertest.Token)
		says   string // "" is let in
	}{
		{"signed anew, and good", func(*providertest.Token) {}, ""},
		{"wrong nonce", func(t *providertest.Token) { t.Claims["nonce"] = "another" }, "another log-in"},
		{"no nonce", func(t *providertest.Token) { delete(t.Claims, "nonce") }, "another log-in"},
		{"other audience", func(t *providertest.Token) { t.Claims["aud"] = "other" }, "audience"},
		{"two audiences, for another", func(t *providertest.Token) {
			t.Claims["aud"], t.Claims["azp"] = []string{"appliance", "other"}, "other"
		}, "another program"},
		{"two audiences, for nobody", func(t *providertest.Token) {
			t.Claims["aud"] = []string{"appliance", "other"}
			delete(t.Claims, "azp")
		}, "another program"},
		{"two audiences, for us", func(t *providertest.Token) {
			t.Claims["aud"], t.Claims["azp"] = []string{"appliance", "other"}, "appliance"
		}, ""},
		{"no audience", func(t *providertest.Token) { delete(t.Claims, "aud") }, "audience"},
		{"other issuer", func(t *providertest.Token) { t.Claims["iss"] = "https://evil.example" }, "issue"},
		{"expired", func(t *providertest.Token) { t.Claims["exp"], t.Claims["iat"] = hour(-1), hour(-2) }, "expired"},
		{"not valid yet", func(t *providertest.Token) { t.Claims["nbf"] = hour(1) }, "before"},
		{"alg none", func(t *providertest.Token) { t.Alg = "none" }, "signature algorithm"},
		{"alg None", func(t *providertest.Token) { t.Alg = "None" }, "signature algorithm"},
		{"alg HS256 with the public key", func(t *providertest.Token) { t.Alg = "HS256" }, "signature algorithm"},
		{"a stranger's key", func(t *providertest.Token) { t.Alg = "stranger" }, "verify signature"},
		{"somebody else's token", func(t *providertest.Token) { t.Claims["sub"] = "id-oskar" }, "somebody else"},
		{"other access token", func(t *providertest.Token) { t.Claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "access token is of another"},
		{"a name with lines", func(t *providertest.Token) { t.Claims["preferred_username"] = "alice\nroot" }, "no name"},
		{"a name that is none", func(t *providertest.Token) { t.Claims["preferred_username"] = 7 }, "no name"},
		{"a name too long", func(t *providertest.Token) { t.Claims["preferred_username"] = strings.Repeat("a", 300) }, "no name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.p.Tamper(test.change)
			p, err := w.finish(w.visit("alice"))
			var doubt *DoubtError
			switch {
			case test.says == "":
				if err != nil || p.Role != setting.Admin {
					t.Errorf("%+v, %v", p, err)
				}
			case !errors.As(err, &doubt) || !strings.Contains(doubt.Text, test.says) || p.Role != "":
				t.Errorf("%+v, %v; want it to say %q", p, err, test.says)
			}
		})
	}
}

// TestInfoOfSomebodyElse: claims that the provider tells of another person.
func TestInfoOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	w.p.TamperInfo(func(info map[string]any) { info["sub"] = "id-alice" })
	if p, err := w.finish(w.visit("aurel")); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestBack: what comes back to another browser, twice, late, or made up.
func TestBack(t *testing.T) {
	w := newWorld(t)
	good := w.visit("alice")
	_, otherKey, err := w.Begin(t.Context(), w.o, setting.Network{}, redirect)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(a *Answer){
		"no key":          func(a *Answer) { a.Key = "" },
		"another's key":   func(a *Answer) { a.Key = otherKey },
		"made-up key":     func(a *Answer) { a.Key = base64.RawURLEncoding.EncodeToString(make([]byte, 200)) },
		"key with a flip": func(a *Answer) { a.Key = a.Key[:30] + "A" + a.Key[31:] },
		"huge key":        func(a *Answer) { a.Key = strings.Repeat("A", 1<<20) },
		"other state":     func(a *Answer) { a.State += "x" },
		"no state":        func(a *Answer) { a.State = "" },
		"key of a restart": func(a *Answer) {
			_, a.Key, _ = newClient(t, Options{}).Begin(t.Context(), w.o, setting.Network{}, redirect)
		},
	} {
		a := good
		change(&a)
		if a.Key == good.Key && a.State == good.State {
			continue // the flip was none
		}
		if p, err := w.finish(a); !errors.Is(err, ErrState) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	other := good
	other.Issuer = "https://evil.example"
	if _, err := w.finish(other); err == nil || !strings.Contains(err.Error(), "another provider") {
		t.Errorf("mixed up: %v", err)
	}
	if _, err := w.finish(good); err != nil {
		t.Errorf("after all that, the good one: %v", err)
	}
	if _, err := w.finish(good); !errors.Is(err, ErrState) {
		t.Errorf("the same again: %v", err)
	}
	late := w.visit("alice")
	w.ahead.Store(int64(Within))
	if _, err := w.finish(late); !errors.Is(err, ErrState) {
		t.Errorf("too late: %v", err)
	}
	w.ahead.Store(0)
	w.o.AdminGroups = []string{"staff"}
	if _, err := w.finish(w.visitUnder(func(o *setting.OIDC) { o.AdminGroups = []string{"nobody"} })); !errors.Is(err, ErrState) {
		t.Errorf("under other settings: %v", err)
	}
}

// visitUnder is a visit that began under other settings.
func (w *world) visitUnder(change func(*setting.OIDC)) Answer {
	now := w.o
	change(&w.o)
	a := w.visit("nora")
	w.o = now
	return a
}

// TestCode: codes that are another log-in's, used, or stolen, and a client
// without its secret.
func TestCode(t *testing.T) {
	w := newWorld(t)
	stolen := w.visit("alice")
	mine := w.visit("aurel")
	mine.Code = stolen.Code // the provider compares it with this log-in's PKCE verifier
	var refused *RefusedError
	if p, err := w.finish(mine); !errors.As(err, &refused) || refused.Code != "invalid_grant" {
		t.Errorf("another log-in's code: %+v, %v", p, err)
	}
	used := w.visit("alice")
	if _, err := w.finish(used); err != nil {
		t.Fatal(err)
	}
	again := w.visit("alice")
	again.Code = used.Code
	if _, err := w.finish(again); !errors.As(err, &refused) {
		t.Errorf("a used code: %v", err)
	}
	w.o.ClientSecret = "wrong"
	if _, err := w.finish(w.visit("alice")); !errors.As(err, &refused) || refused.Code != "invalid_client" {
		t.Errorf("a wrong secret: %v", err)
	}
	w.o.ClientSecret = providertest.Secret
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := w.Finish(gone, w.o, setting.Network{}, w.visit("alice")); err != nil || w.Trouble(w.o, setting.Network{}) != "" {
		t.Errorf("a browser that goes away: %v, %q", err, w.Trouble(w.o, setting.Network{}))
	}
	denied := w.visit("alice")
	denied.Code, denied.Error, denied.Text = "", "access_denied", "You may not.\r\n<script>"
	if _, err := w.finish(denied); !errors.As(err, &refused) || refused.Error() != "the provider refused the log-in: You may not. <script> (access_denied)" {
		t.Errorf("what the provider says: %v", err)
	}
	empty := w.visit("alice")
	empty.Code = ""
	if _, err := w.finish(empty); err == nil {
		t.Error("an answer without a code is taken")
	}
}

// TestTrouble: providers that cannot be asked, or are not who they should be.
func TestTrouble(t *testing.T) {
	p := providertest.Start(t, redirect)
	describes := func(issuer string, endpoints string) *httptest.Server {
		var s *httptest.Server
		s = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = rw.Write([]byte(`{"issuer":"` + strings.ReplaceAll(issuer, "SELF", s.URL) + `",` + endpoints + `}`))
		}))
		t.Cleanup(s.Close)
		return s
	}
	plain := describes("SELF", `"authorization_endpoint":"https://x/a","token_endpoint":"http://x/t","jwks_uri":"https://x/k"`)
	other := describes("https://evil.example", `"authorization_endpoint":"https://x/a","token_endpoint":"https://x/t","jwks_uri":"https://x/k"`)
	script := describes("SELF", `"authorization_endpoint":"javascript:alert(1)","token_endpoint":"https://x/t","jwks_uri":"https://x/k"`)
	huge := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := rw.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	t.Cleanup(huge.Close)
	moved := httptest.NewTLSServer(http.RedirectHandler(p.URL+"/.well-known/openid-configuration", http.StatusFound))
	t.Cleanup(moved.Close)
	for _, test := range []struct {
		name, issuer, property, says string
		authority                    bool
	}{
		{"good", p.URL, "", "", true},
		{"no root", p.URL, "oidc.authority", "not trusted", false},
		{"nobody there", "https://127.0.0.1:1", "oidc.issuer", "cannot be reached", true},
		{"no such host", "https://nowhere.invalid", "oidc.issuer", "cannot be reached", true},
		{"a slash", p.URL + "/", "oidc.issuer", "calls itself otherwise", true},
		{"somebody else", other.URL, "oidc.issuer", "calls itself otherwise", true},
		{"no provider", p.URL + "/x", "oidc.issuer", "does not describe itself", true},
		{"part of it in clear", plain.URL, "oidc.issuer", "token_endpoint", true},
		{"a script", script.URL, "oidc.issuer", "authorization_endpoint", true},
		{"endless", huge.URL, "oidc.issuer", "does not describe itself", true},
		{"sends us elsewhere", moved.URL, "oidc.issuer", "does not describe itself", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := p.Setting()
			o.Issuer = test.issuer
			if !test.authority {
				o.Authority = ""
			}
			c := newClient(t, Options{})
			found := c.Check(t.Context(), o, setting.Network{})
			if test.property == "" && len(found) > 0 || test.property != "" && (len(found) != 1 || found[0].Path != test.property ||
				!strings.Contains(found[0].Message, test.says) || found[0].Hint == "") {
				t.Errorf("problems: %+v", found)
			}
			_, _, err := c.Begin(t.Context(), o, setting.Network{}, redirect)
			if (err == nil) != (test.property == "") || (c.Trouble(o, setting.Network{}) == "") != (err == nil) {
				t.Errorf("Begin() = %v, Trouble() = %q", err, c.Trouble(o, setting.Network{}))
			}
		})
	}
}

// TestDead: a provider that dies holds nobody up for long, and is asked again.
func TestDead(t *testing.T) {
	w := newWorld(t)
	a := w.visit("alice")
	w.p.Stop()
	var trouble *TroubleError
	if _, err := w.finish(a); !errors.As(err, &trouble) || !strings.Contains(trouble.Text, "cannot be reached") {
		t.Errorf("Finish() = %v", err)
	}
	var asked atomic.Int32
	c := newClient(t, Options{Now: w.opts.Now, Transport: func(setting.OIDC, setting.Network) (http.RoundTripper, error) {
		asked.Add(1)
		return http.DefaultTransport, nil
	}})
	for range 3 {
		if _, _, err := c.Begin(t.Context(), w.o, setting.Network{}, redirect); !errors.As(err, &trouble) {
			t.Errorf("Begin() = %v", err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("a dead provider was asked %d times at once", asked.Load())
	}
	w.ahead.Store(int64(restFor))
	_, _, _ = c.Begin(t.Context(), w.o, setting.Network{}, redirect)
	if asked.Load() != 2 {
		t.Errorf("after a while it was asked %d times", asked.Load())
	}
}

// TestProxy: the provider is asked through the network's proxy.
func TestProxy(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		rw.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	o := setting.OIDC{State: "on", Issuer: "https://login.example.com", ClientID: "x"}
	for noProxy, want := range map[string]any{"": "CONNECT login.example.com:443", "example.org": "CONNECT login.example.com:443"} {
		n := setting.Network{Proxy: proxy.URL, NoProxy: []string{noProxy}}
		if found := newClient(t, Options{}).Check(t.Context(), o, n); len(found) != 1 || asked.Load() != want {
			t.Errorf("the proxy was asked %v; %+v", asked.Load(), found)
		}
	}
}
