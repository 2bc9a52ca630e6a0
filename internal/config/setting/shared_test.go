package setting_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
)

var update = flag.Bool("update", false, "write golden files anew")

// settingOf is the setting of that key.
func settingOf(t testing.TB, key string) setting.Setting {
	t.Helper()
	for _, s := range setting.All() {
		if s.Key() == key {
			return s
		}
	}
	t.Fatalf("there is no setting %q", key)
	return nil
}

// setProperty sets a property and returns its error.
func setProperty(t testing.TB, env setting.Env, d *setting.Document, key, text string) error {
	t.Helper()
	p, ok := setting.Find(env, key)
	if !ok {
		t.Fatalf("there is no property %q", key)
	}
	return p.Set(env, d, text)
}

// propertyValue is the text of a property.
func propertyValue(t testing.TB, env setting.Env, d *setting.Document, key string) string {
	t.Helper()
	p, ok := setting.Find(env, key)
	if !ok {
		t.Fatalf("there is no property %q", key)
	}
	return p.Get(d)
}

// expectGolden compares a text with a file below testdata.
func expectGolden(t testing.TB, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew)\n--- got\n%s\n--- want\n%s", name, got, want)
	}
}

// problemLines are problems as text, one a line.
func problemLines(problems []setting.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Path + ": " + p.Message)
		if p.Hint != "" {
			b.WriteString(" (" + p.Hint + ")")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// errorText is an error's text, "" of none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
