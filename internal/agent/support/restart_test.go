package support

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRestarts: an agent that shuts down goes on with the session, until the
// same end; in all other cases it has ended.
func TestRestarts(t *testing.T) {
	k := newKeys(t)
	for _, c := range []struct {
		name string
		// between is what happens before the next start.
		between func(t *testing.T, a *appliance)
		how     How // "" is that it goes on
	}{
		{"shut down", func(*testing.T, *appliance) {}, ""},
		{"killed", func(t *testing.T, a *appliance) { edit(t, a, `"paused":true`, `"paused":false`) }, ByAgent},
		{"another boot", func(_ *testing.T, a *appliance) { a.opts.BootID = "another boot" }, ByRestart},
		{"an unknown boot", func(t *testing.T, a *appliance) { edit(t, a, "this boot", ""); a.opts.BootID = "" }, ByRestart},
		{"late", func(_ *testing.T, a *appliance) { a.up.Store(int64(time.Hour)) }, ByTime},
		{"certificate over", func(_ *testing.T, a *appliance) { a.ahead.Store(int64(48 * time.Hour)) }, ByProblem},
		{"authority gone", func(_ *testing.T, a *appliance) {
			a.opts.Authorities = []string{strings.TrimSpace(k.read("other-ca.pub"))}
		}, ByProblem},
		{"another certificate", func(t *testing.T, a *appliance) { edit(t, a, `"certificate":"ssh`, `"certificate":"xsh`) }, ByProblem},
		{"damaged", func(t *testing.T, a *appliance) { edit(t, a, `{`, `[`) }, ByAgent},
		{"another form", func(t *testing.T, a *appliance) { edit(t, a, `"format":1`, `"format":2`) }, ByAgent},
		{"torn", func(t *testing.T, a *appliance) {
			if err := os.Truncate(filepath.Join(a.opts.Dir, "open.json"), 40); err != nil {
				t.Fatal(err)
			}
		}, ByAgent},
		{"gone", func(t *testing.T, a *appliance) {
			if err := os.Remove(filepath.Join(a.opts.Dir, "open.json")); err != nil {
				t.Fatal(err)
			}
		}, ByAgent},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAppliance(t, k)
			s := a.opens(k.sign("alice"))
			a.says("in\n", "echo in")
			print := a.Fingerprint()
			a.stop()
			c.between(t, a)
			a.start()
			a.turn.Lock() // Run has taken it up
			a.takeUp()
			a.turn.Unlock()
			if a.Fingerprint() != print {
				t.Error("the host key is another one")
			}
			now, open := a.Current()
			if list := a.Sessions(); len(list) != 1 || list[0].How != c.how {
				t.Errorf("kept: %+v", list)
			}
			if open != (c.how == "") {
				t.Fatalf("it is open: %v", open)
			}
			if !open {
				if _, err := os.Stat(filepath.Join(a.opts.Dir, "open.json")); err == nil {
					t.Error("the file of the open session is there")
				}
				return
			}
			if now.ID != s.ID || !now.Until.Equal(s.Until) {
				t.Errorf("it goes on as %+v", now)
			}
			a.says("in\n", "echo in")
			if now, _ = a.Current(); len(now.Shells) != 2 || len(now.Logins) != 2 {
				t.Errorf("it goes on with %+v", now)
			}
			a.up.Store(int64(time.Hour))
			eventually(t, "it ends at the same time as before", func() bool { _, open := a.Current(); return !open })
		})
	}
}

func edit(t *testing.T, a *appliance, old, new string) {
	t.Helper()
	file := filepath.Join(a.opts.Dir, "open.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not hold %q", data, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(data), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNoPort: a session that cannot listen is none.
func TestNoPort(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	a.Manager.opts.Listen = func() (net.Listener, error) { return nil, os.ErrPermission }
	if _, err := a.Open(Request{By: "bob", Certificate: k.sign("alice"), Length: time.Hour, Why: "x"}); err == nil {
		t.Error("opened")
	}
	if _, open := a.Current(); open {
		t.Error("it is open")
	}
	if list := a.Sessions(); len(list) != 1 || list[0].How != ByProblem || list[0].Ended.IsZero() {
		t.Errorf("kept: %+v", list)
	}
}

// TestTidy: no more is kept than there is room for.
func TestTidy(t *testing.T) {
	k := newKeys(t)
	a := newAppliance(t, k)
	cert := k.sign("alice")
	for i := range maxSessions + 3 {
		a.ahead.Store(int64(time.Duration(i) * time.Second))
		a.opens(cert)
		if err := a.End("bob"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.Sessions()); n > maxSessions+1 {
		t.Errorf("%d sessions are kept", n)
	}
	for _, evil := range []string{"..", "../..", "", "a/b", "A", strings.Repeat("a", 99)} {
		if _, err := a.Recording(evil, "1.cast"); err == nil {
			t.Errorf("session %q has a recording", evil)
		}
		if _, err := a.Recording(a.Sessions()[0].ID, evil); err == nil {
			t.Errorf("there is a recording %q", evil)
		}
		if list := a.Recordings(evil, "1"); list != nil {
			t.Errorf("session %q has recordings", evil)
		}
	}
	// A guest is root, and may put anything there.
	id := a.Sessions()[0].ID
	if err := os.Symlink("/etc/passwd", filepath.Join(a.folder(id), "9.cast")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recording(id, "9.cast"); err == nil {
		t.Error("a link is followed")
	}
	n := len(a.Sessions())
	description := filepath.Join(a.folder(id), "session.json")
	if err := os.WriteFile(description, []byte(`{"id":"`+id+`","why":"`+strings.Repeat("x", maxFile)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := len(a.Sessions()); got != n-1 {
		t.Errorf("%d sessions, one of them too long; want %d", got, n-1)
	}
	if err := errors.Join(os.Remove(description), syscall.Mkfifo(description, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := len(a.Sessions()); got != n-1 {
		t.Errorf("%d sessions, one of them a pipe; want %d", got, n-1)
	}
}
