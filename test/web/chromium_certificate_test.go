package web

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestCertificateInChromium uploads a bad and a good certificate.
func TestCertificateInChromium(t *testing.T) {
	s := newSite(t).setUp(t)
	c := s.chromium(t)
	c.Open("/login")
	c.Fill("#account", "admin")
	c.Fill("#password", password)
	c.Press("main button")
	c.Sees("Log out")
	c.Open("/certificate")
	authority, key := newAuthority(t), newKey(t)
	cert := authority.issue(key.Public(), time.Now().Add(15*24*time.Hour), "web1.example.com")
	paste := func(selector, text string) { // as the clipboard does
		t.Helper()
		c.Do(chromedp.SetValue(chromedp.CSS(selector), text))
	}
	paste("#f-tls-chain", cert)
	paste("#f-tls-key", keyPEM(t, newKey(t)))
	c.Press(`form[action="/certificate"] button:not(.second)`)
	c.Sees("is not the key of the certificate")
	c.Shot("certificate-bad")
	choose := func(selector, name, text string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}))
	}
	choose(`input[name="file:tls.chain"]`, "chain.crt", toPEM(authority.middle)+cert)
	choose(`input[name="file:tls.key"]`, "server.key", keyPEM(t, key))
	c.Press(`form[action="/certificate"] button:not(.second)`)
	c.Sees("This certificate was uploaded")
	c.Sees("is undone in")
	c.Shot("certificate-pending")
	c.Press(`form[action="/confirm"] button`)
	c.Sees("The change is confirmed")
	if got := s.greeting(t); len(got) != 2 || toPEM(got[0]) != cert {
		t.Errorf("browsers are greeted with %d certificates", len(got))
	}
	c.Open("/")
	c.Sees("ends in 14 days")
	c.Shot("certificate-overview")
}
