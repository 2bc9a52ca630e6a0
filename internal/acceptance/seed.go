package acceptance

import (
	"cmp"
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// Answers are properties with which an appliance of the definition sets itself
// up without a question: what has no default gets its example, or a value of
// its type. The passwords are new ones that nobody knows. Without a definition
// they answer what every appliance asks. What only a person can make up, a
// certificate, is left out.
func Answers(def *appliance.Definition) map[string]string {
	answers := map[string]string{"access.password": rand.Text()}
	if def == nil || len(def.EULA) > 0 {
		answers["setup.eula"] = "accept"
	}
	if def == nil {
		return answers
	}
	values := map[string]string{} // of the application, by its own keys
	for _, s := range def.Settings {
		values[s.Key] = string(s.Default)
	}
	for _, s := range def.Settings {
		if !s.Required || s.Default != "" || s.When != nil && values[s.When.Setting] != string(s.When.Is) {
			continue
		}
		if value := cmp.Or(string(s.Example), ofType(s)); value != "" {
			values[s.Key] = value
			answers["application."+s.Key] = value
		}
	}
	return answers
}

// ofType is a value of a setting's type.
func ofType(s appliance.Setting) string {
	least := string(s.Minimum)
	switch setting.Type(s.Type) {
	case setting.Int:
		return cmp.Or(least, string(s.Maximum), "1")
	case setting.Port:
		return cmp.Or(least, string(s.Maximum), "8080")
	case setting.Duration:
		return cmp.Or(least, string(s.Maximum), "1m")
	case setting.Size:
		return cmp.Or(least, string(s.Maximum), "1GiB")
	case setting.Bool:
		return "false"
	case setting.Enum:
		if len(s.Options) > 0 {
			return s.Options[0].Value
		}
		return ""
	case setting.Secret:
		return rand.Text()
	case setting.Host:
		return "host.example.com"
	case setting.URL:
		return "https://example.com/"
	case setting.Email:
		return "test@example.com"
	case setting.Certificate:
		return ""
	}
	// Of texts the least is a length.
	n, _ := strconv.Atoi(least)
	return strings.Repeat("test", max(1, (n+3)/4))
}
