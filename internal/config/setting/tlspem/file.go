package tlspem

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
)

// The names, our own, of what [Text] cannot open.
const (
	typeBinaryPKCS7 = "BINARY PKCS7"
	typePKCS12      = "PKCS12"
)

// Text is the content of a file as the text that [Parse] and [ParseKey] read.
// PEM stays what it is; DER, which other systems write, becomes PEM, also where
// it is of a kind that is then refused with what to do.
func Text(file []byte) string {
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(file, &outer)
	if err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence {
		return string(file)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: typeOf(file, outer.Bytes), Bytes: file}))
}

// typeOf is what PEM calls something in DER; inner is what its sequence holds.
func typeOf(der, inner []byte) string {
	reads := func(_ any, err error) bool { return err == nil }
	switch {
	case reads(x509.ParseCertificate(der)):
		return typeCertificate
	case reads(x509.ParsePKCS8PrivateKey(der)):
		return "PRIVATE KEY"
	case reads(x509.ParsePKCS1PrivateKey(der)):
		return "RSA PRIVATE KEY"
	case reads(x509.ParseECPrivateKey(der)):
		return "EC PRIVATE KEY"
	case reads(x509.ParseCertificateRequest(der)):
		return "CERTIFICATE REQUEST"
	}
	var first asn1.RawValue
	if _, err := asn1.Unmarshal(inner, &first); err == nil && first.Tag == asn1.TagOID {
		return typeBinaryPKCS7 // it begins with the kind of its content (RFC 2315)
	}
	return typePKCS12 // it begins with its version (RFC 7292)
}
