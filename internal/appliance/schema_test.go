package appliance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	"github.com/rogpeppe/go-internal/txtar"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
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
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("schema.json is not what the types say; run go test ./internal/appliance -run TestSchema -update")
	}
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{FieldNameTag: "yaml", Mapper: mapped}
	if err := r.AddGoComments("github.com/ingotvm/ingot/internal/appliance", "."); err != nil {
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
	s := r.Reflect(&Definition{})
	s.ID = ""
	s.Title = "Ingot appliance definition"
	rules(s)
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// mapped is the schema of types whose text differs from their Go value.
func mapped(t reflect.Type) *jsonschema.Schema {
	text := func() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", MinLength: p(1)} }
	switch t {
	case reflect.TypeFor[Size]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+ ?([KMGT]i?B|B)$`, Examples: []any{"512MiB", "4GiB"}}
	case reflect.TypeFor[Scalar]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)([0-9.]+(ns|us|µs|μs|ms|s|m|h))*$`, Examples: []any{"10s", "1m30s"}}
	case reflect.TypeFor[EULA]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(), {
			Type: "object", AdditionalProperties: text(),
			PropertyNames: &jsonschema.Schema{Pattern: `^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$`},
		}}}
	case reflect.TypeFor[KeyFiles]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(), {Type: "array", Items: text(), MinItems: p(1), MaxItems: p(maxAuthorities)}}}
	case reflect.TypeFor[map[string]Variant]():
		return &jsonschema.Schema{
			Type: "object", MaxProperties: p(maxVariants),
			PropertyNames:        &jsonschema.Schema{Pattern: namePattern(syntax.MaxName)},
			AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Variant"},
		}
	}
	return nil
}

// rules adds what the Go types do not say.
func rules(s *jsonschema.Schema) {
	property := func(def, name string) *jsonschema.Schema {
		found, ok := s.Definitions[def].Properties.Get(name)
		if !ok {
			panic("there is no " + def + "." + name)
		}
		return found
	}
	pattern := func(def, name, pattern string) { property(def, name).Pattern = pattern }
	pattern("Definition", "name", namePattern(syntax.MaxName))
	pattern("Service", "name", namePattern(syntax.MaxServiceName))
	pattern("Definition", "version", `^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$`)
	pattern("Service", "unit", `^[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service$`)
	pattern("Health", "http", `^https?://`)
	pattern("Health", "tcp", `:[0-9]+$`)
	pattern("Test", "http", `^https?://\$\{appliance(:[0-9]+)?\}`)
	pattern("Base", "mirror", `^https?://`)
	pattern("Port", "path", `^/`)
	property("Definition", "description").MaxLength = p(syntax.MaxDescription + 1) // one line end is cut off
	property("Definition", "title").MaxLength = p(syntax.MaxTitle)
	property("Definition", "services").MinItems = p(1)
	property("Definition", "services").MaxItems = p(maxServices)
	for _, release := range releases() {
		property("Base", "release").Enum = append(property("Base", "release").Enum, release)
	}
	property("Base", "architecture").Enum = []any{"amd64"}
	property("Port", "protocol").Enum = []any{"tcp", "udp"}
	property("Port", "scheme").Enum = []any{"http", "https"}
	pattern("Setting", "key", keyPattern())
	pattern("Option", "value", `^[a-z0-9_-]{1,40}$`)
	pattern("Setting", "variable", `^[A-Za-z_][A-Za-z0-9_]*$`)
	pattern("Template", "target", `^/(etc|run)/`)
	pattern("Template", "mode", `^0?[0-7]{3}$`)
	pattern("Template", "owner", `^[a-z_][a-z0-9_-]{0,30}$`)
	property("Definition", "settings").MaxItems = p(maxSettings)
	property("Setting", "options").MinItems = p(2)
	property("Setting", "help").MaxLength = p(maxHelp + 1) // as above
	property("Setting", "ask").Enum = []any{AskFirstboot}
	for _, name := range settingTypes() {
		property("Setting", "type").Enum = append(property("Setting", "type").Enum, name)
	}
	property("Service", "on-change").Enum = []any{OnChangeRestart, OnChangeReload, OnChangeNone}
	property("Service", "resources").PropertyNames = &jsonschema.Schema{Pattern: keyPattern()}
	property("Check", "command").MinItems = p(1)
	property("Hook", "command").MinItems = p(1)
	property("Data", "snapshot").Enum = []any{SnapshotCopy, SnapshotHook, SnapshotNone}
	property("Data", "schema").Minimum = "1"
	property("Data", "paths").MinItems = p(1)
	property("Data", "paths").Items.Pattern = `^/(var|srv)/`
	pattern("Updates", "channel", `^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	pattern("Updates", "url", `^https?://`)
	between := func(def, name, least, most string) {
		property(def, name).Minimum, property(def, name).Maximum = json.Number(least), json.Number(most)
	}
	between("Port", "port", "1", "65535")
	between("Hardware", "cpus", "1", "768")
	between("Test", "expect", "100", "599")
	for _, in := range [][2]string{{"Base", "packages"}, {"Base", "keep"}, {"Service", "packages"}} {
		property(in[0], in[1]).Items.Pattern = `^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$`
	}

	// Exactly one way to run a service, and one to check it.
	required := func(names ...string) *jsonschema.Schema { return &jsonschema.Schema{Required: names} }
	s.Definitions["Service"].OneOf = []*jsonschema.Schema{
		required("binary"), required("files", "command"), required("packages", "unit"),
	}
	s.Definitions["Health"].OneOf = []*jsonschema.Schema{required("http"), required("tcp")}

	support := property("Definition", "support")
	*support = jsonschema.Schema{Description: support.Description, OneOf: []*jsonschema.Schema{{Const: false}, {Ref: "#/$defs/Support"}}}

	folders := *property("Data", "paths")
	folders.Description, folders.MinItems = "", nil
	data := property("Service", "data")
	*data = jsonschema.Schema{Description: data.Description, OneOf: []*jsonschema.Schema{{Type: "boolean"}, &folders, {Ref: "#/$defs/Data"}}}
	for _, key := range []string{"save", "restore", "migrate"} {
		hook, words := property("Data", key), *property("Hook", "command")
		words.Description = ""
		*hook = jsonschema.Schema{Description: hook.Description, OneOf: []*jsonschema.Schema{&words, {Ref: "#/$defs/Hook"}}}
	}

	// An overlay has the same keys, none of which must be there.
	variant := *s.Definitions["Definition"]
	variant.Required = nil
	variant.Description = "An overlay on the definition."
	variant.Properties = jsonschema.NewProperties()
	for pair := s.Definitions["Definition"].Properties.Oldest(); pair != nil; pair = pair.Next() {
		if pair.Key != "variants" {
			variant.Properties.Set(pair.Key, pair.Value)
		}
	}
	s.Definitions["Variant"] = &variant
}

func namePattern(most int) string {
	digits := map[int]string{syntax.MaxName: "61", syntax.MaxServiceName: "25"}[most] // without the first and the last
	return `^[a-z]([a-z0-9-]{0,` + digits + `}[a-z0-9])?$`
}

func keyPattern() string { return `^[a-z][a-z0-9_]{0,39}$` }

func p(n int) *uint64 { u := uint64(n); return &u }

// TestSchemaAgrees holds that the schema, read by an independent validator,
// takes all that Load takes, and refuses much of what Load refuses.
func TestSchemaAgrees(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("appliance.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("appliance.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(t *testing.T, text []byte) error {
		t.Helper()
		var value any
		if err := yaml.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(plain(value))
	}
	refused := map[string]bool{
		"unknown-keys": true, "wrong-types": true, "missing-required": true, "no-services": true, "versions": true,
		"packages": true, "kinds": true, "health": true, "hardware": true, "data": true, "ports": true, "identity": true,
		"variants": true, "variants-list": true, "tests": true, "wrong-root": true, "no-name": true,
		"settings-wrong": true, "settings-options": true, "settings-conditions": true, "following-wrong": true,
	}
	for _, file := range testFiles(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := archive.Files[0].Data
			_, err = Load(everywhere{text}, FileName, Options{})
			switch {
			case err == nil:
				if err := validate(t, text); err != nil {
					t.Errorf("Load takes it, the schema does not: %v", err)
				}
			case refused[name]:
				if validate(t, text) == nil {
					t.Error("the schema takes it")
				}
			}
		})
	}
	for _, file := range append(exampleFiles(t), "template.yaml") {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if file == "template.yaml" {
				text = StartingPoint("my-appliance")
			}
			if err := validate(t, text); err != nil {
				t.Error(err)
			}
		})
	}
}

// plain is the value with the types that encoding/json yields.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = plain(value)
		}
	case []any:
		for i, value := range v {
			v[i] = plain(value)
		}
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	}
	return v
}

func exampleFiles(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("../../examples/*/" + FileName)
	if err != nil || len(names) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return names
}
