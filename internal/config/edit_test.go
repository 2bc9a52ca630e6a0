package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// rich is a document with something in every part.
func rich() *setting.Document {
	return &setting.Document{
		Format: setting.Format,
		Network: setting.Network{
			Hostname: "db1",
			Interfaces: []setting.Interface{
				{Name: "eth0", IPv4: "static", IPv6: "off", Addresses: []string{"192.0.2.7/24"}, Gateways: []string{"192.0.2.1"},
					Routes: []setting.StaticRoute{{To: "198.51.100.0/24", Via: "192.0.2.2", Metric: 5}}, MTU: 1400},
				{Name: "eth0.20", VLAN: 20, IPv4: "dhcp", IPv6: "auto"},
			},
			DNS: []string{"192.0.2.53", "2001:db8::53"}, Proxy: "http://user:pa:ss@proxy:3128", NoProxy: []string{"localhost"},
		},
		Firewall: setting.Firewall{
			Management: []string{"192.0.2.0/24"},
			Rules:      []setting.FirewallRule{{Comment: "no: \"telnet\" # here", Protocol: "tcp", Port: "23", Action: "drop"}},
		},
		Time:     setting.Time{Zone: "Europe/Berlin"},
		Language: setting.Language{Language: "de", Formats: "de-CH", Units: "metric"},
		Keyboard: setting.Keyboard{Layout: "no"},
		Access: setting.Access{
			Accounts: []setting.Account{{Name: "anna", Role: setting.Admin, Hash: "$argon2id$anna", TOTP: "MFRGGZDF", Recovery: "0011 2233"}, {Name: "bert", Role: setting.Auditor, Hash: "$argon2id$bert"}},
			Tokens:   []setting.Token{{Name: "backup", Role: setting.Operator, Hash: "abcdef"}},
		},
		TLS:         setting.TLS{Source: setting.Uploaded, Chain: "a chain", Key: "a tls key"},
		Application: map[string]string{"title": "Guten Tag", "password": "hunter2", "workers": "3"},
		Setup: setting.Setup{Complete: true, Done: []string{"network"},
			EULA: &setting.Acceptance{Hash: "1234", Language: "de", By: "anna", When: "2026-01-02T03:04:05Z"}},
	}
}

func paths(err error) string {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return "no InvalidError"
	}
	var list []string
	for _, p := range invalid.Problems {
		list = append(list, p.Path)
	}
	return strings.Join(list, " ")
}

// TestMergePatch has the rules of RFC 7386 and its examples that hold objects.
func TestMergePatch(t *testing.T) {
	for _, row := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"foo"}`, `{"a":{"b":{"c":null,"d":1}}}`, `{"a":{"b":{"d":1}}}`},
	} {
		target, _ := decodeJSON([]byte(row[0]))
		patch, _ := decodeJSON([]byte(row[1]))
		want, _ := decodeJSON([]byte(row[2]))
		if got := mergePatch(target, patch); !reflect.DeepEqual(got, want) {
			t.Errorf("%s with %s is %v, wanted %v", row[0], row[1], got, want)
		}
	}
}

func TestEditMerge(t *testing.T) {
	env := newMachine(t).env
	d := rich()
	patch := `{"network": {"dns": null, "proxy": "http://user:********@other:8080", "hostname": "db2"},
		"access": {"accounts": [{"name": "bert", "role": "operator", "hash": "********"}]},
		"application": {"password": "********", "title": "********", "workers": null}, "setup": {"eula": null}}`
	if err := EditMerge(env, []byte(patch))(d); err != nil {
		t.Fatal(err)
	}
	want := rich()
	want.Network.DNS, want.Network.Proxy, want.Network.Hostname = nil, "http://user:pa:ss@other:8080", "db2"
	want.Access.Accounts = []setting.Account{{Name: "bert", Role: setting.Operator, Hash: "$argon2id$bert"}}
	want.Application = map[string]string{"password": "hunter2", "title": "********"} // which is no secret
	want.Setup.EULA = nil
	if !d.Equal(want) {
		t.Errorf("merged into %+v", d)
	}
}

func TestEditRefuses(t *testing.T) {
	env := newMachine(t).env
	merge, replace := EditMerge, EditReplace
	tests := []struct {
		edit func(setting.Env, []byte) func(*setting.Document) error
		text string
		want string
	}{
		{merge, `{`, "document"},
		{merge, `[]`, "document"},
		{merge, `null`, "document"},
		{merge, `{} {}`, "document"},
		{merge, `{"nets": {}, "network": {"Hostname": "x", "dns": "x", "hostname": 5}}`, "nets network.Hostname network.dns network.hostname"},
		{merge, `{"network": {"interfaces": [{"name": "eth0", "vlan": "5", "mtu": 1.5, "routes": [{"metric": 99999999999}]}, 7]}}`,
			"network.interfaces[0].mtu network.interfaces[0].routes[0].metric network.interfaces[0].vlan network.interfaces[1]"},
		{merge, `{"application": {"title": 5, "x": {}}}`, "application.title application.x"},
		{merge, `{"application": "none", "firewall": []}`, "application firewall"},
		{merge, `{"setup": {"complete": "yes", "done": {}, "eula": "accept"}}`, "setup.complete setup.done setup.eula"},
		{merge, `{"access": {"accounts": [{"name": "new", "role": "admin", "hash": "********"}], "tokens": [{"name": "new", "hash": "********"}]}}`,
			"access.accounts[0].hash access.tokens[0].hash"},
		{merge, `{"format": null}`, "format"},
		{merge, `{"format": 2}`, "format"},
		{replace, `{"network": {}}`, "format"},
		{replace, `{"format": "1"}`, "format"},
		{replace, `{"format": 0}`, "format"},
		{replace, `{"format": 1, "netwrk": {}}`, "netwrk"},
		{replace, `{"format": 1, "network": null, "time": {"zone": null}}`, "network time.zone"},
		{replace, `"x"`, "document"},
	}
	for _, tt := range tests {
		d := rich()
		if err := tt.edit(env, []byte(tt.text))(d); paths(err) != tt.want {
			t.Errorf("%s: %v, wanted %s", tt.text, err, tt.want)
		}
		if !d.Equal(rich()) {
			t.Errorf("%s changed the document all the same", tt.text)
		}
	}
}

func TestEditReplace(t *testing.T) {
	env := newMachine(t).env
	d, shown := rich(), Redact(env, rich())
	if err := EditReplace(env, indented(shown))(d); err != nil || !d.Equal(rich()) {
		t.Errorf("a document as it is shown changes something: %v, %+v", err, d)
	}
	if err := EditReplace(env, []byte(`{"format": 1, "access": {"accounts": null}, "setup": {"eula": null}, "application": null}`))(d); err != nil {
		t.Fatal(err)
	}
	if !d.Equal(&setting.Document{Format: 1, Application: map[string]string{}}) {
		t.Errorf("replaced by %+v", d)
	}
}

// TestShapeKnowsEveryType: a document with something everywhere fits, whatever
// fields it gets.
func TestShapeKnowsEveryType(t *testing.T) {
	d := &setting.Document{}
	fill(reflect.ValueOf(d).Elem())
	s := shape{}
	clean := s.document(tree(d))
	back, err := fromTree(clean)
	if len(s.problems) > 0 || err != nil || !back.Equal(d) {
		t.Errorf("%v, %v", s.problems, err)
	}
}

// fill puts something into every field.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
}

// properties are some of a table of settings.
func properties() []setting.Property {
	line := func(key string, kind setting.Type, at func(d *setting.Document) *string) setting.Property {
		return setting.Property{Key: key, Type: kind, Set: func(_ setting.Env, d *setting.Document, text string) error {
			if strings.Contains(text, "!") {
				return errors.New("is too loud")
			}
			*at(d) = text
			return nil
		}}
	}
	password := setting.Property{Key: "application.password", Type: setting.Secret, Set: func(_ setting.Env, d *setting.Document, text string) error {
		d.Application["password"] = text
		return nil
	}}
	dns := setting.Property{Key: "network.dns", Type: setting.Addresses, Set: func(_ setting.Env, d *setting.Document, text string) error {
		d.Network.DNS = strings.Fields(text)
		return nil
	}}
	return []setting.Property{
		line("network.hostname", setting.String, func(d *setting.Document) *string { return &d.Network.Hostname }),
		dns,
		line("time.zone", setting.String, func(d *setting.Document) *string { return &d.Time.Zone }),
		password,
	}
}

func TestSetValues(t *testing.T) {
	d := rich()
	problems := setValues(setting.Env{}, properties(), d, map[string]string{
		"network.hostname": "loud!", "time.zone": "UTC", "application.password": setting.Hidden, "network_dns": "x", "nothing": "",
	})
	want := []setting.Problem{
		{Path: "network.hostname", Message: "is too loud"},
		{Path: "network_dns", Message: "is not a setting of this appliance"},
		{Path: "nothing", Message: "is not a setting of this appliance"},
	}
	if !reflect.DeepEqual(problems, want) || d.Time.Zone != "UTC" || d.Network.Hostname != "db1" || d.Application["password"] != "hunter2" {
		t.Errorf("%v, %+v", problems, d)
	}
	// All or nothing, through the door.
	if err := EditValues(newMachine(t).env, map[string]string{"no.such": "x"})(d); paths(err) != "no.such" {
		t.Errorf("said %v", err)
	}
}

func TestRedact(t *testing.T) {
	env := newMachine(t).env
	d := rich()
	d.Application["gone"], d.Application["empty"] = "of another version", ""
	r := Redact(env, d)
	text := string(indented(r))
	for _, secret := range []string{"hunter2", "$argon2id", "abcdef", "pa:ss", "a tls key", "of another version"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows", secret)
		}
	}
	if r.Network.Proxy != "http://user:********@proxy:3128" || r.Application["title"] != "Guten Tag" || r.Application["empty"] != "" {
		t.Errorf("hides %+v", r)
	}
	if d.Application["password"] != "hunter2" {
		t.Error("the document was changed")
	}
	if problems := Unredact(env, d, r); len(problems) > 0 || !r.Equal(d) {
		t.Errorf("%v, %+v", problems, r)
	}
	// Without a definition nobody knows: all is hidden.
	if r := Redact(setting.Env{}, d); r.Application["title"] != setting.Hidden {
		t.Errorf("shows %q", r.Application["title"])
	}
}

func TestRedactProxy(t *testing.T) {
	for proxy, want := range map[string]string{
		"":                                  "",
		"http://proxy:3128":                 "http://proxy:3128",
		"http://user@proxy:3128":            "http://user@proxy:3128",
		"http://user:@proxy":                "http://user:@proxy",
		"http://user:secret@proxy/":         "http://user:********@proxy/",
		"http://user:sec:ret@proxy:1":       "http://user:********@proxy:1",
		"http://user:s@cret@proxy":          "http://user:********@proxy",
		"http://user:s/cret?#@proxy":        "http://user:********@proxy",
		"user:secret@proxy":                 "user:********@proxy",
		"http://user:secret://@proxy":       "http://user:********@proxy",
		"://:@":                             "://:@",
		"http://[2001:db8::1]:3128":         "http://[2001:db8::1]:3128",
		"http://user:x@[2001:db8::1]:3128/": "http://user:********@[2001:db8::1]:3128/",
	} {
		d := &setting.Document{Network: setting.Network{Proxy: proxy}}
		if got := Redact(setting.Env{}, d).Network.Proxy; got != want {
			t.Errorf("%s is shown as %s, wanted %s", proxy, got, want)
		}
	}
}

func TestDiffHidesSecrets(t *testing.T) {
	env := newMachine(t).env
	a, b := rich(), rich()
	if text := Diff(env, "a", a, "b", b); text != "" {
		t.Errorf("the same differ by %s", text)
	}
	b.Access.Accounts[0].TOTP, b.Access.Accounts[0].Recovery = "GEZDGNBV", "4455"
	b.Access.Accounts[0].Hash, b.Access.Tokens[0].Hash, b.TLS.Key = "$argon2id$other", "fedcba", "another key"
	b.Network.Proxy, b.Application["password"] = "http://user:other@proxy:3128", ""
	text := Diff(env, "a", a, "b", b)
	for _, want := range []string{
		`+        "hash": "******** (changed)",`, `+        "totp": "******** (changed)",`, `+        "recovery": "******** (changed)"`, `+    "proxy": "http://user:******** (changed)@proxy:3128",`, `+    "password": "",`, `-    "password": "********",`, `+    "key": "******** (changed)"`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("does not say %s:\n%s", want, text)
		}
	}
	for _, secret := range []string{"hunter2", "argon2id", "abcdef", "pa:ss", "other", "fedcba", "bert", "MFRGGZDF", "GEZDGNBV", "0011", "4455", "tls key"} {
		if strings.Contains(strings.ReplaceAll(text, `"name": "bert"`, ""), secret) {
			t.Errorf("%s shows:\n%s", secret, text)
		}
	}
}
