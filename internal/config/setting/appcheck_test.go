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
)

const (
	checkUnit = "app-web-check.service"
	checkFile = "/run/ingot-app/web/check.environment"
)

func TestChecksRunBeforeSettingsAreKept(t *testing.T) {
	external := func(d *setting.Document) {
		d.Application["database"], d.Application["database_host"], d.Application["database_password"] = "external", "db.example.com", "plum"
	}
	for _, test := range []struct {
		name        string
		first, then func(d *setting.Document)
		want        bool
	}{
		{"nothing changes", nil, func(d *setting.Document) {}, false},
		{"a setting of the service", nil, external, true},
		{"a setting of another one", nil, func(d *setting.Document) { d.Application["footer"] = "x" }, false},
		{"what means nothing", nil, func(d *setting.Document) { d.Application["database_port"] = "1" }, false},
		{"another part of the document", nil, func(d *setting.Document) { d.Time.Zone = "Europe/Berlin" }, false},
		{"set up", func(d *setting.Document) { d.Setup.Complete = false }, func(d *setting.Document) { d.Setup.Complete = true }, true},
		{"not yet set up", func(d *setting.Document) { d.Setup.Complete = false }, external, false},
		{"no longer set up", nil, func(d *setting.Document) { external(d); d.Setup.Complete = false }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := shop()
			old := open(env)
			if test.first != nil {
				test.first(old)
			}
			l := boot(t, env, old)
			candidate := old.Clone()
			test.then(candidate)
			var seen map[string]string
			var mode os.FileMode
			l.Units.On = func(_ context.Context, action, unit string) error {
				info, err := os.Stat(filepath.Join(l.Root, checkFile))
				if err != nil {
					return err
				}
				mode = info.Mode().Perm()
				seen, err = readEnvironmentFile(l.Read(checkFile))
				return err
			}
			checker := settingOf(t, "application").(setting.Checker)
			if problems := checker.Check(context.Background(), l.System(), env, old, candidate); len(problems) > 0 {
				t.Errorf("problems: %s", problemLines(problems))
			}
			if !test.want {
				l.ExpectCalls(t)
				return
			}
			l.ExpectCalls(t, "start "+checkUnit)
			if mode != 0o600 {
				t.Errorf("the candidate's values have mode %o", mode)
			}
			if seen["DATABASE"] != candidate.Application["database"] || seen["INGOT_MEMORY"] != "644245094" || seen["DB_PASS"] != candidate.Application["database_password"] {
				t.Errorf("the check saw %v", seen)
			}
			if l.Read(checkFile) != "" {
				t.Error("the candidate's values are still there")
			}
		})
	}
}

func TestACheckThatFailsIsAProblem(t *testing.T) {
	env := shop()
	old := open(env)
	l := boot(t, env, old)
	candidate := old.Clone()
	candidate.Application["debug"] = "true"
	l.Fail("start "+checkUnit, errors.New("the job failed"))
	l.Units.Logs[checkUnit] = strings.Repeat("an early line\n", 100) + "db.example.com: connection refused\n"
	problems := settingOf(t, "application").(setting.Checker).Check(context.Background(), l.System(), env, old, candidate)
	if len(problems) != 1 {
		t.Fatalf("problems: %s", problemLines(problems))
	}
	p := problems[0]
	if p.Path != "application" || p.Message != "Web shop would not work with these settings: the job failed" {
		t.Errorf("the problem is %+v", p)
	}
	if !strings.HasPrefix(p.Hint, "an early line\n") || !strings.HasSuffix(p.Hint, "db.example.com: connection refused") || len(p.Hint) > 600 {
		t.Errorf("the hint is %q", p.Hint)
	}
	if l.Read(checkFile) != "" {
		t.Error("the candidate's values are still there")
	}
}

func TestAChecksTimeIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := shop()
		old := open(env)
		l := boot(t, env, old)
		candidate := old.Clone()
		candidate.Application["debug"] = "true"
		l.Units.On = func(ctx context.Context, action, unit string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		start := time.Now()
		problems := settingOf(t, "application").(setting.Checker).Check(t.Context(), l.System(), env, old, candidate)
		if took := time.Since(start); len(problems) != 1 || took != 15*time.Second {
			t.Errorf("after %s: %s", took, problemLines(problems))
		}
		if l.Read(checkFile) != "" {
			t.Error("the candidate's values are still there")
		}
	})
}
