package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority makes certificates and keys in PEM: those of a server, of the
// authority that issued it, and a key of neither.
func authority(t testing.TB, key crypto.Signer, kind string) (server, serverKey, ca, otherKey string) {
	t.Helper()
	encode := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	caKey := newECKey(t)
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Unix(1e9, 0),
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Unix(1e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, issuer, issuer, caKey.Public(), caKey)
	ca = encode("CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, issuer, key.Public(), caKey)
	server = encode("CERTIFICATE", der, err)
	switch kind {
	case "EC PRIVATE KEY":
		der, err = x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	case "RSA PRIVATE KEY":
		der, err = x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey)), nil
	default:
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	serverKey = encode(kind, der, err)
	der, err = x509.MarshalECPrivateKey(newECKey(t))
	otherKey = encode("EC PRIVATE KEY", der, err)
	return server, serverKey, ca, otherKey
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestCertificateKeys holds that each kind of private key is known to be that
// of its certificate, and another one, where that can be seen, is not.
func TestCertificateKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		key  crypto.Signer
		kind string
	}{
		{"EC", newECKey(t), "EC PRIVATE KEY"}, {"EC in PKCS 8", newECKey(t), "PRIVATE KEY"},
		{"RSA", rsaKey, "RSA PRIVATE KEY"}, {"RSA in PKCS 8", rsaKey, "PRIVATE KEY"}, {"Ed25519", edKey, "PRIVATE KEY"},
	} {
		server, key, ca, other := authority(t, test.key, test.kind)
		if got, err := Parse(key + server + ca); got != server+ca+key || err != nil {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
		if _, err := Parse(server + other); err == nil {
			t.Errorf("%s: another's key is taken", test.name)
		}
		if test.name == "Ed25519" {
			continue // cannot be seen
		}
		if _, err := Parse(ca + key); err == nil {
			t.Errorf("%s: another's certificate is taken", test.name)
		}
	}
}

func TestCertificate(t *testing.T) {
	server, key, ca, otherKey := authority(t, newECKey(t), "PRIVATE KEY")
	parameters := string(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 1, 1}}))
	locked := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}))
	for name, test := range map[string]struct{ text, want, err string }{
		"certificate":       {server, server, ""},
		"chain":             {server + ca, server + ca, ""},
		"key first":         {"Bag Attributes\n" + key + parameters + "\r\n" + server + ca, server + ca + key, ""},
		"line ends of DOS":  {strings.ReplaceAll(server, "\n", "\r\n"), server, ""},
		"nothing":           {" \n", "", ""},
		"prose":             {"my certificate", "", "must be a certificate in PEM, beginning with -----BEGIN CERTIFICATE-----"},
		"only a key":        {key, "", "must be a certificate in PEM, beginning with -----BEGIN CERTIFICATE-----"},
		"wrong order":       {ca + server, "", "must be in order: certificate 2 did not issue certificate 1"},
		"another's key":     {server + otherKey, "", "must hold the private key of its first certificate"},
		"two keys":          {server + key + key, "", "must not hold two private keys"},
		"key with password": {server + locked, "", "must hold its private key without a password"},
		"unreadable key":    {server + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", "holds a private key that cannot be read"},
		"unreadable":        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", "holds a certificate that cannot be read"},
		"cut off":           {server + ca[:100], "", "holds a PEM block that is damaged"},
		"request":           {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "", `must hold only certificates and a private key, not "CERTIFICATE REQUEST"`},
	} {
		got, err := Parse(test.text)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != test.want || message != test.err {
			t.Errorf("%s: got %q, %q; want %q, %q", name, got, message, test.want, test.err)
		}
	}
}
