package tlspem

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The sizes of RSA keys that browsers take: NIST forbids smaller ones (SP
// 800-131A), and Go and others refuse larger ones for the time they cost.
const (
	minRSA = 2048
	maxRSA = 8192
)

// ParseKey reads a private key: PKCS #8, PKCS #1 or SEC 1 in PEM, without a
// password. Certificates beside it are passed over.
func ParseKey(text string) (crypto.Signer, error) {
	blocks, err := split(text)
	if err != nil {
		return nil, err
	}
	var found crypto.Signer
	for _, b := range blocks {
		if b.Type == typeCertificate {
			continue
		}
		if !isKey(b) {
			return nil, notExpected(b, "a private key")
		}
		key, err := readKey(b)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, errors.New("holds two private keys: give the one of the server's certificate")
		}
		found = key
	}
	if found == nil {
		return nil, errors.New("is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----")
	}
	return found, nil
}

// KeyPEM is a private key in the form that [ParseKey] reads first: PKCS #8.
func KeyPEM(key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("cannot write a private key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// isKey says whether a block is a private key of any kind.
func isKey(b *pem.Block) bool { return strings.HasSuffix(b.Type, "PRIVATE KEY") }

func readKey(b *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case b.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, errors.New("is locked with a password: unlock it first, with: openssl pkey -in key.pem -out unlocked.pem")
	case b.Type == "OPENSSH PRIVATE KEY":
		return nil, errors.New("is a key of SSH: the key of the certificate is needed")
	case b.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case b.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case b.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		return nil, fmt.Errorf("is a key of a kind that browsers do not know (%s): use ECDSA P-256 or RSA", b.Type)
	}
	if err != nil {
		return nil, errors.New("holds a private key that cannot be read: it is damaged, or of a kind that browsers do not know")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("is a key that cannot sign: use ECDSA P-256 or RSA")
	}
	return signer, checkPublic(signer.Public())
}

// checkPublic says why browsers could not be served with a key.
func checkPublic(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		switch bits := key.N.BitLen(); {
		case bits < minRSA:
			return fmt.Errorf("has a weak key, RSA with %d bits, which browsers refuse: use at least %d, or ECDSA P-256", bits, minRSA)
		case bits > maxRSA:
			return fmt.Errorf("has a key of RSA with %d bits, which browsers refuse: use at most %d, or ECDSA P-256", bits, maxRSA)
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return errors.New("has a key on the curve P-224, which browsers do not know: use P-256")
		}
		return nil
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("has a key of a kind that browsers do not know: use ECDSA P-256 or RSA")
}

// KeyKind is what people call a public key: "ECDSA P-256", "RSA 2048".
func KeyKind(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// Pair says why a key is not that of a chain's leaf.
func Pair(c Chain, key crypto.Signer) error {
	public, ok := c.Leaf().PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("is not the key of the certificate of %q: give the one from which its request was made", nameOf(c.Leaf()))
	}
	return nil
}
