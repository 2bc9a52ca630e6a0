package identity

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPendingKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls", "keys")
	k := NewKeys(dir)
	first, err := k.Pending(nil)
	if err != nil {
		t.Fatal(err)
	}
	if k.Find(first.Public()) == nil {
		t.Error("the key is not found again")
	}
	again, err := NewKeys(dir).Pending(nil)
	if err != nil || keyName(t, again) != keyName(t, first) {
		t.Errorf("a second request has another key, %v", err)
	}
	// The key of a certificate in use is not that of the next one.
	second, err := k.Pending(first.Public())
	if err != nil || keyName(t, second) == keyName(t, first) || k.Find(first.Public()) == nil {
		t.Errorf("a renewal has the same key, or the old one is gone: %v", err)
	}
	for range 3 * maxKeys {
		last, err := k.Pending(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Pending(last.Public()); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > maxKeys+3 {
		t.Errorf("%d files are kept, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info, err)
		}
	}
	if mustOpen(t, t.TempDir(), clock, names("box")).key.Equal(first) || k.Find(mustOpen(t, t.TempDir(), clock, names("box")).Certificate().Leaf.PublicKey) != nil {
		t.Error("another key is found")
	}
	// What is damaged, or points elsewhere, is replaced.
	for _, text := range []string{"", "../../key", strings.Repeat("a", 64)} {
		if err := os.WriteFile(filepath.Join(dir, pendingFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Pending(nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func keyName(t *testing.T, key crypto.Signer) string {
	t.Helper()
	id, err := keyID(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRequest(t *testing.T) {
	key, err := NewKeys(t.TempDir()).Pending(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 60) + ".example.com"
	for _, test := range []struct {
		names  []string
		common string
	}{{[]string{"web1.example.com", "192.0.2.7", "2001:db8::7"}, "web1.example.com"}, {[]string{"192.0.2.7", "web1"}, "192.0.2.7"}, {[]string{long}, ""}} {
		text, err := Request(key, test.names)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode([]byte(text))
		r, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || len(rest) > 0 || r.CheckSignature() != nil {
			t.Fatalf("%v: %v", test.names, err)
		}
		if len(r.DNSNames)+len(r.IPAddresses) != len(test.names) || r.Subject.CommonName != test.common {
			t.Errorf("%v: %v %v, %s", test.names, r.DNSNames, r.IPAddresses, r.Subject)
		}
	}
}
