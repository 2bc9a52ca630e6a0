package wire

import (
	"encoding/json"
	"time"
)

// Passkey is one of the own passkeys: GET /v1/passkeys.
type Passkey struct {
	// ID is the device's, in base64url.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Host is the name in the browser's address under which it can be used.
	Host string `json:"host"`
	// Created is when it was added.
	Created time.Time `json:"created"`
	// Used and From are when and where it was used last.
	Used *time.Time `json:"used,omitempty"`
	From string     `json:"from,omitempty"`
}

// OfferPasskey is the body of POST /v1/passkeys, which begins to add one.
type OfferPasskey struct {
	// Origin is where the browser is: https://NAME:PORT.
	Origin string `json:"origin"`
	// Current is the account's password, Code one of its second factor where
	// it has one.
	Current string `json:"current"`
	Code    string `json:"code,omitempty"`
}

// PasskeyCreation is what the browser is to make: a WebAuthn
// PublicKeyCredentialCreationOptionsJSON.
type PasskeyCreation struct {
	Challenge   string              `json:"challenge"`
	RP          PasskeyParty        `json:"rp"`
	User        PasskeyUser         `json:"user"`
	Parameters  []PasskeyParameter  `json:"pubKeyCredParams"`
	Timeout     int                 `json:"timeout"` // milliseconds
	Exclude     []PasskeyDescriptor `json:"excludeCredentials"`
	Selection   PasskeySelection    `json:"authenticatorSelection"`
	Attestation string              `json:"attestation"`
}

// PasskeyParty is the appliance.
type PasskeyParty struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// PasskeyUser is the account. The ID says nothing of it to who does not know
// its name.
type PasskeyUser struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// PasskeyParameter is a kind of key that is taken.
type PasskeyParameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

// PasskeyDescriptor is a passkey that the account has already.
type PasskeyDescriptor struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// PasskeySelection is what the device must be able to do.
type PasskeySelection struct {
	ResidentKey        string `json:"residentKey"`
	RequireResidentKey bool   `json:"requireResidentKey"`
	UserVerification   string `json:"userVerification"`
}

// NewPasskey is the body of PUT /v1/passkeys, which adds what the browser made.
type NewPasskey struct {
	// Origin and Challenge are as before.
	Origin    string `json:"origin"`
	Challenge string `json:"challenge"`
	// Name is what its owner calls it.
	Name string `json:"name"`
	// Credential is the browser's PublicKeyCredential, as its toJSON makes it.
	Credential json.RawMessage `json:"credential"`
}

// RenamePasskey is the body of PUT /v1/passkeys/{id}.
type RenamePasskey struct {
	Name string `json:"name"`
}

// PasskeySite is what is known of passkeys at one origin:
// GET /v1/login/passkey.
type PasskeySite struct {
	// Name is the one that they belong to; "" at an address, where there are
	// none.
	Name string `json:"name,omitempty"`
	// Any says that somebody has one, Here one of this name.
	Any  bool `json:"any,omitempty"`
	Here bool `json:"here,omitempty"`
}

// AskPasskey is the body of POST /v1/login/passkey, which begins a log-in.
type AskPasskey struct {
	// Origin is where the browser is: https://NAME:PORT.
	Origin string `json:"origin"`
}

// PasskeyRequest is what the browser is to answer: a WebAuthn
// PublicKeyCredentialRequestOptionsJSON. The device says which accounts it has
// passkeys of.
type PasskeyRequest struct {
	Challenge        string `json:"challenge"`
	RPID             string `json:"rpId"`
	Timeout          int    `json:"timeout"` // milliseconds
	UserVerification string `json:"userVerification"`
}

// AnswerPasskey is the body of PUT /v1/login/passkey, which opens a session.
type AnswerPasskey struct {
	// Origin and Challenge are as before.
	Origin    string `json:"origin"`
	Challenge string `json:"challenge"`
	// Credential is the browser's PublicKeyCredential, as its toJSON makes it.
	Credential json.RawMessage `json:"credential"`
}
