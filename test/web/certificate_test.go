package web

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// testAuthority signs certificates, with one between it and them.
type testAuthority struct {
	t            *testing.T
	root, middle *x509.Certificate
	key          *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newAuthority(t *testing.T) *testAuthority {
	t.Helper()
	rootKey, key := newKey(t), newKey(t)
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(1000 * 24 * time.Hour)}
	}
	root := ca("Example Root")
	root = sign(t, root, root, rootKey.Public(), rootKey)
	return &testAuthority{t, root, sign(t, ca("Example Issuing"), root, key.Public(), rootKey), key}
}

// issue is a server's certificate in PEM.
func (a *testAuthority) issue(public crypto.PublicKey, until time.Time, names ...string) string {
	return toPEM(sign(a.t, &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotAfter: until, NotBefore: time.Now().Add(-100 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.middle, public, a.key))
}

func toPEM(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// greeting is the chain that a new connection is greeted with.
func (s *site) greeting(t *testing.T) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true}) // what it is, is looked at
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}

// TestCertificateOfAnAuthority is the story of an own certificate: a request, a
// wrong answer, a right one, that one kept over a new connection, and back.
func TestCertificateOfAnAuthority(t *testing.T) {
	s := newSite(t).setUp(t)
	authority := newAuthority(t)
	b := s.browser(t).login("admin")
	own := s.greeting(t)[0]
	b.get("/settings/network").says(t, 200, `href="/certificate"`)
	b.get("/certificate").says(t, 200, "made this certificate itself", "Make a request", "Use this certificate", "!Back to the")

	b.post("/certificate/request", "names", "web1.example.com, bad_name").says(t, 422, "bad_name", `value="web1.example.com, bad_name"`)
	file := b.post("/certificate/request", "names", "web1.example.com, 192.0.2.7")
	if file.status != 200 || !strings.Contains(file.header.Get("Content-Disposition"), `filename="shop.csr"`) {
		t.Fatalf("the request comes as %d %v", file.status, file.header)
	}
	block, _ := pem.Decode([]byte(file.text))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.CheckSignature() != nil || request.DNSNames[0] != "web1.example.com" || request.IPAddresses[0].String() != "192.0.2.7" {
		t.Fatalf("the request is %+v, %v", request, err)
	}
	if again := b.post("/certificate/request", "names", "x.example.com"); !samePublicKey(t, request, again.text) {
		t.Error("the second request has another key, so an answer to the first is lost")
	}

	year := time.Now().Add(300 * 24 * time.Hour)
	good := authority.issue(request.PublicKey, year, "web1.example.com")
	alien, alienKey := authority.issue(newKey(t).Public(), year, "web1.example.com"), keyPEM(t, newKey(t))
	base := b.get("/certificate").base(t)
	for _, test := range []struct{ name, chain, key, at, says string }{
		{"nothing", "", "", "f-tls-chain-problem", "missing"},
		{"prose", "my certificate", "", "f-tls-chain-problem", "not a certificate in PEM"},
		{"the request", file.text, "", "f-tls-chain-problem", "is a certificate request"},
		{"of a key that is not here", alien, "", "f-tls-key-problem", "no request that was made on this appliance"},
		{"another key", good, alienKey, "f-tls-key-problem", "is not the key of the certificate"},
		{"another key pasted along", good + alienKey, "", "f-tls-chain-problem", "is not the key of the certificate"},
		{"expired", authority.issue(request.PublicKey, time.Now().Add(-time.Hour), "web1.example.com"), "", "f-tls-chain-problem", "has expired"},
	} {
		p := b.post("/certificate", "base", base, "tls.chain", test.chain, "tls.key", test.key)
		p.says(t, 422, test.at, test.says, "!PRIVATE KEY-----\nM")
	}
	if got := s.greeting(t)[0]; !got.Equal(own) {
		t.Error("a refused certificate is in use")
	}

	// In the wrong order, checked only, and then for good.
	chain := toPEM(authority.root) + toPEM(authority.middle) + good
	b.post("/certificate", "base", base, "tls.chain", chain, "try", "yes").says(t, 200, "The values are good")
	b.post("/certificate", "base", base, "tls.chain", chain, "why", "an own certificate").
		says(t, 200, "Saved.", "is undone in", "CN=web1.example.com", "CN=Example Issuing", "This certificate was uploaded", "does not name the host", "(days left: 299)")
	roots := x509.NewCertPool()
	roots.AddCert(authority.root)
	trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "web1.example.com"}}
	defer trusting.CloseIdleConnections()
	b.http.Transport = trusting // a browser that trusts the authority, over new connections
	b.post("/confirm", "back", "/certificate").says(t, 200, "The change is confirmed.", "!is undone in")
	if got := s.greeting(t); len(got) != 3 || toPEM(got[0]) != good {
		t.Errorf("browsers are greeted with %d certificates", len(got))
	}
	status, err := s.local.Status(t.Context())
	if err != nil || status.Fingerprint != client.Fingerprint(s.greeting(t)[0]) {
		t.Errorf("the console shows the fingerprint %s, %v", status.Fingerprint, err)
	}

	s.browser(t).login("anna").get("/certificate").says(t, 200, "CN=web1.example.com", "!Use this certificate", "!Make a request", "!Back to the")
	b.post("/certificate/own", "base", b.get("/certificate").base(t)).says(t, 200, "Saved.")
}

// TestCertificateFiles uploads files, as other systems write them.
func TestCertificateFiles(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	key := newKey(t)
	cert := newAuthority(t).issue(key.Public(), time.Now().Add(300*24*time.Hour), "web1.example.com")
	block, _ := pem.Decode([]byte(cert))
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(fields, files map[string]string) page {
		t.Helper()
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		fields["base"] = b.get("/certificate").base(t)
		for name, value := range fields {
			_ = w.WriteField(name, value)
		}
		for name, content := range files {
			part, _ := w.CreateFormFile("file:"+name, "a\\b/../../etc/passwd")
			_, _ = part.Write([]byte(content))
		}
		w.Close()
		return b.request("POST", "/certificate", w.FormDataContentType(), &body)
	}
	upload(map[string]string{}, map[string]string{"tls.chain": "\x89PNG\r\n\x1a\n\x00"}).says(t, 422, "f-tls-chain-problem", "not a certificate in PEM")
	upload(map[string]string{}, map[string]string{"tls.chain": strings.Repeat("A", 2<<20)}).says(t, 400, "cannot be read")
	upload(map[string]string{"tls.chain": cert}, map[string]string{"tls.key": string(der), "tls.chain": "", "why": "x"}).says(t, 200, "Saved.", "CN=web1.example.com")
	b.post("/undo", "back", "/certificate").says(t, 200, "made this certificate itself")
	upload(map[string]string{"tls.chain": "what was pasted before"}, map[string]string{"tls.chain": string(block.Bytes), "tls.key": keyPEM(t, key)}).
		says(t, 200, "Saved.", "CN=web1.example.com")
	if got := s.greeting(t); toPEM(got[0]) != cert {
		t.Error("browsers are greeted with another certificate")
	}
}

func samePublicKey(t *testing.T, request *x509.CertificateRequest, text string) bool {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no request, but %q", text)
	}
	other, err := x509.ParseCertificateRequest(block.Bytes)
	return err == nil && request.PublicKey.(*ecdsa.PublicKey).Equal(other.PublicKey)
}

// TestCertificateUnconfirmed: who does not trust the new certificate waits, and
// gets back in.
func TestCertificateUnconfirmed(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	own := s.greeting(t)[0]
	key := newKey(t)
	cert := newAuthority(t).issue(key.Public(), time.Now().Add(20*24*time.Hour), "web1.example.com")
	b.post("/certificate", "base", b.get("/certificate").base(t), "tls.chain", cert, "tls.key", keyPEM(t, key)).
		says(t, 200, "is undone in", "ends in 19 days", "Upload a new one")
	if s.greeting(t)[0].Equal(own) {
		t.Error("the new certificate is not in use")
	}
	b.post("/undo", "back", "/certificate").says(t, 200, "made this certificate itself", "!ends in")
	if !s.greeting(t)[0].Equal(own) {
		t.Error("the certificate before is not back")
	}
	p := b.get("/") // the console and others see the alarm as a state
	p.says(t, 200, "!ends in")
}

// TestCertificateKeyIsNowhere uploads a key and looks for it everywhere.
func TestCertificateKeyIsNowhere(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	key, second := newKey(t), newKey(t)
	authority := newAuthority(t)
	for _, k := range []*ecdsa.PrivateKey{key, second} {
		cert := authority.issue(k.Public(), time.Now().Add(300*24*time.Hour), "web1.example.com")
		b.post("/certificate", "base", b.get("/certificate").base(t), "tls.chain", cert+keyPEM(t, k), "try", "yes").says(t, 200, "The values are good", "!PRIVATE")
		b.post("/certificate", "base", b.get("/certificate").base(t), "tls.chain", cert, "tls.key", keyPEM(t, k)).says(t, 200, "Saved.")
		b.post("/confirm", "back", "/").says(t, 200, "confirmed")
	}
	config, err := s.local.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := string(config.Document) + s.log.String()
	for path := range pages {
		if path != "/history/export?secrets=yes" {
			text += b.get(path).text
		}
	}
	revisions, err := s.local.Revisions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range revisions {
		text += b.get("/history/" + url.PathEscape(big.NewInt(int64(r.Number)).String())).text
		old, err := s.local.Revision(t.Context(), r.Number)
		if err != nil {
			t.Fatal(err)
		}
		text += string(old.Document)
	}
	settings, err := s.local.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range settings {
		for _, p := range setting.Properties {
			text += p.Value
		}
	}
	if !strings.Contains(text, "******** (changed)") {
		t.Error("the history does not say that the key changed")
	}
	for _, k := range []*ecdsa.PrivateKey{key, second} {
		for line := range strings.Lines(keyPEM(t, k)) {
			if line = strings.TrimSpace(line); strings.Contains(text, line) {
				t.Errorf("the key's line %q is told", line)
			}
		}
	}
	if with := b.get("/history/export?secrets=yes").text; !strings.Contains(with, strings.Split(keyPEM(t, second), "\n")[1]) {
		t.Error("an export with secrets has no key")
	}
	without := b.get("/history/export").text
	if strings.Contains(without, "BEGIN") || !strings.Contains(without, "The certificate is left out") {
		t.Errorf("an export without secrets has\n%s", without)
	}
	if _, err := s.local.Change(t.Context(), 0, wire.Change{Values: map[string]string{"tls.key": "********"}}); err != nil {
		t.Errorf("a hidden key sent back: %v", err)
	}
}
