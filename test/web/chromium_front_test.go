package web

import (
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/agent/frontdoor"
	"github.com/ingotvm/ingot/test/browser"
)

// away is what a visitor in a language gets while no application listens.
func away(t *testing.T, language string) (http.Header, []byte) {
	t.Helper()
	free := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	some := httptest.NewTLSServer(nil) // for its certificate
	defer some.Close()
	address := free()
	d := frontdoor.New(frontdoor.Options{Application: 1, Certificate: func() *tls.Certificate { return &some.TLS.Certificates[0] }, HTTPS: address, HTTP: free()})
	go d.Run(t.Context())
	client := some.Client()
	client.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Accept": {"text/html"}, "Accept-Language": {language}}
	resp, err := client.Do(req)
	for range 500 {
		if err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
		resp, err = client.Do(req)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatal(resp.Status, err)
	}
	return resp.Header, body
}

// TestAwayInChromium: the page that stands in for an application fits every
// screen, and axe finds nothing wrong with it. It is served as it came but with
// 200: a browser complains of 503.
func TestAwayInChromium(t *testing.T) {
	browser.Need(t)
	axe, err := os.ReadFile("../../internal/web/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: make build fetches it", err)
	}
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		maps.Copy(w.Header(), header)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	c := (&site{url: server.URL}).chromium(t)
	for _, language := range []string{"en", "de", "ja"} {
		header, body = away(t, language)
		for _, width := range []int64{browser.Wide, browser.Narrow} {
			for _, scheme := range []string{browser.Light, browser.Dark} {
				c.Screen(width, scheme)
				c.Do(chromedp.Navigate(server.URL+"/"), chromedp.WaitVisible(chromedp.CSS("main h1")))
				c.fits("the page of " + language)
				_ = browser.Eval[bool](c.Browser, "((0, eval)("+quote(string(axe))+"), true)")
				const run = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.help))`
				for _, v := range browser.Eval[[]string](c.Browser, run, chromedp.EvalAwaitPromise) {
					t.Errorf("%s (%d, %s): %s", language, width, scheme, v)
				}
			}
		}
		c.Shot("away-" + language)
	}
}
