package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// fakeAPI answers with a status and, to one who is logged in, with one of
// everything.
type fakeAPI struct {
	status  wire.Status
	metrics wire.Metrics
}

func (f fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answers := map[string]any{
		"/v1/status": f.status, "/v1/session": wire.Session{Account: "admin", Role: "admin"}, "/v1/resources": []wire.Resource{},
		"/v1/metrics": f.metrics,
	}
	body, ok := answers[r.URL.Path]
	if !ok || r.URL.Path != "/v1/status" && r.Header.Get("Authorization") != "Bearer key" {
		w.WriteHeader(http.StatusUnauthorized)
		body = wire.ErrorBody{Error: wire.Error{Message: "no"}}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func demo() wire.Status {
	return wire.Status{
		Name: "demo", Title: "Demo", Vendor: "Example", Version: "1.2.3", Agent: "0.9", Hostname: "box",
		State: wire.Degraded, Uptime: 90061, CPUs: 2, Memory: wire.Memory{Total: 1 << 30, Available: 100 << 20},
		Network: []wire.Interface{
			{Name: "eth0", State: "up", Addresses: []string{"192.0.2.7/24"}},
			{Name: "eth1", State: "no-address", Problem: "no address: no DHCP answer on eth1"},
		},
		URLs: []wire.URL{{Title: "Shop", URL: "http://192.0.2.7/"}}, Management: "https://192.0.2.7:5480/",
		Fingerprint: "AA:BB:" + strings.Repeat("CC:", 29) + "DD",
		Services: []wire.Service{
			{Name: "web", Title: "Web server", State: wire.Healthy, Since: time.Now().Add(-2 * time.Hour), Ports: []wire.Port{{Port: 80, Protocol: "tcp"}}},
			{Name: "db", Title: "Database", State: wire.Failing, Detail: "connect to 127.0.0.1:3306: connection refused", Since: time.Now()},
		},
		Notices: []wire.Notice{{ID: "unit:foo.service", Level: wire.Critical, Text: "the system unit foo.service failed", Hint: "look at the log", Fix: "start it again"}},
	}
}

func get(t *testing.T, s wire.Status, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	NewHandler(fakeAPI{status: s}).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestStatusPageSaysEverything(t *testing.T) {
	w := get(t, demo(), "GET", "/")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET / = %d %s", w.Code, w.Header())
	}
	for _, want := range []string{
		"<strong>Demo</strong>", "Version 1.2.3", "Example", "Degraded", "Web server", "port 80/tcp", "Database",
		"connect to 127.0.0.1:3306: connection refused", "1 d 1 h", "924\u00a0MiB of 1\u00a0GiB", `value="90"`, `class="high"`,
		"192.0.2.7/24", "no DHCP answer on eth1", `href="http://192.0.2.7/"`, "AA:BB:CC:", "foo.service failed", "for 2 h 0 min",
		`http-equiv="refresh" content="3;url=/?again="`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	s := demo()
	s.State = wire.Healthy
	if w := get(t, s, "GET", "/"); !strings.Contains(w.Body.String(), `content="10;url=`) {
		t.Error("a healthy appliance's page is fetched too often")
	}
}

func TestPageOfAnEmptyStatus(t *testing.T) {
	w := get(t, wire.Status{}, "GET", "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "No address yet") || !strings.Contains(w.Body.String(), "Unknown") {
		t.Errorf("GET / = %d %s", w.Code, w.Body)
	}
}

// TestLocal leads nobody to another site.
func TestLocal(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/settings/network?said=saved": "/settings/network?said=saved", "": "/", "settings": "/", "https://evil.example/": "/",
		"//evil.example/": "/", "/\\evil.example/": "/", "/\t/evil.example/": "/", "/\n/evil.example": "/", "/\r/evil.example": "/", "\t//evil.example": "/", "/ /evil.example": "/", "/\x00/evil.example": "/",
	} {
		if got := local(path); got != want {
			t.Errorf("local(%q) = %q; want %q", path, got, want)
		}
	}
}

// Every text comes from a vendor or from the network: none may become markup
// or a script.
func TestHostileTexts(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "\x00"
	s := demo()
	s.Title, s.Vendor, s.Version, s.Variant, s.Hostname, s.Agent, s.Fingerprint = evil, evil, evil, evil, evil, evil, evil
	s.State = wire.State(evil)
	s.Notices = []wire.Notice{{ID: evil, Level: wire.Level(evil), Text: evil, Hint: evil, Fix: evil}}
	s.Services[0].Title, s.Services[0].Detail, s.Services[0].State = evil, evil, wire.State(evil)
	s.Services[0].Ports[0].Protocol = evil
	s.Network[0].Name, s.Network[0].Problem, s.Network[0].Addresses = evil, evil, []string{evil}
	s.URLs = []wire.URL{{Title: evil, URL: "javascript:alert(1)"}, {Title: "x", URL: `http://x/" onclick="alert(1)`}}
	page := get(t, s, "GET", "/").Body.String()
	if strings.Contains(page, `href="javascript:`) {
		t.Error("the page links to a script")
	}
	// What is left without the values of attributes is markup and text.
	page = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(page, `""`)
	page = strings.Replace(page, `<script src="" defer></script>`, "", 1) // our own
	for _, bad := range []*regexp.Regexp{
		regexp.MustCompile(`(?i)<script`), regexp.MustCompile(`(?i)<img`),
		regexp.MustCompile(`<[^>]* onclick=`), regexp.MustCompile(`<[^>]* onerror=`), regexp.MustCompile(`(?i)\sstyle="`),
	} {
		if got := bad.FindString(page); got != "" {
			t.Errorf("the page holds %q", got)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	assets := regexp.MustCompile(`/assets/[^"]+`).FindAllString(get(t, demo(), "GET", "/").Body.String(), -1)
	if len(assets) < 2 { // the script is not there before the first make build
		t.Fatalf("the page names the assets %q; want style and icon", assets)
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"HEAD", "/", 200}, {"POST", "/", 404}, {"GET", "/none", 404}, {"GET", "/assets/", 404},
		{"GET", "/assets/style.css", 404}, {"GET", "/assets/..%2fweb.go", 404}, {"GET", "/templates/overview.html", 404},
		{"GET", assets[0], 200}, {"GET", assets[1], 200}, {"DELETE", assets[0], 404},
	} {
		w := get(t, demo(), test.method, test.path)
		if w.Code != test.status {
			t.Errorf("%s %s = %d; want %d", test.method, test.path, w.Code, test.status)
		}
		h := w.Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self';") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s %s lacks a guard: %v", test.method, test.path, h)
		}
		kept := strings.Contains(h.Get("Cache-Control"), "immutable")
		if asset := test.status == http.StatusOK && strings.HasPrefix(test.path, "/assets/"); kept != asset {
			t.Errorf("%s %s: Cache-Control %q", test.method, test.path, h.Get("Cache-Control"))
		}
	}
}

// TestStatusPageBeforeTheSetUp says what to do first, and what waits.
func TestStatusPageBeforeTheSetUp(t *testing.T) {
	s := demo()
	if page := get(t, s, "GET", "/").Body.String(); strings.Contains(page, "waits to be set up") {
		t.Error("a page of an appliance that is set up says that something waits")
	}
	s.State, s.Setup = wire.SetUp, wire.SetupNeeded
	s.Services[0].State, s.Services[0].Detail = wire.Off, "waits for the set-up"
	s.Pending = &wire.Pending{Revision: 7, RevertTo: 6, Seconds: 90}
	page := get(t, s, "GET", "/").Body.String()
	for _, want := range []string{"This appliance waits to be set up", "one-time code", "Waits to be set up", "Off", "Revision 7 is undone in 90 seconds"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
