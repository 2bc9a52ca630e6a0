package setting

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/config/setting/passkeys"
)

// Passkey is one key of an account that is made and kept by a telephone, a
// computer or a security key (WebAuthn). Nothing of it is secret.
type Passkey struct {
	// The identifier that the device gave it, in base64url.
	ID string `json:"id"`
	// What its owner calls it; one line of at most 64 characters.
	Name string `json:"name"`
	// The host name in the browser's address when it was made: the only one
	// under which it can be used.
	Host string `json:"host"`
	// The public key: PKIX DER in base64url; P-256, Ed25519 or RSA.
	Key string `json:"key"`
	// When it was added, RFC 3339 in UTC.
	Created string `json:"created"`
}

// MaxPasskeys is how many an account may have.
const MaxPasskeys = 20

// maxPasskeyName is in characters.
const maxPasskeyName = 64

// Passkey finds a passkey and whose it is; nil where there is none of that
// identifier.
func (a *Access) Passkey(id string) (*Account, *Passkey) {
	for i := range a.Accounts {
		list := a.Accounts[i].Passkeys
		if j := slices.IndexFunc(list, func(p Passkey) bool { return p.ID == id }); j >= 0 {
			return &a.Accounts[i], &list[j]
		}
	}
	return nil, nil
}

// checkPasskeys looks at those of one account; seen are the identifiers of all.
func checkPasskeys(a Account, path string, seen map[string]bool, add func(path, message, hint string)) {
	if len(a.Passkeys) > MaxPasskeys {
		add(path+".passkeys", fmt.Sprintf("there are more than %d passkeys", MaxPasskeys), "delete one that is not used any more")
		return
	}
	for i, p := range a.Passkeys {
		path := fmt.Sprintf("%s.passkeys[%d]", path, i)
		if !passkeys.IsID(p.ID) {
			add(path+".id", "the identifier of the passkey cannot be read", "it must be 16 to 1023 bytes in base64url")
		}
		if seen[p.ID] {
			add(path+".id", "there are two passkeys of this identifier", "")
		}
		seen[p.ID] = true
		if p.Name == "" || utf8.RuneCountInString(p.Name) > maxPasskeyName || !isLine(p.Name) {
			add(path+".name", fmt.Sprintf("%q is not a name for a passkey", p.Name), fmt.Sprintf("one line of at most %d characters", maxPasskeyName))
		}
		if !passkeys.IsName(p.Host) {
			add(path+".host", fmt.Sprintf("%q is not the name of a host", p.Host), "letters, digits and dashes, as browsers show it; no address")
		}
		if _, err := passkeys.ParseKey(p.Key); err != nil {
			add(path+".key", err.Error(), "PKIX DER in base64url")
		}
		if at, err := time.Parse(time.RFC3339, p.Created); err != nil || at.Location() != time.UTC {
			add(path+".created", fmt.Sprintf("%q is not a time", p.Created), "RFC 3339 in UTC: 2026-01-31T12:00:00Z")
		}
	}
}
