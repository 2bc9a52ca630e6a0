package sshkey

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// lines are public keys of several kinds, as an independent library writes them.
func lines(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	add := func(name string, public any) {
		key, err := ssh.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	add("ed25519", ed)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		add(curve.Params().Name, &key.PublicKey)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	add("rsa", &key.PublicKey)
	return out
}

func TestParseFile(t *testing.T) {
	for name, line := range lines(t) {
		for _, text := range []string{line, line + "\n", line + " somebody@example.com\r\n", "\n# ours\n\t" + line + "  a comment of words\n\n"} {
			got, err := ParseFile(text)
			if err != nil || got != line {
				t.Errorf("%s: %q gives %q, %v", name, text, got, err)
			}
		}
	}
}

func TestParseFileRefuses(t *testing.T) {
	good := lines(t)["ed25519"]
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.Fields(good)[1]
	for text, want := range map[string]string{
		string(pem.EncodeToMemory(block)):         "PRIVATE",
		"-----BEGIN RSA PRIVATE KEY-----\n":       "PRIVATE",
		"PuTTY-User-Key-File-3: ssh-ed25519\n":    "PRIVATE",
		"":                                        "no key",
		"# nothing\n":                             "no key",
		good + "\n" + good:                        "more than one",
		"ssh-ed25519":                             "cut off",
		"ssh-ed25519 !!!":                         "not base64",
		"ssh-ed25519 " + cut[:40]:                 "damaged",
		"ssh-rsa " + cut:                          "not of the type",
		"ssh-dss AAAA":                            "DSA",
		"ssh-ed25519-cert-v01@openssh.com " + cut: "certificate",
		"command=\"x\" " + good:                   "not an OpenSSH public key",
		"---- BEGIN SSH2 PUBLIC KEY ----\n" + cut: "not an OpenSSH public key",
		"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE= too small": "too few",
	} {
		key, err := ParseFile(text)
		if err == nil || key != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v; want %q", text, key, err, want)
		}
	}
	if _, err := ParseFile("-----BEGIN PRIVATE KEY-----"); !errors.Is(err, ErrPrivate) {
		t.Errorf("a private key: %v", err)
	}
}

// FuzzParseFile: what is taken is taken again as it is, and the library takes
// most of it, too: its points on a curve may be none.
func FuzzParseFile(f *testing.F) {
	for _, line := range lines(f) {
		f.Add(line)
	}
	f.Add("ssh-ed25519 AAAA x")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseFile(text)
		if err != nil {
			if key != "" {
				t.Errorf("%q: a key and %v", text, err)
			}
			return
		}
		if again, err := ParseFile(key); err != nil || again != key {
			t.Errorf("%q is taken as %q, and then %q, %v", text, key, again, err)
		}
		if strings.HasPrefix(key, "ssh-ed25519 ") {
			if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil {
				t.Errorf("%q: the library says %v", key, err)
			}
		}
	})
}
