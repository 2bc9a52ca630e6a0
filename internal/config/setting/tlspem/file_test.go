package tlspem

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
)

// TestText gives the files that other systems write where PEM is expected.
func TestText(t *testing.T) {
	key := newKey(t)
	server := issue(t, "web1.example.com", key, nil)
	must := func(der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	request := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key))
	// The outermost of the two kinds that need a program to open.
	pkcs7 := must(asn1.Marshal(struct{ Kind asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}}))
	pkcs12 := must(asn1.Marshal(struct {
		Version int
		Content struct{ Kind asn1.ObjectIdentifier }
	}{3, struct{ Kind asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}}))
	for name, test := range map[string]struct{ file, says string }{
		"PEM":                 {server.pem(), ""},
		"PEM of an editor":    {"\xef\xbb\xbf" + strings.ReplaceAll(server.pem(), "\n", "\r\n"), ""},
		"DER":                 {string(server.Raw), ""},
		"a request":           {string(request), "is a certificate request"},
		"PKCS #7":             {string(pkcs7), "-inform DER"},
		"PKCS #12":            {string(pkcs12), "openssl pkcs12"},
		"a picture":           {"\x89PNG\r\n\x1a\n\x00\x00", "is not a certificate in PEM"},
		"nothing":             {"", "is not a certificate in PEM"},
		"DER and more":        {string(server.Raw) + "more", "is not a certificate in PEM"},
		"DER that is cut off": {string(server.Raw[:200]), "is not a certificate in PEM"},
	} {
		c, err := ParseChain(Text([]byte(test.file)))
		switch {
		case test.says == "" && (err != nil || !c.Leaf().Equal(server.Certificate)):
			t.Errorf("%s: %v", name, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v; want %q", name, err, test.says)
		}
	}
	rsa := newRSA(t, 2048)
	for name, file := range map[string][]byte{
		"PKCS #8": must(x509.MarshalPKCS8PrivateKey(key)), "SEC 1": must(x509.MarshalECPrivateKey(key)),
		"PKCS #1": x509.MarshalPKCS1PrivateKey(rsa), "PEM": []byte(keyText(t, key)),
	} {
		got, err := ParseKey(Text(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := got.(*ecdsa.PrivateKey); ok == (name == "PKCS #1") {
			t.Errorf("%s became %T", name, got)
		}
	}
}

func FuzzText(f *testing.F) {
	server := issue(f, "web1.example.com", newKey(f), nil)
	f.Add(server.Raw)
	f.Add([]byte(server.pem()))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03})
	f.Fuzz(func(t *testing.T, file []byte) {
		text := Text(file)
		if c, err := ParseChain(text); err == nil && Text([]byte(c.PEM())) != c.PEM() {
			t.Error("PEM does not stay what it is")
		}
	})
}
