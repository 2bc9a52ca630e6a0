package passkeys

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
)

// Expected is what an answer must be to.
type Expected struct {
	// Origin is where the browser must be; the passkey's name is its host.
	Origin string
	// Challenge is as it was given to the browser, in base64url.
	Challenge string
}

// Answer is a browser's PublicKeyCredential, as its toJSON makes it.
type Answer struct {
	// ID is the passkey's, in base64url.
	ID       string
	response response
}

// credential is of an answer what is looked at; the rest is passed over.
type credential struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Response response `json:"response"`
}

type response struct {
	ClientData string `json:"clientDataJSON"`
	// Data is what the device says.
	Data string `json:"authenticatorData"`
	// Key is of a new passkey only, Signature of a known one only.
	Key       string `json:"publicKey"`
	Signature string `json:"signature"`
}

// Created is a new passkey.
type Created struct {
	// ID and Key are in base64url, Key as [ParseKey] takes it.
	ID, Key string
	Count   uint32
}

// maxAnswer bounds an answer in bytes; a browser's has some thousand.
const maxAnswer = 32 << 10

// Parse reads an answer, and checks nothing but its form.
func Parse(data []byte) (Answer, error) {
	if len(data) > maxAnswer {
		return Answer{}, errors.New("the answer of the browser is too long")
	}
	var c credential
	if err := json.Unmarshal(data, &c); err != nil {
		return Answer{}, errors.New("the answer of the browser cannot be read")
	}
	if c.Type != "public-key" || !IsID(c.ID) {
		return Answer{}, errors.New("the answer of the browser is not that of a passkey")
	}
	return Answer{ID: c.ID, response: c.Response}, nil
}

// Create takes a new passkey. Nothing proves who made it: that is for the
// caller to know.
func (a Answer) Create(want Expected) (Created, error) {
	if _, err := a.clientData("webauthn.create", want); err != nil {
		return Created{}, err
	}
	data, err := a.data(want)
	if err != nil {
		return Created{}, err
	}
	id, _ := Decode(a.ID) // as Parse has seen
	if !bytes.Equal(data.id, id) {
		return Created{}, errors.New("the passkey has two identifiers")
	}
	if _, err := ParseKey(a.response.Key); err != nil {
		return Created{}, err
	}
	return Created{ID: a.ID, Key: a.response.Key, Count: data.count}, nil
}

// Verify says whether the owner of a key, as [ParseKey] takes it, has answered,
// and how far the passkey has counted; 0 is one that does not count.
func (a Answer) Verify(key string, want Expected) (count uint32, err error) {
	client, err := a.clientData("webauthn.get", want)
	if err != nil {
		return 0, err
	}
	data, err := a.data(want)
	if err != nil {
		return 0, err
	}
	public, err := ParseKey(key)
	if err != nil {
		return 0, err
	}
	signature, err := Decode(a.response.Signature)
	if err != nil {
		return 0, errors.New("the signature is not base64url")
	}
	sum := sha256.Sum256(client)
	if !signed(public, append(data.raw, sum[:]...), signature) {
		return 0, errors.New("the signature is wrong")
	}
	return data.count, nil
}

// clientData checks what the browser says: WebAuthn, steps 7 to 12 of 7.1 and
// 11 to 14 of 7.2.
func (a Answer) clientData(kind string, want Expected) ([]byte, error) {
	raw, err := Decode(a.response.ClientData)
	if err != nil {
		return nil, errors.New("the browser's part is not base64url")
	}
	var c struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
		TopOrigin   string `json:"topOrigin"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errors.New("the browser's part cannot be read")
	}
	switch {
	case c.Type != kind:
		return nil, errors.New("the browser has done something else")
	case subtle.ConstantTimeCompare([]byte(c.Challenge), []byte(want.Challenge)) != 1 || want.Challenge == "":
		return nil, errors.New("the answer is to another challenge")
	case c.Origin != want.Origin:
		return nil, errors.New("the browser is at another site")
	case c.CrossOrigin || c.TopOrigin != "":
		return nil, errors.New("the browser is in a frame of another site")
	}
	return raw, nil
}

// deviceData is what the device says.
type deviceData struct {
	raw   []byte
	count uint32
	// id is that of a new passkey, nil of a known one.
	id []byte
}

// The flags of a device's data, WebAuthn 6.1.
const (
	userPresent  = 0x01
	userVerified = 0x04
	canBeBackup  = 0x08
	isBackup     = 0x10
	hasNew       = 0x40
)

// data reads what the device says: the digest of the name (32 bytes), the
// flags (1), the counter (4), and of a new passkey the device's model (16) and
// the identifier behind its length (2).
func (a Answer) data(want Expected) (d deviceData, err error) {
	raw, err := Decode(a.response.Data)
	if err != nil || len(raw) < 37 {
		return d, errors.New("the device's part cannot be read")
	}
	name, err := Name(want.Origin)
	if err != nil {
		return d, err
	}
	sum := sha256.Sum256([]byte(name))
	flags := raw[32]
	switch {
	case !bytes.Equal(raw[:32], sum[:]):
		return d, errors.New("the passkey belongs to another name")
	case flags&userPresent == 0 || flags&userVerified == 0:
		return d, errors.New("the device has not verified who uses it")
	case flags&isBackup != 0 && flags&canBeBackup == 0:
		return d, errors.New("the device contradicts itself")
	}
	d = deviceData{raw: raw, count: binary.BigEndian.Uint32(raw[33:37])}
	if flags&hasNew == 0 {
		return d, nil
	}
	rest := raw[37:]
	if len(rest) < 18 {
		return d, errors.New("the device's part is cut off")
	}
	n := int(binary.BigEndian.Uint16(rest[16:18]))
	if len(rest) < 18+n {
		return d, errors.New("the device's part is cut off")
	}
	d.id = rest[18 : 18+n]
	return d, nil
}

// Encode is base64url without padding, as browsers and documents have it.
func Encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
