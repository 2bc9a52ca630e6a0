package setting_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// TestSchema makes the schema of the types and their comments, and compares
// it with the one that the programs carry.
func TestSchema(t *testing.T) {
	want := generateSchema(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("schema.json is not what the types say; run go test ./internal/config/setting -run TestSchema -update")
	}
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{}
	if err := r.AddGoComments("github.com/ingotvm/ingot/internal/config/setting", "."); err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for name, text := range r.CommentMap {
		// Those of the types are for readers of the Go code.
		if base := name[strings.LastIndexByte(name, '/')+1:]; strings.Count(base, ".") < 2 {
			continue
		}
		comments[name] = strings.Join(strings.Fields(text), " ")
	}
	r.CommentMap = comments
	s := r.Reflect(&setting.Document{})
	s.ID = ""
	s.Title = "Configuration document of an Ingot appliance"
	addRules(t, s)
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// addRules adds what the Go types do not say.
func addRules(t *testing.T, s *jsonschema.Schema) {
	property := func(def, name string) *jsonschema.Schema {
		found, ok := s.Definitions[def].Properties.Get(name)
		if !ok {
			t.Fatalf("there is no %s.%s", def, name)
		}
		return found
	}
	enum := func(def, name string, values ...any) { property(def, name).Enum = values }
	options := func(def, name, key string) {
		p, ok := setting.Find(settingtest.Env(), key)
		if !ok {
			t.Fatalf("there is no property %s", key)
		}
		for _, o := range p.Options {
			property(def, name).Enum = append(property(def, name).Enum, o.Value)
		}
	}
	enum("Document", "format", setting.Format)
	options("Language", "language", "language.language")
	options("Language", "formats", "language.formats")
	options("Language", "units", "language.units")
	options("Keyboard", "layout", "keyboard.layout")
	for _, def := range []string{"Account", "Token"} {
		enum(def, "role", setting.Admin, setting.Operator, setting.Auditor)
	}
	property("Account", "name").Pattern = `^[a-z][a-z0-9.-]{0,31}$`
	property("Account", "hash").Pattern = `^\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=1\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$`
	property("Token", "hash").Pattern = `^[0-9a-f]{64}$`
	property("Token", "expires").Pattern = `Z$`
	enum("Interface", "ipv4", "dhcp", "static", "off")
	enum("Interface", "ipv6", "auto", "static", "off")
	enum("FirewallRule", "action", "accept", "drop", "reject")
	enum("FirewallRule", "protocol", "tcp", "udp", "icmp", "any")
	maximum := uint64(8)
	property("Time", "servers").MaxItems = &maximum
}

// TestSchemaAgrees holds that the schema, read by an independent validator,
// takes documents that are valid, and refuses some that are not.
func TestSchemaAgrees(t *testing.T) {
	env := shop()
	compiled := compileSchema(t, env)
	full := open(env)
	full.Network.Interfaces = []setting.Interface{{Name: "eth0", IPv4: "static", IPv6: "off", Addresses: []string{"192.0.2.7/24"}, Gateways: []string{"192.0.2.1"}}}
	full.Firewall.Rules = []setting.FirewallRule{{Source: "192.0.2.0/24", Protocol: "tcp", Port: "8080", Action: "accept"}}
	full.Time.Servers = []string{"ntp.example.com"}
	full.Access.Tokens = []setting.Token{{Name: "x", Role: setting.Auditor, Hash: strings.Repeat("0a", 32), Expires: "2026-01-31T12:00:00Z"}}
	full.Setup.EULA = &setting.Acceptance{Hash: "00", Language: "en", By: "admin", When: "2026-01-31T12:00:00Z"}
	full.Application["database_password"] = "plum"
	if problems := setting.Validate(env, full); len(problems) > 0 {
		t.Fatal(problemLines(problems))
	}
	for name, d := range map[string]*setting.Document{"default": setting.Default(env), "open": open(env), "full": full} {
		if err := compiled.Validate(asJSON(t, d)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, edit := range map[string]func(d *setting.Document){
		"format":      func(d *setting.Document) { d.Format = 2 },
		"language":    func(d *setting.Document) { d.Language.Language = "fr" },
		"formats":     func(d *setting.Document) { d.Language.Formats = "" },
		"units":       func(d *setting.Document) { d.Language.Units = "feet" },
		"layout":      func(d *setting.Document) { d.Keyboard.Layout = "dvorak" },
		"role":        func(d *setting.Document) { d.Access.Accounts[0].Role = "root" },
		"account":     func(d *setting.Document) { d.Access.Accounts[0].Name = "Root" },
		"hash":        func(d *setting.Document) { d.Access.Accounts[0].Hash = "secret" },
		"token":       func(d *setting.Document) { d.Access.Tokens[0].Hash = "00" },
		"unknown":     func(d *setting.Document) { d.Application["nothing"] = "x" },
		"enum":        func(d *setting.Document) { d.Application["database"] = "none" },
		"bool":        func(d *setting.Document) { d.Application["debug"] = "yes" },
		"int":         func(d *setting.Document) { d.Application["workers"] = "many" },
		"port":        func(d *setting.Document) { d.Application["database_port"] = "0" },
		"mode":        func(d *setting.Document) { d.Network.Interfaces[0].IPv4 = "maybe" },
		"action":      func(d *setting.Document) { d.Firewall.Rules[0].Action = "eat" },
		"nine clocks": func(d *setting.Document) { d.Time.Servers = strings.Fields("a b c d e f g h i") },
	} {
		d := full.Clone()
		edit(d)
		if compiled.Validate(asJSON(t, d)) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
		if len(setting.Validate(env, d)) == 0 {
			t.Errorf("%s: validation takes it, only the schema does not", name)
		}
	}
}

func compileSchema(t *testing.T, env setting.Env) *validator.Schema {
	t.Helper()
	text, err := setting.Schema(env)
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// asJSON is a document as a validator takes it.
func asJSON(t *testing.T, d *setting.Document) any {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSchemaShowsTheApplication(t *testing.T) {
	text, err := setting.Schema(shop())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Defs struct {
			Document struct {
				Properties struct {
					Application json.RawMessage `json:"application"`
				} `json:"properties"`
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, document.Defs.Document.Properties.Application, "", "  "); err != nil {
		t.Fatal(err)
	}
	expectGolden(t, "application-schema.json", out.String()+"\n")
}
