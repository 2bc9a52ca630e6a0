package setting

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// application are the application's own settings, those of the appliance's
// definition. What services get of them is made in appfiles.go; how services
// are made to follow is in appapply.go.
type application struct{}

func (application) Key() string { return "application" }

func (application) Default(env Env, d *Document) {
	if d.Application == nil {
		d.Application = map[string]string{}
	}
	for _, s := range env.Definition().Settings {
		d.Application[s.Key] = defaultOf(s)
	}
}

// defaultOf is the value of a setting that nobody has set, in the form of its
// type; "" when there is none.
func defaultOf(s appliance.Setting) string {
	text := string(s.Default)
	if text == "" && s.Type == string(Bool) {
		return "false"
	}
	if text == "" {
		return ""
	}
	if canonical, err := s.Parse(text); err == nil { // the definition's check saw to it
		return canonical
	}
	return text
}

// valueOf is the value of a setting that means something as the document
// stands; of one that does not it is the default, so that no service gets what
// is left of another choice, such as the password of a former server.
func valueOf(env Env, d *Document, s appliance.Setting) string {
	value, ok := d.Application[s.Key]
	if !ok || !holds(env, d, s.When) {
		return defaultOf(s)
	}
	return value
}

func (application) Properties(env Env) []Property {
	var list []Property
	for _, s := range env.Definition().Settings {
		list = append(list, propertyOf(env, s))
	}
	return list
}

// propertyOf is a setting of the definition as a property.
func propertyOf(env Env, s appliance.Setting) Property {
	p := Property{
		Key: "application." + s.Key, Title: titleOf(s), Help: s.Help, Group: s.Group, Type: propertyType(s),
		Default: defaultOf(s), Example: string(s.Example), Required: s.Required,
	}
	if p.Group == "" {
		p.Group = "Application"
	}
	if s.Ask == appliance.AskFirstboot {
		p.Step = StepApplication
	}
	for _, o := range s.Options {
		title := o.Title
		if title == "" {
			title = o.Value
		}
		p.Options = append(p.Options, Option{o.Value, title})
	}
	p.Get = func(d *Document) string {
		value, ok := d.Application[s.Key]
		if !ok {
			value = defaultOf(s)
		}
		if p.Type == Secret && value != "" {
			return Hidden
		}
		return value
	}
	p.Set = func(env Env, d *Document, text string) error { return setApplication(s, d, text) }
	if s.When != nil {
		p.When = func(d *Document) bool { return holds(env, d, s.When) }
	}
	return p
}

func propertyType(s appliance.Setting) Type {
	if s.Type == "" {
		return String
	}
	return Type(s.Type)
}

func titleOf(s appliance.Setting) string {
	if s.Title != "" {
		return s.Title
	}
	return s.Key
}

// setApplication puts a text into the document, in the form of its type.
func setApplication(s appliance.Setting, d *Document, text string) error {
	if s.Type == string(Secret) && text == Hidden && d.Application[s.Key] != "" {
		return nil
	}
	value, err := parseValue(s, text)
	if err != nil {
		return err
	}
	if d.Application == nil {
		d.Application = map[string]string{}
	}
	d.Application[s.Key] = value
	return nil
}

// isChoice says whether the values are a few that are known: then none is not
// one of them, unless there is no default.
func isChoice(s appliance.Setting) bool {
	return s.Type == string(Bool) || s.Type == string(Enum)
}

// parseValue is a text in the form of its setting's type; of an enum and of a
// bool "" is the default.
func parseValue(s appliance.Setting, text string) (string, error) {
	if isChoice(s) && strings.TrimSpace(text) == "" {
		text = defaultOf(s)
	}
	if !isPlain(text) {
		return "", errors.New("must not hold characters that are none")
	}
	return s.Parse(text)
}

// isPlain says whether a text holds only what systemd takes in a file of
// variables: no NUL, byte order mark or noncharacter (systemd.exec(5),
// EnvironmentFile=). With another one it would not start the service.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r == 0 || r == '\ufeff' || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
	})
}

func (application) Validate(env Env, d *Document) []Problem {
	var found problems
	known := map[string]bool{}
	for _, s := range env.Definition().Settings {
		known[s.Key] = true
		checkValue(env, d, s, &found)
	}
	for _, key := range sortedKeys(d.Application) {
		if !known[key] {
			hint := ""
			if near := syntax.Nearest(key, sortedKeys(known)); near != "" {
				hint = "did you mean " + near + "?"
			}
			found.add("application."+key, fmt.Sprintf("the application has no setting %q", key), hint)
		}
	}
	if len(found) > 0 {
		return found // templates are made of values that are right
	}
	for _, service := range env.Definition().Services {
		if !ServiceEnabled(env, d, service) {
			continue
		}
		if _, err := serviceFiles(env, d, service); err != nil {
			found.add("application", err.Error(), "this is a mistake of the appliance: tell its vendor")
		}
	}
	return found
}

// checkValue reports what is wrong with the value of one setting.
func checkValue(env Env, d *Document, s appliance.Setting, found *problems) {
	path := "application." + s.Key
	value := valueOf(env, d, s)
	if value == "" && s.Required && d.Setup.Complete && holds(env, d, s.When) {
		found.add(path, titleOf(s)+" must have a value", "")
	}
	stored, set := d.Application[s.Key] // also what means nothing now may later
	if choice := isChoice(s) && defaultOf(s) != ""; !set || stored == "" && !choice {
		return
	}
	canonical, err := parseValue(s, stored)
	switch {
	case err != nil:
		found.add(path, titleOf(s)+" "+err.Error(), s.Hint)
	case canonical != stored && s.Type == string(Secret):
		found.add(path, titleOf(s)+" is not written as it should be", "")
	case canonical != stored:
		found.add(path, titleOf(s)+" is not written as it should be", fmt.Sprintf("write %q", canonical))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
