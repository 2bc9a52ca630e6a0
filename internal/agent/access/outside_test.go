package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// directory is one whose people have the password "right", and that answers
// after a while; it notes what it is asked.
type directory struct {
	mu    sync.Mutex
	off   bool
	dead  bool
	roles map[string]setting.Role
	good  bool
	takes time.Duration
	asked []string
}

func (d *directory) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.off
}

func (d *directory) Find(_ context.Context, name, password string) (Person, error) {
	time.Sleep(d.takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, name+" "+password)
	if d.dead {
		return Person{}, ErrElsewhere
	}
	role, ok := d.roles[name]
	p := Person{Who: "ldap:" + name, Role: role, Good: func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.good
	}}
	switch {
	case !ok:
		return Person{}, ErrDenied
	case password != "right":
		return p, ErrDenied
	case role == "":
		return p, ErrNoRole
	}
	return p, nil
}

// newOutside is a world with a directory.
func newOutside() (*world, *directory) {
	d := &directory{good: true, takes: 50 * time.Millisecond, roles: map[string]setting.Role{
		"alice": setting.Admin, "oskar": setting.Operator, "aurel": setting.Auditor, "nora": "", "admin": setting.Admin, "audrey": setting.Admin,
	}}
	w := newWorld()
	w.Gate.opts.Directory = d
	return w, d
}

func TestDirectory(t *testing.T) {
	for _, test := range []struct {
		account, password string
		who               string
		role              setting.Role
		err               error
		asked             string
	}{
		{"alice", "right", "ldap:alice", setting.Admin, nil, "alice right"},
		{"oskar", "right", "ldap:oskar", setting.Operator, nil, "oskar right"},
		{"aurel", "right", "ldap:aurel", setting.Auditor, nil, "aurel right"},
		{"nora", "right", "", "", ErrNoRole, "nora right"},
		{"alice", "wrong", "", "", ErrDenied, "alice wrong"},
		{"ghost", "right", "", "", ErrDenied, "ghost right"},
		{"admin", "right", "admin", setting.Admin, nil, ""},                          // the account, though the directory has one of that name
		{"audrey", "right", "audrey", setting.Auditor, nil, ""},                      // with its own role
		{"admin", "wrong", "", "", ErrDenied, " "},                                   // no password of an account goes there
		{"nohash", "right", "", "", ErrDenied, " "},                                  // nor does its name
		{"", "right", "", "", ErrDenied, " right"}, {"", "", "", "", ErrDenied, " "}, // nobody's
	} {
		t.Run(test.account+" "+test.password, func(t *testing.T) {
			w, d := newOutside()
			key, id, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: test.account, Password: test.password})
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) || id.Who != test.who || id.Role != test.role {
				t.Fatalf("Login() = %+v, %v", id, err)
			}
			if want := []string{test.asked}; test.asked != "" && !slices.Equal(d.asked, want) || test.asked == "" && d.asked != nil {
				t.Errorf("the directory was asked %q, want %q", d.asked, test.asked)
			}
			if err != nil {
				return
			}
			again, err := w.Identify(key, "")
			if err != nil || again.Who != test.who || (again.Account == "") != (again.Who != test.account) {
				t.Errorf("Identify() = %+v, %v", again, err)
			}
		})
	}
}

// TestDirectoryEnds: sessions go when what let them in does, and only those.
func TestDirectoryEnds(t *testing.T) {
	w, d := newOutside()
	local := w.login(t, "192.0.2.7")
	key, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "alice", Password: "right"})
	if err != nil {
		t.Fatal(err)
	}
	if list := w.Sessions("ldap:alice", key); len(list) != 1 || !list[0].Own || list[0].Account != "ldap:alice" {
		t.Errorf("sessions: %+v", list)
	}
	d.mu.Lock()
	d.good = false
	d.mu.Unlock()
	if _, err := w.Identify(key, ""); !errors.Is(err, ErrExpired) {
		t.Errorf("the session is still good: %v", err)
	}
	if _, err := w.Identify(local, ""); err != nil {
		t.Errorf("the account's session ended: %v", err)
	}
	if list := w.Sessions("", local); len(list) != 1 {
		t.Errorf("sessions: %+v", list)
	}
}

// TestDirectoryIdles: sessions of people from outside live as long as those of
// accounts.
func TestDirectoryIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newOutside()
		key, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "alice", Password: "right"})
		if err != nil {
			t.Fatal(err)
		}
		use(w, key, 2*time.Hour)
		if _, err := w.Identify(key, ""); err != nil {
			t.Errorf("while it is used: %v", err)
		}
		time.Sleep(IdleLimit)
		if _, err := w.Identify(key, ""); !errors.Is(err, ErrExpired) {
			t.Errorf("after %s of silence: %v", IdleLimit, err)
		}
	})
}

// TestDeadDirectory: whoever has an account does not wait for it, however many
// others do; and what is told does not tell accounts from other names.
func TestDeadDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := newOutside()
		d.dead, d.takes = true, 8*time.Second
		for i := range 20 {
			go func() {
				address := fmt.Sprintf("198.51.100.%d", i)
				_, _, _ = w.Login(context.WithoutCancel(t.Context()), Try{Address: address, Account: "somebody", Password: "x"})
			}()
		}
		synctest.Wait()
		start := time.Now()
		for _, address := range []string{Local, "192.0.2.7"} {
			if _, _, err := w.Login(t.Context(), Try{Address: address, Account: "admin", Password: "right"}); err != nil {
				t.Errorf("admin from %s: %v", address, err)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("admin from %s waited %s", address, took)
			}
		}
		if _, _, err := w.Login(t.Context(), Try{Address: "192.0.2.9", Account: "somebody", Password: "x"}); !errors.As(err, new(*ThrottledError)) {
			t.Errorf("one more asks the directory: %v", err)
		}
		time.Sleep(time.Hour)
		w.Gate.mu.Lock()
		waiting := w.throttle.waiting
		w.Gate.mu.Unlock()
		if waiting != 0 {
			t.Errorf("%d attempts are under way for ever", waiting)
		}
		for _, name := range []string{"admin", "ghost"} {
			start := time.Now()
			_, _, err := w.Login(t.Context(), Try{Address: "203.0.113.9", Account: name, Password: "x"})
			if !errors.Is(err, ErrElsewhere) || time.Since(start) != d.takes {
				t.Errorf("%s is told %v after %s", name, err, time.Since(start))
			}
		}
	})
}

// TestDirectoryTimes: a wrong password takes as long whatever the name.
func TestDirectoryTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"admin", "audrey", "nohash", "ghost", "alice", ""} {
			w, d := newOutside()
			start := time.Now()
			if _, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: name, Password: "wrong"}); !errors.Is(err, ErrDenied) {
				t.Errorf("%q: %v", name, err)
			}
			if took := time.Since(start); took != d.takes || w.hashed != 1 || len(d.asked) != 1 {
				t.Errorf("%q took %s, %d passwords compared, the directory asked %d times", name, took, w.hashed, len(d.asked))
			}
		}
	})
}

// TestDirectoryThrottle: guesses at people of the directory count as others do,
// in whatever letters, and also while it is dead.
func TestDirectoryThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, dead := range []bool{false, true} {
			w, d := newOutside()
			d.dead = dead
			for _, name := range []string{"alice", "ALICE", "Alice", "aLICE"} {
				_, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: name, Password: "wrong"})
				var throttled *ThrottledError
				if got := errors.As(err, &throttled); got != (name == "aLICE") {
					t.Errorf("dead %v, %s: %v", dead, name, err)
				}
			}
			if len(d.asked) != 3 {
				t.Errorf("the directory was asked %d times", len(d.asked))
			}
		}
		w, _ := newOutside()
		for range 30 { // the password is right: nobody guesses
			if _, _, err := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "nora", Password: "right"}); !errors.Is(err, ErrNoRole) {
				t.Fatal(err)
			}
		}
	})
}

// TestOutsideEvents tells of log-ins from outside.
func TestOutsideEvents(t *testing.T) {
	w, _ := newOutside()
	for _, try := range [][2]string{{"alice", "right"}, {"alice", "wrong"}, {"nora", "right"}, {"ghost", "right"}, {"admin", "wrong"}} {
		_, _, _ = w.Login(t.Context(), Try{Address: "192.0.2.7", Account: try[0], Password: try[1]})
	}
	p := Person{Who: "oidc:bert@example.com", Role: setting.Auditor, Good: func() bool { return true }}
	vouch := func(p Person, err error) (string, Identity, error) {
		return w.Vouch(Try{Address: "192.0.2.8"}, func() (Person, bool, error) { return p, false, err })
	}
	if _, id, err := vouch(p, nil); err != nil || id.Who != p.Who || id.Account != "" || id.Role != setting.Auditor {
		t.Errorf("Vouch() = %+v, %v", id, err)
	}
	if _, _, err := vouch(Person{Who: "oidc:eve"}, ErrNoRole); !errors.Is(err, ErrNoRole) {
		t.Errorf("Vouch() = %v", err)
	}
	var got []string
	for _, e := range w.Logins() {
		got = append(got, e.Account+" "+string(e.Result))
	}
	want := []string{"oidc:eve wrong-group", "oidc:bert@example.com provider", "admin wrong-password", " wrong-password", "ldap:nora wrong-group", "ldap:alice wrong-password", "ldap:alice directory"}
	if !slices.Equal(got, want) {
		t.Errorf("log-ins are %q, want %q", got, want)
	}
	if _, id, _ := w.Login(t.Context(), Try{Address: "192.0.2.7", Account: "alice", Password: "right"}); id.Before == nil || id.Failures != 1 {
		t.Errorf("alice is told %+v", id)
	}
}

// TestVouchThrottle: answers of a provider can be made up as seldom as
// passwords can be guessed; what is of no log-in is not counted, and does not
// wipe out what is.
func TestVouchThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newOutside()
		forged := errors.New("forged")
		throttled := 0
		for i := range 12 {
			_, _, err := w.Vouch(Try{Address: "192.0.2.7"}, func() (Person, bool, error) { return Person{}, i%2 == 0, forged })
			if errors.As(err, new(*ThrottledError)) {
				throttled++
			} else if !errors.Is(err, forged) {
				t.Errorf("Vouch() = %v", err)
			}
		}
		if throttled != 12-6 { // three free, and as many that count
			t.Errorf("%d of 12 were refused", throttled)
		}
	})
}
