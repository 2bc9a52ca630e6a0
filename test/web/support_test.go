package web

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/release"
)

// vendor is who signs the keys of its support's people.
type vendor struct {
	t      *testing.T
	signer ssh.Signer
	// listen is where the appliance takes people in.
	listen string
}

func newGuestKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func newVendor(t *testing.T) *vendor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &vendor{t, newGuestKey(t), l.Addr().String()}
}

func (v *vendor) authority() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(v.signer.PublicKey())))
}

// sign makes a certificate of a new key.
func (v *vendor) sign(name string) (ssh.Signer, string) {
	v.t.Helper()
	key := newGuestKey(v.t)
	cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, KeyId: name, Serial: 7, ValidPrincipals: []string{"support"},
		ValidAfter: uint64(time.Now().Add(-time.Minute).Unix()), ValidBefore: uint64(time.Now().Add(48 * time.Hour).Unix())}
	if err := cert.SignCert(rand.Reader, v.signer); err != nil {
		v.t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		v.t.Fatal(err)
	}
	return signer, string(ssh.MarshalAuthorizedKey(cert))
}

// dial logs in.
func (v *vendor) dial(key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", v.listen, &ssh.ClientConfig{User: "support", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second})
}

// letIn opens a session, in which somebody does something.
func (s *site) letIn(t *testing.T) {
	t.Helper()
	key, certificate := s.vendor.sign("alice@example.com")
	if _, err := s.local.OpenSupport(t.Context(), wire.NewSupport{Certificate: certificate, Minutes: 60, Why: "ticket 7"}); err != nil {
		t.Fatal(err)
	}
	client, err := s.vendor.dial(key)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	shell, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shell.Output("uptime"); err != nil {
		t.Fatal(err)
	}
}

// TestSupportSession is its life, seen by all roles.
func TestSupportSession(t *testing.T) {
	s := newSite(t).setUp(t)
	admin, olga, anna := s.browser(t).login("admin"), s.browser(t).login("olga"), s.browser(t).login("anna")
	key, certificate := s.vendor.sign("alice@example.com")
	if _, err := s.vendor.dial(key); err == nil {
		t.Error("somebody is let in before")
	}
	admin.get("/support").says(t, 200, "Nobody is let in", "support@example.com, &#43;41", "support:0123-4567", "SHA256:", "Let them in", "!Recordings")
	olga.get("/support").says(t, 200, "Nobody is let in", "!Let them in")
	anna.get("/support").says(t, 200, "Nobody is let in", "!Let them in")
	admin.post("/support", "certificate", "ssh-ed25519 AAAA", "minutes", "60", "why", "ticket 7").says(t, 422, "not an OpenSSH certificate", "ssh-ed25519 AAAA", `value="ticket 7"`)
	admin.post("/support", "certificate", certificate, "minutes", "60", "why", "").says(t, 422, "reason is missing", `value="60" selected`)
	admin.post("/support", "certificate", certificate, "minutes", "9999", "why", "x").says(t, 422, "not between a minute and 24 hours")
	if p := olga.post("/support", "certificate", certificate, "minutes", "60", "why", "x"); p.status != 403 {
		t.Errorf("an operator opens a session: %d", p.status)
	}
	admin.get("/").says(t, 200, "!Support session", "!support session")

	admin.post("/support", "certificate", certificate, "minutes", "240", "why", "ticket 7").says(t, 200, "can log in now", "alice@example.com", "ssh -p 5422 -i id_ed25519 support@127.0.0.1", "End the session")
	for name, b := range map[string]*visitor{"admin": admin, "olga": olga, "anna": anna} {
		p := b.get("/history").says(t, 200, "Support session for alice@example.com, open until", "opened by admin")
		if button := strings.Contains(p.text, `action="/support/end"`); button != (name != "anna") {
			t.Errorf("%s has a button to end it: %v", name, button)
		}
	}
	// Who is not logged in learns that there is one, and not who.
	s.browser(t).get("/").says(t, 200, "A support session is open until", "!alice", "!opened by", `!action="/support/end"`)
	if status, err := s.local.Status(t.Context()); err != nil || len(status.Notices) == 0 || status.Notices[0].ID != "support" || strings.Contains(status.Notices[0].Text, "alice") {
		t.Errorf("notices %+v, %v", status.Notices, err)
	}
	admin.get("/settings/firewall").says(t, 200, "support session", "5422")
	admin.post("/support", "certificate", certificate, "minutes", "60", "why", "again").says(t, 422, "is open already")

	client, err := s.vendor.dial(key)
	if err != nil {
		t.Fatal(err)
	}
	shell, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := shell.Output("echo '<script>alert(1)</script>'"); err != nil || string(out) != "<script>alert(1)</script>\n" {
		t.Errorf("it says %q, %v", out, err)
	}
	if other, _ := s.vendor.sign("mallory"); other != nil {
		if _, err := s.vendor.dial(other); err == nil {
			t.Error("another certificate is let in")
		}
	}
	p := anna.get("/support").says(t, 200, "127.0.0.1", "&lt;script&gt;alert(1)&lt;/script&gt;", "!<script>alert", "1.cast")
	file := p.group(t, `href="(/support/recordings/[0-9a-z-]+/1\.cast)"`)
	p = anna.get(file).says(t, 200, `"version":2`, `\u003cscript\u003e`)
	if p.header.Get("Content-Type") != "application/x-asciicast" || !strings.HasPrefix(p.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the recording comes with %v", p.header)
	}
	anna.get("/support/recordings/../1.cast").says(t, 404)
	anna.get(strings.Replace(file, "1.cast", "2.cast", 1)).says(t, 404, "no such recording")
	if p := s.browser(t).get(file); !strings.HasPrefix(p.path, "/login") {
		t.Errorf("a stranger gets %s", p.path)
	}

	if p := anna.post("/support/end", "back", "/history"); p.status != 403 {
		t.Errorf("an auditor ends a session: %d", p.status)
	}
	if p := olga.post("/support/end", "back", "/history"); p.path != "/history?said=guest-ended" {
		t.Errorf("an operator ends it, and comes to %s", p.path)
	}
	olga.post("/support/end", "back", "https://evil.example/").says(t, 200) // somebody else was faster
	if err := client.Wait(); err == nil {
		t.Error("the connection ends as if all were well")
	}
	if _, err := s.vendor.dial(key); err == nil {
		t.Error("somebody is let in afterwards")
	}
	admin.get("/support").says(t, 200, "Nobody is let in", "by olga", "!Support is let in")
	admin.get("/settings/firewall").says(t, 200, "!support session")
	// The notice's own button, which the console and programs have.
	admin.post("/support", "certificate", certificate, "minutes", "15", "why", "ticket 8").says(t, 200, "can log in now")
	if err := s.local.Fix(t.Context(), "support"); err != nil {
		t.Error(err)
	}
	if err := s.local.Fix(t.Context(), "support"); err == nil {
		t.Error("there is something to fix after the end")
	}
	admin.get("/support").says(t, 200, "Nobody is let in", "by root", "ticket 7", "ticket 8")
	for _, line := range []string{"admin opens a session for alice@example.com", "has ended: person olga"} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

// TestHostileSupport: whatever is typed or in a certificate is harmless.
func TestHostileSupport(t *testing.T) {
	s := newSite(t).setUp(t)
	b := s.browser(t).login("admin")
	_, good := s.vendor.sign("alice")
	for _, evil := range evils {
		harmless(t, b.post("/support", "certificate", evil, "minutes", "60", "why", evil), "certificate", evil)
		harmless(t, b.post("/support", "certificate", good, "minutes", evil, "why", evil), "minutes", evil)
	}
	if err := s.local.EndSupport(t.Context()); err == nil {
		t.Error("a session was opened")
	}
	for _, evil := range evils {
		if len(evil) > 8<<10 {
			continue // a certificate of that length is refused
		}
		_, certificate := s.vendor.sign(evil)
		harmless(t, b.post("/support", "certificate", certificate, "minutes", "60", "why", "x"), "name", evil)
		harmless(t, b.get("/"), "name", evil)
		harmless(t, b.post("/support/end", "back", "/support"), "name", evil)
	}
}

// TestNoSupport: without it in the definition there is no page, and nothing
// does anything.
func TestNoSupport(t *testing.T) {
	s := newSiteOf(t, func(boot *release.Boot) { boot.Definition.Support, boot.Authorities = nil, nil })
	s.setUp(t)
	key, certificate := s.vendor.sign("alice")
	b := s.browser(t).login("admin")
	b.get("/").says(t, 200, `!href="/support"`)
	b.get("/support").says(t, 404, "has no support sessions")
	b.post("/support", "certificate", certificate, "minutes", "60", "why", "x").says(t, 404)
	b.post("/support/end").says(t, 404)
	b.get("/support/recordings/20260101-000000-000000/1.cast").says(t, 404)
	if _, err := s.vendor.dial(key); err == nil {
		t.Error("somebody is let in")
	}
}
