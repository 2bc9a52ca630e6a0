package firstboot

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

func env(licences map[string]string, settings ...appliance.Setting) setting.Env {
	return setting.Env{Boot: &release.Boot{Licences: licences, Definition: &appliance.Definition{Name: "demo", Title: "Demo", Version: "1.0.0", Settings: settings}}}
}

var (
	both = map[string]string{"de": "Sie dürfen.", "fr": "Vous pouvez."}
	site = appliance.Setting{Key: "site", Title: "Site", Type: "string", Required: true, Ask: appliance.AskFirstboot}
)

func TestMissing(t *testing.T) {
	admin := func(d *setting.Document) {
		d.Access.Accounts = []setting.Account{{Name: "a", Role: setting.Admin, Hash: "x"}}
	}
	accepted := func(d *setting.Document) { d.Setup.EULA = &setting.Acceptance{Hash: Hash(both["fr"])} }
	rest := func(d *setting.Document) { d.Setup.Done = []string{"language", "keyboard", "network", "time"} }
	for _, test := range []struct {
		name string
		env  setting.Env
		do   []func(*setting.Document)
		want string
	}{
		{"new", env(nil), nil, "language keyboard network time administrator"},
		{"with a licence and questions of its own", env(both, site), nil, "language keyboard eula network time administrator application"},
		{"answered", env(nil), []func(*setting.Document){rest, admin}, ""},
		{"no password", env(nil), []func(*setting.Document){rest, func(d *setting.Document) {
			d.Access.Accounts = []setting.Account{{Name: "a", Role: setting.Admin}, {Name: "b", Role: setting.Auditor, Hash: "x"}}
		}}, "administrator"},
		{"a step that is said to be done, but for what it asks", env(both), []func(*setting.Document){rest, func(d *setting.Document) {
			d.Setup.Done = append(d.Setup.Done, "eula", "administrator")
		}}, "eula administrator"},
		{"accepted in one language", env(both), []func(*setting.Document){rest, admin, accepted}, ""},
		{"accepted another text", env(map[string]string{"fr": "Vous pouvez!"}), []func(*setting.Document){rest, admin, accepted}, "eula"},
		{"set up, with another licence", env(map[string]string{"fr": "Vous pouvez!"}), []func(*setting.Document){accepted, func(d *setting.Document) { d.Setup.Complete = true }}, "eula"},
		{"set up, with a new question", env(nil, site), []func(*setting.Document){func(d *setting.Document) { d.Setup.Complete = true }}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := setting.Default(test.env)
			for _, do := range test.do {
				do(d)
			}
			if got := strings.Join(Missing(test.env, d), " "); got != test.want {
				t.Errorf("missing %q, want %q", got, test.want)
			}
		})
	}
}

func TestLicence(t *testing.T) {
	for _, test := range []struct {
		texts               map[string]string
		language, tag, text string
	}{
		{nil, "de", "", ""},
		{both, "de", "de", both["de"]},
		{both, "ja", "de", both["de"]}, // the first
		{map[string]string{"de": "x", "en": "y"}, "ja", "en", "y"},
	} {
		if tag, text := Licence(env(test.texts), test.language); tag != test.tag || text != test.text {
			t.Errorf("%v in %s: %s, %q", test.texts, test.language, tag, text)
		}
	}
}

func TestFromSeed(t *testing.T) {
	clear := func(Step) bool { return false }
	all := []string{"language", "keyboard", "network", "time"}
	e := env(both, site)
	for _, test := range []struct {
		name    string
		admin   bool
		site    string
		unclear func(Step) bool
		want    []string
	}{
		{"nobody to log in", false, "x", clear, nil},
		{"everything", true, "x", clear, append(slices.Clone(all), "application")},
		{"a value is needed", true, "", clear, all},
		{"a step is unclear", true, "x", func(s Step) bool { return s.Name == "network" }, []string{"language", "keyboard", "time", "application"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := setting.Default(e)
			if test.admin {
				d.Access.Accounts = []setting.Account{{Name: "a", Role: setting.Admin, Hash: "x"}}
			}
			d.Application["site"] = test.site
			for range 2 { // the second changes nothing
				FromSeed(e, d, test.unclear)
				if !reflect.DeepEqual(d.Setup.Done, test.want) {
					t.Errorf("done are %q, want %q", d.Setup.Done, test.want)
				}
			}
		})
	}
}

func TestCode(t *testing.T) {
	seen := map[Code]bool{}
	for range 100 {
		c := NewCode()
		shown := c.String()
		if seen[c] || len(shown) != 9 || shown[4] != '-' || strings.Trim(shown, alphabet+"-") != "" {
			t.Fatalf("the code is %q", shown)
		}
		seen[c] = true
		for guess, right := range map[string]bool{
			shown: true, string(c): true, strings.ToLower(shown): true, " " + shown[:2] + " " + shown[2:]: true,
			"": false, "-": false, shown[:8]: false, shown + "A": false, NewCode().String(): false,
		} {
			if c.Matches(guess) != right {
				t.Errorf("%s matches %q: %v", shown, guess, !right)
			}
		}
	}
	if Code("").Matches("") {
		t.Error("no code is guessed by nothing")
	}
}
