package access

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// world is a gate whose accounts a test can change. Hashes are the passwords
// themselves, so that thousands of log-ins take no time.
type world struct {
	*Gate
	mu     sync.Mutex
	access setting.Access
	hashed int // passwords compared
}

func newWorld() *world {
	w := &world{access: setting.Access{Accounts: []setting.Account{
		{Name: "admin", Role: setting.Admin, Hash: "right"},
		{Name: "audrey", Role: setting.Auditor, Hash: "right"},
		{Name: "nohash", Role: setting.Admin},
	}}}
	w.Gate = New(w.get, Options{Verify: func(hash, password string) bool {
		w.mu.Lock()
		w.hashed++
		w.mu.Unlock()
		return hash == password
	}})
	return w
}

func (w *world) get() setting.Access {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.access
}

func (w *world) set(change func(*setting.Access)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := setting.Access{Accounts: append([]setting.Account(nil), w.access.Accounts...), Tokens: append([]setting.Token(nil), w.access.Tokens...)}
	change(&a)
	w.access = a
}

func (w *world) login(t *testing.T, address string) string {
	t.Helper()
	key, _, err := w.Login(t.Context(), Try{Address: address, Account: "admin", Password: "right"})
	if err != nil {
		t.Fatalf("Login(%s) = %v", address, err)
	}
	return key
}

// fail tries a wrong password, and waits as long as it is told to before.
func (w *world) fail(t *testing.T, address, account string) (waited time.Duration) {
	t.Helper()
	for {
		_, _, err := w.Login(t.Context(), Try{Address: address, Account: account, Password: "wrong"})
		var throttled *ThrottledError
		if !errors.As(err, &throttled) {
			if !errors.Is(err, ErrDenied) {
				t.Fatalf("a wrong password is answered %v", err)
			}
			return waited
		}
		waited += throttled.After
		time.Sleep(throttled.After)
	}
}

func TestLogin(t *testing.T) {
	for _, test := range []struct {
		name, account, password string
		err                     error
	}{
		{"right", "admin", "right", nil},
		{"wrong password", "admin", "wrong", ErrDenied},
		{"no password", "admin", "", ErrDenied},
		{"unknown account", "nobody", "right", ErrDenied},
		{"no account", "", "", ErrDenied},
		{"account without a password", "nohash", "", ErrDenied},
		{"account without a password, the stand-in's hash", "nohash", nobody, ErrDenied},
		{"unknown account, the stand-in's hash", "nobody", nobody, ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			key, id, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: test.account, Password: test.password})
			if !errors.Is(err, test.err) || (key == "") != (test.err != nil) {
				t.Fatalf("Login() = %q, %v; want %v", key, err, test.err)
			}
			if w.hashed != 1 {
				t.Errorf("%d passwords were compared; want 1, so that every answer takes as long", w.hashed)
			}
			if err != nil {
				return
			}
			again, err := w.Identify(key, "")
			if err != nil || again.Who != "admin" || again.Role != setting.Admin || id.Account != "admin" {
				t.Errorf("Identify() = %+v, %v", again, err)
			}
		})
	}
}

// TestNobodyCostsTheSame holds the stand-in's hash to the cost of real ones.
func TestNobodyCostsTheSame(t *testing.T) {
	real := strings.Split(passwords.Hash("x"), "$")
	stand := strings.Split(nobody, "$")
	if strings.Join(real[:4], "$") != strings.Join(stand[:4], "$") || len(real[5]) != len(stand[5]) {
		t.Errorf("the stand-in is %v, a real hash %v", stand[:4], real[:4])
	}
	start := time.Now()
	if passwords.Verify(nobody, "") {
		t.Error("an empty password is the stand-in's")
	}
	if time.Since(start) < 100*time.Microsecond {
		t.Error("the stand-in was not worked out: it cannot be read")
	}
}

func TestSessionEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *world, key string)
		ends bool
	}{
		{"at once, not", func(w *world, key string) {}, false},
		{"after 29 minutes of silence, not", func(w *world, key string) { time.Sleep(IdleLimit - time.Minute) }, false},
		{"after 30 minutes of silence", func(w *world, key string) { time.Sleep(IdleLimit) }, true},
		{"a page left open for 30 minutes", func(w *world, key string) {
			for range 30 {
				time.Sleep(time.Minute)
				w.Recognize(key, "")
			}
		}, true},
		{"a page left open, then used, not", func(w *world, key string) {
			time.Sleep(IdleLimit - time.Minute)
			w.Recognize(key, "")
			w.Identify(key, "")
			time.Sleep(IdleLimit - time.Minute)
		}, false},
		{"in use for 11 hours, not", func(w *world, key string) { use(w, key, 11*time.Hour) }, false},
		{"in use for 12 hours", func(w *world, key string) { use(w, key, TotalLimit) }, true},
		{"logged out", func(w *world, key string) { w.Logout(key) }, true},
		{"other password", func(w *world, key string) {
			w.set(func(a *setting.Access) { a.Accounts[0].Hash = "other" })
		}, true},
		{"other role", func(w *world, key string) {
			w.set(func(a *setting.Access) { a.Accounts[0].Role = setting.Auditor })
		}, true},
		{"account gone", func(w *world, key string) {
			w.set(func(a *setting.Access) { a.Accounts = a.Accounts[1:] })
		}, true},
		{"account gone and back", func(w *world, key string) {
			old := w.get()
			w.set(func(a *setting.Access) { a.Accounts = nil })
			w.Identify(key, "")
			w.set(func(a *setting.Access) { *a = old })
		}, true},
		{"another account's password, not", func(w *world, key string) {
			w.set(func(a *setting.Access) { a.Accounts[1].Hash = "other" })
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				key := w.login(t, "192.0.2.7")
				test.do(w, key)
				if _, err := w.Identify(key, ""); errors.Is(err, ErrExpired) != test.ends {
					t.Errorf("Identify() = %v", err)
				}
			})
		})
	}
}

func use(w *world, key string, long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(10 * time.Minute) {
		w.Identify(key, "")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.set(func(a *setting.Access) {
			for i := range 10 {
				a.Accounts = append(a.Accounts, setting.Account{Name: fmt.Sprint("u", i), Role: setting.Auditor, Hash: "right"})
			}
		})
		first := w.login(t, "192.0.2.7")
		for i := range 10 {
			for range 20 {
				if _, _, err := w.Login(t.Context(), Try{Address: Local, Account: fmt.Sprint("u", i), Password: "right"}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				w.Identify(first, "")
			}
		}
		if n := len(w.sessions); n != maxSessions {
			t.Errorf("%d sessions are kept; want %d", n, maxSessions)
		}
		if _, err := w.Identify(first, ""); err != nil {
			t.Errorf("a session in use had to go: %v", err)
		}
		time.Sleep(IdleLimit)
		w.login(t, "192.0.2.7")
		if n := len(w.sessions); n != 1 {
			t.Errorf("%d sessions are kept after all but one ended", n)
		}
	})
}

// TestOneAccountCannotPushOthersOut lets an auditor log in very often.
func TestOneAccountCannotPushOthersOut(t *testing.T) {
	w := newWorld()
	key := w.login(t, "192.0.2.7")
	for range 200 {
		if _, _, err := w.Login(t.Context(), Try{Address: Local, Account: "audrey", Password: "right"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Identify(key, ""); err != nil || len(w.sessions) != 1+maxPerAccount {
		t.Errorf("the administrator's session: %v; %d sessions", err, len(w.sessions))
	}
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		forever, foreverHash := NewTokenKey()
		brief, briefHash := NewTokenKey()
		odd, oddHash := NewTokenKey()
		w.set(func(a *setting.Access) {
			a.Tokens = []setting.Token{
				{Name: "forever", Role: setting.Operator, Hash: strings.ToUpper(foreverHash)},
				{Name: "brief", Role: setting.Auditor, Hash: briefHash, Expires: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
				{Name: "odd", Role: setting.Admin, Hash: oddHash, Expires: "next week"},
				{Name: "empty", Role: setting.Admin},
			}
		})
		check := func(name, key, who string) {
			t.Helper()
			id, err := w.Identify(key, "")
			if id.Who != who || (err == nil) != (who != "") || id.Account != "" {
				t.Errorf("%s: Identify() = %+v, %v; want %q", name, id, err, who)
			}
		}
		check("forever", forever, "token:forever")
		check("brief", brief, "token:brief")
		check("unreadable end", odd, "")
		check("nothing", "", "")
		check("a hash is no key", foreverHash, "")
		check("one letter less", forever[:len(forever)-1], "")
		check("made up session", sessionPrefix+"x", "")
		time.Sleep(time.Hour)
		check("brief, ended", brief, "")
		w.set(func(a *setting.Access) { a.Tokens = a.Tokens[1:] })
		check("forever, deleted", forever, "")
	})
}

func TestGuessingGetsSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		want := []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
		for i, seconds := range want {
			if waited := w.fail(t, "192.0.2.7", "admin"); waited != seconds*time.Second {
				t.Errorf("attempt %d had to wait %s; want %s", i+1, waited, seconds*time.Second)
			}
		}
		// The right password does not help before the wait is over.
		var throttled *ThrottledError
		if _, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "admin", Password: "right"}); !errors.As(err, &throttled) {
			t.Errorf("the right password while waiting: %v", err)
		}
		time.Sleep(throttled.After)
		w.login(t, "192.0.2.7")
		if waited := w.fail(t, "192.0.2.7", "admin"); waited != 0 {
			t.Errorf("after a log-in a mistyping has to wait %s", waited)
		}
		time.Sleep(forgetAfter)
		for range 3 {
			if waited := w.fail(t, "192.0.2.7", "admin"); waited != 0 {
				t.Errorf("failures of an hour ago still count: %s", waited)
			}
		}
	})
}

// TestRefusedAttemptsDoNotCount: whoever keeps knocking while refused must not
// thereby keep the door shut.
func TestRefusedAttemptsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for range 4 {
			w.fail(t, "192.0.2.7", "admin")
		}
		hashed := w.hashed
		for range 1000 {
			w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "admin", Password: "wrong"})
		}
		if w.hashed != hashed {
			t.Errorf("%d refused attempts were worked out", w.hashed-hashed)
		}
		if waited := w.fail(t, "192.0.2.7", "admin"); waited != 2*time.Second {
			t.Errorf("after a thousand refusals the wait is %s; want 2s", waited)
		}
	})
}

// TestLockOutIsNoWeapon lets strangers fail as often as they can, in many
// ways, and looks at whom it hinders.
func TestLockOutIsNoWeapon(t *testing.T) {
	attacks := map[string]func(i int) string{
		"one address":            func(int) string { return "198.51.100.1" },
		"an IPv4 network":        func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250%250, i%250) },
		"an IPv6 network":        func(i int) string { return fmt.Sprintf("2001:db8::%x", i) },
		"many IPv6 networks":     func(i int) string { return fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff) },
		"a user of the machine":  func(int) string { return "user 1000" },
		"IPv4 written in IPv6":   func(int) string { return "::ffff:198.51.100.1" },
		"the machine's loopback": func(int) string { return "127.0.0.1" },
	}
	for name, from := range attacks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.login(t, "192.0.2.7")
				denied := 0
				for i := range 20000 {
					if _, _, err := w.Login(t.Context(), Try{Address: from(i), Account: "admin", Password: "wrong"}); errors.Is(err, ErrDenied) {
						denied++
					}
				}
				if denied < 3 || denied > 60 {
					t.Errorf("%d guesses of 20,000 were looked at; want a few", denied)
				}
				for _, address := range []string{Local, "192.0.2.7"} {
					if _, _, err := w.Login(t.Context(), Try{Address: address, Account: "admin", Password: "right"}); err != nil {
						t.Errorf("the administrator at %s is kept out: %v", address, err)
					}
				}
				// Somebody new is kept out for seconds, not for good.
				time.Sleep(byName().most)
				if _, _, err := w.Login(t.Context(), Try{Address: "203.0.113.9", Account: "admin", Password: "right"}); err != nil {
					t.Errorf("the administrator at a new address is still kept out: %v", err)
				}
			})
		})
	}
}

// TestSpraying tries one password on many accounts.
func TestSpraying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.login(t, "192.0.2.7")
		for i := range 10000 {
			w.Login(t.Context(), Try{Address: "192.0.2.7", Account: fmt.Sprint("user", i), Password: "wrong"})
		}
		if w.hashed > 1+byAddress().free+1 {
			t.Errorf("%d passwords were compared", w.hashed)
		}
		w.login(t, "192.0.2.7") // by a name that is known there
	})
}

// TestFlood sends thousands of log-ins at once while one is worked out.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.login(t, "192.0.2.7")
		inside, most := 0, 0
		w.opts.Verify = func(hash, password string) bool {
			w.mu.Lock()
			inside++
			most = max(most, inside)
			w.mu.Unlock()
			time.Sleep(time.Second)
			w.mu.Lock()
			inside--
			w.mu.Unlock()
			return hash == password
		}
		var throttled, denied int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				_, _, err := w.Login(t.Context(), Try{Address: fmt.Sprintf("198.51.%d.%d", i/250, i%250), Account: "admin", Password: "wrong"})
				mu.Lock()
				defer mu.Unlock()
				var e *ThrottledError
				switch {
				case errors.As(err, &e):
					throttled++
				case errors.Is(err, ErrDenied):
					denied++
				}
			})
		}
		synctest.Wait()
		if throttled != 1000-maxWaiting {
			t.Errorf("%d of 1,000 were refused at once; want all but %d", throttled, maxWaiting)
		}
		w.login(t, "192.0.2.7") // waits its turn, but is not refused
		w.login(t, Local)
		wg.Wait()
		if most != 1 || denied != maxWaiting {
			t.Errorf("%d at once, %d denied; want 1 at once, %d denied", most, denied, maxWaiting)
		}
	})
}

// TestOneAddressTakesFewPlaces: the queue is for everyone.
func TestOneAddressTakesFewPlaces(t *testing.T) {
	w := newWorld()
	for i := range 10 {
		_, err := w.Attempt("192.0.2.7", fmt.Sprint("user", i))
		if (err == nil) != (i < maxWaitingPerAddress) {
			t.Errorf("attempt %d of one address: %v", i+1, err)
		}
	}
	if _, err := w.Attempt("192.0.2.8", "admin"); err != nil {
		t.Errorf("another address: %v", err)
	}
}

func TestLoginWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.turn <- struct{}{} // somebody is before
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := w.Login(ctx, Try{Address: "192.0.2.7", Account: "admin", Password: "right"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Login() = %v; want the context's error", err)
		}
		<-w.turn
		w.login(t, "192.0.2.7")
		if w.throttle.waiting != 0 {
			t.Errorf("%d still wait", w.throttle.waiting)
		}
	})
}

// TestMemoryIsBounded: ever new addresses and names.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.login(t, "192.0.2.7")
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		long := strings.Repeat("x", 1000)
		for i := range 5000 {
			settle, err := w.Attempt(fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&0xff), fmt.Sprint(long, i))
			if err != nil {
				t.Fatal(err)
			}
			settle(false)
			settle(true) // only the first counts
			if len(w.throttle.tallies) > maxTallies {
				t.Fatalf("%d tallies", len(w.throttle.tallies))
			}
			time.Sleep(10 * time.Millisecond)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
			t.Errorf("the memory grew by %d KiB", grown>>10)
		}
		for i := range 100 { // would hinder a stranger
			w.fail(t, fmt.Sprintf("198.51.100.%d", i), "admin")
		}
		w.login(t, "192.0.2.7") // is still known
	})
}

// TestTheClockMayBeSet: the right time comes by NTP only after somebody logged
// in. Times that carry the reading of the clock that nobody sets are compared
// by that (package time, "Monotonic Clocks"); one that is brought to UTC,
// rounded, or decoded carries it no more.
func TestTheClockMayBeSet(t *testing.T) {
	w := newWorld()
	if now := time.Now(); now == now.Round(0) {
		t.Fatal("the machine has no such clock")
	}
	steady := func(what string, at time.Time) {
		t.Helper()
		if at == at.Round(0) {
			t.Errorf("%s goes by the time of day", what)
		}
	}
	w.login(t, "192.0.2.7")
	w.Login(t.Context(), Try{Address: "192.0.2.8", Account: "admin", Password: "wrong"})
	for _, s := range w.sessions {
		steady("a session's start", s.started)
		steady("a session's last use", s.used)
	}
	failed, good := 0, 0
	for _, c := range w.throttle.tallies {
		if c.failures > 0 {
			failed++
			steady("a failure", c.last)
		}
		if !c.good.IsZero() {
			good++
			steady("a log-in", c.good)
		}
	}
	if len(w.sessions) != 1 || failed != 3 || good != 1 {
		t.Errorf("looked at %d sessions, %d failures and %d log-ins", len(w.sessions), failed, good)
	}
}
