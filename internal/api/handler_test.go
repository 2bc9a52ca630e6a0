package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

var (
	remote  = Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}
	root    = Caller{Transport: Unix}
	byAdmin = asker{caller: remote, header: "Bearer key of admin"}
	byRoot  = asker{caller: root}
)

func TestHandlerErrors(t *testing.T) {
	f := new(fakeSource)
	gate := newGate(f)
	routes := append(Routes(f, gate),
		Route{Method: post, Path: "/v1/big", Access: Open{}, Handle: func(r *http.Request) (any, error) { return wire.Nothing{}, nil }},
		Route{Method: get, Path: "/v1/broken", Access: Open{}, Handle: func(*http.Request) (any, error) {
			return nil, errors.New("cannot do it")
		}},
		Route{Method: get, Path: "/v1/unencodable", Access: Open{}, Handle: func(*http.Request) (any, error) {
			return func() {}, nil
		}},
	)
	handler := NewHandler(routes, gate)
	for _, test := range []struct {
		name, method, path string
		body               string
		status             int
		message            string
	}{
		{"unknown", "GET", "/v1/nothing", "", 404, "there is no /v1/nothing"},
		{"unclean path", "GET", "/v1//status", "", 404, "there is no /v1//status"},
		{"trailing slash", "GET", "/v1/status/", "", 404, "there is no /v1/status/"},
		{"dots", "GET", "/v1/../v1/checks", "", 404, "there is no /v1/../v1/checks"},
		{"escaped dots", "GET", "/v1/tokens/%2e%2e/%2e%2e/v1/status", "", 404, "there is no /v1/tokens/../../v1/status"},
		{"no value in the path", "GET", "/v1/revisions/", "", 404, "there is no /v1/revisions/"},
		{"more in the path", "GET", "/v1/revisions/3/x", "", 404, "there is no /v1/revisions/3/x"},
		{"root", "GET", "/", "", 404, "there is no /"},
		{"wrong method", "DELETE", "/v1/status", "", 405, "/v1/status does not take DELETE"},
		{"wrong method of a pattern", "GET", "/v1/tokens/x", "", 405, "/v1/tokens/x does not take GET"},
		{"write to a read-only route", "POST", "/v1/status", "{}", 405, "/v1/status does not take POST"},
		{"own method", "BREW", "/v1/status", "", 405, "/v1/status does not take BREW"},
		{"too much", "POST", "/v1/big", strings.Repeat("x", maxBody+1), 413, "the request's body is larger than 64 KiB"},
		{"handler fails", "GET", "/v1/broken", "", 500, "cannot do it"},
		{"answer cannot be encoded", "GET", "/v1/unencodable", "", 500, "cannot encode the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if got := errorOf(t, w); w.Code != test.status || got.Message != test.message {
				t.Errorf("%s %s = %d %q; want %d %q", test.method, test.path, w.Code, got.Message, test.status, test.message)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type = %q", got)
			}
			if (test.status == 405) != (w.Header().Get("Allow") != "") {
				t.Errorf("Allow = %q", w.Header().Get("Allow"))
			}
		})
	}
}

// errorOf reads an answer that is no success.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) wire.Error {
	t.Helper()
	var body wire.ErrorBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("the answer %q is not JSON: %v", w.Body, err)
	}
	return body.Error
}

func TestHeadIsGet(t *testing.T) {
	_, _, handler := newAPI()
	if w := ask(handler, asker{}, "HEAD", "/v1/status", ""); w.Code != 200 {
		t.Errorf("HEAD /v1/status = %d; want 200", w.Code)
	}
}

type ownError struct{ error }

func (ownError) Status() int  { return http.StatusTeapot }
func (ownError) Hint() string { return "try coffee" }

func TestErrorsOfTheSource(t *testing.T) {
	apply := &config.ApplyError{Setting: "network", Err: errors.New("no carrier")}
	for _, test := range []struct {
		err    error
		status int
		hint   bool
	}{
		{&config.ConflictError{Base: 6, Current: 7}, 412, true},
		{&config.InvalidError{Problems: []setting.Problem{{Path: "a.b", Message: "is odd", Hint: "make it even"}}}, 422, false},
		{apply, 409, false},
		{fmt.Errorf("cannot commit: %w", apply), 409, false},
		{&config.ApplyError{Setting: "time", Err: errors.New("no"), Undo: errors.New("no either")}, 500, true},
		{config.ErrNotPending, 409, false},
		{config.ErrPending, 409, false},
		{config.ErrSameConnection, 409, true},
		{config.ErrNoRevision, 404, true},
		{access.ErrCode, 403, true},
		{ownError{errors.New("short and stout")}, 418, true},
		{fmt.Errorf("cannot pour: %w", ownError{errors.New("short and stout")}), 418, true},
		{context.DeadlineExceeded, 504, false},
		{errors.New("cannot write"), 500, false},
	} {
		t.Run(test.err.Error(), func(t *testing.T) {
			f, _, handler := newAPI()
			f.fail = test.err
			w := ask(handler, byAdmin, "PATCH", "/v1/config", `{"values":{}}`, matching(`"7"`))
			got := errorOf(t, w)
			if w.Code != test.status || got.Message == "" || (got.Hint != "") != test.hint {
				t.Errorf("= %d %+v; want %d, hint: %v", w.Code, got, test.status, test.hint)
			}
			if (test.status == 422) != (len(got.Problems) == 1 && got.Problems[0] == wire.Problem{Path: "a.b", Message: "is odd", Hint: "make it even"}) {
				t.Errorf("problems: %+v", got.Problems)
			}
			if w.Header().Get("ETag") != "" {
				t.Error("an error has an ETag")
			}
		})
	}
}

func matching(tag string) func(http.Header) {
	return func(h http.Header) { h.Set("If-Match", tag) }
}

func TestIfMatch(t *testing.T) {
	for _, test := range []struct {
		name, tag string
		by        asker
		status    int
		base      int
	}{
		{"the revision", `"7"`, byAdmin, 200, 7},
		{"missing", "", byAdmin, 428, 0},
		{"missing, root", "", byRoot, 428, 0},
		{"any, from the network", "*", byAdmin, 403, 0},
		{"any, on the socket", "*", byRoot, 200, 0},
		{"zero, which would be any", `"0"`, byAdmin, 400, 0},
		{"negative", `"-1"`, byAdmin, 400, 0},
		{"no quotes", `7`, byAdmin, 400, 0},
		{"other spelling", `"07"`, byAdmin, 400, 0},
		{"weak", `W/"7"`, byAdmin, 400, 0},
		{"list", `"7", "8"`, byAdmin, 400, 0},
		{"not a revision", `"x"`, byAdmin, 400, 0},
	} {
		for method, body := range map[string]string{"PUT /v1/config": `{"document":{}}`, "PATCH /v1/config": `{"merge":{}}`, "POST /v1/revisions/3/revert": `{}`} {
			t.Run(test.name+" "+method, func(t *testing.T) {
				f, _, handler := newAPI()
				f.base = -1
				verb, path, _ := strings.Cut(method, " ")
				w := ask(handler, test.by, verb, path, body, matching(test.tag))
				if w.Code != test.status || (w.Code == 200) != (len(f.calls) == 1) {
					t.Errorf("= %d %s, calls %v; want %d", w.Code, w.Body, f.calls, test.status)
				}
				if w.Code != 200 {
					return
				}
				if verb != "POST" && f.base != test.base || verb == "POST" && !strings.Contains(f.last(), fmt.Sprintf("from %d to 3", test.base)) {
					t.Errorf("the base is %d, %s; want %d", f.base, f.last(), test.base)
				}
				if w.Header().Get("ETag") == "" {
					t.Error("no ETag to go on from")
				}
			})
		}
	}
	_, _, handler := newAPI()
	if got := ask(handler, byAdmin, "GET", "/v1/config", "").Header().Get("ETag"); got != `"7"` {
		t.Errorf("ETag of the configuration = %q", got)
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"7"`, "*", "", `W/"7"`, `"0"`, `"+7"`, `""7""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		base, err := ifMatch(header, remote)
		if (err == nil) != (base > 0) || err == nil && header != etag(base) {
			t.Errorf("ifMatch(%q) = %d, %v", header, base, err)
		}
	})
}

// TestRequests lists what a request reaches the source as, or why it does not.
func TestRequests(t *testing.T) {
	operator := asker{caller: remote, header: "Bearer key of operator"}
	for _, test := range []struct {
		by           asker
		method, path string
		body         string
		status       int
		call         string
	}{
		{byAdmin, "PUT", "/v1/config", `{"document":{"format":1},"why":"because"}`, 200, `change by token:admin@192.0.2.7: {"format":1}map[] because`},
		{byAdmin, "PUT", "/v1/config", `{"merge":{}}`, 400, ""},
		{byAdmin, "PUT", "/v1/config", `{"document":{},"values":{"a":"b"}}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{"values":{"a":"b"}}`, 200, "change by token:admin@192.0.2.7: map[a:b] "},
		{byAdmin, "PATCH", "/v1/config", `{"document":{}}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{"merge":{},"values":{}}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", ``, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{"values":{}} {}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{"values":{},"wy":"x"}`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `[]`, 400, ""},
		{byAdmin, "PATCH", "/v1/config", `{"values":{"a":"` + strings.Repeat("x", 900<<10) + `"}}`, 200, "*"},
		{byAdmin, "PATCH", "/v1/config", `{"values":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`, 413, ""},
		{byAdmin, "POST", "/v1/restart", `{"service":"` + strings.Repeat("x", 64<<10) + `"}`, 413, ""},
		{byAdmin, "GET", "/v1/config/export", "", 200, "export false"},
		{byAdmin, "GET", "/v1/config/export?secrets=no", "", 200, "export false"},
		{byAdmin, "GET", "/v1/config/export?secrets=yes", "", 200, "export true"},
		{byAdmin, "GET", "/v1/config/export?secrets=1", "", 400, ""},
		{operator, "GET", "/v1/config/export", "", 200, "export false"},
		{operator, "GET", "/v1/config/export?secrets=yes", "", 403, ""},
		{byAdmin, "GET", "/v1/revisions/3", "", 200, "revision 3"},
		{byAdmin, "GET", "/v1/revisions/0", "", 404, ""},
		{byAdmin, "GET", "/v1/revisions/x", "", 404, ""},
		{byAdmin, "GET", "/v1/revisions/99999999999999999999", "", 404, ""},
		{byAdmin, "GET", "/v1/revisions/3/diff", "", 200, "diff 2 3"},
		{byAdmin, "GET", "/v1/revisions/3/diff?from=1", "", 200, "diff 1 3"},
		{byAdmin, "GET", "/v1/revisions/3/diff?from=-1", "", 400, ""},
		{byAdmin, "POST", "/v1/revisions/3/revert", `{"why":"worse"}`, 200, "revert by token:admin@192.0.2.7 from 7 to 3: worse"},
		{byAdmin, "DELETE", "/v1/tokens/a%2Fb", "", 200, "delete token a/b by token:admin@192.0.2.7"},
		{byAdmin, "POST", "/v1/power", `{"action":"restart"}`, 200, "power restart by token:admin@192.0.2.7"},
		{byAdmin, "POST", "/v1/power", `{"action":"explode"}`, 422, ""},
		{byAdmin, "GET", "/v1/log", "", 200, "log  100"},
		{byAdmin, "GET", "/v1/log?service=db&lines=5", "", 200, "log db 5"},
		{byAdmin, "GET", "/v1/log?lines=0", "", 400, ""},
		{byAdmin, "GET", "/v1/log?lines=1001", "", 400, ""},
		{byRoot, "POST", "/v1/password", `{"account":"auditor","password":"p"}`, 200, "password of auditor by root@unix"},
		{byAdmin, "POST", "/v1/password", `{"account":"auditor","password":"p"}`, 200, "password of auditor by token:admin@192.0.2.7"},
		{operator, "POST", "/v1/password", `{"account":"operator","password":"p"}`, 403, ""}, // a token is not the account
		{asker{caller: Caller{Transport: Port}}, "GET", "/v1/setup", "", 200, "setup false"},
		{asker{caller: Caller{Transport: Unix, UID: 1000}}, "GET", "/v1/setup", "", 200, "setup false"},
		{asker{caller: remote}, "GET", "/v1/setup", "", 200, "setup false"},
		{byRoot, "GET", "/v1/setup", "", 200, "setup true"},
		{byRoot, "POST", "/v1/setup", `{"step":"time"}`, 200, "answer by root@unix true: time"},
		{asker{caller: remote}, "POST", "/v1/setup", `{"step":"time","code":"1234"}`, 200, "answer by setup@192.0.2.7 false: time"},
		{asker{caller: remote}, "POST", "/v1/setup", `{"step":"time","code":"1235"}`, 403, ""},
	} {
		t.Run(test.method+test.path+test.body[:min(40, len(test.body))], func(t *testing.T) {
			f, _, handler := newAPI()
			w := ask(handler, test.by, test.method, test.path, test.body, matching(`"7"`))
			if w.Code != test.status || test.call != "*" && f.last() != test.call {
				t.Errorf("= %d %s, call %q; want %d, %q", w.Code, w.Body, f.last(), test.status, test.call)
			}
		})
	}
}

// TestWhoMadeIt: what the history is told of who changed something.
func TestWhoMadeIt(t *testing.T) {
	console := func(h http.Header) { h.Set(ConsoleHeader, "1") }
	plain := func(http.Header) {}
	_, gate, _ := newAPI()
	f := new(fakeSource)
	handler := NewHandler(Routes(f, gate), gate)
	key, _, err := gate.Login(t.Context(), access.Try{Address: "192.0.2.7", Account: "admin", Password: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		by     asker
		header func(http.Header)
		want   string
	}{
		{"root", byRoot, plain, "root@unix"},
		{"console", byRoot, console, "console@console"},
		{"account at the console", asker{caller: root, header: "Bearer " + key}, console, "admin@console"},
		{"account by root's shell", asker{caller: root, header: "Bearer " + key}, plain, "admin@unix"},
		{"account", asker{caller: remote, header: "Bearer " + key}, plain, "admin@192.0.2.7"},
		{"token", byAdmin, plain, "token:admin@192.0.2.7"},
		{"token that calls itself the console", byAdmin, console, "token:admin@192.0.2.7"},
		{"local user that calls itself the console", asker{caller: Caller{Transport: Unix, UID: 1000}, header: "Bearer " + key}, console, "admin@unix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(handler, test.by, "POST", "/v1/reset", `{"confirm":"demo"}`, test.header)
			if want := "reset demo by " + test.want; w.Code != 200 || f.last() != want {
				t.Errorf("= %d, %q; want %q", w.Code, f.last(), want)
			}
		})
	}
}

func TestSessionOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, handler := newAPI()
		w := ask(handler, asker{caller: remote}, "POST", "/v1/login", `{"account":"operator","password":"operator"}`)
		var s wire.Session
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 200 || s.Token == "" || s.Role != "operator" {
			t.Fatalf("login = %d %s", w.Code, w.Body)
		}
		me := asker{caller: remote, header: "Bearer " + s.Token}
		w = ask(handler, me, "GET", "/v1/session", "")
		if !strings.Contains(w.Body.String(), `"account":"operator"`) || strings.Contains(w.Body.String(), s.Token) {
			t.Errorf("session = %s", w.Body)
		}
		time.Sleep(access.IdleLimit / 2)
		if w = ask(handler, me, "GET", "/v1/session", "", func(h http.Header) { h.Set(PollHeader, "1") }); w.Code != 200 || !strings.Contains(w.Body.String(), s.Expires.Format(time.RFC3339)) {
			t.Errorf("a poll is answered %d %s; want the end to stay %s", w.Code, w.Body, s.Expires)
		}
		if w = ask(handler, me, "GET", "/v1/session", ""); strings.Contains(w.Body.String(), s.Expires.Format(time.RFC3339)) {
			t.Errorf("the session is not prolonged: %s", w.Body)
		}
		for body, call := range map[string]string{
			`{"password":"p","current":"operator"}`:                      "password of operator by operator@192.0.2.7",
			`{"account":"operator","password":"p","current":"operator"}`: "password of operator by operator@192.0.2.7",
			`{"account":"admin","password":"p","current":"admin"}`:       "",
			`{"password":"p"}`:                   "",
			`{"password":"p","current":""}`:      "",
			`{"password":"p","current":"guess"}`: "",
		} {
			f.calls = nil
			if ask(handler, me, "POST", "/v1/password", body); f.last() != call {
				t.Errorf("password %s: %q; want %q", body, f.last(), call)
			}
		}
		// A stolen session must not be of use to guess the password with.
		ask(handler, me, "POST", "/v1/password", `{"password":"p","current":"operator"}`) // forgives what was wrong before
		for i := range 20 {
			w = ask(handler, me, "POST", "/v1/password", `{"password":"p","current":"guess"}`)
			if want := map[bool]int{true: 422, false: 429}[i < 3]; w.Code != want {
				t.Errorf("guess %d is answered %d %s; want %d", i+1, w.Code, w.Body, want)
			}
		}
		time.Sleep(time.Minute)
		if w = ask(handler, me, "POST", "/v1/password", `{"password":"p","current":"operator"}`); w.Code != 200 {
			t.Errorf("after the wait: %d %s", w.Code, w.Body)
		}
		if w = ask(handler, me, "POST", "/v1/logout", ""); w.Code != 200 {
			t.Errorf("logout = %d %s", w.Code, w.Body)
		}
		if w = ask(handler, me, "GET", "/v1/session", ""); w.Code != 401 {
			t.Errorf("after the end: %d %s", w.Code, w.Body)
		}
	})
}

// TestGuessingOverHTTP: passwords, and the one-time code of the first boot.
func TestGuessingOverHTTP(t *testing.T) {
	for path, body := range map[string]string{
		"/v1/login": `{"account":"admin","password":"guess"}`,
		"/v1/setup": `{"step":"network","code":"0000"}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			_, _, handler := newAPI()
			counts := map[int]int{}
			var last *httptest.ResponseRecorder
			for range 100 {
				last = ask(handler, asker{caller: remote}, "POST", path, body)
				counts[last.Code]++
			}
			if counts[429] != 97 || last.Header().Get("Retry-After") != "1" {
				t.Errorf("%s: %v, Retry-After %q; want 97 refused, and when to come again", path, counts, last.Header().Get("Retry-After"))
			}
			time.Sleep(time.Second)
			if w := ask(handler, asker{caller: remote}, "POST", path, body); w.Code == 429 {
				t.Errorf("%s: after the wait: %d", path, w.Code)
			}
			// On the appliance itself there is nothing to guess.
			for range 10 {
				if w := ask(handler, byRoot, "POST", "/v1/setup", `{"step":"network"}`); w.Code != 200 {
					t.Errorf("root: %d %s", w.Code, w.Body)
				}
			}
		})
	}
}

func TestOtherSitesMayNot(t *testing.T) {
	for _, test := range []struct {
		name   string
		header map[string]string
		status int
	}{
		{"no browser", nil, 200},
		{"own page", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"another site's page", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"an old browser, another site's page", map[string]string{"Origin": "https://evil.example"}, 403},
		{"an old browser, own page", map[string]string{"Origin": "https://example.com"}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, _, handler := newAPI()
			w := ask(handler, byAdmin, "POST", "/v1/restart", `{"service":"db"}`, func(h http.Header) {
				for name, value := range test.header {
					h.Set(name, value)
				}
			})
			if w.Code != test.status || (len(f.calls) > 0) != (test.status == 200) {
				t.Errorf("= %d %s, %v; want %d", w.Code, w.Body, f.calls, test.status)
			}
		})
	}
}

// TestChangesOutliveTheirCaller: a change of the network is what cuts the
// connection that asked for it.
func TestChangesOutliveTheirCaller(t *testing.T) {
	f, _, handler := newAPI()
	ctx, gone := context.WithCancel(WithCaller(t.Context(), root))
	gone()
	req := httptest.NewRequestWithContext(ctx, "PATCH", "/v1/config", strings.NewReader(`{"values":{}}`))
	req.Header.Set("If-Match", "*")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	if len(f.calls) != 1 || f.ended || !f.bounded {
		t.Errorf("calls %v, ended %v, bounded %v; want one that goes on for a bounded time", f.calls, f.ended, f.bounded)
	}
}
