package setting_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// TestTemplatesHaveWhatTheDefinitionPromises compares with what the check of
// definitions lets templates ask for.
func TestTemplatesHaveWhatTheDefinitionPromises(t *testing.T) {
	env := shop()
	if got, want := slices.Sorted(maps.Keys(setting.TemplateFunctions())), appliance.TemplateFunctions(); !slices.Equal(got, want) {
		t.Errorf("functions are %q, want %q", got, want)
	}
	if got, want := setting.TemplateNames(env, open(env)), appliance.TemplateData(); !slices.Equal(got, want) {
		t.Errorf("data are %q, want %q", got, want)
	}
}

func TestTemplateFunctions(t *testing.T) {
	env := shop()
	for _, test := range []struct{ call, title, want string }{
		{"quote .settings.site_title", "say \"hi\" `id` $HOME \\ it's", "\"say \\\"hi\\\" \\`id\\` \\$HOME \\\\ it's\""},
		{"quote .settings.workers", "", `""`},
		{"quote .settings.upload_limit", "", `"67108864"`},
		{"quote .settings.footer", "", "error: it holds several lines"},
		{"php .settings.site_title", `it's "$x" \`, `'it\'s "$x" \\'`},
		{"php .settings.footer", "", "'two\nlines'"},
		{"json .settings.site_title", `a"b</script>`, `"a\"b\u003c/script\u003e"`},
		{"json .settings.workers", "", "null"},
		{"json .settings.debug", "", "false"},
		{"mib .settings.upload_limit", "", "64"},
		{"mib .memory", "", "614"},
		{"mib 2097151", "", "1"},
		{"mib .settings.site_title", "x", "error: x is not a number of bytes"},
		{"mib .settings.workers", "", "error: "},
		{".resources.memory", "", "error: "}, // it is .memory
		{"nothing", "", `error: `},
	} {
		d := open(env)
		d.Application["site_title"], d.Application["footer"] = test.title, "two\nlines"
		env.Boot.Templates["shop.ini"] = "{{ " + test.call + " }}"
		files, err := settingOf(t, "application").Files(env, d)
		if wrong, ok := strings.CutPrefix(test.want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v, want %q", test.call, err, wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.call, err)
			continue
		}
		i := slices.IndexFunc(files, func(f setting.File) bool { return f.Path == "/run/shop/shop.ini" })
		if got := string(files[i].Data); got != test.want {
			t.Errorf("%s of %q: %s, want %s", test.call, test.title, settingtest.Files(files[i:i+1]), test.want)
		}
	}
}
