package certificate

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Certificates and keys are read here only as far as it takes to see that they
// fit together: crypto/x509 and encoding/asn1 would make the initrd, which
// knows this package too, larger by up to a fifth. A certificate's dates are
// not looked at: what is expired today may be in a configuration of last year.

// der is text in the Distinguished Encoding Rules (X.690): values one after
// another, each a tag, a length and content.
type der []byte

// Tags of DER.
const (
	derInteger   = 0x02
	derBits      = 0x03
	derBytes     = 0x04
	derName      = 0x06
	derSequence  = 0x30
	derExplicit0 = 0xa0
	derExplicit1 = 0xa1
)

// next takes one value: its content, and all of it. ok is false when there is
// none with that tag, and d then stays as it was.
func (d *der) next(tag byte) (content, whole der, ok bool) {
	in := *d
	if len(in) < 2 || in[0] != tag {
		return nil, nil, false
	}
	size, at := int(in[1]), 2
	if size > 0x80 { // the length is in that many bytes; 0x80 alone is not in DER
		at += size - 0x80
		if at > 6 || at > len(in) {
			return nil, nil, false
		}
		size = 0
		for _, b := range in[2:at] {
			size = size<<8 | int(b)
		}
	}
	if size < 0 || in[1] == 0x80 || size > len(in)-at {
		return nil, nil, false
	}
	*d = in[at+size:]
	return in[at : at+size], in[:at+size], true
}

// skip takes values with these tags.
func (d *der) skip(tags ...byte) (ok bool) {
	for _, tag := range tags {
		if _, _, ok := d.next(tag); !ok {
			return false
		}
	}
	return true
}

// certificate is what is looked at of RFC 5280's Certificate.
type certificate struct {
	issuer, subject der
	// public is the key as its algorithm has it.
	public der
}

func readCertificate(d der) (c certificate, ok bool) {
	outer, _, ok := d.next(derSequence)
	tbs, _, isBody := outer.next(derSequence)
	if !ok || !isBody || len(d) > 0 || !outer.skip(derSequence, derBits) {
		return c, false
	}
	tbs.next(derExplicit0) // the version, not in the first
	if !tbs.skip(derInteger, derSequence) {
		return c, false
	}
	var isIssuer, isSubject bool
	_, c.issuer, isIssuer = tbs.next(derSequence)
	dates := tbs.skip(derSequence)
	_, c.subject, isSubject = tbs.next(derSequence)
	key, _, isKey := tbs.next(derSequence)
	algorithm := key.skip(derSequence)
	var isPublic bool
	c.public, _, isPublic = key.next(derBits)
	return c, isIssuer && dates && isSubject && isKey && algorithm && isPublic
}

// Parse reads a certificate in PEM, those that lead to its
// authority in order, and perhaps its private key, wherever that stands. The
// canonical form has only these blocks, the key last.
func Parse(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	var chain []certificate
	var certificates, keys bytes.Buffer
	var public der
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		plain := &pem.Block{Type: block.Type, Bytes: block.Bytes}
		switch {
		case block.Type == "CERTIFICATE":
			c, ok := readCertificate(block.Bytes)
			if !ok {
				return "", errors.New("holds a certificate that cannot be read")
			}
			chain = append(chain, c)
			pem.Encode(&certificates, plain) // into memory: cannot fail
		case block.Type == "EC PARAMETERS": // openssl writes them before a key, which says the same
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			var err error
			if keys.Len() > 0 {
				return "", errors.New("must not hold two private keys")
			}
			if public, err = publicOf(block); err != nil {
				return "", err
			}
			pem.Encode(&keys, plain)
		default:
			return "", fmt.Errorf("must hold only certificates and a private key, not %s", syntax.Quote(block.Type))
		}
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) {
		return "", errors.New("holds a PEM block that is damaged")
	}
	if err := checkChain(chain, public); err != nil {
		return "", err
	}
	return certificates.String() + keys.String(), nil
}

// publicOf is the public key of a private one, as the bits of a certificate
// have it, or nil where that takes more than reading: for Ed25519.
func publicOf(block *pem.Block) (der, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("must hold its private key without a password")
	}
	kind, data := block.Type, der(block.Bytes)
	key, _, ok := data.next(derSequence)
	if kind == "PRIVATE KEY" { // RFC 5208: what kind it is, and the key inside
		algorithm, version := der(nil), key.skip(derInteger)
		algorithm, _, ok = key.next(derSequence)
		name, _, named := algorithm.next(derName)
		data, _, _ = key.next(derBytes)
		kind = map[string]string{
			"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01": "RSA PRIVATE KEY", // 1.2.840.113549.1.1.1, RFC 8017
			"\x2a\x86\x48\xce\x3d\x02\x01":         "EC PRIVATE KEY",  // 1.2.840.10045.2.1, RFC 5480
			"\x2b\x65\x70":                         "ED25519",         // 1.3.101.112, RFC 8410
		}[string(name)]
		if kind == "ED25519" && ok && version && named && len(data) > 0 {
			return nil, nil
		}
		key, _, ok = data.next(derSequence)
	}
	switch {
	case ok && kind == "RSA PRIVATE KEY": // version, modulus, exponent, secrets; the certificate has the two
		if key.skip(derInteger) {
			_, modulus, hasModulus := key.next(derInteger)
			_, exponent, hasExponent := key.next(derInteger)
			if hasModulus && hasExponent {
				return bytes.Join([][]byte{modulus, exponent}, nil), nil
			}
		}
	case ok && kind == "EC PRIVATE KEY": // RFC 5915: version, secret, perhaps the curve and the public key
		if key.skip(derInteger, derBytes) {
			key.next(derExplicit0)
			point, _, _ := key.next(derExplicit1)
			public, _, _ := point.next(derBits)
			return public, nil
		}
	}
	return nil, errors.New("holds a private key that cannot be read")
}

func checkChain(chain []certificate, public der) error {
	if len(chain) == 0 {
		return errors.New("must be a certificate in PEM, beginning with -----BEGIN CERTIFICATE-----")
	}
	for i := range chain[1:] {
		if !bytes.Equal(chain[i].issuer, chain[i+1].subject) {
			return fmt.Errorf("must be in order: certificate %d did not issue certificate %d", i+2, i+1)
		}
	}
	if len(public) > 0 && !bytes.HasSuffix(chain[0].public, public) {
		return errors.New("must hold the private key of its first certificate")
	}
	return nil
}
