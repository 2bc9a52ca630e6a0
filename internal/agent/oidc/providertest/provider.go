// Package providertest runs an OpenID Connect provider for tests, on loopback
// and with TLS: one that checks clients, redirect addresses and PKCE as a real
// one does, with a form to log in. Its tokens can be tampered with.
//
// Guarantees: the provider ends with the test. Everybody's password is
// [Password].
package providertest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/text/language"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Password is everybody's, and Secret the appliance's.
const (
	Password = "correct-Horse-7-provider"
	Secret   = "the appliance's own secret"
	clientID = "appliance"
)

// Token is what the provider is about to say of somebody, before it is signed.
type Token struct {
	// Alg is RS256, none, or HS256 with the provider's public key as secret;
	// "stranger" is RS256 by a key that is not the provider's.
	Alg    string
	Claims map[string]any
}

// Provider is a running provider.
type Provider struct {
	// URL is its issuer, CA its root in PEM.
	URL, CA string
	server  *httptest.Server
	handler http.Handler
	key     *rsa.PrivateKey

	mu     sync.Mutex
	tamper func(*Token)
	info   func(map[string]any)
	paths  []string
}

// Start runs a provider that sends browsers back to these addresses alone.
func Start(t testing.TB, redirects ...string) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key}
	p.server = httptest.NewUnstartedServer(p)
	p.URL = "https://" + p.server.Listener.Addr().String()
	people := newPeople()
	store := &store{storage.NewStorageWithClients(people, map[string]*storage.Client{clientID: storage.WebClient(clientID, Secret, redirects...)}), people}
	p.handler = exampleop.SetupServer(p.URL, store, slog.New(slog.DiscardHandler), false)
	p.server.StartTLS()
	p.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}))
	t.Cleanup(p.server.Close)
	return p
}

// Stop ends the provider; then nobody answers.
func (p *Provider) Stop() { p.server.Close() }

// Setting is how the provider is set up. Its claims come with the user's
// information.
func (p *Provider) Setting() setting.OIDC {
	return setting.OIDC{
		State: "on", Title: "Example Ltd", Issuer: p.URL, ClientID: clientID, ClientSecret: Secret, Authority: p.CA,
		AdminGroups: []string{"appliance-admins"}, OperatorGroups: []string{"/ops"}, AuditorGroups: []string{"auditors"},
	}
}

// Tamper changes all tokens from now on; nil ends that.
func (p *Provider) Tamper(change func(*Token)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper = change
}

// TamperInfo does the same to what it says of users when it is asked.
func (p *Provider) TamperInfo(change func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.info = change
}

// Paths are those that were asked for.
func (p *Provider) Paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.paths...)
}

// ServeHTTP implements [http.Handler].
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.paths = append(p.paths, r.Method+" "+r.URL.Path)
	tamper, info := p.tamper, p.info
	p.mu.Unlock()
	switch {
	case tamper != nil && r.URL.Path == "/keys":
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{p.jwk()}})
	case tamper != nil && r.URL.Path == "/oauth/token":
		p.change(w, r, func(body map[string]any) {
			if text, ok := body["id_token"].(string); ok {
				token := Token{Alg: "RS256", Claims: claimsOf(text)}
				tamper(&token)
				body["id_token"] = p.sign(token)
			}
		})
	case info != nil && r.URL.Path == "/userinfo":
		p.change(w, r, info)
	default:
		p.handler.ServeHTTP(w, r)
	}
}

// change changes an answer in JSON.
func (p *Provider) change(w http.ResponseWriter, r *http.Request, change func(map[string]any)) {
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	body := map[string]any{}
	data := recorder.Body.Bytes()
	if json.Unmarshal(data, &body) == nil {
		change(body)
		data, _ = json.Marshal(body) // it came from JSON
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(data)
}

func claimsOf(token string) map[string]any {
	claims := map[string]any{}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		data, _ := base64.RawURLEncoding.DecodeString(parts[1])
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		_ = d.Decode(&claims)
	}
	return claims
}

func (p *Provider) jwk() map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "RSA", "kid": "test", "use": "sig", "alg": "RS256",
		"n": encode(p.key.N.Bytes()), "e": encode(big.NewInt(int64(p.key.E)).Bytes())}
}

// sign makes a JWT, good or not.
func (p *Provider) sign(t Token) string {
	encode := base64.RawURLEncoding.EncodeToString
	alg, key := t.Alg, p.key
	if alg == "stranger" {
		alg = "RS256"
		key, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	header, _ := json.Marshal(map[string]string{"alg": alg, "kid": "test"})
	claims, _ := json.Marshal(t.Claims)
	text := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	switch alg {
	case "RS256":
		signature, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		return text + "." + encode(signature)
	case "HS256":
		return text + "." + encode(hmacSum(p.key.N.Bytes(), text))
	}
	return text + "."
}

// people are those whom the provider knows.
type people map[string]*storage.User

func newPeople() people {
	p := people{}
	for _, name := range []string{"alice", "oskar", "aurel", "nora"} {
		p[name] = &storage.User{ID: "id-" + name, Username: name, Password: Password, FirstName: name, Email: name + "@example.com",
			EmailVerified: name != "nora", PreferredLanguage: language.English}
	}
	return p
}

var groups = map[string][]string{
	"id-alice": {"staff", "appliance-admins", "auditors"}, "id-oskar": {"staff", "/ops"}, "id-aurel": {"auditors"}, "id-nora": {"staff", "Appliance-Admins", "ops"},
}

// GetUserByID implements [storage.UserStore].
func (p people) GetUserByID(id string) *storage.User { return p[strings.TrimPrefix(id, "id-")] }

// GetUserByUsername implements [storage.UserStore].
func (p people) GetUserByUsername(name string) *storage.User { return p[name] }

// ExampleClientID implements [storage.UserStore].
func (p people) ExampleClientID() string { return "service" }

// store also tells of groups.
type store struct {
	*storage.Storage
	people people
}

// SetUserinfoFromToken implements [op.Storage].
func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("groups", groups[subject])
	return nil
}
