package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// writes are the routes that are not GET and that a token of a scope may call.
// All others, those that are new too, take a token without scopes.
var writes = map[string][]string{
	"read":     {"POST /v1/preview"},
	"settings": {"PUT /v1/config", "PATCH /v1/config", "POST /v1/config/confirm", "POST /v1/revisions/{n}/revert", "POST /v1/tls/csr"},
	"power":    {"POST /v1/power", "POST /v1/restart"},
	"access": {"POST /v1/accounts", "PUT /v1/accounts/{name}/role", "DELETE /v1/accounts/{name}", "POST /v1/tokens", "DELETE /v1/tokens/{name}",
		"POST /v1/password", "POST /v1/factor", "PUT /v1/factor", "POST /v1/factor/recovery", "POST /v1/factor/off", "DELETE /v1/sessions", "DELETE /v1/sessions/{id}",
		"POST /v1/support", "DELETE /v1/support",
		"POST /v1/passkeys", "PUT /v1/passkeys", "PUT /v1/passkeys/{id}", "DELETE /v1/passkeys/{id}", "DELETE /v1/accounts/{name}/passkeys"},
}

// TestEveryRouteTimesEveryScope asks as an admin's token of one scope.
func TestEveryRouteTimesEveryScope(t *testing.T) {
	src, _, _ := newAPI()
	tokens := setting.Access{}
	for _, scope := range setting.Scopes() {
		tokens.Tokens = append(tokens.Tokens, setting.Token{Name: scope, Role: setting.Admin, Hash: access.HashTokenKey(scope), Scopes: []string{scope}})
	}
	gate := access.New(func() setting.Access { return tokens }, access.Options{})
	routes := Routes(src, gate)
	handler := NewHandler(routes, gate)
	for _, r := range routes {
		if (r.Access == Open{} || r.Access == Local{}) {
			continue
		}
		name := r.Method + " " + r.Path
		l := rules[name]
		path := l.path
		if path == "" {
			path = r.Path
		}
		for _, scope := range setting.Scopes() {
			src.calls = nil
			by := asker{caller: Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}, header: "Bearer " + scope}
			w := ask(handler, by, r.Method, path, l.body, matching(`"7"`))
			want := slices.Contains(writes[scope], name) || r.Method == "GET" && scope == "read"
			if limited := strings.Contains(w.Body.String(), "limited to other things"); limited == want || limited != (w.Code == 403) {
				t.Errorf("%s by a token of the scope %s = %d %s", name, scope, w.Code, w.Body)
			}
			if !want && len(src.calls) != 0 {
				t.Errorf("%s by a token of the scope %s: refused, yet done: %v", name, scope, src.calls)
			}
		}
	}
	by := asker{caller: Caller{Transport: TLS, UID: -1, Address: "192.0.2.7"}, header: "Bearer read"}
	if w := ask(handler, by, "GET", "/v1/config/export?secrets=yes", ""); w.Code != 403 {
		t.Errorf("secrets for a limited token: %d", w.Code)
	}
	// What a token without the scope changes is marked.
	for scope, want := range map[string]bool{"settings": true, "access": false} {
		c := Caller{identity: access.Identity{Scopes: []string{scope}}}
		if got := c.by().NotAccess; got != want {
			t.Errorf("a change by the scope %s is marked %v", scope, got)
		}
	}
	if (Caller{}).by().NotAccess {
		t.Error("a change without scopes is marked")
	}
}
