package appliance

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

// TestTemplate holds that the starting point loads once its binary is there,
// whatever the folder is called, and that what it has commented out loads too.
func TestTemplate(t *testing.T) {
	for folder, want := range map[string]string{
		"my-app": "my-app", "My App_2": "my-app-2", "": "appliance", "...": "appliance", "3scale": "scale",
		"Übung": "bung", "--x--": "x", "a/../b": "a-b", "app-": "app", "💾": "appliance",
		strings.Repeat("long-", 40): "long-long-long-long-long-lo",
	} {
		text := StartingPoint(folder)
		d, err := Load(fstest.MapFS{FileName: {Data: text}, "bin/" + want: {}}, FileName, Options{})
		if err != nil {
			t.Errorf("%q: %v", folder, err)
			continue
		}
		if d.Name != want {
			t.Errorf("%q: the name is %q, want %q", folder, d.Name, want)
		}
	}
	var lines []string
	for _, line := range strings.Split(string(StartingPoint("x")), "\n") {
		// A commented key is "# key:" or "#   key:"; prose has no colon there.
		code, found := strings.CutPrefix(strings.TrimLeft(line, " "), "# ")
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		key, _, isKey := strings.Cut(strings.TrimPrefix(strings.TrimLeft(code, " "), "- "), ":")
		if found && isKey && !strings.ContainsAny(key, " -`,") {
			line = indent + code
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	d, err := Load(everywhere{[]byte(text)}, FileName, Options{Variant: "small"})
	if err != nil {
		t.Fatalf("with everything uncommented: %v\n%s", err, text)
	}
	if len(d.Services) != 2 || d.Vendor == "" || d.Services[0].Health == nil || len(d.Services[0].Args) == 0 ||
		len(d.Settings) != 1 || d.Settings[0].Ask == "" {
		t.Errorf("not everything was uncommented:\n%s", text)
	}
}

// TestExamples loads each example as it lies in the repository, where the
// binaries need not have been built.
func TestExamples(t *testing.T) {
	for _, file := range exampleFiles(t) {
		d, err := Load(os.DirFS(filepath.Dir(file)), FileName, Options{Display: file})
		if err != nil {
			t.Error(err)
			continue
		}
		if folder := filepath.Base(filepath.Dir(file)); d.Name != folder {
			t.Errorf("%s is called %s", folder, d.Name)
		}
		if len(d.Tests) == 0 || len(d.Links("x")) == 0 {
			t.Errorf("%s has no tests or no link", d.Name)
		}
		for _, s := range d.Services {
			if v, ok := s.Environment["VERSION"]; ok && v != d.Version {
				t.Errorf("%s %s tells its service that it is %s", d.Name, d.Version, v)
			}
		}
	}
}

// TestDocument holds that docs/definition.md is true: each of its yaml blocks
// loads, alone or as part of a small definition, and each key of the schema is
// named.
func TestDocument(t *testing.T) {
	const file = "../../docs/definition.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const frame = "name: x\nversion: 1.0.0\n"
	const services = "services: [{name: web, binary: bin/web, ports: [{port: 80}]}]\n"
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there are no yaml blocks")
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		definition := block
		if !strings.HasPrefix(block, "name: ") {
			definition = frame + definition
		}
		if !strings.Contains("\n"+block, "\nservices:") {
			definition += services
		}
		if _, err := Load(everywhere{[]byte(definition)}, FileName, Options{}); err != nil {
			t.Errorf("a block of %s is wrong:\n%s\n%v", file, block, err)
		}
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Definition](), reflect.TypeFor[Base](), reflect.TypeFor[Service](), reflect.TypeFor[Port](),
		reflect.TypeFor[Health](), reflect.TypeFor[Hardware](), reflect.TypeFor[Memory](), reflect.TypeFor[Disks](), reflect.TypeFor[Test](),
		reflect.TypeFor[Setting](), reflect.TypeFor[Option](), reflect.TypeFor[Condition](), reflect.TypeFor[Template](), reflect.TypeFor[Check](),
		reflect.TypeFor[Updates](), reflect.TypeFor[Trial](), reflect.TypeFor[Data](), reflect.TypeFor[Hook](),
	} {
		for i := range of.NumField() {
			if key := yamlKey(of.Field(i)); key != "" && !strings.Contains(string(text), "`"+key+"`") {
				t.Errorf("%s does not name %s of %s", file, key, of.Name())
			}
		}
	}
}
