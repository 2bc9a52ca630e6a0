package tlspem

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The bounds of what is read: a chain has three or four certificates of two
// kilobytes, and every browser is sent all of it.
const (
	maxText         = 64 << 10
	maxCertificates = 10
)

const typeCertificate = "CERTIFICATE"

// Chain is a server's certificate and those that lead to its authority, the
// leaf first. It is never empty.
type Chain []*x509.Certificate

// Leaf is the server's own certificate.
func (c Chain) Leaf() *x509.Certificate { return c[0] }

// PEM is the chain in its canonical form.
func (c Chain) PEM() string {
	text := ""
	for _, cert := range c {
		text += PEM(cert.Raw)
	}
	return text
}

// PEM is one certificate in DER as PEM.
func PEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: der}))
}

// DER are the certificates as a server sends them.
func (c Chain) DER() [][]byte {
	var list [][]byte
	for _, cert := range c {
		list = append(list, cert.Raw)
	}
	return list
}

// ParseChain reads certificates in PEM and puts them in order. A private key
// among them is an error here; see [Parse].
func ParseChain(text string) (Chain, error) {
	c, key, err := Parse(text)
	if err == nil && key != nil {
		return nil, errors.New("must not hold the private key, which has a place of its own")
	}
	return c, err
}

// Parse reads certificates in PEM, puts them in order, and reads the private
// key among them, if there is one; nil is none.
func Parse(text string) (Chain, crypto.Signer, error) {
	blocks, err := split(text)
	if err != nil {
		return nil, nil, err
	}
	var certificates []*x509.Certificate
	var key crypto.Signer
	for _, b := range blocks {
		switch {
		case b.Type == typeCertificate:
			cert, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return nil, nil, errors.New("holds a certificate that cannot be read: it is damaged")
			}
			if !slices.ContainsFunc(certificates, cert.Equal) {
				certificates = append(certificates, cert)
			}
		case isKey(b) && key != nil:
			return nil, nil, errors.New("holds two private keys: give the one of the server's certificate")
		case isKey(b):
			if key, err = readKey(b); err != nil {
				return nil, nil, err
			}
		default:
			return nil, nil, notExpected(b, "a certificate")
		}
	}
	switch {
	case len(certificates) == 0:
		return nil, nil, errors.New("is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")
	case len(certificates) > maxCertificates:
		return nil, nil, fmt.Errorf("holds more than %d certificates: give the server's and those that lead to its authority", maxCertificates)
	}
	c, err := order(certificates)
	if err != nil {
		return nil, nil, err
	}
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	return c, key, nil
}

// split are the blocks of a PEM text, parameters of curves left out.
func split(text string) ([]*pem.Block, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("is longer than %d KiB", maxText>>10)
	}
	var blocks []*pem.Block
	rest, seen := []byte(text), 0
	for {
		b, after := pem.Decode(rest)
		if b == nil {
			break
		}
		seen++
		if !strings.HasSuffix(b.Type, " PARAMETERS") {
			blocks = append(blocks, b)
		}
		rest = after
	}
	if strings.Count(text, "-----BEGIN ") > seen { // a decoder steps over what it cannot read
		return nil, errors.New("is PEM that is damaged: give each block whole, with its BEGIN and END lines")
	}
	return blocks, nil
}

// notExpected says what a block is instead of what is wanted.
func notExpected(b *pem.Block, wanted string) error {
	switch {
	case strings.HasSuffix(b.Type, "CERTIFICATE REQUEST"):
		return errors.New("is a certificate request: send it to the authority, and give what it answers")
	case b.Type == "PKCS7", b.Type == "CMS":
		return errors.New("is PKCS #7: turn it into PEM first, with: openssl pkcs7 -print_certs -in file.p7b")
	case b.Type == typeBinaryPKCS7:
		return errors.New("is PKCS #7: turn it into PEM first, with: openssl pkcs7 -print_certs -inform DER -in file.p7b")
	case b.Type == typePKCS12:
		return errors.New("is PKCS #12, a file with a password: turn it into PEM first, with: openssl pkcs12 -in file.pfx -out file.pem -noenc")
	}
	return fmt.Errorf("holds %q: give %s", b.Type, wanted)
}

// order finds the leaf, and from it the way up. What tools add of the same
// authority, such as its certificate signed by itself beside the one signed
// by another, is dropped.
func order(list []*x509.Certificate) (Chain, error) {
	leaf, err := leafOf(list)
	if err != nil {
		return nil, err
	}
	chain := Chain{leaf}
	for last := leaf; !isSelfIssued(last); {
		next, err := issuerOf(last, list)
		if err != nil {
			return nil, err
		}
		if next == nil || slices.ContainsFunc(chain, next.Equal) {
			break
		}
		chain = append(chain, next)
		last = next
	}
	for _, cert := range list {
		same := func(other *x509.Certificate) bool {
			return bytes.Equal(other.RawSubject, cert.RawSubject) && bytes.Equal(other.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
		}
		if !slices.ContainsFunc(chain, same) {
			return nil, fmt.Errorf("has a gap: %q is not on the way from %q; give the certificate of %q, and leave out what does not belong",
				nameOf(cert), nameOf(leaf), chain[len(chain)-1].Issuer.String())
		}
	}
	return chain, nil
}

// leafOf is the one certificate that is no authority's. Tools that make a
// certificate signed by itself call it an authority's, too.
func leafOf(list []*x509.Certificate) (*x509.Certificate, error) {
	if len(list) == 1 && isSelfIssued(list[0]) {
		return list[0], nil
	}
	var leafs []*x509.Certificate
	for _, cert := range list {
		if !cert.IsCA {
			leafs = append(leafs, cert)
		}
	}
	switch len(leafs) {
	case 1:
		return leafs[0], nil
	case 0:
		return nil, errors.New("has only certificates of authorities: the server's own is missing")
	}
	return nil, fmt.Errorf("holds the certificates of several servers, %q and %q: give one with those that lead to its authority", nameOf(leafs[0]), nameOf(leafs[1]))
}

// issuerOf is the certificate that signed another; nil when none has its
// issuer's name. One that is signed by somebody else comes before one that is
// signed by itself: it leads further.
func issuerOf(cert *x509.Certificate, list []*x509.Certificate) (*x509.Certificate, error) {
	var found *x509.Certificate
	var failed error
	for _, other := range list {
		if !bytes.Equal(cert.RawIssuer, other.RawSubject) || other.Equal(cert) {
			continue
		}
		if err := cert.CheckSignatureFrom(other); err != nil {
			failed = fmt.Errorf("has a broken chain: %q names %q as its authority, but was not signed by it: get the authority's certificates anew", nameOf(cert), nameOf(other))
			var weak x509.InsecureAlgorithmError
			if errors.As(err, &weak) {
				failed = fmt.Errorf("is signed with %s, which browsers refuse: ask the authority for a new one with SHA-256", cert.SignatureAlgorithm)
			}
			continue
		}
		if found == nil || isSelfIssued(found) {
			found = other
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, failed
}

func isSelfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// check says why browsers could not be greeted with a chain, whatever its dates.
func (c Chain) check() error {
	leaf := c.Leaf()
	if err := checkPublic(leaf.PublicKey); err != nil {
		return err
	}
	for _, cert := range c {
		weak := cert.SignatureAlgorithm == x509.SHA1WithRSA || cert.SignatureAlgorithm == x509.ECDSAWithSHA1 || cert.SignatureAlgorithm == x509.MD5WithRSA
		if weak && !(cert != leaf && isSelfIssued(cert)) { // nobody looks at a root's own signature
			return fmt.Errorf("is signed with %s, which browsers refuse: ask the authority for a new one with SHA-256", cert.SignatureAlgorithm)
		}
	}
	serves := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
	if !serves {
		return fmt.Errorf("is a certificate of %q for something other than a server: ask the authority for one for TLS servers", nameOf(leaf))
	}
	return nil
}

// Until is when the first certificate of the chain ends.
func (c Chain) Until() time.Time {
	end := c[0].NotAfter
	for _, cert := range c[1:] {
		if cert.NotAfter.Before(end) {
			end = cert.NotAfter
		}
	}
	return end
}

// CheckDates says why a chain is not valid now.
func (c Chain) CheckDates(now time.Time) error {
	for _, cert := range c {
		switch {
		case now.After(cert.NotAfter):
			return fmt.Errorf("has expired: that of %q was valid until %s; ask the authority for a new one", nameOf(cert), stamp(cert.NotAfter))
		case now.Before(cert.NotBefore):
			return fmt.Errorf("is not valid yet: that of %q is from %s, and it is %s here; wait, or set the clock right", nameOf(cert), stamp(cert.NotBefore), stamp(now))
		}
	}
	return nil
}

// Remarks are what is not wrong with a chain, but may not be meant: sentences
// without a full stop.
func (c Chain) Remarks(now time.Time, host string) []string {
	var list []string
	leaf := c.Leaf()
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		list = append(list, "the certificate has no names that browsers look at (subject alternative names): they will refuse it")
	} else if host != "" && !c.speaksFor(host) {
		list = append(list, fmt.Sprintf("the certificate does not name the host %s, but %s: browsers take it only under these names", host, strings.Join(c.Names(), ", ")))
	}
	if KeyKind(leaf.PublicKey) == "Ed25519" {
		list = append(list, "the certificate has an Ed25519 key, which most browsers do not take yet")
	}
	return list
}

// speaksFor says whether the leaf names a host, or a host of that name in some
// domain.
func (c Chain) speaksFor(host string) bool {
	if c.Leaf().VerifyHostname(host) == nil {
		return true
	}
	return !strings.Contains(host, ".") && slices.ContainsFunc(c.Leaf().DNSNames, func(name string) bool {
		label, _, _ := strings.Cut(name, ".")
		return label == "*" || strings.EqualFold(label, host)
	})
}

// Names are what the leaf speaks for: host names, then addresses.
func (c Chain) Names() []string {
	list := slices.Clone(c.Leaf().DNSNames)
	for _, ip := range c.Leaf().IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

// nameOf is what people call a certificate.
func nameOf(cert *x509.Certificate) string {
	switch {
	case cert.Subject.CommonName != "":
		return cert.Subject.CommonName
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	}
	return cert.Subject.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Roots reads certificates of authorities that are to be trusted.
func Roots(text string) (*x509.CertPool, error) {
	blocks, err := split(text)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, b := range blocks {
		cert, err := x509.ParseCertificate(b.Bytes)
		switch {
		case b.Type != typeCertificate:
			return nil, notExpected(b, "certificates alone")
		case err != nil:
			return nil, errors.New("holds a certificate that cannot be read: it is damaged")
		}
		pool.AddCert(cert)
	}
	if len(blocks) == 0 {
		return nil, errors.New("is not a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")
	}
	return pool, nil
}
