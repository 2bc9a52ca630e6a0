package firstboot

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Step is one page of the wizard.
type Step struct {
	Name string
	// Done says that it was answered, Needed that it must be.
	Done, Needed bool
	// Properties are what it asks for.
	Properties []setting.Property
}

// Steps are the wizard's pages for a document, in order; those that have
// nothing to ask are left out.
func Steps(env setting.Env, d *setting.Document) []Step {
	byStep := map[string][]setting.Property{}
	for _, p := range setting.Properties(env) {
		if p.Step != "" {
			byStep[p.Step] = append(byStep[p.Step], p)
		}
	}
	var steps []Step
	for _, name := range setting.Steps() {
		s := Step{Name: name, Properties: byStep[name], Done: slices.Contains(d.Setup.Done, name)}
		switch name {
		case setting.StepEULA:
			if len(env.Boot.Licences) == 0 {
				continue
			}
			s.Done = Accepted(env, d)
		case setting.StepAdministrator:
			s.Done = HasAdministrator(d)
		default:
			if len(s.Properties) == 0 {
				continue
			}
		}
		s.Needed = !s.Done && (!d.Setup.Complete || name == setting.StepEULA)
		steps = append(steps, s)
	}
	return steps
}

// Missing are the names of the steps that are still needed.
func Missing(env setting.Env, d *setting.Document) []string {
	var names []string
	for _, s := range Steps(env, d) {
		if s.Needed {
			names = append(names, s.Name)
		}
	}
	return names
}

// HasAdministrator says whether somebody can log in and manage everything.
func HasAdministrator(d *setting.Document) bool {
	return slices.ContainsFunc(d.Access.Accounts, func(a setting.Account) bool {
		return a.Role == setting.Admin && a.Hash != ""
	})
}

// Licence is the text to show for a language: its own, English, or the first.
func Licence(env setting.Env, language string) (tag, text string) {
	all := env.Boot.Licences
	for _, tag := range append([]string{language, "en"}, slices.Sorted(maps.Keys(all))...) {
		if text, ok := all[tag]; ok {
			return tag, text
		}
	}
	return "", ""
}

// Hash identifies a licence's text.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Accepted says whether one of the licence's present texts was accepted, or
// there is none.
func Accepted(env setting.Env, d *setting.Document) bool {
	if len(env.Boot.Licences) == 0 {
		return true
	}
	if d.Setup.EULA == nil {
		return false
	}
	for _, text := range env.Boot.Licences {
		if Hash(text) == d.Setup.EULA.Hash {
			return true
		}
	}
	return false
}

// FromSeed marks the steps that a seed answers: once it gives an
// administrator, all that can do with their defaults. Nobody is at hand to be
// asked, so what has a default is taken, but for steps that are unclear: there
// the seed meant something else.
func FromSeed(env setting.Env, d *setting.Document, unclear func(Step) bool) {
	if !HasAdministrator(d) {
		return
	}
	for _, s := range Steps(env, d) {
		if s.Done || s.Name == setting.StepEULA || s.Name == setting.StepAdministrator {
			continue
		}
		if len(Unanswered(s.Properties, d)) == 0 && !unclear(s) {
			d.Setup.Done = append(d.Setup.Done, s.Name)
		}
	}
}

// Unanswered are the keys of the properties that must have a value and have none.
func Unanswered(list []setting.Property, d *setting.Document) []string {
	var keys []string
	for _, p := range list {
		if p.Required && p.Get(d) == "" && (p.When == nil || p.When(d)) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}
