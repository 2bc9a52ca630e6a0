package build

import (
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/ovf"
	"github.com/ingotvm/ingot/internal/release"
)

// setupCategory is the heading of what is no setting.
const setupCategory = "Setup"

// properties are what an importer may set of the appliance: a seed, in the
// form of the importer's own.
func (b *planner) properties() []ovf.Property {
	env := setting.Env{Boot: &release.Boot{Definition: b.def}}
	return ovfProperties(setting.Properties(env), len(b.def.EULA) > 0)
}

// ovfProperties turns settings into properties, those of a group together.
func ovfProperties(all []setting.Property, licence bool) []ovf.Property {
	var groups []string
	members := map[string][]ovf.Property{}
	add := func(p ovf.Property) {
		if members[p.Category] == nil {
			groups = append(groups, p.Category)
		}
		p.UserConfigurable = true
		members[p.Category] = append(members[p.Category], p)
	}
	for _, p := range all {
		if offered(p) {
			add(ovfProperty(p))
		}
	}
	if licence {
		add(ovf.Property{
			Key: setting.OVFKey("setup.eula"), Category: setupCategory, Label: "I accept the licence", Type: "boolean", Value: "false",
			Description: "The licence of the appliance, which the import shows. If it is not accepted here, the console asks.",
		})
	}
	add(ovf.Property{
		Key: setting.OVFKey("setup.adopt"), Category: setupCategory, Label: "Take over the data disk", Type: "boolean", Value: "false",
		Description: "Only with the data disk of another installation of this appliance: use it, with its settings, and do not ask on the console.",
	})
	var list []ovf.Property
	for _, g := range groups {
		list = append(list, members[g]...)
	}
	return list
}

// offered says whether an importer is asked for a property: what the wizard
// would ask, and what may be needed to reach the appliance at all.
func offered(p setting.Property) bool {
	if p.Step != "" {
		return true
	}
	part, _, _ := strings.Cut(p.Key, ".")
	switch part {
	case "network", "time", "language", "keyboard":
		return true
	}
	return p.Key == "firewall.management"
}

func ovfProperty(p setting.Property) ovf.Property {
	if p.Key == "language.formats" {
		// Its default goes by the language. Given as a default here, it would
		// come back as somebody's choice.
		p.Help = strings.TrimSpace(p.Help + " Empty goes by the language.")
		p.Example, p.Default, p.Options = p.Default, "", nil
	}
	o := ovf.Property{Key: setting.OVFKey(p.Key), Category: p.Group, Label: p.Title, Description: description(p), Type: "string", Value: p.Default}
	if o.Category == "" {
		o.Category = "Settings"
	}
	// Importers insist on a number, or on a value of a list, where the type
	// says so. Without a default that would leave nothing to ask later.
	switch p.Type {
	case setting.Secret:
		o.Password, o.Value = true, ""
	case setting.Bool:
		o.Type = "boolean"
	case setting.Port:
		if _, err := strconv.ParseUint(p.Default, 10, 16); err == nil {
			o.Type = "uint16"
		}
	case setting.Int:
		if _, err := strconv.ParseInt(p.Default, 10, 32); err == nil { // vSphere has no longer ones
			o.Type = "sint32"
		}
	case setting.Enum:
		if p.Default != "" {
			for _, option := range p.Options {
				o.Values = append(o.Values, option.Value)
			}
		}
	}
	return o
}

// fewOptions are so many that they are explained.
const fewOptions = 10

// description is the help, with what the importer's form has no place for.
func description(p setting.Property) string {
	parts := []string{p.Help}
	if p.Example != "" && p.Example != p.Default {
		parts = append(parts, "Example: "+p.Example+".")
	}
	if n := len(p.Options); n > 0 && (p.Default == "" || n <= fewOptions) {
		var options []string
		for _, option := range p.Options {
			text := option.Value
			if option.Title != "" && option.Title != option.Value {
				text += " (" + option.Title + ")"
			}
			options = append(options, text)
		}
		parts = append(parts, "One of: "+strings.Join(options, ", ")+".")
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}
