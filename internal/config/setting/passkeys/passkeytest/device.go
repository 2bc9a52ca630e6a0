// Package passkeytest is a device that makes passkeys and answers challenges,
// as a browser with a telephone does, for tests. What it says can be twisted
// before it is signed.
package passkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
)

// Passkey is one on the device.
type Passkey struct {
	ID []byte
	// Signer is its private half.
	Signer crypto.Signer
	// Count is how far it has counted; it goes up by Step with each answer.
	Count, Step uint32
}

// Answer is what the device and the browser say. Twists change it before it is
// signed and encoded.
type Answer struct {
	Type, Origin, Challenge string
	CrossOrigin             bool
	// Host is the name that the device takes for the appliance's.
	Host  string
	Flags byte
	Count uint32
	ID    []byte
	// Key is the public half in PKIX DER, of a new passkey only.
	Key []byte
	// After changes what is signed already.
	After func(parts map[string]string)
}

// The flags of an answer (WebAuthn 6.1).
const (
	Present  = 0x01
	Verified = 0x04
	New      = 0x40
)

// Kind is the kind of a key.
type Kind string

// The kinds.
const (
	P256    Kind = "P-256"
	P384    Kind = "P-384"
	Ed25519 Kind = "Ed25519"
	RSA     Kind = "RSA"
	WeakRSA Kind = "RSA of 1024 bits"
)

// Make makes a passkey.
func Make(kind Kind) (*Passkey, error) {
	p := &Passkey{ID: make([]byte, 20), Step: 1}
	_, _ = rand.Read(p.ID) // never fails
	var err error
	switch kind {
	case P256:
		p.Signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		p.Signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, p.Signer, err = ed25519.GenerateKey(rand.Reader)
	case RSA:
		p.Signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case WeakRSA:
		p.Signer, err = rsa.GenerateKey(rand.Reader, 1024)
	default:
		err = fmt.Errorf("there is no kind %q", kind)
	}
	return p, err
}

// Name is its ID as browsers have it.
func (p *Passkey) Name() string { return encode(p.ID) }

// Public is its public half as documents have it.
func (p *Passkey) Public() string {
	der, err := x509.MarshalPKIXPublicKey(p.Signer.Public())
	if err != nil {
		panic(err) // Make makes none that fails
	}
	return encode(der)
}

// Create is the answer to being added: a PublicKeyCredential in JSON.
func (p *Passkey) Create(origin, challenge string, twists ...func(*Answer)) []byte {
	a := p.answer("webauthn.create", origin, challenge)
	a.Flags |= New
	der, _ := base64.RawURLEncoding.DecodeString(p.Public())
	a.Key = der
	return p.say(a, twists)
}

// Get is the answer to a log-in: a PublicKeyCredential in JSON.
func (p *Passkey) Get(origin, challenge string, twists ...func(*Answer)) []byte {
	p.Count += p.Step
	return p.say(p.answer("webauthn.get", origin, challenge), twists)
}

func (p *Passkey) answer(kind, origin, challenge string) *Answer {
	a := &Answer{Type: kind, Origin: origin, Challenge: challenge, Flags: Present | Verified, Count: p.Count, ID: p.ID}
	if u, err := url.Parse(origin); err == nil {
		a.Host = u.Hostname()
	}
	return a
}

func (p *Passkey) say(a *Answer, twists []func(*Answer)) []byte {
	for _, twist := range twists {
		twist(a)
	}
	client, err := json.Marshal(map[string]any{"type": a.Type, "challenge": a.Challenge, "origin": a.Origin, "crossOrigin": a.CrossOrigin})
	if err != nil {
		panic(err) // only texts in it
	}
	data := p.data(a)
	parts := map[string]string{"clientDataJSON": encode(client), "authenticatorData": encode(data)}
	if a.Key != nil {
		parts["publicKey"] = encode(a.Key)
		parts["attestationObject"] = encode(unattested(data))
	} else {
		parts["signature"] = encode(p.sign(data, client))
	}
	if a.After != nil {
		a.After(parts)
	}
	answer, err := json.Marshal(map[string]any{
		"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": parts,
	})
	if err != nil {
		panic(err) // only texts in it
	}
	return answer
}

// data is what the device says.
func (p *Passkey) data(a *Answer) []byte {
	host := sha256.Sum256([]byte(a.Host))
	data := append(host[:], a.Flags)
	data = binary.BigEndian.AppendUint32(data, a.Count)
	if a.Flags&New != 0 {
		data = append(data, make([]byte, 16)...) // no model
		data = binary.BigEndian.AppendUint16(data, uint16(len(p.ID)))
		data = append(data, p.ID...)
		data = append(data, p.cose()...)
	}
	return data
}

// cose is a P-256 key in CBOR (RFC 9053, 7.1); of others nothing.
func (p *Passkey) cose() []byte {
	key, ok := p.Signer.Public().(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil
	}
	point, err := key.Bytes() // 4, X, Y
	if err != nil {
		panic(err) // it was made here
	}
	out := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	out = append(out, point[1:33]...)
	return append(append(out, 0x22, 0x58, 0x20), point[33:]...)
}

// unattested is what browsers make of a device's data where nobody asks who
// made the device (WebAuthn 8.7), in CBOR.
func unattested(data []byte) []byte {
	out := append([]byte{0xa3, 0x63}, "fmt"...)
	out = append(append(out, 0x64), "none"...)
	out = append(append(out, 0x67), "attStmt"...)
	out = append(append(out, 0xa0, 0x68), "authData"...)
	out = append(out, 0x59) // as many bytes as the next two say
	out = binary.BigEndian.AppendUint16(out, uint16(len(data)))
	return append(out, data...)
}

// COSE is the public half in CBOR, of P-256 only.
func (p *Passkey) COSE() []byte { return p.cose() }

func (p *Passkey) sign(data, client []byte) []byte {
	sum := sha256.Sum256(client)
	message := append(data[:len(data):len(data)], sum[:]...)
	digest := sha256.Sum256(message)
	var signature []byte
	var err error
	switch p.Signer.(type) {
	case ed25519.PrivateKey:
		signature, err = p.Signer.Sign(rand.Reader, message, crypto.Hash(0))
	default:
		signature, err = p.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		panic(err) // these keys sign everything
	}
	return signature
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
