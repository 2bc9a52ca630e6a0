package access

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// TestRFC6238 goes by the vectors of appendix B, of whose eight digits the
// last six are ours.
func TestRFC6238(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for seconds, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := Code(secret, time.Unix(seconds, 0)); got != want {
			t.Errorf("at %d: %s, want %s", seconds, got, want)
		}
	}
}

func TestMatchTOTP(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	now := time.Unix(1111111111, 0)
	step := now.Unix() / 30
	for _, test := range []struct {
		name string
		code string
		last int64
		want int64 // 0 is none
	}{
		{"now", Code(secret, now), 0, step},
		{"30 seconds old", Code(secret, now.Add(-totpStep)), 0, step - 1},
		{"30 seconds ahead", Code(secret, now.Add(totpStep)), 0, step + 1},
		{"60 seconds old", Code(secret, now.Add(-2*totpStep)), 0, 0},
		{"60 seconds ahead", Code(secret, now.Add(2*totpStep)), 0, 0},
		{"used", Code(secret, now), step, 0},
		{"older than one that was used", Code(secret, now.Add(-totpStep)), step, 0},
		{"newer than one that was used", Code(secret, now.Add(totpStep)), step, step + 1},
		{"one was used when the clock was wrong", Code(secret, now), step + 1000, step},
		{"too short", Code(secret, now)[1:], 0, 0},
		{"none", "", 0, 0},
	} {
		if got, ok := matchTOTP(secret, test.code, now, test.last); got != test.want || ok != (test.want != 0) {
			t.Errorf("%s: step %d, %v; want %d", test.name, got, ok, test.want)
		}
	}
	if _, ok := matchTOTP("not base32!", Code("not base32!", now), now, 0); ok {
		t.Error("a secret that cannot be read has a code")
	}
}

func TestTidyCode(t *testing.T) {
	for text, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "123-456": "123456", "010101": "010101",
		"ABCD-efgh-2345-67ab": "abcdefgh234567ab", "abcd efgh 0180 67ab": "abcdefgholbo67ab", "": "",
	} {
		if got := tidyCode(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestFactorURL(t *testing.T) {
	text := FactorURL("Shop & Co: till (box)", "anna", "ABC")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Shop & Co  till (box):anna" ||
		u.Query().Get("secret") != "ABC" || u.Query().Get("issuer") != "Shop & Co  till (box)" || strings.Contains(text, "+") {
		t.Errorf("%s: %+v %v", text, u, err)
	}
}

// enrol gives the account admin a second factor and tells its secret and
// recovery codes.
func (w *world) enrol(t *testing.T) Factor {
	t.Helper()
	secret, err := w.OfferFactor("admin")
	if err != nil {
		t.Fatal(err)
	}
	f, err := w.AcceptFactor("admin", Code(secret, time.Now()))
	if err != nil || f.TOTP != secret || len(f.Codes) != recoveryCodes {
		t.Fatalf("AcceptFactor() = %+v, %v", f, err)
	}
	w.set(func(a *setting.Access) { a.Accounts[0].TOTP, a.Accounts[0].Recovery = f.TOTP, f.Recovery })
	time.Sleep(totpStep) // that code is used
	return f
}

// enter logs in as admin, with a code.
func (w *world) enter(ctx context.Context, address, code string) error {
	_, _, err := w.Login(ctx, Try{Address: address, Account: "admin", Password: "right", Code: code})
	return err
}

// outcomeOf is an error in a word.
func outcomeOf(err error) string {
	var code *CodeError
	var throttled *ThrottledError
	switch {
	case err == nil:
		return "in"
	case errors.As(err, &code) && code.Wrong:
		return "wrong code"
	case errors.As(err, &code):
		return "code needed"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.Is(err, ErrDenied):
		return "denied"
	case errors.Is(err, ErrExpired):
		return "expired"
	}
	return err.Error()
}

func TestSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := w.enrol(t)
		const home = "192.0.2.7"
		expect := func(name, want string, err error) {
			t.Helper()
			if got := outcomeOf(err); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		now := func() string { return Code(f.TOTP, time.Now()) }
		expect("no code", "code needed", w.enter(t.Context(), home, ""))
		expect("spaces", "code needed", w.enter(t.Context(), home, "  "))
		_, _, err := w.Login(t.Context(), Try{Address: home, Account: "admin", Password: "wrong", Code: now()})
		expect("wrong password, right code", "denied", err) // which says nothing of the code, nor uses it up
		expect("right code", "in", w.enter(t.Context(), home, now()))
		expect("the same code", "wrong code", w.enter(t.Context(), home, now()))
		time.Sleep(totpStep)
		expect("the next code", "in", w.enter(t.Context(), home, now()))
		expect("recovery code", "in", w.enter(t.Context(), home, strings.ToUpper(f.Codes[3])))
		expect("the same recovery code", "wrong code", w.enter(t.Context(), home, f.Codes[3]))
		if left := w.RecoveryLeft(w.access.Accounts[0]); left != recoveryCodes-1 {
			t.Errorf("%d recovery codes are left", left)
		}
		time.Sleep(time.Hour)
		_, _, err = w.Login(t.Context(), Try{Address: home, Account: "audrey", Password: "right"})
		expect("another account", "in", err)
		expect("another account's recovery code", "wrong code", w.enter(t.Context(), home, newWorldsCode(t)))
	})
}

// newWorldsCode is a recovery code of another secret.
func newWorldsCode(t *testing.T) string {
	t.Helper()
	f, err := newWorld().factor("MFRGGZDFMZTWQ2LKNNWG23TPOA")
	if err != nil {
		t.Fatal(err)
	}
	return f.Codes[0]
}

// TestLoginInTwoSteps: a key stands for the password for five minutes, and for
// nothing without a code.
func TestLoginInTwoSteps(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *world, key string)
		want string
	}{
		{"at once", func(*world, string) {}, "in"},
		{"after a wrong code", func(w *world, key string) {
			w.Login(context.Background(), Try{Address: "192.0.2.7", Continue: key, Code: "000000"})
		}, "in"},
		{"after five minutes", func(*world, string) { time.Sleep(continueWithin) }, "expired"},
		{"after another password", func(w *world, _ string) {
			w.set(func(a *setting.Access) { a.Accounts[0].Hash = "other" })
		}, "expired"},
		{"after the account ended", func(w *world, _ string) { w.set(func(a *setting.Access) { a.Accounts = nil }) }, "expired"},
		{"after many others", func(w *world, _ string) {
			for range maxHalves {
				w.enter(context.Background(), Local, "")
			}
		}, "expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				f := w.enrol(t)
				var code *CodeError
				if err := w.enter(t.Context(), "192.0.2.7", ""); !errors.As(err, &code) || !strings.HasPrefix(code.Continue, "ingoth_") {
					t.Fatalf("Login() = %v", err)
				}
				if _, err := w.Identify(code.Continue, ""); !errors.Is(err, ErrExpired) {
					t.Errorf("half a log-in is somebody: %v", err)
				}
				time.Sleep(time.Millisecond)
				test.do(w, code.Continue)
				try := Try{Address: "192.0.2.7", Continue: code.Continue, Code: Code(f.TOTP, time.Now())}
				if _, _, err := w.Login(t.Context(), try); outcomeOf(err) != test.want {
					t.Errorf("%v, want %s", err, test.want)
				}
				try.Code = f.Codes[0]
				if _, _, err := w.Login(t.Context(), try); !errors.Is(err, ErrExpired) {
					t.Errorf("the key is good again: %v", err)
				}
				if n := len(w.halves); n > maxHalves {
					t.Errorf("%d log-ins wait", n)
				}
			})
		})
	}
}

// TestGuessingCodes: who knows the password, and tries codes without end from
// many addresses, gets few tries; the owner's address, and the console, do not
// suffer from it.
func TestGuessingCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := w.enrol(t)
		if err := w.enter(t.Context(), "192.0.2.7", Code(f.TOTP, time.Now())); err != nil {
			t.Fatal(err)
		}
		tried := 0
		for end, i := time.Now().Add(24*time.Hour), 0; time.Now().Before(end); i++ {
			if outcomeOf(w.enter(t.Context(), fmt.Sprintf("198.51.%d.%d", i/250%250, i%250), "12345x")) == "wrong code" {
				tried++
			}
			time.Sleep(10 * time.Second)
		}
		if tried < 20 || tried > 130 {
			t.Errorf("%d codes were tried in a day", tried)
		}
		for _, address := range []string{"192.0.2.7", Local} {
			if err := w.enter(t.Context(), address, Code(f.TOTP, time.Now())); err != nil {
				t.Errorf("the owner at %s: %v", address, err)
			}
			time.Sleep(totpStep)
		}
		// At the owner's address the right password between two tries makes no
		// new begin, and each password alone is let through.
		tried = 0
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); time.Sleep(10 * time.Second) {
			if got := outcomeOf(w.enter(t.Context(), "192.0.2.7", "")); got != "code needed" {
				t.Fatalf("the password alone: %s", got)
			}
			if outcomeOf(w.enter(t.Context(), "192.0.2.7", "12345x")) == "wrong code" {
				tried++
			}
		}
		if tried < 20 || tried > 130 {
			t.Errorf("%d codes were tried in a day at the owner's address", tried)
		}
	})
}

func TestOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := w.AcceptFactor("admin", "123456"); !errors.Is(err, ErrNoOffer) {
			t.Errorf("nothing was offered: %v", err)
		}
		secret, _ := w.OfferFactor("admin")
		if _, err := w.AcceptFactor("audrey", Code(secret, time.Now())); !errors.Is(err, ErrNoOffer) {
			t.Errorf("it was offered to another: %v", err)
		}
		if _, err := w.AcceptFactor("admin", "12345x"); outcomeOf(err) != "wrong code" {
			t.Errorf("a wrong code: %v", err)
		}
		time.Sleep(offerWithin)
		if _, err := w.AcceptFactor("admin", Code(secret, time.Now())); !errors.Is(err, ErrNoOffer) {
			t.Errorf("too late: %v", err)
		}
		f := w.enrol(t)
		if err := w.CheckCode("192.0.2.7", "admin", Code(f.TOTP, time.Now())); err != nil {
			t.Error(err)
		}
		if err := w.CheckCode("192.0.2.7", "admin", Code(f.TOTP, time.Now())); outcomeOf(err) != "wrong code" {
			t.Errorf("used: %v", err)
		}
		if err := w.CheckCode("192.0.2.7", "audrey", Code(f.TOTP, time.Now())); err == nil {
			t.Error("an account without a second factor has a code")
		}
		again, err := w.NewRecovery("admin")
		if err != nil || again.TOTP != f.TOTP || again.Recovery == f.Recovery {
			t.Errorf("NewRecovery() = %+v, %v", again, err)
		}
		w.set(func(a *setting.Access) { a.Accounts[0].Recovery = again.Recovery })
		if err := w.enter(t.Context(), "192.0.2.7", f.Codes[0]); outcomeOf(err) != "wrong code" {
			t.Errorf("an old recovery code: %v", err)
		}
		if err := w.enter(t.Context(), "192.0.2.7", again.Codes[0]); err != nil {
			t.Error(err)
		}
	})
}

// again is the world after the agent started anew.
func (w *world) again() *world {
	other := newWorld()
	other.access = w.get()
	other.Gate = New(other.get, w.opts)
	return other
}

func newWorldIn(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.opts.File = filepath.Join(t.TempDir(), "access", "record.json")
	w.Gate = New(w.get, w.opts)
	return w
}

// TestRecordOutlivesTheAgent: a code is used once, whatever starts anew.
func TestRecordOutlivesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldIn(t)
		f := w.enrol(t)
		key, hash := NewTokenKey()
		w.set(func(a *setting.Access) { a.Tokens = []setting.Token{{Name: "t", Role: setting.Auditor, Hash: hash}} })
		if _, err := w.Identify(key, "192.0.2.9"); err != nil {
			t.Fatal(err)
		}
		used := time.Now()
		code := Code(f.TOTP, time.Now())
		for _, c := range []string{code, f.Codes[0]} {
			if err := w.enter(t.Context(), "192.0.2.7", c); err != nil {
				t.Fatal(err)
			}
		}
		w = w.again() // as if the power had gone: Run wrote nothing
		for _, c := range []string{code, f.Codes[0]} {
			if err := w.enter(t.Context(), "192.0.2.7", c); outcomeOf(err) != "wrong code" {
				t.Errorf("%s is good again: %v", c, err)
			}
		}
		if use := w.TokenUse(hash); !use.Time.Equal(used.Truncate(time.Second)) || use.From != "192.0.2.9" {
			t.Errorf("the token was used %+v", use)
		}
		if info, err := os.Stat(w.opts.File); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v", info, err)
		}
		// What nobody waits for is written by Run, and what is gone is forgotten.
		w.set(func(a *setting.Access) { a.Tokens = nil; a.Accounts[0].TOTP, a.Accounts[0].Recovery = "", "" })
		time.Sleep(time.Hour)
		w.login(t, "192.0.2.8")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		stop()
		<-ended
		w = w.again()
		if use := w.TokenUse(hash); !use.Time.IsZero() {
			t.Errorf("the token that is gone was used %+v", use)
		}
		if got := w.Logins(); got[0].From != "192.0.2.8" || got[0].Result != WithPassword {
			t.Errorf("the log-ins are %+v", got)
		}
	})
}

func TestDamagedRecord(t *testing.T) {
	for _, text := range []string{"", "{", "null", "[]", `{"format":2,"steps":{}}`, `{"format":1,"steps":null}`, `{"format":1,"tokens":null}`, `{"format":1,"spent":5}`} {
		w := newWorldIn(t)
		if err := os.MkdirAll(filepath.Dir(w.opts.File), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.opts.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w = w.again()
		secret, _ := w.OfferFactor("admin")
		if _, err := w.AcceptFactor("admin", Code(secret, time.Now())); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		w.login(t, "192.0.2.7")
	}
}

func TestLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx := t.Context()
		if _, id, _ := w.Login(ctx, Try{Address: Local, From: "console", Account: "admin", Password: "right"}); id.Before != nil || id.Failures != 0 {
			t.Errorf("before the first log-in was %+v", id)
		}
		first := time.Now()
		time.Sleep(time.Minute)
		for range 2 {
			w.Login(ctx, Try{Address: "192.0.2.7", Account: "admin", Password: "wrong", Agent: "Mozilla\n\x1b[0m" + strings.Repeat("é", 200)})
		}
		w.Login(ctx, Try{Address: "192.0.2.7", Account: "my password", Password: ""})
		_, id, err := w.Login(ctx, Try{Address: "192.0.2.8", Account: "admin", Password: "right"})
		if err != nil || id.Before == nil || id.Before.From != "console" || !id.Before.Time.Equal(first.Truncate(time.Second)) || id.Failures != 2 {
			t.Errorf("%v; before this log-in was %+v, and %d failed", err, id.Before, id.Failures)
		}
		var got []string
		for _, e := range w.Logins() {
			if strings.ContainsAny(e.Agent, "\n\x1b") || len(e.Agent) > maxLine {
				t.Errorf("the browser is called %q", e.Agent)
			}
			got = append(got, fmt.Sprint(e.Account, " ", e.From, " ", e.Result, " ", e.Count))
		}
		if want := "admin 192.0.2.8 password 1| 192.0.2.7 wrong-password 1|admin 192.0.2.7 wrong-password 2|admin console password 1"; strings.Join(got, "|") != want {
			t.Errorf("the log-ins are %q, want %q", strings.Join(got, "|"), want)
		}
		for i := range 3 * maxEvents {
			w.Login(ctx, Try{Address: fmt.Sprintf("198.51.100.%d", i%200), From: fmt.Sprint("x", i), Account: "audrey", Password: "wrong"})
			time.Sleep(time.Minute)
		}
		list := w.Logins()
		if len(list) != maxEvents+2 || list[len(list)-1].From != "console" {
			t.Errorf("%d are kept, the oldest of them %+v", len(list), list[len(list)-1])
		}
	})
}

func TestSessionsList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := w.login(t, "192.0.2.7")
		time.Sleep(time.Minute)
		b, _, _ := w.Login(t.Context(), Try{Address: "192.0.2.8", Account: "admin", Password: "right", Agent: "Firefox"})
		time.Sleep(time.Minute)
		c, _, _ := w.Login(t.Context(), Try{Address: "192.0.2.9", Account: "audrey", Password: "right"})
		list := w.Sessions("admin", a)
		if len(list) != 2 || list[0].Own || !list[1].Own || list[0].Agent != "Firefox" || list[1].From != "192.0.2.7" ||
			list[0].Started.Sub(list[1].Started) != time.Minute || list[0].ID == list[1].ID || strings.Contains(b, list[0].ID) {
			t.Errorf("the sessions of admin are %+v", list)
		}
		if n := len(w.Sessions("", "")); n != 3 {
			t.Errorf("there are %d in all", n)
		}
		if w.EndSession("audrey", list[0].ID) || w.EndSession("admin", "") || w.EndSession("", "nonsense") {
			t.Error("a session ended that is another's, or none")
		}
		if !w.EndSession("admin", list[0].ID) {
			t.Error("the session did not end")
		}
		if _, err := w.Identify(b, ""); !errors.Is(err, ErrExpired) {
			t.Errorf("it goes on: %v", err)
		}
		b = w.login(t, "192.0.2.8")
		w.EndOthers("admin", b)
		for key, want := range map[string]bool{a: false, b: true, c: true} {
			if _, err := w.Identify(key, ""); (err == nil) != want {
				t.Errorf("after the others ended: %v, want %v", err, want)
			}
		}
		// A second factor that comes later ends no session by itself.
		w.set(func(a *setting.Access) { a.Accounts[0].TOTP = "X" })
		if _, err := w.Identify(b, ""); err != nil {
			t.Error(err)
		}
	})
}

// FuzzTOTP: whatever is typed, only the codes of three steps are right.
func FuzzTOTP(f *testing.F) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	now := time.Unix(1111111111, 0)
	f.Add("050471")
	f.Add("081 804")
	f.Add("\xff0-8")
	good := map[string]bool{}
	for i := -totpSkew; i <= totpSkew; i++ {
		good[Code(secret, now.Add(time.Duration(i)*totpStep))] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		code := tidyCode(text)
		if _, ok := matchTOTP(secret, code, now, 0); ok != good[code] {
			t.Errorf("%q (%q): %v", text, code, ok)
		}
	})
}
