package passkeys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Algorithms are the COSE numbers of the signatures that are taken, the best
// first: ES256, which all devices have, EdDSA, and RS256 of older Windows.
func Algorithms() []int { return []int{-7, -8, -257} }

const (
	minID   = 16   // bytes, as the standard has it
	maxID   = 1023 // bytes, as the standard has it
	maxKey  = 1024 // bytes; RSA of 4096 bits has 550
	minRSA  = 2048 // bits
	maxRSA  = 4096 // bits, above which checking takes long
	maxName = 253  // bytes of a host name
)

// ErrAddress says that a browser is at an address, where there are no
// passkeys: they belong to names.
var ErrAddress = errors.New("passkeys need a name: this is an address")

// Name is the name that passkeys of an origin belong to. The error is
// [ErrAddress] or says what is no origin.
func Name(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || origin != "https://"+u.Host || strings.HasSuffix(u.Host, ":") {
		return "", fmt.Errorf("%.80q is not an origin: https://NAME:PORT", origin)
	}
	name := u.Hostname()
	if _, err := netip.ParseAddr(name); err == nil {
		return "", ErrAddress
	}
	if !IsName(name) {
		return "", fmt.Errorf("%.80q is not the name of a host, in small letters", name)
	}
	return name, nil
}

// IsName says whether passkeys can belong to a name. Browsers take a last part
// of digits alone for an address.
func IsName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// IsID says whether a text is a passkey's identifier: base64url of 16 to 1023
// bytes.
func IsID(text string) bool {
	raw, err := Decode(text)
	return err == nil && len(raw) >= minID && len(raw) <= maxID
}

// ParseKey reads a public key as a document keeps it: PKIX DER in base64url.
func ParseKey(text string) (crypto.PublicKey, error) {
	der, err := Decode(text)
	if err != nil || len(der) > maxKey {
		return nil, errors.New("the public key is not base64url")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("the public key cannot be read")
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return k, nil
		}
	case ed25519.PublicKey:
		return k, nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= minRSA && bits <= maxRSA && k.E >= 3 && k.E&1 == 1 {
			return k, nil
		}
	}
	return nil, errors.New("the public key is of a kind that is not taken: it must be P-256, Ed25519, or RSA of 2048 to 4096 bits")
}

// signed says whether a signature of a message is right.
func signed(key crypto.PublicKey, message, signature []byte) bool {
	sum := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// strict refuses what two texts could stand for.
var strict = base64.RawURLEncoding.Strict()

// Decode reads base64url without padding. Line ends, which the decoder passes
// over, are refused.
func Decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("it has line ends")
	}
	return strict.DecodeString(text)
}
