package setting_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// live is a machine that follows documents of the shop.
type live struct {
	*settingtest.Machine
	env   setting.Env
	paths map[string]bool
}

// boot is a machine that was started with a document: all files are there, and
// the system manager has started what it should.
func boot(t testing.TB, env setting.Env, d *setting.Document) *live {
	t.Helper()
	l := &live{Machine: settingtest.New(t), env: env, paths: map[string]bool{}}
	l.write(t, d)
	if err := settingOf(t, "application").(setting.Early).ApplyEarly(l.System(), env, d); err != nil {
		t.Fatal(err)
	}
	for _, s := range env.Definition().Services {
		unit := s.Unit
		if unit == "" {
			unit = "app-" + s.Name + ".service"
		}
		l.Units.Running[unit] = setting.ServiceEnabled(env, d, s)
	}
	return l
}

// write makes the files those of a document.
func (l *live) write(t testing.TB, d *setting.Document) {
	t.Helper()
	files, err := settingOf(t, "application").Files(l.env, d)
	if err != nil {
		t.Fatal(err)
	}
	for path := range l.paths {
		if err := os.Remove(filepath.Join(l.Root, path)); err != nil {
			t.Fatal(err)
		}
	}
	l.paths = map[string]bool{}
	for _, f := range files {
		// Their modes would keep a test that is not root from writing them anew.
		f.Mode = 0o600
		l.Write(t, f)
		l.paths[f.Path] = true
	}
}

// apply puts a document in force.
func (l *live) apply(t testing.TB, d *setting.Document) error {
	t.Helper()
	l.write(t, d)
	return settingOf(t, "application").Apply(context.Background(), l.System(), l.env, d, true)
}

func (l *live) verify(ctx context.Context, t testing.TB, d *setting.Document) error {
	t.Helper()
	return settingOf(t, "application").Verify(ctx, l.System(), l.env, d)
}

const (
	restartDatabase = "restart mariadb.service"
	restartWeb      = "restart app-web.service"
	reloadMailer    = "reload-or-restart app-mailer.service"
	restartProxy    = "restart nginx.service"
)

func TestServicesFollow(t *testing.T) {
	for _, test := range []struct {
		name string
		// first and then are what is changed before the start and after.
		first, then func(d *setting.Document)
		want        []string
	}{
		{name: "nothing"},
		{name: "what all use, in the order of their start",
			then: func(d *setting.Document) { d.Application["site_title"] = "Plums" },
			want: []string{restartDatabase, restartWeb, reloadMailer, restartProxy}},
		{name: "what one uses",
			then: func(d *setting.Document) { d.Application["debug"] = "true" },
			want: []string{restartWeb}},
		{name: "what one uses that reads it again",
			then: func(d *setting.Document) { d.Application["footer"] = "x" },
			want: []string{reloadMailer}},
		{name: "what means nothing now",
			then: func(d *setting.Document) { d.Application["database_port"] = "3307" }},
		{name: "what only a template uses",
			then: func(d *setting.Document) { d.Network.Hostname = "other" },
			want: []string{restartWeb}},
		{name: "the database is another one",
			then: func(d *setting.Document) {
				d.Application["database"], d.Application["database_host"] = "external", "db.example.com"
			},
			want: []string{"stop mariadb.service", restartWeb, reloadMailer, restartProxy}},
		{name: "and the own one again",
			first: func(d *setting.Document) {
				d.Application["database"], d.Application["database_host"] = "external", "db.example.com"
			},
			then: func(d *setting.Document) { d.Application["database"] = "embedded" },
			want: []string{"start mariadb.service", restartWeb, reloadMailer, restartProxy}},
		{name: "set up",
			first: func(d *setting.Document) { d.Setup.Complete = false },
			then:  func(d *setting.Document) { d.Setup.Complete = true },
			want:  []string{"start mariadb.service", "start app-web.service", "start app-mailer.service", "start app-clockwork.service", "start nginx.service"}},
		{name: "no longer set up, the last first",
			then: func(d *setting.Document) { d.Setup.Complete = false },
			want: []string{"stop nginx.service", "stop app-clockwork.service", "stop app-mailer.service", "stop app-web.service", "stop mariadb.service"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := shop()
			d := open(env)
			if test.first != nil {
				test.first(d)
			}
			l := boot(t, env, d)
			if test.then != nil {
				test.then(d)
			}
			if err := l.apply(t, d); err != nil {
				t.Fatal(err)
			}
			l.ExpectCalls(t, test.want...)
			l.Forget()
			if err := l.apply(t, d); err != nil {
				t.Fatal(err)
			}
			l.ExpectCalls(t) // once is enough, whoever asks again
		})
	}
}

// TestUndoTellsTheServiceAgain holds that a service that could not start with
// new settings is started again with the old ones, though its files are as
// they were.
func TestUndoTellsTheServiceAgain(t *testing.T) {
	env := shop()
	old := open(env)
	l := boot(t, env, old)
	changed := old.Clone()
	changed.Application["site_title"] = "Plums"
	broken := errors.New("the job failed")
	l.Fail(restartWeb, broken)
	l.Units.Logs["app-web.service"] = "cannot bear plums\n"
	err := l.apply(t, changed)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "cannot bear plums") {
		t.Errorf("the error is %v", err)
	}
	l.ExpectCalls(t, restartDatabase, restartWeb)

	l.Fail(restartWeb, nil)
	l.Forget()
	if err := l.apply(t, old); err != nil {
		t.Fatal(err)
	}
	l.ExpectCalls(t, restartDatabase, restartWeb)
}

// TestUndoAfterAReloadThatFailed holds the same of services that reload, or
// are told nothing: a unit that failed has to be started.
func TestUndoAfterAReloadThatFailed(t *testing.T) {
	env := shop()
	old := open(env)
	l := boot(t, env, old)
	changed := old.Clone()
	changed.Application["footer"] = "x"
	broken := errors.New("the job failed")
	l.Fail(reloadMailer, broken)
	if err := l.apply(t, changed); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	l.Forget()
	if err := l.apply(t, old); err != nil {
		t.Fatal(err)
	}
	l.ExpectCalls(t, "restart app-mailer.service")
}

func TestWhatServicesRunWithIsPrivate(t *testing.T) {
	env := shop()
	l := boot(t, env, open(env))
	info, err := os.Stat(filepath.Join(l.Root, "/run/ingot-app/web/applied"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("applied: %v, %v", info, err)
	}
}

func TestAServiceThatDoesNotStopIsAnError(t *testing.T) {
	env := shop()
	d := open(env)
	l := boot(t, env, d)
	broken := errors.New("the job failed")
	l.Fail("stop", broken)
	d.Setup.Complete = false
	if err := l.apply(t, d); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	l.Fail("stop", nil)
	l.Forget()
	if err := l.apply(t, d); err != nil {
		t.Fatal(err)
	}
	if len(l.Calls()) != 5 {
		t.Errorf("stopped once more: %q", l.Calls())
	}
}

// TestVerify plays what services do after they were told.
func TestVerify(t *testing.T) {
	const web = "app-web.service"
	for _, test := range []struct {
		name string
		// after changes the machine while it is watched.
		after func(l *live)
		// takes is how long it takes; want what the error says, "" for none.
		takes time.Duration
		want  string
	}{
		{name: "all well", after: func(l *live) {}, takes: time.Second},
		{name: "slow", takes: 4 * time.Second, after: func(l *live) {
			run(l, web, false)
			time.Sleep(3 * time.Second)
			run(l, web, true)
		}},
		{name: "ends and comes back", takes: 2600 * time.Millisecond, after: func(l *live) {
			time.Sleep(600 * time.Millisecond)
			run(l, web, false)
			time.Sleep(time.Second)
			run(l, web, true)
		}},
		{name: "ends", takes: setting.VerifyTimeout, want: "the service web does not run; its last words: no plums",
			after: func(l *live) {
				time.Sleep(600 * time.Millisecond)
				run(l, web, false)
			}},
		{name: "ends again and again", takes: setting.VerifyTimeout, want: "the service",
			after: func(l *live) {
				for range 40 {
					time.Sleep(600 * time.Millisecond)
					run(l, web, false)
					time.Sleep(300 * time.Millisecond)
					run(l, web, true)
				}
			}},
		{name: "another one, which was not told, does not run", takes: time.Second, after: func(l *live) { run(l, "nginx.service", false) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := shop()
				d := open(env)
				l := boot(t, env, d)
				l.Units.Logs[web] = "no plums"
				d.Application["debug"] = "true"
				if err := l.apply(t, d); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), setting.VerifyTimeout)
				defer cancel()
				go test.after(l)
				err := l.verify(ctx, t, d)
				if got := errorText(err); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
					t.Errorf("the error is %q, want %q", got, test.want)
				}
				if took := time.Since(start); took < test.takes || took > test.takes+500*time.Millisecond {
					t.Errorf("it took %s, not %s", took, test.takes)
				}
				time.Sleep(time.Minute) // for what goes on beside
			})
		})
	}
}

// run plays a unit that starts or ends by itself.
func run(l *live, unit string, runs bool) { l.Units.SetRunning(unit, runs) }

// TestABrokenServiceDoesNotBlockOtherChanges holds that only the change that
// told a service answers for it.
func TestABrokenServiceDoesNotBlockOtherChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := shop()
		d := open(env)
		l := boot(t, env, d)
		d.Application["debug"] = "true"
		if err := l.apply(t, d); err != nil {
			t.Fatal(err)
		}
		run(l, "app-web.service", false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.verify(ctx, t, d); err == nil {
			t.Fatal("a service that does not run passes")
		}
		// Another transaction, which does not concern it.
		if err := l.apply(t, d); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), setting.VerifyTimeout)
		defer cancel()
		if err := l.verify(ctx, t, d); err != nil {
			t.Error(err)
		}
	})
}

// TestAChangeIsNotBlamedForWhatWasBrokenBefore holds that a service which did
// not run does not undo the change that may be meant to mend it.
func TestAChangeIsNotBlamedForWhatWasBrokenBefore(t *testing.T) {
	env := shop()
	d := open(env)
	l := boot(t, env, d)
	run(l, "nginx.service", false)
	l.Fail(restartProxy, errors.New("the job failed"))
	d.Application["site_title"] = "Plums"
	if err := l.apply(t, d); err != nil {
		t.Fatal(err)
	}
	l.ExpectCalls(t, restartDatabase, restartWeb, reloadMailer, restartProxy)
	if logs := strings.Join(l.Logs(), "\n"); !strings.Contains(logs, "cannot restart the service proxy: the job failed; it did not run before either") {
		t.Errorf("the log says %s", logs)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), setting.VerifyTimeout)
		defer cancel()
		if err := l.verify(ctx, t, d); err != nil {
			t.Error(err)
		}
	})
}

func TestApplicationActual(t *testing.T) {
	env := shop()
	d := open(env)
	l := boot(t, env, d)
	run(l, "nginx.service", false)
	got, err := settingOf(t, "application").Actual(context.Background(), l.System(), env, d)
	if err != nil {
		t.Fatal(err)
	}
	const nb = "\u00a0"
	want := []setting.Fact{
		{Name: "Web shop", Wanted: "running", Actual: "running"},
		{Name: "Database", Wanted: "running", Actual: "running"},
		{Name: "Mailer", Wanted: "running", Actual: "running"},
		{Name: "Clockwork", Wanted: "running", Actual: "running"},
		{Name: "proxy", Wanted: "running", Actual: "stopped", Differs: true},
		{Name: "memory of Web shop", Wanted: "max(64MiB, 20%)", Actual: "614.4" + nb + "MiB"},
		{Name: "cache of Web shop", Wanted: "memory / 16", Actual: "192" + nb + "MiB"},
		{Name: "workers of Web shop", Wanted: "cpus * 2", Actual: "4"},
		{Name: "memory of Database", Wanted: "40% of memory", Actual: "1.2" + nb + "GiB"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("fact %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	l.Fail("active", errors.New("broken"))
	if _, err := settingOf(t, "application").Actual(context.Background(), l.System(), env, d); err == nil {
		t.Error("a manager that does not answer passes")
	}
}
