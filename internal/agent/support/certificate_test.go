package support

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestCertificates is a table of ways to cheat, and of slips.
func TestCertificates(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	k.keygen("-t", "rsa", "-b", "3072", "-N", "", "-f", k.path("rsa"))
	good := k.sign("alice")
	blob := []byte(strings.Fields(good)[1])
	blob[200]++
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {" \n", "is missing"},
		"garbage":           {"hello", "not an OpenSSH certificate"},
		"markup":            {"<script>alert(1)</script>", "not an OpenSSH certificate"},
		"long":              {strings.Repeat("x", 1<<20), "too long"},
		"a plain key":       {k.read("alice.pub"), "nobody has signed"},
		"a private key":     {k.read("alice"), "private key"},
		"two":               {good + k.sign("bob"), "more than one"},
		"options":           {`command="x" ` + good, "not an OpenSSH certificate"},
		"cut off":           {good[:300], "not an OpenSSH certificate"},
		"changed":           {strings.Fields(good)[0] + " " + string(blob), ""}, // in whatever way it shows
		"another authority": {k.sign("alice", "-s", k.path("other-ca")), "not signed by an authority"},
		"over":              {k.sign("alice", "-V", "-2h:-1h"), "was good until"},
		"not yet":           {k.sign("alice", "-V", "+1h:+2h"), "not good before"},
		"no end":            {k.sign("alice", "-V", "always:forever"), "no end"},
		"another principal": {k.sign("alice", "-n root"), "not for the principal support"},
		"no principal":      {k.sign("alice", "-n "), "not for the principal support"},
		"another appliance": {k.sign("alice", "-n support:9999"), "for another appliance"},
		"a host":            {k.sign("alice", "-h"), "for a host"},
		"a command":         {k.sign("alice", "-O", "force-command=/bin/true"), "force-command"},
		"an unknown option": {k.sign("alice", "-O", "critical:new@example.com=1"), "new@example.com"},
		"SHA-1":             {k.sign("alice", "-s", k.path("rsa"), "-t", "ssh-rsa"), "not signed by an authority"},
	} {
		_, err := a.Open(Request{By: "bob", Certificate: c.text, Length: time.Hour, Why: "x"})
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Field != "certificate" || !strings.Contains(refusal.Message, c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if _, open := a.Current(); open {
			t.Fatalf("%s opens a session", name)
		}
	}
	if list := a.Sessions(); len(list) != 0 || a.changed.Load() != 0 {
		t.Errorf("kept: %+v", list)
	}
	for _, args := range [][]string{{"-n support:0123-4567"}, {"-n other,support"}, {"-V", "-1m:+1m"}} {
		a.opens(k.sign("alice", args...))
		a.says("in\n", "echo in")
		if err := a.End("bob"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldKinds: an authority's signature with SHA-1 is not taken, one with
// SHA-2 is.
func TestOldKinds(t *testing.T) {
	k := newKeys(t)
	k.keygen("-t", "rsa", "-b", "3072", "-N", "", "-f", k.path("rsa"))
	a := newAppliance(t, k, func(o *Options) { o.Authorities = append(o.Authorities, strings.TrimSpace(k.read("rsa.pub"))) })
	_, err := a.Open(Request{By: "bob", Certificate: k.sign("alice", "-s", k.path("rsa"), "-t", "ssh-rsa"), Length: time.Hour, Why: "x"})
	if err == nil || !strings.Contains(err.Error(), "not safe") {
		t.Errorf("SHA-1: %v", err)
	}
	a.opens(k.sign("alice", "-s", k.path("rsa"), "-t", "rsa-sha2-512"))
	a.says("in\n", "echo in")
}

func TestRequest(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	cert := k.sign("alice")
	for name, c := range map[string]struct {
		length     time.Duration
		why, field string
	}{
		"too short": {time.Second, "x", "minutes"}, "too long": {25 * time.Hour, "x", "minutes"}, "negative": {-time.Hour, "x", "minutes"},
		"no reason": {time.Hour, " ", "why"}, "two lines": {time.Hour, "a\nb", "why"}, "turned round": {time.Hour, "a\u202eb", "why"},
		"long": {time.Hour, strings.Repeat("x", 101), "why"},
	} {
		_, err := a.Open(Request{By: "bob", Certificate: cert, Length: c.length, Why: c.why})
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileName: what a certificate calls its person is shown, and no more.
func TestHostileName(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	s := a.opens(k.sign("alice", "-I", "a\x1b[2J\r\nsupport: all is well \u202e"+strings.Repeat("x", 500)))
	if s.Name != line(s.Name) || len(s.Name) > maxLine || strings.ContainsAny(s.Name, "\x1b\r\n\u202e") {
		t.Errorf("the name is %q", s.Name)
	}
	if n := strings.Count(strings.TrimSpace(a.log.String()), "\n"); n != 0 {
		t.Errorf("the log has %d lines more:\n%s", n, a.log)
	}
}

// FuzzCertificate: no text makes the parser panic, and what it takes is a
// certificate that no judge without its authority lets in.
func FuzzCertificate(f *testing.F) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	ca, err := ssh.NewSignerFromKey(private)
	if err != nil {
		f.Fatal(err)
	}
	cert := &ssh.Certificate{Key: ca.PublicKey(), CertType: ssh.UserCert, KeyId: "alice", ValidPrincipals: []string{Principal}, ValidAfter: 1, ValidBefore: 1 << 40,
		Permissions: ssh.Permissions{CriticalOptions: map[string]string{sourceAddress: "192.0.2.0/24"}}}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		f.Fatal(err)
	}
	text := string(ssh.MarshalAuthorizedKey(cert))
	own, other := judge{[]ssh.PublicKey{ca.PublicKey()}, "0123"}, judge{nil, "0123"}
	now := time.Unix(1000, 0)
	if err := own.check(cert, now); err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(string(ssh.MarshalAuthorizedKey(ca.PublicKey())))
	f.Add("ssh-ed25519-cert-v01@openssh.com AAAA")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCertificate(s)
		var refusal *Refusal
		if (c == nil) == (err == nil) || err != nil && !errors.As(err, &refusal) {
			t.Fatalf("%q gives %v, %v", s, c, err)
		}
		if err != nil {
			return
		}
		if other.check(c, now) == nil {
			t.Errorf("%q is let in by nobody's signature", s)
		}
		// What the authority has not signed is not let in, whatever it says.
		if own.check(c, now) == nil && string(c.Marshal()) != string(cert.Marshal()) {
			t.Errorf("%q is let in and was not signed", s)
		}
		if again, err := ParseCertificate(string(ssh.MarshalAuthorizedKey(c))); err != nil || string(again.Marshal()) != string(c.Marshal()) {
			t.Errorf("%q comes back as another: %v", s, err)
		}
	})
}

// TestUnreadableAuthority: an agent with a damaged definition has no support.
func TestUnreadableAuthority(t *testing.T) {
	if _, err := New(Options{Dir: t.TempDir(), Authorities: []string{"nonsense"}}); err == nil {
		t.Error("nonsense is an authority")
	}
	if _, err := New(Options{Dir: "/proc/nowhere"}); err == nil || errors.Is(err, os.ErrExist) {
		t.Errorf("no folder: %v", err)
	}
}
