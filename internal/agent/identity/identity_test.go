package identity

import (
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var clock = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func names(host string, addrs ...string) Names {
	n := Names{Host: host}
	for _, a := range addrs {
		n.Addresses = append(n.Addresses, netip.MustParseAddr(a))
	}
	return n
}

func mustOpen(t *testing.T, dir string, now time.Time, n Names) *Identity {
	t.Helper()
	id, err := Open(dir, at(now), n)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity", "tls")
	first := mustOpen(t, dir, clock, names("box", "192.0.2.7", "2001:db8::7"))
	leaf := first.Certificate().Leaf
	for _, name := range []string{"box", "192.0.2.7", "2001:db8::7"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Errorf("the certificate does not speak for %s: %v", name, err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "box", CurrentTime: clock, Roots: roots}); err != nil {
		t.Errorf("a browser that was told to trust it would refuse: %v", err)
	}
	if days := leaf.NotAfter.Sub(leaf.NotBefore).Hours() / 24; days > 825 {
		t.Errorf("valid for %v days; Apple's platforms take 825", days)
	}
	for _, f := range []string{"key.pem", "cert.pem"} {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", f, info, err)
		}
	}
	second := mustOpen(t, dir, clock.Add(time.Hour), names("box", "192.0.2.7"))
	if first.Fingerprint() != second.Fingerprint() {
		t.Error("a restart changed the fingerprint")
	}
	if len(first.Fingerprint()) != 32*3-1 {
		t.Errorf("Fingerprint() = %q", first.Fingerprint())
	}
	if other := mustOpen(t, t.TempDir(), clock, names("box")); other.Fingerprint() == first.Fingerprint() {
		t.Error("two machines have the same fingerprint")
	}
}

func TestRenew(t *testing.T) {
	for _, test := range []struct {
		name  string
		later time.Duration
		names Names
		want  bool
	}{
		{"nothing new", time.Hour, names("box", "192.0.2.7"), false},
		{"an address less", time.Hour, names("box"), false},
		{"an address more", time.Hour, names("box", "192.0.2.7", "192.0.2.8"), true},
		{"IPv6", time.Hour, names("box", "2001:db8::1"), true},
		{"another name", time.Hour, names("box2", "192.0.2.7"), true},
		{"two years on", 2 * 365 * 24 * time.Hour, names("box"), false},
		{"near its end", validity - renewBefore, names("box"), true},
		{"the clock was in 1970", -clock.Sub(time.Unix(0, 0)), names("box"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			now := clock
			id, err := Open(dir, func() time.Time { return now }, names("box", "192.0.2.7"))
			if err != nil {
				t.Fatal(err)
			}
			before := id.Certificate()
			now = now.Add(test.later)
			renewed, err := id.Renew(test.names, false)
			if err != nil || renewed != test.want {
				t.Fatalf("Renew() = %v, %v; want %v", renewed, err, test.want)
			}
			after := id.Certificate()
			if (before != after) != test.want {
				t.Error("Renew() does not say what it did")
			}
			if !test.want {
				return
			}
			if again, _ := id.Renew(test.names, false); again {
				t.Error("a second Renew() renewed again")
			}
			kept := mustOpen(t, dir, now, test.names)
			if kept.Fingerprint() != id.Fingerprint() {
				t.Error("the new certificate was not kept")
			}
			if !kept.key.Equal(id.key) || !id.key.PublicKey.Equal(after.Leaf.PublicKey) {
				t.Error("the key changed with the certificate")
			}
		})
	}
}

func TestDamagedFilesAreReplaced(t *testing.T) {
	good := t.TempDir()
	id := mustOpen(t, good, clock, names("box"))
	key, _ := os.ReadFile(filepath.Join(good, "key.pem"))
	other := t.TempDir()
	mustOpen(t, other, clock, names("box"))
	otherKey, _ := os.ReadFile(filepath.Join(other, "key.pem"))
	for _, test := range []struct {
		name, file string
		content    []byte
		sameKey    bool
	}{
		{"empty key", "key.pem", nil, false},
		{"torn key", "key.pem", key[:len(key)/2], false},
		{"key is no key", "key.pem", []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), false},
		{"key of another", "key.pem", otherKey, false},
		{"empty certificate", "cert.pem", nil, true},
		{"certificate is none", "cert.pem", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, test.file), test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			repaired := mustOpen(t, dir, clock, names("box"))
			if repaired.key.Equal(id.key) != test.sameKey {
				t.Errorf("the same key: %v; want %v", !test.sameKey, test.sameKey)
			}
			if repaired.Certificate() == nil || mustOpen(t, dir, clock, names("box")).Fingerprint() != repaired.Fingerprint() {
				t.Error("the repaired identity was not kept")
			}
		})
	}
}

func TestIdentityWithoutADisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := Open(filepath.Join(file, "tls"), at(clock), names("box"))
	if err == nil || id == nil || id.Certificate() == nil {
		t.Errorf("Open() = %v, %v; want a usable identity and an error", id, err)
	}
}

func TestHostNamesThatNoCertificateMayHold(t *testing.T) {
	for _, host := range []string{"", "bücher", "a b", "under_score", "-x", "localhost.", "x\x00y"} {
		id, err := Open(t.TempDir(), at(clock), names(host, "192.0.2.1"))
		if err != nil {
			t.Errorf("Open() of host %q = %v", host, err)
			continue
		}
		if renewed, err := id.Renew(names(host, "192.0.2.1"), false); err != nil || renewed {
			t.Errorf("Renew() of host %q = %v, %v; want false", host, renewed, err)
		}
	}
}

// TestRenewLeavesPeopleAlone: a certificate that somebody has accepted stays
// while addresses come and go.
func TestRenewLeavesPeopleAlone(t *testing.T) {
	now := clock
	dir := t.TempDir()
	id, err := Open(dir, func() time.Time { return now }, names("box"))
	if err != nil {
		t.Fatal(err)
	}
	look := func(after time.Duration, hold bool, want bool, n Names) {
		t.Helper()
		now = now.Add(after)
		key := id.key
		if renewed, err := id.Renew(n, hold); err != nil || renewed != want {
			t.Errorf("after %v, names %v: Renew() = %v, %v; want %v", now.Sub(clock), n, renewed, err, want)
		}
		if id.key != key {
			t.Error("the key changed")
		}
	}
	one, two := names("box", "192.0.2.1"), names("box", "192.0.2.2")
	look(0, true, true, one) // nobody was shown the first one
	if err := id.Greet().Leaf.VerifyHostname("192.0.2.1"); err != nil {
		t.Error(err)
	}
	look(time.Second, true, false, two)
	look(time.Hour, true, false, two) // while it is being set up
	look(0, false, false, two)
	look(Steady-time.Second, false, false, two)
	look(time.Second, false, true, two)
	id.Greet()
	look(time.Minute, false, false, one) // a blip
	look(time.Minute, false, false, two)
	look(Steady, false, false, one)
	look(Steady-1, false, false, one)
	look(0, false, false, names("box", "192.0.2.3"))
	look(Steady, false, true, names("box", "192.0.2.3"))

	kept := mustOpen(t, dir, now, names("box"))
	if renewed, err := kept.Renew(two, false); renewed || err != nil {
		t.Errorf("a certificate of an earlier start is replaced at once: %v", err)
	}
}
