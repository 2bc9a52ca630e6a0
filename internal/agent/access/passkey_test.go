package access

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys/passkeytest"
)

const (
	shop = "https://shop.example.com:5480"
	till = "https://till.example.com:5480"
)

func (w *world) ask(t *testing.T, account, origin string) string {
	t.Helper()
	challenge, err := w.AskPasskey(account, origin)
	if err != nil {
		t.Fatal(err)
	}
	return challenge
}

// addPasskey gives an account a passkey.
func (w *world) addPasskey(t *testing.T, account, origin string) *passkeytest.Passkey {
	t.Helper()
	key, err := passkeytest.Make(passkeytest.P256)
	if err != nil {
		t.Fatal(err)
	}
	challenge := w.ask(t, account, origin)
	kept, err := w.NewPasskey(account, " Telephone ", PasskeyAnswer{Origin: origin, Challenge: challenge, Credential: key.Create(origin, challenge)})
	if err != nil {
		t.Fatal(err)
	}
	w.set(func(a *setting.Access) {
		owner := a.Account(account)
		owner.Passkeys = append(owner.Passkeys[:len(owner.Passkeys):len(owner.Passkeys)], kept)
	})
	return key
}

// answerOf logs in with what a device says.
func (w *world) answerOf(t *testing.T, address, origin, challenge string, credential []byte) (key, who string, err error) {
	t.Helper()
	key, id, err := w.Login(t.Context(), Try{Address: address, Agent: "Firefox", Passkey: &PasskeyAnswer{Origin: origin, Challenge: challenge, Credential: credential}})
	return key, id.Who, err
}

// withKey logs in as people do.
func (w *world) withKey(t *testing.T, address, origin string, key *passkeytest.Passkey, twists ...func(*passkeytest.Answer)) (who string, err error) {
	t.Helper()
	challenge := w.ask(t, "", origin)
	_, who, err = w.answerOf(t, address, origin, challenge, key.Get(origin, challenge, twists...))
	return who, err
}

func TestPasskeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		admin, audrey := w.addPasskey(t, "admin", shop), w.addPasskey(t, "audrey", shop)
		second := w.addPasskey(t, "audrey", till)
		kept := w.get()
		if p := kept.Account("audrey").Passkeys; len(p) != 2 || p[0].Name != "Telephone" || p[0].Host != "shop.example.com" || p[1].Host != "till.example.com" || p[0].Created != time.Now().UTC().Format(time.RFC3339) {
			t.Errorf("the document keeps %+v", p)
		}
		for _, c := range []struct {
			key         *passkeytest.Passkey
			origin, who string
		}{{admin, shop, "admin"}, {audrey, shop, "audrey"}, {second, till, "audrey"}, {audrey, shop, "audrey"}, {audrey, "https://shop.example.com", "audrey"}} {
			if who, err := w.withKey(t, "192.0.2.7", c.origin, c.key); err != nil || who != c.who {
				t.Errorf("a passkey of %s at %s lets in %q, %v", c.who, c.origin, who, err)
			}
		}
		if got := w.Logins()[0]; got.Result != WithPasskey || got.Account != "audrey" || got.From != "192.0.2.7" {
			t.Errorf("the log-in is noted as %+v", got)
		}
		if use := w.PasskeyUse(audrey.Name()); use.Count != 3 || use.From != "192.0.2.7" || !use.Time.Equal(time.Now().UTC().Truncate(time.Second)) {
			t.Errorf("its use is noted as %+v", use)
		}
		if w.hashed != 0 {
			t.Errorf("%d passwords were compared", w.hashed)
		}
	})
}

// TestPasskeyAttacks: each is a way to get in that must not work, and none
// uses up the owner's.
func TestPasskeyAttacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		key, other := w.addPasskey(t, "admin", shop), w.addPasskey(t, "audrey", till)
		stranger, err := passkeytest.Make(passkeytest.P256)
		if err != nil {
			t.Fatal(err)
		}
		used := w.ask(t, "", shop)
		right := key.Get(shop, used)
		if _, who, err := w.answerOf(t, "192.0.2.7", shop, used, right); err != nil || who != "admin" {
			t.Fatal(who, err)
		}
		n := 0
		refused := func(what string, wanted error, origin, challenge string, credential []byte) {
			t.Helper()
			n++
			if session, who, err := w.answerOf(t, fmt.Sprintf("198.51.100.%d", n), origin, challenge, credential); !errors.Is(err, wanted) || session != "" || who != "" {
				t.Errorf("%s: %q, %v; want %v", what, who, err, wanted)
			}
		}
		fresh := func() string { return w.ask(t, "", shop) }
		refused("the same answer again", ErrLate, shop, used, right)
		refused("the same answer to another challenge", ErrPasskey, shop, fresh(), right)
		refused("a challenge that nobody gave", ErrLate, shop, strings.Repeat("A", 75), key.Get(shop, strings.Repeat("A", 75)))
		refused("no challenge", ErrLate, shop, "", key.Get(shop, ""))
		c := fresh()
		refused("at another port than asked for", ErrLate, "https://shop.example.com:1", c, key.Get("https://shop.example.com:1", c))
		refused("at another site than asked for", ErrLate, till, c, key.Get(till, c))
		refused("a challenge with a bit changed", ErrLate, shop, "A"+c[1:], key.Get(shop, "A"+c[1:]))
		c = w.ask(t, "admin", shop)
		refused("a challenge for adding", ErrLate, shop, c, key.Get(shop, c))
		c = w.ask(t, "", till)
		refused("a passkey of another name, and the device says so", ErrPasskey, till, c, key.Get(till, c, func(a *passkeytest.Answer) { a.Host = "shop.example.com" }))
		refused("a passkey of another name, and the device plays along", ErrPasskey, till, c, key.Get(till, c))
		c = fresh()
		refused("an unknown passkey", ErrPasskey, shop, c, stranger.Get(shop, c))
		refused("another's signature", ErrPasskey, shop, c, stranger.Get(shop, c, func(a *passkeytest.Answer) { a.ID = key.ID }))
		refused("another account's passkey", ErrPasskey, shop, c, other.Get(shop, c, func(a *passkeytest.Answer) { a.ID = key.ID }))
		refused("nobody verified", ErrPasskey, shop, c, key.Get(shop, c, func(a *passkeytest.Answer) { a.Flags &^= passkeytest.Verified }))
		refused("the origin of a phisher", ErrPasskey, shop, c, key.Get(shop, c, func(a *passkeytest.Answer) { a.Origin = "https://sh0p.example.com:5480" }))
		refused("a new one instead", ErrPasskey, shop, c, key.Create(shop, c))
		refused("no JSON", ErrPasskey, shop, c, []byte("{"))
		refused("nothing", ErrPasskey, shop, c, nil)
		late := fresh()
		time.Sleep(passkeyWithin)
		refused("too late", ErrLate, shop, late, key.Get(shop, late))
		if who, err := w.withKey(t, "192.0.2.7", shop, key); err != nil || who != "admin" {
			t.Errorf("then the owner: %q, %v", who, err)
		}
		for _, e := range w.Logins()[1:] {
			if e.Account == "admin" && e.Result != WrongPasskey && e.Result != WithPasskey {
				t.Errorf("noted as %+v", e)
			}
		}
	})
}

// TestCopiedPasskey: the counter goes up, or somebody is told.
func TestCopiedPasskey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		key := w.addPasskey(t, "admin", shop)
		thief := *key
		for range 3 {
			if _, err := w.withKey(t, "192.0.2.7", shop, key); err != nil {
				t.Fatal(err)
			}
		}
		w = w.again() // the power had gone
		if _, err := w.withKey(t, "198.51.100.1", shop, &thief); !errors.Is(err, ErrCopied) {
			t.Errorf("the copy: %v", err)
		}
		if got := w.Logins()[0]; got.Result != WrongPasskey || got.Account != "admin" {
			t.Errorf("noted as %+v", got)
		}
		if _, err := w.withKey(t, "192.0.2.7", shop, key); err != nil {
			t.Errorf("the owner: %v", err)
		}
		key.Step = 0 // the same number again
		if _, err := w.withKey(t, "192.0.2.7", shop, key); !errors.Is(err, ErrCopied) {
			t.Errorf("the same number again: %v", err)
		}
		key.Count = 0
		if _, err := w.withKey(t, "192.0.2.8", shop, key); !errors.Is(err, ErrCopied) {
			t.Errorf("no number any more: %v", err)
		}
		// Telephones do not count.
		phone := w.addPasskey(t, "admin", shop)
		phone.Step = 0
		for range 3 {
			if _, err := w.withKey(t, "192.0.2.9", shop, phone); err != nil {
				t.Errorf("a passkey that does not count: %v", err)
			}
		}
	})
}

// TestUsedChallengeOutlivesNothing: a challenge of before the agent's start is
// none, so that the answers to it need not be remembered.
func TestUsedChallengeOutlivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		key := w.addPasskey(t, "admin", shop)
		key.Step = 0
		c := w.ask(t, "", shop)
		answer := key.Get(shop, c)
		if _, _, err := w.answerOf(t, "192.0.2.7", shop, c, answer); err != nil {
			t.Fatal(err)
		}
		w = w.again()
		if _, _, err := w.answerOf(t, "192.0.2.7", shop, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("after a restart, before a challenge is given: %v", err)
		}
		w.ask(t, "", shop)
		if _, _, err := w.answerOf(t, "192.0.2.7", shop, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("after a restart: %v", err)
		}
	})
}

// TestChallengeAndClock: one that would be good for longer, since the clock was
// set back, is good no more.
func TestChallengeAndClock(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	g := New(newWorld().get, Options{Now: func() time.Time { return now }})
	c, err := g.AskPasskey("admin", shop)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		good  bool
	}{{0, true}, {passkeyWithin - time.Second, true}, {passkeyWithin, false}, {-time.Second, false}, {-time.Hour, false}} {
		now = time.Unix(1_900_000_000, 0).Add(test.after)
		if got := g.pending("admin", PasskeyAnswer{Origin: shop, Challenge: c}); got != test.good {
			t.Errorf("after %s: %v", test.after, got)
		}
	}
}

// TestPasskeyIsBothFactors: no code is asked for, and a passkey that is gone
// ends its sessions and no others.
func TestPasskeyIsBothFactors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		w.enrol(t)
		key := w.addPasskey(t, "admin", shop)
		challenge := w.ask(t, "", shop)
		session, who, err := w.answerOf(t, "192.0.2.7", shop, challenge, key.Get(shop, challenge))
		if err != nil || who != "admin" {
			t.Fatal(who, err)
		}
		audrey, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "audrey", Password: "right"})
		if err != nil {
			t.Fatal(err)
		}
		w.set(func(a *setting.Access) { a.Account("audrey").Passkeys = []setting.Passkey{{ID: "another"}} })
		for _, s := range []string{session, audrey} {
			if _, err := w.Identify(s, ""); err != nil {
				t.Errorf("before: %v", err)
			}
		}
		w.set(func(a *setting.Access) { a.Account("admin").Passkeys = nil })
		if _, err := w.Identify(session, ""); !errors.Is(err, ErrExpired) {
			t.Errorf("the session of a passkey that is gone: %v", err)
		}
		if _, err := w.Identify(audrey, ""); err != nil {
			t.Errorf("a session by a password: %v", err)
		}
		if _, err := w.withKey(t, "192.0.2.7", shop, key); !errors.Is(err, ErrPasskey) {
			t.Errorf("a passkey that is gone: %v", err)
		}
	})
}

// TestGuessingPasskeys is slowed down by address, and locks nobody out.
func TestGuessingPasskeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		key := w.addPasskey(t, "admin", shop)
		if _, err := w.withKey(t, "192.0.2.7", shop, key); err != nil {
			t.Fatal(err)
		}
		stranger, err := passkeytest.Make(passkeytest.P256)
		if err != nil {
			t.Fatal(err)
		}
		looked := 0
		for range 200 {
			switch _, err := w.withKey(t, "198.51.100.1", shop, stranger); {
			case errors.Is(err, ErrPasskey):
				looked++
			case err == nil:
				t.Fatal("a stranger is let in")
			}
			time.Sleep(time.Second)
		}
		if looked > 15 {
			t.Errorf("%d of 200 guesses in 200 seconds were looked at", looked)
		}
		for n := range 5 * maxAnswered { // from everywhere
			_, _ = w.withKey(t, fmt.Sprintf("203.0.%d.%d", n/200, n%200), shop, stranger)
		}
		if _, err := w.withKey(t, "192.0.2.7", shop, key); err != nil {
			t.Errorf("the owner, from where they logged in before: %v", err)
		}
		if n := len(w.asked.answered); n > 3 { // the owner's
			t.Errorf("%d challenges are remembered", n)
		}
		time.Sleep(10 * time.Second)
		if _, err := w.withKey(t, "192.0.2.99", shop, key); err != nil {
			t.Errorf("the owner, from elsewhere, ten seconds later: %v", err)
		}
	})
}

// TestAnsweredIsBounded even if an owner answers all day.
func TestAnsweredIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.ask(t, "", shop)
		for range maxAnswered {
			if !w.answer(w.ask(t, "", shop)) {
				t.Fatal("there is room")
			}
		}
		if w.answer(w.ask(t, "", shop)) {
			t.Error("there is no end of it")
		}
		time.Sleep(passkeyWithin)
		if !w.answer(w.ask(t, "", shop)) || len(w.asked.answered) != 1 {
			t.Errorf("after that %d are remembered", len(w.asked.answered))
		}
	})
}

// TestNewPasskeyIsForWhoAsked, once and in time.
func TestNewPasskeyIsForWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		key, err := passkeytest.Make(passkeytest.P256)
		if err != nil {
			t.Fatal(err)
		}
		add := func(account, origin, challenge string, credential []byte) error {
			_, err := w.NewPasskey(account, "x", PasskeyAnswer{Origin: origin, Challenge: challenge, Credential: credential})
			return err
		}
		c := w.ask(t, "admin", shop)
		answer := key.Create(shop, c)
		if err := add("audrey", shop, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("another account: %v", err)
		}
		if err := add("", shop, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("nobody: %v", err)
		}
		if err := add("admin", till, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("another site: %v", err)
		}
		if err := add("admin", shop, c, bytes.Replace(answer, []byte("public-key"), []byte("password"), 1)); err == nil {
			t.Error("something else")
		}
		if err := add("admin", shop, c, key.Create(shop, c, func(a *passkeytest.Answer) { a.Host = "evil.example" })); err == nil {
			t.Error("another name")
		}
		login := w.ask(t, "", shop)
		if err := add("admin", shop, login, key.Create(shop, login)); !errors.Is(err, ErrLate) {
			t.Errorf("a challenge of a log-in: %v", err)
		}
		if err := add("admin", shop, c, answer); err != nil {
			t.Errorf("then who asked: %v", err)
		}
		if err := add("admin", shop, c, answer); !errors.Is(err, ErrLate) {
			t.Errorf("twice: %v", err)
		}
		c = w.ask(t, "admin", shop)
		time.Sleep(passkeyWithin)
		if err := add("admin", shop, c, key.Create(shop, c)); !errors.Is(err, ErrLate) {
			t.Errorf("too late: %v", err)
		}
		for _, origin := range []string{"https://192.0.2.7:5480", "http://shop.example.com", ""} {
			if _, err := w.AskPasskey("admin", origin); err == nil {
				t.Errorf("a challenge for %q", origin)
			}
		}
	})
}
