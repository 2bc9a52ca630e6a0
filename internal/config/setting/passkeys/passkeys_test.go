package passkeys_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting/passkeys"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

const (
	origin    = "https://shop.example.com:5480"
	challenge = "YSBjaGFsbGVuZ2Ugb2YgdGhpcnR5LXR3byBieXRlcw"
)

var want = passkeys.Expected{Origin: origin, Challenge: challenge}

func newKey(t testing.TB, kind passkeytest.Kind) *passkeytest.Passkey {
	t.Helper()
	key, err := passkeytest.Make(kind)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestName(t *testing.T) {
	for origin, want := range map[string]string{
		"https://shop.example.com:5480":                     "shop.example.com",
		"https://shop.example.com":                          "shop.example.com",
		"https://shop:5480":                                 "shop",
		"https://localhost:5480":                            "localhost",
		"https://xn--bcher-kva.example:443":                 "xn--bcher-kva.example",
		"https://10.example:5480":                           "10.example",
		"https://192.0.2.7:5480":                            "address",
		"https://192.0.2.7":                                 "address",
		"https://[2001:db8::7]:5480":                        "address",
		"https://[fe80::1%25eth0]:5480":                     "",
		"https://192.0.2:5480":                              "", // browsers read these as addresses
		"https://0x7f000001:5480":                           "",
		"https://3221225985:5480":                           "",
		"http://shop.example.com:5480":                      "",
		"https://Shop.example.com:5480":                     "",
		"https://shop.example.com.:5480":                    "",
		"https://shop..example.com:5480":                    "",
		"https://shop.example.com:":                         "",
		"https://shop.example.com:5480/":                    "",
		"https://shop.example.com:5480?x":                   "",
		"https://u@shop.example.com:5480":                   "",
		"https://shop.example.com:x":                        "",
		"https://":                                          "",
		"":                                                  "",
		"null":                                              "",
		"https://shop.example.com:5480\x00":                 "",
		"https://shop example.com":                          "",
		"https://bücher.example":                            "",
		"https://" + strings.Repeat("a", 64):                "",
		"https://" + strings.Repeat("a.", 200) + "b":        "",
		"https://evil.example.com#https://shop.example.com": "",
	} {
		got, err := passkeys.Name(origin)
		if want == "address" {
			if !errors.Is(err, passkeys.ErrAddress) {
				t.Errorf("%q: %q, %v; it is an address", origin, got, err)
			}
			continue
		}
		if got != want || (err == nil) != (want != "") || errors.Is(err, passkeys.ErrAddress) {
			t.Errorf("%q: %q, %v; want %q", origin, got, err, want)
		}
	}
}

// TestLife adds a passkey of each kind and logs in with it.
func TestLife(t *testing.T) {
	for _, kind := range []passkeytest.Kind{passkeytest.P256, passkeytest.Ed25519, passkeytest.RSA} {
		key := newKey(t, kind)
		a, err := passkeys.Parse(key.Create(origin, challenge))
		if err != nil {
			t.Fatal(err)
		}
		created, err := a.Create(want)
		if err != nil || created.ID != key.Name() || created.Key != key.Public() || created.Count != 0 {
			t.Fatalf("%s: %+v, %v", kind, created, err)
		}
		for n := uint32(1); n < 3; n++ {
			a, err := passkeys.Parse(key.Get(origin, challenge))
			if err != nil {
				t.Fatal(err)
			}
			if count, err := a.Verify(created.Key, want); err != nil || count != n {
				t.Errorf("%s: answer %d counts %d, %v", kind, n, count, err)
			}
		}
	}
}

// flip changes one bit of a part.
func flip(part string) func(a *passkeytest.Answer) {
	return func(a *passkeytest.Answer) {
		a.After = func(parts map[string]string) {
			raw, _ := base64.RawURLEncoding.DecodeString(parts[part])
			raw[len(raw)-1] ^= 1
			parts[part] = base64.RawURLEncoding.EncodeToString(raw)
		}
	}
}

func replace(part, text string) func(a *passkeytest.Answer) {
	return func(a *passkeytest.Answer) {
		a.After = func(parts map[string]string) { parts[part] = text }
	}
}

// cut leaves the begin of the device's part only.
func cut(n int) func(a *passkeytest.Answer) {
	return func(a *passkeytest.Answer) {
		a.After = func(parts map[string]string) {
			raw, _ := base64.RawURLEncoding.DecodeString(parts["authenticatorData"])
			parts["authenticatorData"] = base64.RawURLEncoding.EncodeToString(raw[:n])
		}
	}
}

// TestWrongAnswers: each is a way to cheat.
func TestWrongAnswers(t *testing.T) {
	key, other := newKey(t, passkeytest.P256), newKey(t, passkeytest.P256)
	type twist = func(a *passkeytest.Answer)
	both := map[string]struct {
		twist twist
		want  string
	}{
		"another challenge":       {func(a *passkeytest.Answer) { a.Challenge = "YW5vdGhlcg" }, "another challenge"},
		"no challenge":            {func(a *passkeytest.Answer) { a.Challenge = "" }, "another challenge"},
		"another port":            {func(a *passkeytest.Answer) { a.Origin = "https://shop.example.com:5481" }, "another site"},
		"another site":            {func(a *passkeytest.Answer) { a.Origin = "https://evil.example" }, "another site"},
		"without TLS":             {func(a *passkeytest.Answer) { a.Origin = "http://shop.example.com:5480" }, "another site"},
		"a site below":            {func(a *passkeytest.Answer) { a.Origin = "https://x.shop.example.com:5480" }, "another site"},
		"in a frame":              {func(a *passkeytest.Answer) { a.CrossOrigin = true }, "a frame"},
		"for another name":        {func(a *passkeytest.Answer) { a.Host = "evil.example" }, "another name"},
		"for the name above":      {func(a *passkeytest.Answer) { a.Host = "example.com" }, "another name"},
		"nobody there":            {func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Present }, "not verified"},
		"somebody, not verified":  {func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Verified }, "not verified"},
		"a backup of what cannot": {func(a *passkeytest.Answer) { a.Flags |= 0x10 }, "contradicts"},
		"something else":          {func(a *passkeytest.Answer) { a.Type = "payment.get" }, "something else"},
		"data cut off":            {replace("authenticatorData", base64.RawURLEncoding.EncodeToString(make([]byte, 36))), "cannot be read"},
		"data that is no base64":  {replace("authenticatorData", "!"), "cannot be read"},
		"no data":                 {replace("authenticatorData", ""), "cannot be read"},
		"client data is a list":   {replace("clientDataJSON", "W10"), "cannot be read"},
		"no client data":          {replace("clientDataJSON", ""), "cannot be read"},
		"client data with breaks": {replace("clientDataJSON", "e30\n"), "not base64url"},
	}
	check := func(what string, a []byte, verify func(passkeys.Answer) error, wants string) {
		t.Helper()
		parsed, err := passkeys.Parse(a)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := verify(parsed); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v; want %q", what, err, wants)
		}
	}
	create := func(a passkeys.Answer) error { _, err := a.Create(want); return err }
	get := func(a passkeys.Answer) error { _, err := a.Verify(key.Public(), want); return err }
	for what, c := range both {
		check("a new one, "+what, key.Create(origin, challenge, c.twist), create, c.want)
		check("a log-in, "+what, key.Get(origin, challenge, c.twist), get, c.want)
	}
	for what, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"a log-in for a new one":        {key.Create(origin, challenge, func(a *passkeytest.Answer) { a.Type = "webauthn.get" }), "something else"},
		"another's identifier":          {key.Create(origin, challenge, func(a *passkeytest.Answer) { a.ID = other.ID }), "two identifiers"},
		"no identifier in the data":     {key.Create(origin, challenge, func(a *passkeytest.Answer) { a.Flags &^= passkeytest.New }), "two identifiers"},
		"cut off before the identifier": {key.Create(origin, challenge, cut(50)), "cut off"},
		"cut off in the identifier":     {key.Create(origin, challenge, cut(60)), "cut off"},
		"no key":                        {key.Create(origin, challenge, replace("publicKey", "")), "cannot be read"},
		"a key that is none":            {key.Create(origin, challenge, replace("publicKey", "e30")), "cannot be read"},
		"a curve that is not taken":     {newKey(t, passkeytest.P384).Create(origin, challenge), "not taken"},
		"a weak key":                    {newKey(t, passkeytest.WeakRSA).Create(origin, challenge), "not taken"},
	} {
		check(what, c.answer, create, c.want)
	}
	for what, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"a new one for a log-in":  {key.Get(origin, challenge, func(a *passkeytest.Answer) { a.Type = "webauthn.create" }), "something else"},
		"another's signature":     {other.Get(origin, challenge, func(a *passkeytest.Answer) { a.ID = key.ID }), "signature is wrong"},
		"a changed counter":       {key.Get(origin, challenge, flip("authenticatorData")), "signature is wrong"},
		"a changed signature":     {key.Get(origin, challenge, flip("signature")), "signature is wrong"},
		"no signature":            {key.Get(origin, challenge, replace("signature", "")), "signature is wrong"},
		"changed client data":     {key.Get(origin, challenge, replace("clientDataJSON", spaced())), "signature is wrong"},
		"a signature with breaks": {key.Get(origin, challenge, replace("signature", "e30\n")), "not base64url"},
	} {
		check(what, c.answer, get, c.want)
	}
	for _, bad := range []string{"", "e30", key.Public() + "=", newKey(t, passkeytest.P384).Public(), strings.Repeat("A", 4000)} {
		a, _ := passkeys.Parse(key.Get(origin, challenge))
		if _, err := a.Verify(bad, want); err == nil {
			t.Errorf("a document's key %.20q is taken", bad)
		}
	}
	if a, _ := passkeys.Parse(key.Get(origin, "")); true {
		if _, err := a.Verify(key.Public(), passkeys.Expected{Origin: origin}); err == nil {
			t.Error("no challenge at all is answered")
		}
	}
	if a, _ := passkeys.Parse(key.Get("https://192.0.2.7:5480", challenge)); true {
		if _, err := a.Verify(key.Public(), passkeys.Expected{Origin: "https://192.0.2.7:5480", Challenge: challenge}); !errors.Is(err, passkeys.ErrAddress) {
			t.Errorf("at an address: %v", err)
		}
	}
}

// spaced is right client data that was not signed.
func spaced() string {
	data, _ := json.Marshal(map[string]any{"type": "webauthn.get", "challenge": challenge, "origin": origin, "other": 1})
	return base64.RawURLEncoding.EncodeToString(data)
}

// TestHostileJSON: what is no answer of a browser is not taken for one.
func TestHostileJSON(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", "{}", `"x"`, "1", "{", `{"id":1}`, `{"id":"AAAAAAAAAAAAAAAAAAAAAA"}`, `{"id":"AAAAAAAAAAAAAAAAAAAAAA","type":"password"}`,
		`{"id":"short","type":"public-key"}`, `{"id":"AAAAAAAAAAAAAAAAAAAAAA==","type":"public-key"}`, `{"id":"AAAAAAAAAAAAAAAAAAAAA/","type":"public-key"}`,
		`{"id":"AAAAAAAAAAAAAAAAAAAAAA\n","type":"public-key"}`, `{"id":"AAAAAAAAAAAAAAAAAAAAAB","type":"public-key"}`, // trailing bits
		`{"id":"AAAAAAAAAAAAAAAAAAAAAA","type":"public-key","response":[]}`, `{"id":"` + strings.Repeat("A", 1400) + `","type":"public-key"}`,
		`{"id":"AAAAAAAAAAAAAAAAAAAAAA","type":"public-key","x":"` + strings.Repeat("A", 40<<10) + `"}`,
		strings.Repeat("[", 20000),
	} {
		if a, err := passkeys.Parse([]byte(text)); err == nil {
			t.Errorf("%.60q is taken: %+v", text, a)
		}
	}
}

// FuzzAnswer: nothing foreign makes it panic, and what was not signed with the
// key is not taken.
func FuzzAnswer(f *testing.F) {
	key := newKey(f, passkeytest.P256)
	f.Add(key.Get(origin, "another"))
	f.Add(key.Create(origin, challenge))
	f.Add([]byte(`{"id":"AAAAAAAAAAAAAAAAAAAAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA"}}`))
	stranger := newKey(f, passkeytest.P256).Public()
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := passkeys.Parse(data)
		if err != nil {
			return
		}
		if _, err := a.Verify(stranger, want); err == nil {
			t.Errorf("%q is taken for the answer of a key that never signed anything", data)
		}
		created, err := a.Create(want)
		if err != nil {
			return
		}
		if _, err := passkeys.ParseKey(created.Key); err != nil || !passkeys.IsID(created.ID) {
			t.Errorf("%q makes %+v, which a document does not take: %v", data, created, err)
		}
	})
}

// FuzzData goes at the device's part, which is not text.
func FuzzData(f *testing.F) {
	key := newKey(f, passkeytest.P256)
	f.Add(make([]byte, 37), false)
	f.Add(make([]byte, 55), true)
	f.Fuzz(func(t *testing.T, data []byte, create bool) {
		swap := replace("authenticatorData", base64.RawURLEncoding.EncodeToString(data))
		if create {
			a, err := passkeys.Parse(key.Create(origin, challenge, swap))
			if err == nil {
				_, _ = a.Create(want)
			}
			return
		}
		a, err := passkeys.Parse(key.Get(origin, challenge, swap))
		if err != nil {
			return
		}
		host := sha256.Sum256([]byte("shop.example.com"))
		said := binary.BigEndian.AppendUint32(append(host[:], passkeytest.Present|passkeytest.Verified), key.Count)
		if _, err := a.Verify(key.Public(), want); (err == nil) != bytes.Equal(data, said) {
			t.Errorf("%x: %v; what was signed is %x", data, err, said)
		}
	})
}
