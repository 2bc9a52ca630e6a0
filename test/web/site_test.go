package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent"
	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/web"
)

// password is the administrator's.
const password = "correct-Horse-7-battery"

// site is an appliance's management, running in this process.
type site struct {
	url   string
	agent *agent.Agent
	gate  *access.Gate
	// ahead is how much later it is for who lets people in, in nanoseconds.
	ahead *atomic.Int64
	// local asks as root on the appliance.
	local *client.Client
	log   *logged
	// vendor signs certificates for its support.
	vendor *vendor
	// updates are shown in place of the agent's own, unless nil.
	updates *atomic.Pointer[wire.Updates]
}

// staged is the agent, which says of updates what it is told to, and
// then does not restart either.
type staged struct {
	*agent.Agent
	updates *atomic.Pointer[wire.Updates]
}

// Power does nothing on a stage: the test takes the pages away itself.
func (s staged) Power(ctx context.Context, by config.By, action string) error {
	if s.updates.Load() != nil {
		return nil
	}
	return s.Agent.Power(ctx, by, action)
}

func (s staged) Updates(ctx context.Context, language string) (wire.Updates, error) {
	if u := s.updates.Load(); u != nil {
		return *u, nil
	}
	return s.Agent.Updates(ctx, language)
}

// logged is what the agent logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

// String is all of it so far.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newSite runs the agent of shop, an appliance with settings of every type,
// that waits to be set up. What the data disk holds is made before.
func newSite(t *testing.T, disk ...func(dataDir string)) *site {
	t.Helper()
	return newSiteOf(t, nil, disk...)
}

// newSiteOf runs the agent of a changed shop.
func newSiteOf(t *testing.T, change func(*release.Boot), disk ...func(dataDir string)) *site {
	t.Helper()
	def, err := appliance.Load(os.DirFS("testdata/shop"), "appliance.yaml", appliance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	runDir, dataDir := t.TempDir(), t.TempDir()
	logo, err := os.ReadFile("testdata/shop/logo.svg")
	if err != nil {
		t.Fatal(err)
	}
	look := &release.Branding{Logo: logo, LogoType: "image/svg+xml", Pages: []release.Page{{
		Name: "getting-started", Title: "Getting started", HTML: "<p>Put the <em>till</em> on the counter.</p><ol><li>Open it.</li></ol>",
	}}}
	vendor := newVendor(t)
	description := release.Boot{Format: 1, Definition: def, Branding: look, Licences: map[string]string{
		"en": "You may use this.\n\nBe kind.\n", "de": "Sie dürfen das benutzen.\n\nSeien Sie nett.\n",
	}, Authorities: []string{vendor.authority()}}
	if change != nil {
		change(&description)
	}
	boot, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"boot.json": boot, "init.json": []byte(`{"data":"second-disk","instance":"0123-4567"}`)} {
		if err := os.WriteFile(filepath.Join(runDir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, fill := range disk {
		fill(dataDir)
	}
	log := new(logged)
	a, err := agent.New(agent.Options{Version: "test", RunDir: runDir, DataDir: dataDir, Root: "/", Log: log.add, SupportListen: vendor.listen})
	if err != nil {
		t.Fatal(err)
	}
	ahead := new(atomic.Int64)
	gate := access.New(a.Access, access.Options{
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, File: a.LoginRecord(), Directory: a.Directory(), Log: log.add,
	})
	updates := new(atomic.Pointer[wire.Updates])
	handler := api.NewHandler(api.Routes(staged{a, updates}, gate), gate)
	pages := web.NewHandler(handler)
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			handler.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	count := new(api.Connections)
	remote, err := api.ListenTLS("127.0.0.1:0", a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(runDir, "ingotd.sock")
	unix, err := api.ListenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, api.NewServer(both, api.TLS, count), remote)
	serve(t, api.NewServer(handler, api.Unix, count), unix)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	s := &site{url: "https://" + remote.Addr().String(), agent: a, gate: gate, ahead: ahead, local: client.NewUnix(socket), log: log, vendor: vendor, updates: updates}
	t.Cleanup(s.local.Close)
	return s
}

func serve(t *testing.T, s *http.Server, l net.Listener) {
	t.Helper()
	go func() { _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { s.Close() })
}

// setUp answers the first boot's questions, with accounts of all three roles.
func (s *site) setUp(t *testing.T) *site {
	t.Helper()
	ctx := t.Context()
	setup, err := s.local.Setup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range setup.Steps {
		a := wire.Answer{Step: step.Name, Values: map[string]string{}}
		switch step.Name {
		case "eula":
			a.Accept = step.Licence.Hash
		case "administrator":
			a.Values = map[string]string{"access.administrator": "admin", "access.password": password}
		case "application":
			a.Values = map[string]string{"application.owner": "owner@example.com"}
		}
		if _, err := s.local.Answer(ctx, a); err != nil {
			t.Fatalf("step %s: %v", step.Name, err)
		}
	}
	for name, role := range map[string]string{"olga": "operator", "anna": "auditor"} {
		if err := s.local.NewAccount(ctx, wire.NewAccount{Name: name, Role: role, Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// visitor is one without JavaScript.
type visitor struct {
	t    *testing.T
	site *site
	http *http.Client
	// header goes with every request.
	header http.Header
}

func (s *site) browser(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the key was made a moment ago
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t, s, &http.Client{Transport: transport, Jar: jar}, http.Header{}}
}

// code is what an authenticator app shows for a secret, half a minute after the
// one before: none is good twice.
func (s *site) code(secret string) string {
	s.ahead.Add(int64(30 * time.Second))
	return access.Code(secret, time.Now().Add(time.Duration(s.ahead.Load())))
}

// page is an answer to a browser.
type page struct {
	status int
	path   string // after redirects, with the query
	header http.Header
	text   string
}

func (b *visitor) do(method, path string, form url.Values) page {
	b.t.Helper()
	if form == nil {
		return b.request(method, path, "", nil)
	}
	return b.request(method, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// request sends a body of a type.
func (b *visitor) request(method, path, kind string, body io.Reader) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.site.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range b.header {
		req.Header[name] = values
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Request.URL.RequestURI(), resp.Header, string(data)}
}

func (b *visitor) get(path string) page { b.t.Helper(); return b.do("GET", path, nil) }

// post sends a form, given as names and values in turn.
func (b *visitor) post(path string, pairs ...string) page {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, form)
}

// login logs in as an account, whose password is password.
func (b *visitor) login(account string) *visitor {
	b.t.Helper()
	if p := b.post("/login", "account", account, "password", password, "to", "/"); p.status != 200 || p.path != "/" {
		b.t.Fatalf("%s is not logged in: %d %s\n%s", account, p.status, p.path, p.text)
	}
	return b
}

// says checks that a page holds texts, those with a "!" before not.
func (p page) says(t *testing.T, status int, texts ...string) page {
	t.Helper()
	if p.status != status {
		t.Errorf("%s: status %d, want %d:%s", p.path, p.status, status, p.words())
	}
	for _, text := range texts {
		not := strings.HasPrefix(text, "!")
		if strings.Contains(p.text, strings.TrimPrefix(text, "!")) == not {
			t.Errorf("%s: want %q; the page says%s", p.path, text, p.words())
		}
	}
	return p
}

// words are the page's text and the values of its fields, without markup.
func (p page) words() string {
	_, body, _ := strings.Cut(p.text, "<main")
	body = regexp.MustCompile(`<[^>]* id="([^"]*)"[^>]* value="([^"]*)"[^>]*>`).ReplaceAllString(body, "[$1: $2]")
	body = regexp.MustCompile(`<option[^>]*>[^<]*</option>|<[^>]*>`).ReplaceAllString(body, "")
	return regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(body, "\n  ")
}

// eventually tries until it works.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
