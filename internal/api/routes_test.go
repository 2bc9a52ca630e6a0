package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
)

// asker is one kind of caller that the access rules tell apart.
type asker struct {
	name   string
	caller Caller
	// header is Authorization.
	header string
}

// askers are all of them, with sessions that are open in the gate.
func askers(t *testing.T, gate *access.Gate) []asker {
	t.Helper()
	far := Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}
	root, user, port := Caller{Transport: Unix, UID: 0}, Caller{Transport: Unix, UID: 1000}, Caller{Transport: Port, UID: -1}
	session := func(account string) string {
		key, _, err := gate.Login(t.Context(), access.Try{Address: "192.0.2.7", Account: account, Password: account})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + key
	}
	ended, _, err := gate.Login(t.Context(), access.Try{Address: "192.0.2.7", Account: "admin", Password: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(access.IdleLimit) // in a bubble
	return []asker{
		{"no server", Caller{}, ""},
		{"nobody", far, ""},
		{"nobody with uid 0", Caller{Transport: TLS, Address: "127.0.0.1"}, ""},
		{"auditor", far, session("auditor")},
		{"operator", far, session("operator")},
		{"admin", far, session("admin")},
		{"unknown role", far, session("guest")},
		{"expired session", far, "Bearer " + ended},
		{"made-up key", far, "Bearer x"},
		{"basic", far, "Basic YWRtaW46YWRtaW4="},
		{"token auditor", far, "Bearer key of auditor"},
		{"token operator", far, "Bearer key of operator"},
		{"token admin", far, "bearer key of admin"},
		{"token of an unknown role", far, "Bearer key of guest"},
		{"unix root", root, ""},
		{"unix root as auditor", root, session("auditor")},
		{"unix root as admin", root, session("admin")},
		{"unix root with an expired session", root, "Bearer " + ended},
		{"unix user", user, ""},
		{"unix user as operator", user, session("operator")},
		{"unix user as admin", user, session("admin")},
		{"unix unknown peer", Caller{Transport: Unix, UID: -1}, ""},
		{"port", port, ""},
		{"port as admin", port, "Bearer key of admin"},
		{"no server as admin", Caller{}, "Bearer key of admin"},
	}
}

// The askers' roles, by the least that a rule wants. Whoever is in none of
// them is nobody.
var (
	administrators = []string{"admin", "token admin", "unix root", "unix root as admin", "unix user as admin"}
	operators      = append([]string{"operator", "token operator", "unix user as operator"}, administrators...)
	readers        = append([]string{"auditor", "token auditor", "unix root as auditor"}, operators...)
)

// Those who are refused as somebody (403), not asked who they are (401).
var somebody = append([]string{"port", "port as admin"}, readers...)

// line is what the test knows of one route.
type line struct {
	// allowed are the askers that get in; nil is all.
	allowed []string
	// body is one that the route takes.
	body string
	// path is the route's with its values.
	path string
	// status by asker, where it is neither 200, 401 nor 403 as usual.
	except map[string]int
	// fresh wants new sessions for each asker: the route ends them.
	fresh bool
}

// rules is the whole truth of who may call what: a route that is not here, or
// whose rule changes, fails the test.
var rules = map[string]line{
	"GET /v1/status": {},
	"GET /v1/checks": {allowed: []string{"unix root", "unix root as admin", "port", "port as admin"}},

	"GET /v1/branding": {},

	"GET /v1/config":          {allowed: readers},
	"PUT /v1/config":          {allowed: administrators, body: `{"document":{}}`},
	"PATCH /v1/config":        {allowed: administrators, body: `{"values":{"a":"b"}}`},
	"POST /v1/config/confirm": {allowed: operators},
	"GET /v1/config/export":   {allowed: readers},
	"GET /v1/config/schema":   {allowed: readers},
	"GET /v1/settings":        {allowed: readers},
	"POST /v1/preview":        {allowed: readers, body: `{"values":{"network.mode":"static"}}`},

	"GET /v1/revisions":             {allowed: readers},
	"GET /v1/revisions/{n}":         {allowed: readers, path: "/v1/revisions/3"},
	"GET /v1/revisions/{n}/diff":    {allowed: readers, path: "/v1/revisions/3/diff"},
	"POST /v1/revisions/{n}/revert": {allowed: administrators, path: "/v1/revisions/3/revert", body: `{}`},

	"GET /v1/setup":  {},
	"POST /v1/setup": {body: `{"step":"network","code":"1234"}`},

	"POST /v1/login":                 {body: `{"account":"admin","password":"admin"}`},
	"GET /v1/login/provider":         {},
	"POST /v1/login/provider":        {body: `{"redirect":"https://192.0.2.1:5480/login/provider/back"}`},
	"POST /v1/login/provider/finish": {body: `{"key":"k","state":"s","code":"ADMIN"}`},
	"POST /v1/logout": {allowed: readers, except: map[string]int{ // those have no session
		"unix root": 409, "token auditor": 409, "token operator": 409, "token admin": 409,
	}},
	"GET /v1/session": {allowed: readers},
	"POST /v1/password": {allowed: readers, body: `{"password":"x","current":"ACCOUNT"}`, except: map[string]int{ // those have no account
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"GET /v1/sessions": {allowed: readers},
	"DELETE /v1/sessions": {allowed: readers, fresh: true, except: map[string]int{ // those have no account
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"DELETE /v1/sessions/{id}": {allowed: readers, path: "/v1/sessions/x", except: map[string]int{ // those look for it
		"unix root": 404, "token auditor": 400, "token operator": 400, "token admin": 404, "auditor": 404, "operator": 404, "admin": 404,
		"unix root as auditor": 404, "unix root as admin": 404, "unix user as operator": 404, "unix user as admin": 404,
	}},
	"GET /v1/logins": {allowed: readers},
	"GET /v1/factor": {allowed: readers, except: map[string]int{
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"POST /v1/factor": {allowed: readers, body: `{"current":"ACCOUNT"}`, except: map[string]int{
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"PUT /v1/factor": {allowed: readers, body: `{"code":"123456"}`, except: map[string]int{ // those did not begin
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400, "auditor": 409, "operator": 409, "admin": 409,
		"unix root as auditor": 409, "unix root as admin": 409, "unix user as operator": 409, "unix user as admin": 409,
	}},
	"POST /v1/factor/recovery": {allowed: readers, body: `{"current":"ACCOUNT","code":"123456"}`, except: map[string]int{ // those have none
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400, "auditor": 409, "operator": 409, "admin": 409,
		"unix root as auditor": 409, "unix root as admin": 409, "unix user as operator": 409, "unix user as admin": 409,
	}},
	"GET /v1/login/passkey":  {path: "/v1/login/passkey?origin=https://shop.example.com:5480"},
	"POST /v1/login/passkey": {body: `{"origin":"https://shop.example.com:5480"}`},
	"PUT /v1/login/passkey":  {body: `{"origin":"https://shop.example.com:5480","challenge":"x","credential":{}}`, except: everybody(409)}, // nobody asked
	"GET /v1/passkeys":       {allowed: readers},
	"POST /v1/passkeys": {allowed: readers, body: `{"origin":"https://shop.example.com:5480","current":"ACCOUNT"}`, except: map[string]int{ // those have no account
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"PUT /v1/passkeys": {allowed: readers, body: `{"origin":"https://shop.example.com:5480","challenge":"x","name":"x","credential":{}}`, except: map[string]int{ // those did not begin
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400, "auditor": 409, "operator": 409, "admin": 409,
		"unix root as auditor": 409, "unix root as admin": 409, "unix user as operator": 409, "unix user as admin": 409,
	}},
	"PUT /v1/passkeys/{id}": {allowed: readers, path: "/v1/passkeys/x", body: `{"name":"x"}`, except: map[string]int{
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"DELETE /v1/passkeys/{id}": {allowed: readers, path: "/v1/passkeys/x", except: map[string]int{
		"unix root": 400, "token auditor": 400, "token operator": 400, "token admin": 400,
	}},
	"DELETE /v1/accounts/{name}/passkeys": {allowed: administrators, path: "/v1/accounts/x/passkeys"},

	"POST /v1/factor/off":          {allowed: administrators, body: `{"account":"x"}`}, // another's
	"GET /v1/accounts":             {allowed: readers},
	"POST /v1/accounts":            {allowed: administrators, body: `{"name":"x","role":"admin","password":"p"}`},
	"PUT /v1/accounts/{name}/role": {allowed: administrators, path: "/v1/accounts/x/role", body: `{"role":"admin"}`},
	"DELETE /v1/accounts/{name}":   {allowed: administrators, path: "/v1/accounts/x"},

	"GET /v1/tokens":           {allowed: readers},
	"POST /v1/tokens":          {allowed: administrators, body: `{"name":"x","role":"admin"}`},
	"DELETE /v1/tokens/{name}": {allowed: administrators, path: "/v1/tokens/x"},

	"GET /v1/tls":      {allowed: readers},
	"POST /v1/tls/csr": {allowed: administrators, body: `{"names":["x"]}`},

	"GET /v1/support":                  {allowed: readers},
	"POST /v1/support":                 {allowed: administrators, body: `{"certificate":"c","minutes":60,"why":"w"}`},
	"DELETE /v1/support":               {allowed: operators},
	"GET /v1/support/{session}/{file}": {allowed: readers, path: "/v1/support/x/1.cast"},

	"GET /v1/updates":           {allowed: readers},
	"POST /v1/updates/check":    {allowed: operators},
	"POST /v1/updates/download": {allowed: operators, body: `{"version":"1.1.0"}`},
	"POST /v1/updates/install":  {allowed: operators, body: `{"version":"1.1.0"}`},
	"POST /v1/updates/cancel":   {allowed: operators},
	"POST /v1/updates/postpone": {allowed: administrators, body: `{"days":7}`},
	"POST /v1/updates/back":     {allowed: operators, body: `{"version":"1.0.0","data":"keep"}`},
	"PUT /v1/updates/bundle":    {allowed: operators},
	"GET /v1/updates/media":     {allowed: readers},
	"POST /v1/updates/media":    {allowed: operators, body: `{"name":"sr0"}`},

	"POST /v1/power":            {allowed: operators, body: `{"action":"off"}`},
	"POST /v1/reset":            {allowed: administrators, body: `{"confirm":"demo"}`},
	"POST /v1/restart":          {allowed: operators, body: `{"service":"db"}`},
	"POST /v1/notices/{id}/fix": {allowed: operators, path: "/v1/notices/service:db/fix"},
	"GET /v1/log":               {allowed: readers},
	"GET /v1/firewall":          {allowed: readers},
	"GET /v1/resources":         {allowed: readers},
	"GET /v1/metrics":           {allowed: readers},
}

// everybody gets the same status.
func everybody(status int) map[string]int {
	list := map[string]int{}
	for _, name := range slices.Concat(somebody, []string{"no server", "nobody", "nobody with uid 0", "unknown role", "expired session", "made-up key",
		"basic", "token of an unknown role", "unix root with an expired session", "unix user", "unix unknown peer", "no server as admin"}) {
		list[name] = status
	}
	return list
}

// wanted is the status that an asker gets.
func (l line) wanted(route, who string) int {
	switch status, ok := l.except[who]; {
	case ok:
		return status
	case l.allowed == nil || has(l.allowed, who):
		return http.StatusOK
	case has(somebody, who), strings.HasPrefix(route, "GET /v1/checks") && !strings.Contains(who, "expired") && who != "made-up key" && who != "basic":
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

func has(list []string, name string) bool {
	for _, n := range list {
		if n == name {
			return true
		}
	}
	return false
}

func TestEveryRouteTimesEveryCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for _, r := range Routes(nil, nil) {
			name := r.Method + " " + r.Path
			if seen[name] {
				t.Errorf("%s stands in the table twice", name)
			}
			seen[name] = true
			line, known := rules[name]
			if !known || r.Access == nil || r.Handle == nil || r.Response == nil || r.Summary == "" {
				t.Errorf("%s has no access rule, handler, response or summary, or no line in this test", name)
				continue
			}
			testRoute(t, r, line)
		}
		if len(seen) != len(rules) {
			t.Errorf("the table has %d routes, this test %d", len(seen), len(rules))
		}
	})
}

func testRoute(t *testing.T, r Route, line line) {
	name := r.Method + " " + r.Path
	path := line.path
	if path == "" {
		path = r.Path
	}
	src, gate, handler := newAPI()
	all := askers(t, gate)
	for i, a := range all {
		if line.fresh {
			a = askers(t, gate)[i]
		}
		src.calls = nil
		words := strings.Fields(a.name) // the last one is the account, whose password it is too
		body := strings.ReplaceAll(line.body, "ACCOUNT", words[len(words)-1])
		w := ask(handler, a, r.Method, path, body, func(h http.Header) { h.Set("If-Match", `"7"`) })
		want := line.wanted(name, a.name)
		if w.Code != want {
			t.Errorf("%s by %s = %d %s; want %d", name, a.name, w.Code, w.Body, want)
		}
		if want == http.StatusOK {
			continue
		}
		if !bytes.Contains(w.Body.Bytes(), []byte(`{"error":{"message":`)) {
			t.Errorf("%s by %s: refused without a message: %s", name, a.name, w.Body)
		}
		if len(src.calls) != 0 || strings.Contains(w.Body.String(), "x.service") {
			t.Errorf("%s by %s: refused, yet done or told: %v %s", name, a.name, src.calls, w.Body)
		}
		if (want == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s by %s: WWW-Authenticate %q", name, a.name, w.Header().Get("WWW-Authenticate"))
		}
	}
}

// ask sends a request as one asker.
func ask(handler http.Handler, a asker, method, path, body string, more ...func(http.Header)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req = req.WithContext(WithCaller(req.Context(), a.caller))
	if a.header != "" {
		req.Header.Set("Authorization", a.header)
	}
	for _, f := range more {
		f(req.Header)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	return w
}

// TestAnswersAreWhatTheTableSays compares the type of each handler's answer
// with the table's, which the description of the API is made of.
func TestAnswersAreWhatTheTableSays(t *testing.T) {
	src := new(fakeSource)
	for _, r := range Routes(src, newGate(src)) {
		name := r.Method + " " + r.Path
		switch name {
		case "POST /v1/logout", "DELETE /v1/sessions/{id}", "PUT /v1/factor", "POST /v1/factor/recovery", "PUT /v1/passkeys", "PUT /v1/login/passkey":
			continue // have nothing to answer without a session, a second factor or a passkey: TestFactor and TestPasskey ask them
		}
		body, err := r.Handle(requestFor(r, rules[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tagged, ok := body.(tagged); ok {
			body = tagged.body
		}
		if got, want := reflect.TypeOf(body), reflect.TypeOf(r.Response); got != want {
			t.Errorf("%s answers %v; the table says %v", name, got, want)
		}
		if raw, ok := body.(Raw); ok && raw.Type != r.Response.(Raw).Type {
			t.Errorf("%s answers %s; the table says %v", name, raw.Type, r.Response)
		}
		if (r.Request != nil) != (rules[name].body != "") {
			t.Errorf("%s: the table's request is %v, the test's %q", name, r.Request, rules[name].body)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodDelete && r.IfMatch != (strings.HasSuffix(r.Path, "/config") || strings.HasSuffix(r.Path, "/revert")) {
			t.Errorf("%s: IfMatch is %v", name, r.IfMatch)
		}
	}
}

// requestFor is a good request to a route's handler, by an admin.
func requestFor(r Route, l line) *http.Request {
	path := l.path
	if path == "" {
		path = r.Path
	}
	req := httptest.NewRequest(r.Method, path, strings.NewReader(strings.ReplaceAll(l.body, "ACCOUNT", "admin")))
	req.SetPathValue("n", "3")
	req.SetPathValue("name", "x")
	return req.WithContext(WithCaller(req.Context(), Caller{Transport: TLS, Address: "192.0.2.7", Who: "admin", Account: "admin", Role: "admin"}))
}
