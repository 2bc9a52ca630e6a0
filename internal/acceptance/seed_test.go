package acceptance

import (
	"maps"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
)

func TestAnswers(t *testing.T) {
	def := helloDefinition()
	when := &appliance.Condition{Setting: "database", Is: "external"}
	def.Settings = []appliance.Setting{
		{Key: "title", Type: "string", Required: true, Default: "Hello"},
		{Key: "optional", Type: "string"},
		{Key: "name", Type: "string", Required: true, Minimum: "6"},
		{Key: "mail", Type: "email", Required: true, Example: "me@example.org"},
		{Key: "database", Type: "enum", Required: true, Options: []appliance.Option{{Value: "external"}, {Value: "embedded"}}},
		{Key: "db_host", Type: "host", Required: true, When: when},
		{Key: "db_file", Type: "string", Required: true, When: &appliance.Condition{Setting: "database", Is: "embedded"}},
		{Key: "workers", Type: "int", Required: true, Minimum: "3"},
		{Key: "certificate", Type: "certificate", Required: true},
	}
	got := Answers(def)
	if len(got["access.password"]) < 20 || got["access.password"] == Answers(def)["access.password"] {
		t.Errorf("the password is %q", got["access.password"])
	}
	delete(got, "access.password")
	want := map[string]string{
		"application.name": "testtest", "application.mail": "me@example.org", "application.database": "external",
		"application.db_host": "host.example.com", "application.workers": "3",
	}
	if !maps.Equal(got, want) {
		t.Errorf("Answers() = %q; want %q", got, want)
	}
	def.EULA = appliance.EULA{"en": "EULA.txt"}
	if Answers(def)["setup.eula"] != "accept" || Answers(nil)["setup.eula"] != "accept" {
		t.Error("the licence is not accepted")
	}
}
