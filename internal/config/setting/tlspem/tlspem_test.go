package tlspem

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey { return keyOn(t, elliptic.P256()) }

func keyOn(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certified is a certificate with its key.
type certified struct {
	*x509.Certificate
	key crypto.Signer
}

func (c certified) pem() string { return PEM(c.Raw) }

// issue makes a certificate, by itself when by is nil.
func issue(t testing.TB, name string, key crypto.Signer, by *certified, edit ...func(*x509.Certificate)) certified {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 24 * time.Hour),
		DNSNames: []string{name}, BasicConstraintsValid: true,
	}
	for _, f := range edit {
		f(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certified{cert, key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.DNSNames, c.KeyUsage = true, nil, x509.KeyUsageCertSign
}

func keyText(t testing.TB, key crypto.Signer) string {
	t.Helper()
	text, err := KeyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func block(kind string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}

func TestParse(t *testing.T) {
	root := issue(t, "Root", newKey(t), nil, isCA)
	middle := issue(t, "Middle", newKey(t), &root, isCA)
	low := issue(t, "Low", newKey(t), &middle, isCA)
	server := issue(t, "web1.example.com", newKey(t), &low)
	second := issue(t, "web2.example.com", newKey(t), &low)
	impostor := issue(t, "Low", newKey(t), &middle, isCA)
	otherRoot := issue(t, "Other Root", newKey(t), nil, isCA)
	crossed := issue(t, "Root", root.key, &otherRoot, isCA)
	self := issue(t, "box", newKey(t), nil)
	selfCA := issue(t, "box", newKey(t), nil, func(c *x509.Certificate) { c.IsCA = true })
	weak := issue(t, "weak.example.com", newRSA(t, 1024), &low)
	p224 := issue(t, "p224.example.com", keyOn(t, elliptic.P224()), &low)
	client := issue(t, "client", newKey(t), &low, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	all := func(list ...certified) string {
		text := ""
		for _, c := range list {
			text += c.pem()
		}
		return text
	}
	key := keyText(t, server.key)
	for _, test := range []struct{ name, text, want, err string }{
		{"the server's alone", all(server), all(server), ""},
		{"signed by itself", all(self), all(self), ""},
		{"signed by itself, as an authority", all(selfCA), all(selfCA), ""},
		{"in order", all(server, low, middle, root), all(server, low, middle, root), ""},
		{"in the wrong order", all(root, middle, low, server), all(server, low, middle, root), ""},
		{"twice", all(server, low, server, low), all(server, low), ""},
		{"without the root", all(middle, server, low), all(server, low, middle), ""},
		{"with words around", "subject=x\n" + all(server) + "\r\nissuer=y\n" + all(low), all(server, low), ""},
		{"from DOS", strings.ReplaceAll(all(server, low), "\n", "\r\n"), all(server, low), ""},
		{"a root and the same one signed by another", all(root, server, crossed, low, middle, otherRoot), all(server, low, middle, crossed, otherRoot), ""},
		{"with the key", key + all(server, low), all(server, low), ""},
		{"with parameters", block("EC PARAMETERS", []byte{6, 1, 1}) + all(server), all(server), ""},

		{"nothing", "", "", "is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"},
		{"prose", "my certificate", "", "is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"},
		{"DER", string(server.Raw), "", "is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"},
		{"only a key", key, "", "is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"},
		{"cut off", all(server)[:200], "", "is PEM that is damaged: give each block whole, with its BEGIN and END lines"},
		{"the second cut off", all(server) + all(low)[:200], "", "is PEM that is damaged: give each block whole, with its BEGIN and END lines"},
		{"too long", strings.Repeat("x", maxText+1), "", "is longer than 64 KiB"},
		{"no certificate inside", block("CERTIFICATE", []byte("x")), "", "holds a certificate that cannot be read: it is damaged"},
		{"a request", block("NEW CERTIFICATE REQUEST", []byte("x")), "", "is a certificate request: send it to the authority, and give what it answers"},
		{"PKCS 7", block("PKCS7", []byte("x")), "", "is PKCS #7: turn it into PEM first, with: openssl pkcs7 -print_certs -in file.p7b"},
		{"a list of revoked ones", block("X509 CRL", []byte("x")), "", `holds "X509 CRL": give a certificate`},
		{"two servers", all(server, low, second), "", `holds the certificates of several servers, "web1.example.com" and "web2.example.com": give one with those that lead to its authority`},
		{"only authorities", all(root, middle), "", "has only certificates of authorities: the server's own is missing"},
		{"only an authority", all(low), "", "has only certificates of authorities: the server's own is missing"},
		{"a gap", all(server, middle, root), "", `has a gap: "Middle" is not on the way from "web1.example.com"; give the certificate of "CN=Low", and leave out what does not belong`},
		{"another's chain", all(server, low, otherRoot), "", `has a gap: "Other Root" is not on the way from "web1.example.com"; give the certificate of "CN=Middle", and leave out what does not belong`},
		{"an authority of the same name", all(server, impostor), "", `has a broken chain: "web1.example.com" names "Low" as its authority, but was not signed by it: get the authority's certificates anew`},
		{"a weak key", all(weak), "", "has a weak key, RSA with 1024 bits, which browsers refuse: use at least 2048, or ECDSA P-256"},
		{"a curve of the past", all(p224), "", "has a key on the curve P-224, which browsers do not know: use P-256"},
		{"of a client", all(client), "", `is a certificate of "client" for something other than a server: ask the authority for one for TLS servers`},
		{"two keys", all(server) + key + key, "", "holds two private keys: give the one of the server's certificate"},
		{"a locked key", all(server) + block("ENCRYPTED PRIVATE KEY", []byte("x")), "", "is locked with a password: unlock it first, with: openssl pkey -in key.pem -out unlocked.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chain, signer, err := Parse(test.text)
			if err != nil {
				if err.Error() != test.err || chain != nil {
					t.Errorf("%v, want %s", err, test.err)
				}
				return
			}
			if test.err != "" || chain.PEM() != test.want {
				t.Errorf("taken as\n%s\nwant\n%s%s", chain.PEM(), test.want, test.err)
			}
			if hasKey := strings.Contains(test.text, key); hasKey != (signer != nil) {
				t.Errorf("the key is %v", signer)
			}
			if again, err := ParseChain(chain.PEM()); err != nil || again.PEM() != chain.PEM() {
				t.Errorf("its canonical form is refused: %v", err)
			}
		})
	}
	if _, err := ParseChain(all(server) + key); err == nil || !strings.Contains(err.Error(), "must not hold the private key") {
		t.Errorf("a chain with a key: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	ec, rsaKey := newKey(t), newRSA(t, 2048)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x")}))
	server := issue(t, "box", ec, nil)
	for _, test := range []struct {
		name, text string
		want       crypto.Signer
		err        string
	}{
		{"PKCS 8", keyText(t, ec), ec, ""},
		{"SEC 1", block("EC PARAMETERS", []byte{6, 1, 1}) + block("EC PRIVATE KEY", sec1), ec, ""},
		{"PKCS 1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey, ""},
		{"Ed25519", keyText(t, ed), ed, ""},
		{"with its certificate", server.pem() + keyText(t, ec), ec, ""},
		{"nothing", " ", nil, "is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----"},
		{"a certificate", server.pem(), nil, "is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----"},
		{"locked", block("ENCRYPTED PRIVATE KEY", []byte("x")), nil, "is locked with a password: unlock it first, with: openssl pkey -in key.pem -out unlocked.pem"},
		{"locked as of old", legacy, nil, "is locked with a password: unlock it first, with: openssl pkey -in key.pem -out unlocked.pem"},
		{"of SSH", block("OPENSSH PRIVATE KEY", []byte("x")), nil, "is a key of SSH: the key of the certificate is needed"},
		{"DSA", block("DSA PRIVATE KEY", []byte("x")), nil, "is a key of a kind that browsers do not know (DSA PRIVATE KEY): use ECDSA P-256 or RSA"},
		{"damaged", block("PRIVATE KEY", []byte("x")), nil, "holds a private key that cannot be read: it is damaged, or of a kind that browsers do not know"},
		{"public", block("PUBLIC KEY", []byte("x")), nil, `holds "PUBLIC KEY": give a private key`},
		{"two", keyText(t, ec) + keyText(t, ed), nil, "holds two private keys: give the one of the server's certificate"},
		{"weak", keyText(t, newRSA(t, 1024)), nil, "has a weak key, RSA with 1024 bits, which browsers refuse: use at least 2048, or ECDSA P-256"},
	} {
		got, err := ParseKey(test.text)
		switch {
		case test.err != "":
			if err == nil || err.Error() != test.err || got != nil {
				t.Errorf("%s: %v, want %s", test.name, err, test.err)
			}
		case err != nil || keyText(t, got) != keyText(t, test.want):
			t.Errorf("%s: %v, or another key", test.name, err)
		}
	}
	if err := Pair(Chain{server.Certificate}, rsaKey); err == nil || err.Error() != `is not the key of the certificate of "box": give the one from which its request was made` {
		t.Errorf("another's key: %v", err)
	}
	if err := Pair(Chain{server.Certificate}, ec); err != nil {
		t.Error(err)
	}
}

func TestDatesAndRemarks(t *testing.T) {
	root := issue(t, "Root", newKey(t), nil, isCA, func(c *x509.Certificate) { c.NotAfter = now.Add(24 * time.Hour) })
	chain := Chain{issue(t, "web1.example.com", newKey(t), &root).Certificate, root.Certificate}
	if !chain.Until().Equal(root.NotAfter) {
		t.Errorf("it ends at %v", chain.Until())
	}
	for after, want := range map[time.Duration]string{
		0:                "",
		-2 * time.Hour:   `is not valid yet: that of "web1.example.com" is from 2026-11-26 11:00 UTC, and it is 2026-11-26 10:00 UTC here; wait, or set the clock right`,
		25 * time.Hour:   `has expired: that of "Root" was valid until 2026-11-27 12:00 UTC; ask the authority for a new one`,
		4000 * time.Hour: `has expired: that of "web1.example.com" was valid until 2027-03-06 12:00 UTC; ask the authority for a new one`,
	} {
		got := ""
		if err := chain.CheckDates(now.Add(after)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("after %v: %s\nwant %s", after, got, want)
		}
	}
	bare := Chain{issue(t, "x", newKey(t), nil, func(c *x509.Certificate) { c.DNSNames = nil }).Certificate}
	wild := Chain{issue(t, "x", newKey(t), nil, func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} }).Certificate}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for _, test := range []struct {
		chain      Chain
		host, want string
	}{
		{chain, "web1.example.com", ""}, {chain, "web1", ""}, {chain, "WEB1", ""}, {wild, "web1", ""}, {wild, "web1.example.com", ""},
		{chain, "web2", "does not name the host web2, but web1.example.com"}, {chain, "web1.example.org", "does not name the host"},
		{bare, "x", "no names that browsers look at"},
		{Chain{issue(t, "x", ed, nil).Certificate}, "x", "Ed25519"},
	} {
		if got := strings.Join(test.chain.Remarks(now, test.host), "; "); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%v for %s: %q, want %q", test.chain.Names(), test.host, got, test.want)
		}
	}
}

func TestRoots(t *testing.T) {
	root := issue(t, "Root", newKey(t), nil, isCA)
	if _, err := Roots(root.pem() + root.pem()); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "x", keyText(t, root.key), root.pem()[:50], block("CERTIFICATE", nil)} {
		if _, err := Roots(text); err == nil {
			t.Errorf("%.30q is taken", text)
		}
	}
}

// FuzzPair: whatever is pasted, nothing breaks, and a key that is taken is that
// of the leaf: what it signs, the leaf's public key verifies. The canonical
// form of what is taken is taken, too.
func FuzzPair(f *testing.F) {
	root := issue(f, "Root", newKey(f), nil, isCA)
	server := issue(f, "web1.example.com", newKey(f), &root)
	other := issue(f, "web2.example.com", newRSA(f, 2048), nil)
	sec1, err := x509.MarshalECPrivateKey(server.key.(*ecdsa.PrivateKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(server.pem()+root.pem(), keyText(f, server.key))
	f.Add(root.pem()+server.pem(), block("EC PRIVATE KEY", sec1))
	f.Add(server.pem(), keyText(f, other.key))
	f.Add(other.pem(), keyText(f, other.key))
	f.Add(server.pem()+keyText(f, server.key), "")
	f.Add(server.pem()+other.pem(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, chainText, keyText string) {
		chain, key, err := Parse(chainText)
		if err != nil {
			if chain != nil || key != nil {
				t.Fatal("refused, and yet there is something")
			}
			return
		}
		if again, err := ParseChain(chain.PEM()); err != nil || again.PEM() != chain.PEM() {
			t.Fatalf("its canonical form is refused or changed: %v", err)
		}
		if k, err := ParseKey(keyText); err == nil {
			key = k
		}
		if key == nil || Pair(chain, key) != nil {
			return
		}
		text, err := KeyPEM(key)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseKey(text); err != nil || Pair(chain, again) != nil {
			t.Fatalf("the key's canonical form is refused: %v", err)
		}
		prove(t, chain.Leaf().PublicKey, key)
	})
}

func prove(t *testing.T, public crypto.PublicKey, key crypto.Signer) {
	t.Helper()
	digest := sha256.Sum256([]byte("message"))
	hash, message := crypto.SHA256, digest[:]
	if _, ok := public.(ed25519.PublicKey); ok {
		hash, message = 0, []byte("message")
	}
	signature, err := key.Sign(rand.Reader, message, hash)
	if err != nil {
		t.Fatal(err)
	}
	ok := false
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(public, digest[:], signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		ok = ed25519.Verify(public, []byte("message"), signature)
	}
	if !ok {
		t.Fatal("a key is taken that is not that of the certificate")
	}
}
