package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

func TestCommit(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	first, _ := e.Current()
	if first.Number != 1 || first.Who != "system" || first.Previous != "" || first.Document.Application["title"] != "Hello" {
		t.Fatalf("began with %+v", first)
	}
	by := By{Who: "anna", From: "192.0.2.7", Connection: 3}
	r, p := m.commit(e, Change{By: by, Why: "a better title", Base: 1, Edit: title("New")})
	when := time.Date(2026, 3, 4, 4, 6, 7, 89, time.UTC)
	if r.Number != 2 || r.Who != "anna" || r.From != "192.0.2.7" || r.Why != "a better title" || !r.Time.Equal(when) ||
		r.Previous != first.Hash || r.Document.Application["title"] != "New" || p != nil {
		t.Errorf("committed %+v, pending %v", r, p)
	}
	m.check(e)
	r.Document.Network.Hostname = "changed by the caller"
	again, _ := m.open().Current()
	now, _ := e.Current()
	if again.Hash != r.Hash || !reflect.DeepEqual(again, now) || now.Document.Network.Hostname != "demo" {
		t.Errorf("kept %+v and %+v", again, now)
	}
}

func TestCommitOfNothing(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	m.writes = nil
	nothing := func(d *setting.Document) error {
		delete(d.Application, "title") // gets its default again
		d.Network.DNS = []string{}
		return nil
	}
	for _, edit := range []func(*setting.Document) error{nil, nothing} {
		if r, p := m.commit(e, Change{Edit: edit}); r.Number != 1 || p != nil {
			t.Errorf("committed %d", r.Number)
		}
	}
	if len(m.writes) > 0 || len(m.fake("time").changed) != 1 {
		t.Errorf("wrote %q, applied %v", m.writes, m.fake("time").changed)
	}
}

// TestCommitTouchesWhatChanged: files that stay are not written, and settings
// are told whether theirs were; only what is concerned is verified.
func TestCommitTouchesWhatChanged(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	for _, key := range []string{"time", "network", "application"} {
		m.fake(key).changed, m.fake(key).verified = nil, 0
	}
	m.writes = nil
	m.commit(e, Change{Edit: title("New")})
	if text := strings.Join(m.writes, " "); strings.Contains(text, "/etc/demo/time") || !strings.Contains(text, "/etc/demo/application") {
		t.Errorf("wrote %s", text)
	}
	for key, want := range map[string]bool{"time": false, "network": false, "application": true} {
		f := m.fake(key)
		if !slices.Equal(f.changed, []bool{want}) || (f.verified == 1) != want {
			t.Errorf("%s: applied with changed %v, verified %d times", key, f.changed, f.verified)
		}
	}
	// The end of the setup concerns everything.
	m.commit(e, Change{Trusted: true, Edit: func(d *setting.Document) error { d.Setup.Complete = true; return nil }})
	if m.fake("time").verified != 1 {
		t.Error("the end of the setup is not verified")
	}
	// A file that somebody else changed is put right.
	if err := os.WriteFile(filepath.Join(m.root, "etc/demo/time"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.commit(e, Change{Edit: title("Newer")})
	if changed := m.fake("time").changed; !changed[len(changed)-1] {
		t.Error("a changed file is not noticed")
	}
	m.check(e)
}

func TestCommitRefuses(t *testing.T) {
	refuse := setting.Problem{Path: "application.title", Message: "is not nice", Hint: "be nice"}
	failed := errors.New("the edit failed")
	tests := []struct {
		name  string
		setup func(m *machine)
		edit  func(d *setting.Document) error
		base  int
		want  error
	}{
		{name: "another revision", base: 7, want: &ConflictError{Base: 7, Current: 1}},
		{name: "a failing edit", edit: func(d *setting.Document) error { return failed }, want: failed},
		{name: "another format", edit: func(d *setting.Document) error { d.Format = 2; return nil },
			want: &InvalidError{[]setting.Problem{{Path: "format", Message: "must be 1"}}}},
		{name: "an invalid document", want: &InvalidError{[]setting.Problem{refuse}},
			setup: func(m *machine) {
				m.fake("application").validate = func(*setting.Document) []setting.Problem { return []setting.Problem{refuse} }
				m.fake("application").check = func(_, _ *setting.Document) []setting.Problem { panic("checked what is not valid") }
			}},
		{name: "a failing check", want: &InvalidError{[]setting.Problem{refuse}},
			setup: func(m *machine) {
				m.fake("application").check = func(old, new *setting.Document) []setting.Problem {
					if old.Application["title"] == "Hello" && new.Application["title"] == "New" {
						return []setting.Problem{refuse}
					}
					return nil
				}
			}},
		{name: "a panic of validation", want: &InvalidError{[]setting.Problem{{Path: "time", Message: "a mistake in the program: oh"}}},
			setup: func(m *machine) { m.fake("time").validate = func(*setting.Document) []setting.Problem { panic("oh") } }},
		{name: "a panic of a check", want: &InvalidError{[]setting.Problem{{Path: "time", Message: "a mistake in the program: oh"}}},
			setup: func(m *machine) {
				m.fake("time").check = func(_, _ *setting.Document) []setting.Problem { panic("oh") }
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			e := m.start()
			if tt.setup != nil {
				tt.setup(m)
			}
			if tt.edit == nil {
				tt.edit = title("New")
			}
			m.writes = nil
			c := Change{Base: tt.base, Edit: tt.edit}
			_, _, err := e.Commit(t.Context(), c)
			if !reflect.DeepEqual(err, tt.want) {
				t.Errorf("commit: %v, wanted %v", err, tt.want)
			}
			if err := e.Try(t.Context(), c); !reflect.DeepEqual(err, tt.want) {
				t.Errorf("try: %v, wanted %v", err, tt.want)
			}
			if len(m.writes) > 0 {
				t.Errorf("wrote %q", m.writes)
			}
			m.check(e)
		})
	}
}

func TestTryChangesNothing(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	m.writes = nil
	if err := e.Try(t.Context(), Change{Base: 1, Edit: everything("new")}); err != nil {
		t.Error(err)
	}
	if r, _ := e.Current(); r.Number != 1 || len(m.writes) > 0 || len(m.fake("time").changed) != 1 {
		t.Errorf("revision %d, wrote %q", r.Number, m.writes)
	}
}

// TestCommitPutsBack lets each step of a commit fail.
func TestCommitPutsBack(t *testing.T) {
	no := errors.New("no")
	isNew := func(d *setting.Document) bool { return d.Network.Hostname == "new" }
	tests := []struct {
		name    string
		setup   func(m *machine)
		setting string
		says    string
	}{
		{"files", func(m *machine) {
			m.fake("network").files = func(d *setting.Document) ([]setting.File, error) {
				if isNew(d) {
					return nil, no
				}
				return nil, nil
			}
		}, "network", "no"},
		{"a panic for files", func(m *machine) {
			m.fake("network").files = func(d *setting.Document) ([]setting.File, error) {
				if isNew(d) {
					panic("oh")
				}
				return nil, nil
			}
		}, "network", "oh"},
		{"writing a file", func(m *machine) { m.diskError["demo/workers"] = no }, "application", "no"},
		{"apply", func(m *machine) {
			m.fake("network").apply = func(_ context.Context, d *setting.Document, _ bool) error {
				if isNew(d) {
					m.running["network"] = "half"
					return no
				}
				return nil
			}
		}, "network", "no"},
		{"a panic in apply", func(m *machine) {
			m.fake("application").apply = func(_ context.Context, d *setting.Document, _ bool) error {
				if isNew(d) {
					panic("oh")
				}
				return nil
			}
		}, "application", "oh"},
		{"verify", func(m *machine) {
			m.fake("time").verify = func(_ context.Context, d *setting.Document) error {
				if isNew(d) {
					return no
				}
				return nil
			}
		}, "time", "no"},
		{"a full disk", func(m *machine) { m.diskError[".room"] = no }, "", "no"},
		{"a disk that is full at the end", func(m *machine) { m.diskError["00000003.json"] = no }, "", "cannot keep revision 3"},
		{"a head that cannot be written", func(m *machine) { m.diskError["head.json"] = no }, "", "cannot keep revision 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			e := started(m)
			tt.setup(m)
			_, p, err := e.Commit(t.Context(), Change{Edit: everything("new")})
			var failed *ApplyError
			if !errors.As(err, &failed) || failed.Setting != tt.setting || failed.Undo != nil || p != nil ||
				!strings.Contains(err.Error(), tt.says) || !strings.HasSuffix(err.Error(), "; the old configuration is in force") {
				t.Fatalf("said %v", err)
			}
			m.diskError = map[string]error{}
			for _, key := range []string{"time", "network", "application"} {
				if r, _ := e.Current(); m.running[key] != m.fake(key).part(r.Document) {
					t.Errorf("%s runs with %s", key, m.running[key])
				}
			}
			for _, s := range m.settings {
				*s.(*fake) = fake{key: s.Key(), m: m}
			}
			if err := e.ApplyAll(t.Context()); err != nil {
				t.Error(err)
			}
			m.check(e)
			if r, _ := m.open().Current(); r.Number != 2 {
				t.Errorf("the store is at revision %d", r.Number)
			}
			if r, _ := m.commit(e, Change{Trusted: true, Edit: everything("new")}); r.Number != 3 {
				t.Errorf("then committed revision %d", r.Number)
			}
			m.check(e)
		})
	}
}

// TestHeadThatIsNotDurable: the new head has its name, but the disk fails to
// make that last. The commit has failed, so the old head must be there again.
func TestHeadThatIsNotDurable(t *testing.T) {
	m := newMachine(t)
	e := started(m)
	m.diskError["after head.json"] = errors.New("input/output error")
	_, _, err := e.Commit(t.Context(), Change{Trusted: true, Edit: everything("new")})
	if err == nil || !strings.Contains(err.Error(), "it may be in force after the next start") {
		t.Errorf("said %v", err) // as the second write fails, too
	}
	m.diskError = map[string]error{}
	m.check(e)
	if r, _ := m.commit(e, Change{Trusted: true, Edit: hostname("next")}); r.Number != 3 {
		t.Errorf("committed revision %d", r.Number)
	}
	m.check(e)
	e = m.start()
	m.wantHostname(e, "next", false)
	m.check(e)
}

// TestUndoFails: when the old state cannot be put back the caller is told so,
// and Run goes on trying.
func TestUndoFails(t *testing.T) {
	m := newMachine(t)
	e := started(m)
	broken := true
	m.fake("time").apply = func(context.Context, *setting.Document, bool) error {
		if broken {
			return errors.New("broken")
		}
		return nil
	}
	_, _, err := e.Commit(t.Context(), Change{Trusted: true, Edit: everything("new")})
	var failed *ApplyError
	if !errors.As(err, &failed) || failed.Setting != "time" || failed.Undo == nil || !strings.Contains(err.Error(), "cannot be put back: cannot apply time: broken") {
		t.Fatalf("said %v", err)
	}
	if e.attend(t.Context()) {
		t.Error("all is well while time is broken")
	}
	broken = false
	if !e.attend(t.Context()) {
		t.Error("the system does not follow")
	}
	m.check(e)
}

// TestCallerLeaves: a caller who is gone does not undo the change by which the
// connection broke, but one who left while waiting changes nothing.
func TestCallerLeaves(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	ctx, cancel := context.WithCancel(t.Context())
	m.fake("network").apply = func(ctx context.Context, _ *setting.Document, _ bool) error {
		cancel()
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left > setting.ApplyTimeout || left < setting.ApplyTimeout/2 {
			t.Errorf("a setting may take %v to apply", left)
		}
		return ctx.Err()
	}
	m.fake("network").verify = func(ctx context.Context, _ *setting.Document) error {
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left > setting.VerifyTimeout || left < setting.VerifyTimeout/2 {
			t.Errorf("a setting may take %v to verify", left)
		}
		return ctx.Err()
	}
	if r, p, err := e.Commit(ctx, Change{Edit: hostname("new")}); err != nil || r.Number != 2 || p == nil {
		t.Errorf("committed %d, %v, %v", r.Number, p, err)
	}
	if _, _, err := e.Commit(ctx, Change{Edit: hostname("newer")}); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrPending) {
		t.Errorf("said %v", err)
	}
	if err := e.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Try(ctx, Change{}); !errors.Is(err, context.Canceled) {
		t.Errorf("waited for its turn: %v", err)
	}
	e.leave()
	m.check(e)
}

// TestTwoAdministrators: of two changes to the same revision one wins.
func TestTwoAdministrators(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	for round := range 20 {
		base, _ := e.Current()
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			wg.Go(func() {
				_, _, errs[i] = e.Commit(t.Context(), Change{Base: base.Number, Edit: title(fmt.Sprint(round, " ", i))})
			})
			wg.Go(func() { // readers never wait for long, and see something whole
				r, _ := e.Current()
				if _, err := e.Revisions(); err != nil || r.Document == nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		now, _ := e.Current()
		var conflict *ConflictError
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || !errors.As(errs[1-winner], &conflict) || *conflict != (ConflictError{base.Number, now.Number}) {
			t.Fatalf("said %v and %v", errs[0], errs[1])
		}
		if now.Number != base.Number+1 || now.Document.Application["title"] != fmt.Sprint(round, " ", winner) {
			t.Fatalf("revision %d says %s", now.Number, now.Document.Application["title"])
		}
	}
	m.check(e)
}

func TestOtherProgramHasTheStoreOpen(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	other := m.open()
	m.commit(other, Change{Trusted: true, Edit: title("other")})
	if _, _, err := e.Commit(t.Context(), Change{Edit: title("mine")}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("said %v", err)
	}
	if r, _ := m.open().Current(); r.Document.Application["title"] != "other" {
		t.Errorf("overwritten by %s", r.Document.Application["title"])
	}
}

func TestApplyEarlyAndAllGoOn(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	m.reboot()
	no := errors.New("no")
	m.fake("time").files = func(*setting.Document) ([]setting.File, error) { return nil, no }
	m.fake("time").early = func() error { panic("oh") }
	m.fake("network").early = func() error { return no }
	err := e.ApplyEarly()
	for _, want := range []string{"cannot apply time: no", "cannot apply time: a mistake in the program: oh", "cannot apply network: no"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("said %v, not %s", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(m.root, "etc/demo/application")); err != nil {
		t.Error(err)
	}
	m.fake("network").apply = func(context.Context, *setting.Document, bool) error { return no }
	m.fake("application").changed = nil
	if err := e.ApplyAll(t.Context()); !errors.Is(err, no) || !slices.Equal(m.fake("application").changed, []bool{false}) {
		t.Errorf("said %v, applied %v", err, m.fake("application").changed)
	}
	if m.running["application"] == "" {
		t.Error("the application was not applied")
	}
}

// TestApplyOne brings one setting in line, and no other.
func TestApplyOne(t *testing.T) {
	m := newMachine(t)
	e := m.start()
	for _, key := range []string{"time", "network", "application"} {
		m.fake(key).changed = nil
	}
	if err := e.Apply(t.Context(), "network"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.fake("network").changed, []bool{false}) || m.fake("time").changed != nil || m.fake("application").changed != nil {
		t.Errorf("applied %v, %v and %v", m.fake("time").changed, m.fake("network").changed, m.fake("application").changed)
	}
	no := errors.New("no")
	m.fake("network").apply = func(context.Context, *setting.Document, bool) error { return no }
	if err := e.Apply(t.Context(), "network"); !errors.Is(err, no) {
		t.Errorf("said %v", err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := Open(Options{Dir: t.TempDir()}); err == nil {
		t.Error("opened without a system")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file, System: &setting.System{}}); err == nil {
		t.Error("opened a file")
	}
	m := newMachine(t)
	o := m.options()
	o.Now, o.Uptime, o.BootID, o.Log, o.disk = nil, nil, "", nil, nil
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, p := m.commit(e, Change{Edit: hostname("new")}); p == nil || p.Left <= ConfirmWithin-time.Minute || p.Left > ConfirmWithin {
		t.Errorf("pending %+v", p)
	}
	if r, _ := e.Current(); time.Since(r.Time) > time.Minute {
		t.Errorf("committed at %v", r.Time)
	}
	m.checkFolder()
}
