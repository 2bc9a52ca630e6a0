package setting_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

func TestFormatsFollowTheLanguage(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	for _, step := range []struct{ key, text, want string }{
		{"language.language", "de", "{de de-DE metric}"},
		{"language.language", " JA ", "{ja ja-JP metric}"},
		{"language.formats", "de-ch", "{ja de-CH metric}"},
		{"language.language", "en", "{en de-CH metric}"},
		{"language.units", "imperial", "{en de-CH imperial}"},
	} {
		if err := setProperty(t, env, d, step.key, step.text); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.Language); got != step.want {
			t.Errorf("after %s=%s: %s, want %s", step.key, step.text, got, step.want)
		}
		if problems := settingOf(t, "language").Validate(env, d); len(problems) > 0 {
			t.Error(problemLines(problems))
		}
	}
	before := d.Language
	for _, key := range []string{"language.language", "language.formats", "language.units"} {
		err := setProperty(t, env, d, key, "tlh")
		if !strings.HasPrefix(errorText(err), "must be one of ") || d.Language != before {
			t.Errorf("%s=tlh: %v, %v", key, err, d.Language)
		}
	}
	if err := setProperty(t, env, d, "language.language", "fr"); errorText(err) != "must be one of en, de, ja" {
		t.Error(err)
	}
}

func TestLanguageValidate(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	d.Language = setting.Language{Language: "EN", Units: "feet"}
	got := settingOf(t, "language").Validate(env, d)
	if len(got) != 3 || got[0].Path != "language.language" || got[1].Path != "language.formats" || got[2].Path != "language.units" {
		t.Errorf("got %s", problemLines(got))
	}
	if want := `"feet" is not a system of units that the appliance knows`; got[2].Message != want || got[2].Hint != "it must be one of metric, imperial" {
		t.Errorf("got %+v", got[2])
	}
}

func TestLanguageFiles(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	d.Language.Language = "ja"
	files, err := settingOf(t, "language").Files(env, d)
	if err != nil {
		t.Fatal(err)
	}
	if got := settingtest.Files(files); got != "-- /etc/locale.conf 0644 root\nLANG=C.UTF-8\n" {
		t.Errorf("got\n%s", got)
	}
}
