package passkeys_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/ingotvm/ingot/internal/config/setting/passkeys"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

// A library that others use decides the same: it is a yardstick only, for it
// reads much that no appliance needs.

// libraryCreate is the library's opinion of a new passkey.
func libraryCreate(answer []byte) error {
	p, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return err
	}
	_, err = p.Verify(challenge, true, true, "shop.example.com", []string{origin}, nil, protocol.TopOriginIgnoreVerificationMode, nil,
		[]protocol.CredentialParameter{{Type: "public-key", Algorithm: -7}})
	return err
}

// libraryVerify is the library's opinion of a log-in.
func libraryVerify(answer, key []byte) error {
	p, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return err
	}
	return p.Verify(challenge, "shop.example.com", []string{origin}, nil, protocol.TopOriginIgnoreVerificationMode, "", true, true, key)
}

func ourCreate(answer []byte) error {
	a, err := passkeys.Parse(answer)
	if err != nil {
		return err
	}
	_, err = a.Create(want)
	return err
}

func ourVerify(answer []byte, key string) error {
	a, err := passkeys.Parse(answer)
	if err != nil {
		return err
	}
	_, err = a.Verify(key, want)
	return err
}

// TestAsTheLibrary: of every twist, both think the same.
func TestAsTheLibrary(t *testing.T) {
	key := newKey(t, passkeytest.P256)
	for what, twist := range map[string]func(a *passkeytest.Answer){
		"none":                   func(a *passkeytest.Answer) {},
		"another challenge":      func(a *passkeytest.Answer) { a.Challenge = "YW5vdGhlcg" },
		"another port":           func(a *passkeytest.Answer) { a.Origin = "https://shop.example.com:5481" },
		"another site":           func(a *passkeytest.Answer) { a.Origin = "https://evil.example" },
		"without TLS":            func(a *passkeytest.Answer) { a.Origin = "http://shop.example.com:5480" },
		"another name":           func(a *passkeytest.Answer) { a.Host = "evil.example" },
		"nobody there":           func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Present },
		"somebody, not verified": func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Verified },
		"something else":         func(a *passkeytest.Answer) { a.Type = "payment.get" },
		"can be a backup":        func(a *passkeytest.Answer) { a.Flags |= 0x08 },
		"is a backup":            func(a *passkeytest.Answer) { a.Flags |= 0x18 },
		"a high count":           func(a *passkeytest.Answer) { a.Count = 1<<32 - 1 },
		"a changed signature":    flip("signature"),
		"changed client data":    flip("clientDataJSON"),
	} {
		if what != "a changed signature" {
			answer := key.Create(origin, challenge, twist)
			if ours, theirs := ourCreate(answer), libraryCreate(answer); (ours == nil) != (theirs == nil) {
				t.Errorf("a new one, %s: we say %v, the library %v", what, ours, theirs)
			}
		}
		answer := key.Get(origin, challenge, twist)
		if ours, theirs := ourVerify(answer, key.Public()), libraryVerify(answer, key.COSE()); (ours == nil) != (theirs == nil) {
			t.Errorf("a log-in, %s: we say %v, the library %v", what, ours, theirs)
		}
	}
}

// FuzzAsTheLibrary changes bytes of log-ins: what we take, the library takes.
func FuzzAsTheLibrary(f *testing.F) {
	key := newKey(f, passkeytest.P256)
	parts := []string{"clientDataJSON", "authenticatorData", "signature"}
	f.Add(uint8(0), uint16(0), uint8(0))
	f.Add(uint8(1), uint16(32), uint8(4))
	f.Add(uint8(2), uint16(9), uint8(1))
	f.Fuzz(func(t *testing.T, part uint8, at uint16, change uint8) {
		answer := key.Get(origin, challenge, func(a *passkeytest.Answer) {
			a.After = func(list map[string]string) {
				name := parts[int(part)%len(parts)]
				raw, _ := base64.RawURLEncoding.DecodeString(list[name])
				raw[int(at)%len(raw)] ^= change
				list[name] = base64.RawURLEncoding.EncodeToString(raw)
			}
		})
		if !json.Valid(answer) {
			t.Fatal("the test is wrong")
		}
		ours, theirs := ourVerify(answer, key.Public()), libraryVerify(answer, key.COSE())
		if (ours == nil) != (theirs == nil) || (ours == nil) != (change == 0) {
			t.Errorf("%s[%d] ^ %#x: we say %v, the library %v", parts[int(part)%len(parts)], at, change, ours, theirs)
		}
	})
}
