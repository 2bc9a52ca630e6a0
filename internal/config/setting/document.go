package setting

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Format is the version of [Document] that this program writes.
const Format = 1

// Document is everything that the system is told to be. Its zero value is not
// valid: see [Default].
type Document struct {
	// The version of this document's form: 1.
	Format int `json:"format"`
	// Adapters, addresses, names, proxy.
	Network Network `json:"network"`
	// Which packets are let in, besides management and the declared ports.
	Firewall Firewall `json:"firewall"`
	// The time zone and where the time comes from.
	Time Time `json:"time"`
	// Language, formats and units.
	Language Language `json:"language"`
	// The keyboard of the console.
	Keyboard Keyboard `json:"keyboard"`
	// Who may manage the appliance.
	Access Access `json:"access"`
	// People of a directory who may log in.
	LDAP LDAP `json:"ldap,omitempty,omitzero"`
	// People of a provider (OpenID Connect) who may log in.
	OIDC OIDC `json:"oidc,omitempty,omitzero"`
	// The certificate of the management port.
	TLS TLS `json:"tls"`
	// Where new versions come from, and what is done with them.
	Updates Updates `json:"updates,omitempty,omitzero"`
	// The application's own settings by key, as text in the form of their types.
	Application map[string]string `json:"application"`
	// How far the first boot has come.
	Setup Setup `json:"setup"`
}

// Setup is the state of the first boot.
type Setup struct {
	// Whether the appliance is set up: until then its application is closed.
	Complete bool `json:"complete"`
	// Steps of the wizard that have been answered.
	Done []string `json:"done,omitempty"`
	// Who accepted the licence.
	EULA *Acceptance `json:"eula,omitempty"`
}

// Acceptance records that somebody accepted a text.
type Acceptance struct {
	// SHA-256 of the text, in hex.
	Hash string `json:"hash"`
	// The language of the text, a tag such as "de".
	Language string `json:"language"`
	// Who accepted it: an account, "console" or "seed".
	By string `json:"by"`
	// When, in RFC 3339 and UTC.
	When string `json:"when"`
}

// Clone is a deep copy.
func (d *Document) Clone() *Document {
	data, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("setting: a document cannot be encoded: %v", err)) // only plain data in it
	}
	var c Document
	if err := json.Unmarshal(data, &c); err != nil {
		panic(fmt.Sprintf("setting: a document cannot be decoded: %v", err))
	}
	return &c
}

// Equal says whether two documents say the same.
func (d *Document) Equal(other *Document) bool {
	a, errA := json.Marshal(d)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Default is the document of a new appliance.
func Default(env Env) *Document {
	d := &Document{Format: Format, Application: map[string]string{}}
	for _, s := range All() {
		s.Default(env, d)
	}
	return d
}

// Decode reads a document strictly: an unknown key or another type is an error
// that names it.
func Decode(data []byte) (*Document, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var d Document
	if err := dec.Decode(&d); err != nil {
		return nil, fmt.Errorf("cannot read the configuration document: %w", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("cannot read the configuration document: something follows it")
	}
	return &d, nil
}
