package config

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// exported is what of a document a seed takes along, beside the defaults.
func exported(env setting.Env, d *setting.Document) *setting.Document {
	d = d.Clone()
	for key, value := range setting.Default(env).Application {
		if _, ok := d.Application[key]; !ok {
			d.Application[key] = value
		}
	}
	d.Setup.Complete, d.Setup.Done = false, nil
	if d.TLS.Source == setting.Uploaded && d.TLS.Key == "" { // its key stays where it was made
		d.TLS = setting.TLS{Source: setting.SelfSigned, ACME: d.TLS.ACME}
	}
	return d
}

// loose takes every document.
func loose(env setting.Env) measure {
	return measure{properties: properties(), base: setting.Default(env), validate: func(*setting.Document) []setting.Problem { return nil }}
}

func problemsOf(s Seed) map[string]string {
	m := map[string]string{}
	for _, p := range s.Problems {
		m[p.Path] = p.Message
	}
	return m
}

// TestExportIsASeed: an export with secrets makes the same of a new appliance.
func TestExportIsASeed(t *testing.T) {
	env := newMachine(t).env
	full := &setting.Document{}
	fill(reflect.ValueOf(full).Elem())
	full.Format = setting.Format
	odd := rich()
	odd.Application = map[string]string{}
	for i, text := range oddTexts() {
		odd.Application["key"+strings.Repeat("x", i)] = text
	}
	for name, d := range map[string]*setting.Document{"rich": rich(), "full": full, "odd": odd, "default": setting.Default(env)} {
		text, err := Export(env, d, true)
		if err != nil {
			t.Fatal(err)
		}
		seed, err := importSeed(env, text, loose(env))
		if err != nil || len(seed.Problems) > 0 || !seed.Document {
			t.Errorf("%s: %v, %v\n%s", name, err, seed.Problems, text)
			continue
		}
		got := setting.Default(env)
		if err := seed.Edit(got); err != nil || !got.Equal(exported(env, d)) {
			t.Errorf("%s: %v, became\n%s\nwanted\n%s\nby\n%s", name, err, indented(got), indented(exported(env, d)), text)
		}
	}
}

// oddTexts are those that a reader of YAML takes for something else.
func oddTexts() []string {
	return []string{"", " ", "null", "true", "no", "~", "1.10", "0x1f", "1e3", "-", "- a", "a: b", "a #b", "#a", "'", "\"", "\\", "*a", "&a", "!a", "%a",
		"@a", "`a", "{", "[", "a\nb", "a\nb\n", "a\n\nb", "a\n b", " a\nb", "a \nb", "a\n", "\n", "a\tb", "\ta", "äöü", "日本\n語", "😀", "\u2028", "\u0085", "\x00\x1b\x7f",
		"-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n", "a\r\nb", "---", "...", "a\n---\nb", "a\n...\nb", "? a", "a\n# b", "<<", "|", ">", ".inf", "2026-01-02", "12:30:45", strings.Repeat("x ", 200)}
}

func TestExport(t *testing.T) {
	env := newMachine(t).env
	d := rich()
	d.Network.Interfaces, d.Firewall.Rules = d.Network.Interfaces[1:], nil
	d.Application["title"] = "two\nlines"
	text, err := Export(env, d, false)
	want := `# The configuration of Demo, version 1.2.3: a seed for another one.
# Secrets are left out: access.accounts[0].hash, access.accounts[0].totp, access.accounts[0].recovery, access.accounts[1].hash, access.tokens[0].hash, tls.key, network.proxy, application.password
# The certificate is left out: its private key is not here
format: 1
appliance:
  name: demo
  version: "1.2.3"
network:
  hostname: db1
  interfaces:
    - name: eth0.20
      vlan: 20
      ipv4: dhcp
      ipv6: auto
      addresses: []
      gateways: []
      routes: []
      mtu: 0
  dns:
    - "192.0.2.53"
    - "2001:db8::53"
  search: []
  proxy: "http://user@proxy:3128"
  no_proxy:
    - localhost
firewall:
  management:
    - "192.0.2.0/24"
  rules: []
time:
  zone: Europe/Berlin
  servers: []
language:
  language: de
  formats: de-CH
  units: metric
keyboard:
  layout: "no"
access:
  accounts:
    - name: anna
      role: admin
      passkeys: []
    - name: bert
      role: auditor
      passkeys: []
ldap:
  kind: ""
  servers: []
  authority: ""
  bind_dn: ""
  bind_password: ""
  base: ""
  group_base: ""
  name_attribute: ""
  filter: ""
  admin_groups: []
  operator_groups: []
  auditor_groups: []
oidc:
  state: ""
  title: ""
  issuer: ""
  client_id: ""
  client_secret: ""
  authority: ""
  scopes: []
  name_claim: ""
  groups_claim: ""
  admin_groups: []
  operator_groups: []
  auditor_groups: []
tls:
  source: self-signed
  chain: ""
  key: ""
  acme:
    directory: ""
    email: ""
    names: []
    authority: ""
updates:
  url: ""
  channel: ""
  policy: ""
  security: ""
  days: []
  from: ""
  to: ""
  pinned: ""
  postponed: ""
  hours: 0
  authority: ""
application:
  title: |-
    two
    lines
  workers: "3"
setup:
  eula:
    hash: "1234"
    language: de
    by: anna
    when: "2026-01-02T03:04:05Z"
`
	if err != nil || string(text) != want {
		t.Errorf("%v, exports\n%s", err, text)
	}
	seed, err := importSeed(env, text, loose(env))
	if want := map[string]string{"access.accounts[1]": "has no password"}; err != nil || !maps.Equal(problemsOf(seed), want) {
		t.Errorf("%v, %v", err, seed.Problems)
	}
	got := setting.Default(env)
	got.Access.Tokens = []setting.Token{{Name: "kept"}}
	if err := seed.Edit(got); err != nil || len(got.Access.Accounts) != 1 || got.Access.Accounts[0].Name != "anna" || len(got.Access.Tokens) != 1 || got.Setup.Complete {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestImportDocument(t *testing.T) {
	env := newMachine(t).env
	seed, err := importSeed(env, []byte(`
format: "1"
appliance: {name: other, version: 9}
network:
  hostname: 42            # text, whatever it looks like
  dns: 192.0.2.1          # must be a list
  interfaces:
    - {name: eth0, ipv4: dhcp, ipv6: auto, vlan: "7", mtu: 1500}
  search: [a, [b]]
  speed: fast
firewall:
  rules: [{protocol: tcp, action: drop}, {protocol: 5, action: drop, port: }]
time: UTC
keyboard:
  layout:
access:
  accounts:
    - {name: anna, role: admin, password: correct horse battery}
    - {name: bert, role: auditor, hash: "********"}
    - {name: carl, role: auditor, password: ""}
application:
  title: Hello
  workers: 3
  password: "********"
setup: {complete: true, done: [network], eula: accept, adopt: yes}
language.units: imperial
`), loose(env))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"appliance.name":         "is other: the seed was made for another appliance than demo",
		"network.dns":            "must be a list, not text",
		"network.search[1]":      "must be text, not a list",
		"network.speed":          "is not known",
		"firewall.rules[1].port": "is empty",
		"time":                   "must be an object, not text",
		"keyboard.layout":        "is empty",
		"access.accounts[1]":     "has no password",
		"access.accounts[2]":     "has no password",
		"application.password":   "is hidden: its value did not come along",
		"language.units":         "is not a setting of this appliance", // of this test
	}
	if got := problemsOf(seed); !maps.Equal(got, want) {
		t.Errorf("problems %v", got)
	}
	if keys := []string{"access.accounts", "application.title", "application.workers", "network.hostname", "network.interfaces"}; !slices.Equal(seed.Keys, keys) {
		t.Errorf("took %v", seed.Keys)
	}
	if extra := map[string]string{"setup.eula": "accept", "setup.adopt": "yes"}; !maps.Equal(seed.Extra, extra) {
		t.Errorf("answers %v", seed.Extra)
	}
	d := setting.Default(env)
	d.Setup.Done = []string{"language"}
	if err := seed.Edit(d); err != nil {
		t.Fatal(err)
	}
	if d.Network.Hostname != "42" || d.Network.Interfaces[0].VLAN != 7 || d.Application["workers"] != "3" || len(d.Access.Accounts) != 1 ||
		!passwords.Verify(d.Access.Accounts[0].Hash, "correct horse battery") || d.Setup.Complete || d.Setup.EULA != nil || len(d.Setup.Done) != 1 {
		t.Errorf("became %s", indented(d))
	}
}

func TestImportProperties(t *testing.T) {
	env := newMachine(t).env
	const text = `
network: {hostname: nested, dns: [192.0.2.1, "2001:db8::1"]}
network.hostname: dotted
time_zone: 'null'
application.password: "********"
setup: {eula: accept}
no: {such: key, other: [{a: b}]}
empty:
`
	seed, err := importSeed(env, []byte(text), loose(env))
	if err != nil || seed.Document {
		t.Fatal(seed, err)
	}
	want := map[string]string{
		"time_zone": "is empty", "application.password": "is hidden: its value did not come along", "no.other": "must be one value, or a list of words",
		"no.such": "is not a setting of this appliance", "empty": "is empty",
	}
	if got := problemsOf(seed); !maps.Equal(got, want) {
		t.Errorf("problems %v", got)
	}
	if !slices.Equal(seed.Keys, []string{"network.hostname", "network.dns"}) || !maps.Equal(seed.Extra, map[string]string{"setup.eula": "accept"}) {
		t.Errorf("took %v, %v", seed.Keys, seed.Extra)
	}
	d := setting.Default(env)
	if err := seed.Edit(d); err != nil || d.Network.Hostname != "dotted" || !slices.Equal(d.Network.DNS, []string{"192.0.2.1", "2001:db8::1"}) {
		t.Errorf("%v, became %s", err, indented(d))
	}

	seed, err = importSeed(env, []byte(`{"network_hostname": "loud!", "time_zone": "UTC"}`), loose(env))
	if got := problemsOf(seed); err != nil || !maps.Equal(got, map[string]string{"network.hostname": "is too loud"}) || !slices.Equal(seed.Keys, []string{"time.zone"}) {
		t.Errorf("%v, problems %v, took %v", err, got, seed.Keys)
	}
}

// TestPropertiesOverrideADocument: they may stand beside one.
func TestPropertiesOverrideADocument(t *testing.T) {
	env := newMachine(t).env
	seed, err := importSeed(env, []byte("format: 1\nnetwork: {hostname: a}\ntime: {zone: UTC}\nnetwork.hostname: b\n"), loose(env))
	d := setting.Default(env)
	if err != nil || len(seed.Problems) > 0 || seed.Edit(d) != nil || d.Network.Hostname != "b" || d.Time.Zone != "UTC" {
		t.Errorf("%v, %v, %s", err, seed.Problems, indented(d))
	}
}

func TestImportRefuses(t *testing.T) {
	env := newMachine(t).env
	var format *FormatError
	if _, err := Import(env, []byte("format: 2\n")); !errors.As(err, &format) || format.Format != 2 {
		t.Errorf("a newer format: %v", err)
	}
	for _, text := range []string{"- a\n", "a: *b\n", "{", "format: x\n", "format: -1\n", "format: [1]\n", "\xff", strings.Repeat("a", 2<<20)} {
		if _, err := Import(env, []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "cannot read the seed: ") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if seed, err := Import(env, nil); err != nil || len(seed.Keys)+len(seed.Problems) > 0 || seed.Edit(setting.Default(env)) != nil {
		t.Errorf("nothing: %v, %v", seed, err)
	}
}

// TestDropInvalid: what is wrong is left out, value by value, and nothing else
// with it.
func TestDropInvalid(t *testing.T) {
	base := &setting.Document{Format: 1, Application: map[string]string{}}
	validate := func(d *setting.Document) (problems []setting.Problem) {
		add := func(path string) { problems = append(problems, setting.Problem{Path: path, Message: "wrong"}) }
		add("access.accounts") // of the base already
		if d.Network.Hostname == "bad" {
			add("network.hostname")
		}
		if d.Language.Formats != "" && d.Language.Language == "" {
			add("language.formats") // until there is a language
		}
		for i, r := range d.Firewall.Rules {
			if r.Action == "" {
				add("firewall.rules[" + string(rune('0'+i)) + "].action")
			}
		}
		if d.Application["mode"] == "external" && d.Application["host"] == "" {
			add("application.host")
		}
		return problems
	}
	tests := []struct{ tree, want, problems string }{
		{`{"network": {"hostname": "a"}}`, `{"network":{"hostname":"a"}}`, ""},
		{`{"network": {"hostname": "bad", "proxy": "p"}, "time": {"zone": "UTC"}}`, `{"network":{"proxy":"p"},"time":{"zone":"UTC"}}`, "network.hostname"},
		{`{"network": {"hostname": "bad"}, "language": {"formats": "x", "language": "y"}}`, `{"language":{"formats":"x","language":"y"}}`, "network.hostname"},
		{`{"language": {"formats": "x"}}`, `{}`, "language.formats"},
		{`{"firewall": {"rules": [{"action": "drop"}, {}], "management": ["m"]}}`, `{"firewall":{"management":["m"]}}`, "firewall.rules[1].action"},
		// What is missing beside it is for the wizard to ask.
		{`{"application": {"mode": "external"}}`, `{"application":{"mode":"external"}}`, ""},
		{`{"application": {"mode": "external", "host": "h"}}`, `{"application":{"host":"h","mode":"external"}}`, ""},
	}
	for _, tt := range tests {
		clean, err := decodeObject([]byte(tt.tree))
		if err != nil {
			t.Fatal(err)
		}
		var s Seed
		got, _ := json.Marshal(s.dropInvalid(measure{base: base, validate: validate}, clean))
		var list []string
		for _, p := range s.Problems {
			list = append(list, p.Path)
		}
		if string(got) != tt.want || strings.Join(list, " ") != tt.problems {
			t.Errorf("%s became %s, problems %v", tt.tree, got, list)
		}
	}
}

// TestImportWithRealSettings: a whole appliance by seed, and what the settings
// refuse.
func TestImportWithRealSettings(t *testing.T) {
	env := newMachine(t).env
	d := setting.Default(env)
	d.Network = rich().Network
	d.Network.Search = []string{"example.com"}
	d.Network.Proxy = "http://user:pass@proxy.example.com:3128"
	d.Firewall, d.Time, d.Language = rich().Firewall, rich().Time, rich().Language
	d.Access.Accounts = []setting.Account{{Name: "anna", Role: setting.Admin, Hash: passwords.Hash("correct horse battery"),
		TOTP: strings.Repeat("MFRGGZDF", 4), Recovery: strings.Repeat("0a", 32)}}
	d.Access.Tokens = []setting.Token{{Name: "backup", Role: setting.Auditor, Hash: strings.Repeat("ab", 32)}}
	d.Application["title"], d.Application["password"] = "Hi", "hunter2"
	if problems := setting.Validate(env, d); len(problems) > 0 {
		t.Fatal(problems)
	}
	text, err := Export(env, d, true)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := Import(env, text)
	got := setting.Default(env)
	if err != nil || len(seed.Problems) > 0 || seed.Edit(got) != nil || !got.Equal(d) {
		t.Errorf("%v, %v, became %s", err, seed.Problems, indented(got))
	}

	seed, err = Import(env, []byte(`
format: 1
network: {hostname: "not a name", dns: [192.0.2.1]}
access: {accounts: [{name: anna, role: admin, password: short}]}
time.zone: Nowhere/None
application.title: Hi
application.workers: many
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := problemsOf(seed); len(got) != 4 || got["network.hostname"] == "" || got["access.accounts[0].password"] == "" || got["time.zone"] == "" || got["application.workers"] == "" {
		t.Errorf("problems %v", got)
	}
	if want := []string{"network.dns", "application.title"}; !slices.Equal(seed.Keys, want) {
		t.Errorf("took %v", seed.Keys)
	}
}
