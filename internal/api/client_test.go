package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// overTLS serves a fake on a management port.
func overTLS(t *testing.T) (*fakeSource, *client.Client) {
	t.Helper()
	f, gate, _ := newAPI()
	return f, overTLSOf(t, NewHandler(Routes(f, gate), gate))
}

func overTLSOf(t *testing.T, handler http.Handler) *client.Client {
	t.Helper()
	id := newIdentity(t)
	l, err := ListenTLS("127.0.0.1:0", id.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, TLS, handler, l)
	c := client.NewTLS(l.Addr().String(), id.Fingerprint())
	t.Cleanup(c.Close)
	return c
}

// TestClient calls every method over a real connection, and looks at what the
// source was asked.
func TestClient(t *testing.T) {
	f, c := overTLS(t)
	c = c.WithToken("key of admin")
	for _, test := range []struct {
		call string
		do   func(context.Context) (any, error)
		want string // of the answer
	}{
		{"config", func(ctx context.Context) (any, error) { return c.Config(ctx) }, `"revision":7`},
		{"change by token:admin@127.0.0.1: {}map[] why", func(ctx context.Context) (any, error) {
			return c.Change(ctx, 7, wire.Change{Document: json.RawMessage(`{}`), Why: "why"})
		}, `"revision":8`},
		{"change by token:admin@127.0.0.1: {}map[] ", func(ctx context.Context) (any, error) {
			return c.Change(ctx, 7, wire.Change{Merge: json.RawMessage(`{}`)})
		}, `"diff":"+x"`},
		{"change by token:admin@127.0.0.1: map[a:b] ", func(ctx context.Context) (any, error) {
			return c.Change(ctx, 7, wire.Change{Values: map[string]string{"a": "b"}})
		}, `"diff":"+x"`},
		{"confirm by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.Confirm(ctx) }, "null"},
		{"settings", func(ctx context.Context) (any, error) { return c.Settings(ctx) }, `"wanted":"a"`},
		{"settings", func(ctx context.Context) (any, error) { return c.SettingsWithFacts(ctx, "network") }, `"wanted":"a"`},
		{"settings", func(ctx context.Context) (any, error) { return c.SettingsWithFacts(ctx, "firewall") }, `"facts":[]`},
		{"preview map[network.mode:static]", func(ctx context.Context) (any, error) {
			return c.Preview(ctx, map[string]string{"network.mode": "static"})
		}, `"value":"static","hidden":true`},
		{"revisions", func(ctx context.Context) (any, error) { return c.Revisions(ctx) }, `"number":7`},
		{"revision 3", func(ctx context.Context) (any, error) { return c.Revision(ctx, 3) }, `"revision":3`},
		{"diff 1 3", func(ctx context.Context) (any, error) { return c.Diff(ctx, 1, 3) }, `"from":1,"to":3`},
		{"revert by token:admin@127.0.0.1 from 7 to 3: worse", func(ctx context.Context) (any, error) { return c.Revert(ctx, 7, 3, "worse") }, `"revision":9`},
		{"export false", func(ctx context.Context) (any, error) { return text(c.Export(ctx, false)) }, "network.hostname=x"},
		{"export true", func(ctx context.Context) (any, error) { return text(c.Export(ctx, true)) }, "network.hostname=x"},
		{"schema", func(ctx context.Context) (any, error) { return text(c.Schema(ctx)) }, "type"},
		{"setup false", func(ctx context.Context) (any, error) { return c.Setup(ctx) }, `"name":"eula"`},
		{"answer by token:admin@127.0.0.1 false: time", func(ctx context.Context) (any, error) {
			return c.Answer(ctx, wire.Answer{Step: "time", Code: "1234"})
		}, `"name":"eula"`},
		{"password of admin by token:admin@127.0.0.1", func(ctx context.Context) (any, error) {
			return nil, c.SetPassword(ctx, wire.NewPassword{Account: "admin", Password: "p"})
		}, "null"},
		{"", func(ctx context.Context) (any, error) { return c.Tokens(ctx) }, `"name":"operator"`},
		{"", func(ctx context.Context) (any, error) { return c.Session(ctx) }, `"account":"token:admin"`},
		{"", func(ctx context.Context) (any, error) { return c.Status(ctx) }, `"name":"demo"`},
		{"", func(ctx context.Context) (any, error) { return c.Resources(ctx) }, `"service":"db"`},
		{"", func(ctx context.Context) (any, error) { return c.Branding(ctx) }, `"accent":"#2450c8"`},
		{"", func(ctx context.Context) (any, error) { return c.Accounts(ctx) }, `"role":"operator"`},
		{"new account x auditor by token:admin@127.0.0.1", func(ctx context.Context) (any, error) {
			return nil, c.NewAccount(ctx, wire.NewAccount{Name: "x", Role: "auditor", Password: "p"})
		}, "null"},
		{"role of x is admin by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.SetRole(ctx, "x", "admin") }, "null"},
		{"delete account x by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.DeleteAccount(ctx, "x") }, "null"},
		{"", func(ctx context.Context) (any, error) { return c.Sessions(ctx) }, `[]`},
		{"", func(ctx context.Context) (any, error) { return c.Logins(ctx) }, `[]`},
		{"factor of x by token:admin@127.0.0.1: false", func(ctx context.Context) (any, error) {
			return nil, c.FactorOff(ctx, wire.ProveFactor{Account: "x"})
		}, "null"},
		{"new token ci by token:admin@127.0.0.1", func(ctx context.Context) (any, error) {
			return c.NewToken(ctx, wire.NewToken{Name: "ci", Role: "auditor"})
		}, `"key":"k"`},
		{"delete token c/i ü by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.DeleteToken(ctx, "c/i ü") }, "null"},
		{"tls", func(ctx context.Context) (any, error) { return c.TLS(ctx) }, `"subject":"CN=x"`},
		{"request for [a b] by token:admin@127.0.0.1", func(ctx context.Context) (any, error) {
			return c.Request(ctx, wire.NewRequest{Names: []string{"a", "b"}})
		}, `"pem":"pem"`},
		{"power off by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.Power(ctx, "off") }, "null"},
		{"reset demo by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.Reset(ctx, "demo") }, "null"},
		{"restart db by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.Restart(ctx, "db") }, "null"},
		{"fix unit:a b/c by token:admin@127.0.0.1", func(ctx context.Context) (any, error) { return nil, c.Fix(ctx, "unit:a b/c") }, "null"},
		{"log a&b 5", func(ctx context.Context) (any, error) { return c.Log(ctx, "a&b", 5) }, `"text":"hello"`},
		{"log  100", func(ctx context.Context) (any, error) { return c.Log(ctx, "", 0) }, `"text":"hello"`},
		{"firewall", func(ctx context.Context) (any, error) { return c.Firewall(ctx) }, `"origin":"own"`},
		{"metrics day", func(ctx context.Context) (any, error) { return c.Metrics(ctx, "day") }, `"points":[1.5,null],"maxima":[2,null]`},
		{"metrics hour", func(ctx context.Context) (any, error) { return c.Metrics(ctx, "") }, `"range":"hour"`},
	} {
		f.calls = nil
		got, err := test.do(t.Context())
		if err != nil || f.last() != test.call {
			t.Errorf("asked %q, %v; want %q", f.last(), err, test.call)
		}
		if data, _ := json.Marshal(got); !strings.Contains(string(data), test.want) {
			t.Errorf("%s answers %s; want %s in it", test.call, data, test.want)
		}
	}
}

func text(data []byte, err error) (string, error) { return string(data), err }

// TestClientErrors: whatever fails at the other end is the same here.
func TestClientErrors(t *testing.T) {
	f, c := overTLS(t)
	var e *client.Error
	if _, err := c.Config(t.Context()); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("without a token: %v", err)
	}
	c = c.WithToken("key of admin")
	f.fail = &config.InvalidError{Problems: []setting.Problem{{Path: "a", Message: "is odd"}}}
	_, err := c.Change(t.Context(), 7, wire.Change{Values: map[string]string{"a": "b"}})
	if !errors.As(err, &e) || e.Status != 422 || !reflect.DeepEqual(e.Problems, []wire.Problem{{Path: "a", Message: "is odd"}}) {
		t.Errorf("Change() = %#v", err)
	}
	f.fail = nil
	if _, err := c.Change(t.Context(), 0, wire.Change{Values: map[string]string{"a": "b"}}); !errors.As(err, &e) || e.Status != 403 {
		t.Errorf("a change from whichever revision, over the network: %v", err)
	}
	for range 4 {
		_, err = c.Login(t.Context(), wire.Login{Account: "admin", Password: "guess"})
	}
	if !errors.As(err, &e) || e.Status != 429 || e.RetryAfter != time.Second {
		t.Errorf("Login() = %#v; want a wait of one second", err)
	}
}

// TestWithToken: a copy is another caller, and the first one stays who it was.
func TestWithToken(t *testing.T) {
	_, c := overTLS(t)
	s, err := c.Login(t.Context(), wire.Login{Account: "auditor", Password: "auditor"})
	if err != nil {
		t.Fatal(err)
	}
	me := c.WithToken(s.Token)
	if who, err := me.Session(t.Context()); err != nil || who.Account != "auditor" || who.Expires.IsZero() || who.Token != "" {
		t.Errorf("Session() = %+v, %v", who, err)
	}
	var e *client.Error
	if _, err := c.Session(t.Context()); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("the first client: %v", err)
	}
	if _, err := me.WithToken("").Session(t.Context()); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("without the token again: %v", err)
	}
	if err := me.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := me.Session(t.Context()); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("after the log-out: %v", err)
	}
}

// TestConfirmComesOverANewConnection: the source refuses one that does not,
// and the numbers hold across servers.
func TestConfirmComesOverANewConnection(t *testing.T) {
	f, gate, _ := newAPI()
	handler := NewHandler(Routes(f, gate), gate)
	c := overTLSOf(t, handler).WithToken("key of admin")
	for range 3 {
		if _, err := c.Change(t.Context(), 7, wire.Change{Values: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		if err := c.Confirm(t.Context()); err != nil {
			t.Errorf("Confirm() = %v", err)
		}
	}
	// Whoever confirms over the connection of the change is refused.
	raw := rawClient(t, handler)
	post := func(method, path, body string) int {
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://ingotd"+path, strings.NewReader(body))
		req.Header.Set("If-Match", `"7"`)
		req.Header.Set("Authorization", "Bearer key of admin")
		resp, err := raw.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // or the connection is not used again
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := post("PATCH", "/v1/config", `{"values":{}}`); got != 200 {
		t.Fatalf("change = %d", got)
	}
	if got := post("POST", "/v1/config/confirm", ""); got != http.StatusConflict {
		t.Errorf("confirm over the same connection = %d; want 409", got)
	}
}

// rawClient keeps one connection to a unix socket open.
func rawClient(t *testing.T, handler http.Handler) *http.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, Unix, handler, l)
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestConnectionsAreNumbered(t *testing.T) {
	count := new(Connections)
	var seen []uint64
	for _, transport := range []Transport{Unix, TLS, Unix} {
		s := NewServer(http.NotFoundHandler(), transport, count)
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		seen = append(seen, CallerOf(s.ConnContext(t.Context(), a)).Connection)
	}
	if !reflect.DeepEqual(seen, []uint64{1, 2, 3}) {
		t.Errorf("connections are numbered %v", seen)
	}
}
