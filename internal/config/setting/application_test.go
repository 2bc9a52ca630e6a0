package setting_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// shop is an appliance that uses everything: a database of packages that runs
// only while it is the chosen one, the shop itself, and three small services
// that want to be told in different ways.
func shop() setting.Env {
	external := &appliance.Condition{Setting: "database", Is: "external"}
	env := settingtest.Env()
	env.Memory, env.CPUs = 3<<30, 2
	def := env.Boot.Definition
	def.Name, def.Title = "shop", "Shop"
	def.Settings = []appliance.Setting{
		{Key: "site_title", Title: "Title of the site", Type: "string", Default: "My shop", Ask: "firstboot", Group: "Site", Help: "At the top of each page."},
		{Key: "database", Title: "Database", Type: "enum", Default: "embedded", Ask: "firstboot", Group: "Database",
			Options: []appliance.Option{{Value: "embedded", Title: "Embedded"}, {Value: "external"}}},
		{Key: "database_host", Title: "Server", Type: "host", Required: true, Example: "db.example.com", Ask: "firstboot", Group: "Database", When: external, Services: []string{"web"}},
		{Key: "database_port", Title: "Port", Type: "port", Default: "3306", When: external, Services: []string{"web"}},
		{Key: "database_password", Title: "Database password", Type: "secret", When: external, Services: []string{"web"}, Variable: "DB_PASS"},
		{Key: "admin_email", Title: "Administrator's address", Type: "email", Required: true, Ask: "firstboot", Services: []string{"web"}},
		{Key: "upload_limit", Type: "size", Default: "64MiB", Maximum: "1GiB", Services: []string{"web", "mailer"}},
		{Key: "timeout", Type: "duration", Default: "90s", Services: []string{"web"}},
		{Key: "workers", Type: "int", Minimum: "1", Services: []string{"web"}},
		{Key: "debug", Type: "bool", Services: []string{"web"}},
		{Key: "footer", Type: "text", Services: []string{"mailer"}},
	}
	def.Services = []appliance.Service{
		{Name: "web", Title: "Web shop", Binary: "web", After: []string{"database"}, Data: appliance.Data{Enabled: true},
			Memory: "max(64MiB, 20%)", Resources: map[string]string{"workers": "cpus * 2", "cache": "memory / 16"},
			Templates: []appliance.Template{{Source: "shop.ini", Target: "/run/shop/shop.ini"}},
			Check:     &appliance.Check{Command: []string{"web", "check"}, Timeout: appliance.Duration(10 * time.Second)}},
		{Name: "database", Title: "Database", Packages: []string{"mariadb-server"}, Unit: "mariadb.service", Memory: "40%",
			When:      &appliance.Condition{Setting: "database", Is: "embedded"},
			Templates: []appliance.Template{{Source: "memory.cnf", Target: "/etc/mysql/memory.cnf", Mode: "0640", Owner: "mysql"}}},
		{Name: "mailer", Title: "Mailer", Files: "mailer", Command: "run", OnChange: "reload"},
		{Name: "clockwork", Title: "Clockwork", Binary: "clockwork", OnChange: "none"},
		{Name: "proxy", Packages: []string{"nginx"}, Unit: "nginx.service"},
	}
	env.Boot.Templates = map[string]string{
		"shop.ini": `title = {{ quote .settings.site_title }}
database = {{ .settings.database }}{{ if eq .settings.database "external" }} at {{ .settings.database_host }}:{{ .settings.database_port }}{{ end }}
limit = {{ mib .settings.upload_limit }} debug = {{ .settings.debug }} timeout = {{ .settings.timeout }}
memory = {{ .memory }} workers = {{ .resources.workers }} data = {{ .data }}
host = {{ .hostname }} language = {{ .language }} zone = {{ .timezone }} proxy = {{ .proxy }}
`,
		"memory.cnf": "[mysqld]\ninnodb_buffer_pool_size = {{ mib .memory }}M\n",
	}
	return env
}

// open is the document of a shop that is set up.
func open(env setting.Env) *setting.Document {
	d := setting.Default(env)
	d.Network.Hostname = "shop1"
	d.Setup.Complete = true
	d.Application["admin_email"] = "mallory@example.com"
	d.Access.Accounts = []setting.Account{{Name: "admin", Role: setting.Admin, Hash: "$argon2id$v=19$m=12288,t=3,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43)}}
	return d
}

func TestApplicationDefault(t *testing.T) {
	got := fmt.Sprint(setting.Default(shop()).Application)
	want := "map[admin_email: database:embedded database_host: database_password: database_port:3306 debug:false footer: " +
		"site_title:My shop timeout:1m30s upload_limit:64MiB workers:]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestApplicationFiles(t *testing.T) {
	env := shop()
	for _, test := range []struct {
		name string
		edit func(d *setting.Document)
	}{
		{"embedded", func(d *setting.Document) {}},
		{"external", func(d *setting.Document) {
			d.Application["database"], d.Application["database_host"] = "external", "db.example.com"
			d.Application["database_password"] = `pa"ss $HOME % \`
			d.Application["site_title"] = "\"Plums\" & `sons`; 日本"
			d.Application["footer"] = "two\nlines"
			d.Application["workers"] = "3"
			d.Application["debug"] = "true"
			d.Network.Proxy, d.Network.NoProxy = "http://proxy.example.com:3128", []string{"example.com", "192.0.2.0/24"}
			d.Language.Language, d.Time.Zone = "de", "Europe/Berlin"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := open(env)
			test.edit(d)
			if problems := setting.Validate(env, d); len(problems) > 0 {
				t.Fatal(problemLines(problems))
			}
			files, err := settingOf(t, "application").Files(env, d)
			if err != nil {
				t.Fatal(err)
			}
			expectGolden(t, "application-"+test.name+".txt", settingtest.Files(files))
			for _, f := range files {
				if strings.HasSuffix(f.Path, ".json") && !json.Valid(f.Data) {
					t.Errorf("%s is no JSON", f.Path)
				}
			}
		})
	}
}

func TestNothingIsMadeUntilTheApplianceIsSetUp(t *testing.T) {
	env := shop()
	d := open(env)
	d.Setup.Complete = false
	files, err := settingOf(t, "application").Files(env, d)
	if err != nil || len(files) != 0 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// TestOldChoicesDoNotLeak holds that what means nothing any more is told to
// nobody, though the document keeps it.
func TestOldChoicesDoNotLeak(t *testing.T) {
	env := shop()
	d := open(env)
	d.Application["database_password"], d.Application["database_host"], d.Application["database_port"] = "left behind", "old.example.com", "1"
	files, err := settingOf(t, "application").Files(env, d)
	if err != nil {
		t.Fatal(err)
	}
	if text := settingtest.Files(files); strings.Contains(text, "left behind") || strings.Contains(text, "old.example.com") || !strings.Contains(text, `DATABASE_PORT="3306"`) {
		t.Errorf("files are\n%s", text)
	}
}

func TestApplicationValidate(t *testing.T) {
	for _, test := range []struct {
		name, want string
		edit       func(env setting.Env, d *setting.Document)
	}{
		{"as it should be", "", func(env setting.Env, d *setting.Document) {}},
		{"a key that is missing has its default", "", func(env setting.Env, d *setting.Document) { delete(d.Application, "site_title") }},
		{"an unknown key", `application.site_titel: the application has no setting "site_titel" (did you mean site_title?)`,
			func(env setting.Env, d *setting.Document) { d.Application["site_titel"] = "x" }},
		{"required", "application.admin_email: Administrator's address must have a value",
			func(env setting.Env, d *setting.Document) { d.Application["admin_email"] = "" }},
		{"required, not yet set up", "",
			func(env setting.Env, d *setting.Document) { d.Application["admin_email"], d.Setup.Complete = "", false }},
		{"required while a condition holds", "application.database_host: Server must have a value",
			func(env setting.Env, d *setting.Document) { d.Application["database"] = "external" }},
		{"not canonical", `application.debug: debug is not written as it should be (write "true")`,
			func(env setting.Env, d *setting.Document) { d.Application["debug"] = "yes" }},
		{"no choice", `application.database: Database is not written as it should be (write "embedded")`,
			func(env setting.Env, d *setting.Document) { d.Application["database"] = "" }},
		{"wrong", "application.database: Database ",
			func(env setting.Env, d *setting.Document) { d.Application["database"] = "none" }},
		{"wrong, not yet set up", "application.workers: workers ",
			func(env setting.Env, d *setting.Document) { d.Application["workers"], d.Setup.Complete = "0", false }},
		{"a character that is none", "application.footer: footer must not hold characters that are none",
			func(env setting.Env, d *setting.Document) { d.Application["footer"] = "a\ufffeb" }},
		{"a template that cannot be read", `application: cannot read the template shop.ini: `,
			func(env setting.Env, d *setting.Document) { env.Boot.Templates["shop.ini"] = "{{" }},
		{"a template of a key that is not there", `application: cannot make /run/shop/shop.ini: `,
			func(env setting.Env, d *setting.Document) { env.Boot.Templates["shop.ini"] = "{{ .settings.nothing }}" }},
		{"a template that is missing", `application: cannot make /run/shop/shop.ini: the template shop.ini is missing`,
			func(env setting.Env, d *setting.Document) { delete(env.Boot.Templates, "shop.ini") }},
		{"a template without end", `application: cannot make /run/shop/shop.ini: `,
			func(env setting.Env, d *setting.Document) {
				env.Boot.Templates["shop.ini"] = `{{ define "a" }}{{ printf "%65536d" 1 }}{{ template "a" }}{{ end }}{{ template "a" }}`
			}},
		{"a formula that has no result here", `application: cannot work out "cache" of the service web for this machine: `,
			func(env setting.Env, d *setting.Document) {
				env.Boot.Definition.Services[0].Resources["cache"] = "1 / (cpus - 2)"
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := shop()
			d := open(env)
			test.edit(env, d)
			got := problemLines(settingOf(t, "application").Validate(env, d))
			if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || strings.Count(got, "\n") > 1 {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestRenderedFilesAreBounded(t *testing.T) {
	env := shop()
	d := open(env)
	env.Boot.Templates["shop.ini"] = strings.Repeat("x", setting.MaxRendered)
	if problems := setting.Validate(env, d); len(problems) > 0 {
		t.Error(problemLines(problems))
	}
	env.Boot.Templates["shop.ini"] += "x"
	if got := problemLines(setting.Validate(env, d)); !strings.Contains(got, "the file would be larger than 1 MiB") {
		t.Errorf("got %s", got)
	}
}

func TestApplicationProperties(t *testing.T) {
	env := shop()
	var lines strings.Builder
	for _, p := range settingOf(t, "application").Properties(env) {
		fmt.Fprintf(&lines, "%s %q %q %s step=%q type=%s default=%q example=%q required=%t when=%t", p.Key, p.Title, p.Help, p.Group, p.Step, p.Type, p.Default, p.Example, p.Required, p.When != nil)
		for _, o := range p.Options {
			fmt.Fprintf(&lines, " %s=%q", o.Value, o.Title)
		}
		lines.WriteString("\n")
	}
	expectGolden(t, "application-properties.txt", lines.String())
}

func TestSettingApplicationProperties(t *testing.T) {
	env := shop()
	for _, test := range []struct {
		key, text, want, err string
	}{
		{"site_title", "  Plums  ", "Plums", ""},
		{"site_title", "", "", ""},
		{"database", "external", "external", ""},
		{"database", "", "embedded", ""},
		{"database", "other", "", "*"},
		{"debug", "yes", "true", ""},
		{"debug", "", "false", ""},
		{"upload_limit", "128 MiB", "128MiB", ""},
		{"upload_limit", "2GiB", "", "*"},
		{"admin_email", "", "", "must have a value"},
		{"admin_email", "nonsense", "", "*"},
		{"timeout", "2m", "2m", ""},
		{"database_port", "70000", "", "*"},
		{"database_password", " spaces count ", " spaces count ", ""},
	} {
		d := open(env)
		before := d.Clone()
		err := setProperty(t, env, d, "application."+test.key, test.text)
		switch {
		case test.err == "" && err != nil, test.err == "*" && err == nil, test.err != "" && test.err != "*" && errorText(err) != test.err:
			t.Errorf("%s=%q: %v", test.key, test.text, err)
		case err != nil && !d.Equal(before):
			t.Errorf("%s=%q is refused, and changes the document", test.key, test.text)
		case err == nil && d.Application[test.key] != test.want:
			t.Errorf("%s=%q: %q", test.key, test.text, d.Application[test.key])
		}
	}
}

func TestSecretsOfTheApplicationAreHidden(t *testing.T) {
	env := shop()
	d := open(env)
	const key = "application.database_password"
	if got := propertyValue(t, env, d, key); got != "" {
		t.Errorf("none is shown as %q", got)
	}
	if err := setProperty(t, env, d, key, "plum"); err != nil {
		t.Fatal(err)
	}
	if got := propertyValue(t, env, d, key); got != setting.Hidden {
		t.Errorf("shown as %q", got)
	}
	if err := setProperty(t, env, d, key, setting.Hidden); err != nil || d.Application["database_password"] != "plum" {
		t.Errorf("left as it is: %q, %v", d.Application["database_password"], err)
	}
	if err := setProperty(t, env, d, key, ""); err != nil || d.Application["database_password"] != "" {
		t.Errorf("cleared: %q, %v", d.Application["database_password"], err)
	}
	p, _ := setting.Find(env, key)
	if p.When(d) {
		t.Error("it means something without an external database")
	}
	d.Application["database"] = "external"
	if !p.When(d) {
		t.Error("it means nothing with an external database")
	}
}

// TestConditionsFollowEachOther holds that a setting whose own condition does
// not hold makes no other one mean something.
func TestConditionsFollowEachOther(t *testing.T) {
	env := shop()
	def := env.Boot.Definition
	def.Settings = append(def.Settings,
		appliance.Setting{Key: "database_tls", Type: "bool", When: &appliance.Condition{Setting: "database", Is: "external"}},
		appliance.Setting{Key: "database_ca", Type: "string", Required: true, When: &appliance.Condition{Setting: "database_tls", Is: "true"}})
	d := open(env)
	d.Application["database_tls"] = "true"
	if problems := setting.Validate(env, d); len(problems) > 0 {
		t.Error(problemLines(problems))
	}
	p, _ := setting.Find(env, "application.database_ca")
	if p.When(d) {
		t.Error("the authority means something without an external database")
	}
	d.Application["database"], d.Application["database_host"] = "external", "db.example.com"
	if got := problemLines(setting.Validate(env, d)); got != "application.database_ca: database_ca must have a value\n" || !p.When(d) {
		t.Errorf("got %s", got)
	}
}

// TestHostileValuesReachTheService holds the same of the way through the
// document, and of the JSON.
func TestHostileValuesReachTheService(t *testing.T) {
	env := shop()
	reached := 0
	for _, value := range hostileValues {
		d := open(env)
		d.Application["database"], d.Application["database_host"] = "external", "db.example.com"
		if setProperty(t, env, d, "application.database_password", value) != nil {
			continue // of several lines
		}
		if problems := setting.Validate(env, d); len(problems) > 0 {
			t.Errorf("%q: %s", value, problemLines(problems))
		}
		files, err := settingOf(t, "application").Files(env, d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			var got string
			switch f.Path {
			case "/run/ingot-app/web/environment":
				variables, err := readEnvironmentFile(string(f.Data))
				if err != nil {
					t.Errorf("%q: %v", value, err)
				}
				got = variables["DB_PASS"]
			case "/run/ingot-app/web/settings.json":
				var values map[string]any
				if err := json.Unmarshal(f.Data, &values); err != nil {
					t.Errorf("%q: %v", value, err)
				}
				got, _ = values["database_password"].(string)
			default:
				continue
			}
			if reached++; got != value {
				t.Errorf("%s: %q became %q", f.Path, value, got)
			}
		}
	}
	if reached < 20 {
		t.Errorf("only %d values reached the service", reached)
	}
}

func TestResources(t *testing.T) {
	env := shop()
	var lines strings.Builder
	for _, r := range setting.Resources(env) {
		fmt.Fprintf(&lines, "%s %q %s: %s = %d (bytes: %t)\n", r.Service, r.Title, r.Name, r.Formula, r.Value, r.Bytes)
	}
	want := `web "Web shop" memory: max(64MiB, 20%) = 644245094 (bytes: true)
web "Web shop" cache: memory / 16 = 201326592 (bytes: true)
web "Web shop" workers: cpus * 2 = 4 (bytes: false)
database "Database" memory: 40% = 1288490188 (bytes: true)
`
	if lines.String() != want {
		t.Errorf("got\n%s", lines.String())
	}
}
