package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// hidden stands for a secret that is set.
const hidden = "********"

// form asks for properties. Its names are the properties' keys; every form of
// settings, of the wizard and of the application is made of it.
type form struct {
	Fields []field
	// General are problems that belong to no field.
	General []string
	// Base is the revision that it was made from.
	Base int
}

// field is one property in a form.
type field struct {
	wire.Property
	// Label and Hint are the property's title and help in the visitor's language.
	Label, Hint string
	Problem     string
	// Twice asks for a secret once more.
	Twice bool
}

// newForm shows properties with what somebody typed already; nil shows their
// values.
func (v *visit) newForm(properties []wire.Property, typed map[string]string) form {
	var f form
	for _, p := range properties {
		if p.Hidden {
			continue
		}
		fl := field{Property: p, Label: v.label(p), Hint: v.hint(p)}
		fl.Options = v.options(p)
		if value, ok := typed[p.Key]; ok && p.Type != "secret" {
			fl.Value = value
		}
		f.Fields = append(f.Fields, fl)
	}
	return f
}

func (v *visit) label(p wire.Property) string {
	if text, ok := v.words.Lookup("property." + p.Key); ok {
		return text
	}
	return p.Title
}

func (v *visit) hint(p wire.Property) string {
	if text, ok := v.words.Lookup("help." + p.Key); ok {
		return text
	}
	return p.Help
}

// options are a property's, with the titles that are words in the visitor's
// language.
func (v *visit) options(p wire.Property) []wire.Option {
	list := slices.Clone(p.Options)
	for i, o := range list {
		if text, ok := v.words.Lookup("option." + p.Key + "." + o.Value); ok {
			list[i].Title = text
		}
	}
	return list
}

// refuse shows problems at their fields.
func (f *form) refuse(problems []wire.Problem) {
	for _, p := range problems {
		text := p.Message
		i := slices.IndexFunc(f.Fields, func(fl field) bool {
			return p.Property == fl.Key || belongs(p.Path, fl.Key)
		})
		if i < 0 {
			if p.Path != "" {
				text = p.Path + ": " + text
			}
			f.General = append(f.General, text)
			continue
		}
		f.Fields[i].Problem = text
	}
}

// belongs says whether a problem's path, which leads into the document, is
// that of a property.
func belongs(path, key string) bool {
	return path == key || path == strings.TrimPrefix(key, "application.") ||
		strings.HasPrefix(path, key+".") || strings.HasPrefix(path, key+"[")
}

// typed are the values in a form that was sent, of the properties that it
// asked for. A secret that was left empty stays as it is, unless it is to be
// cleared.
func typed(sent url.Values, properties []wire.Property) map[string]string {
	values := map[string]string{}
	for _, p := range properties {
		list := sent[p.Key]
		if len(list) == 0 {
			continue
		}
		value := strings.ReplaceAll(list[len(list)-1], "\r\n", "\n") // a box's "false" comes first
		if p.Type == "secret" && value == "" && sent.Get("clear:"+p.Key) == "" {
			continue
		}
		values[p.Key] = value
	}
	return values
}

// changes are those of the values that are other than now.
func changes(values map[string]string, properties []wire.Property) map[string]string {
	changed := map[string]string{}
	for _, p := range properties {
		value, ok := values[p.Key]
		if ok && (p.Type == "secret" || value != p.Value) {
			changed[p.Key] = value
		}
	}
	return changed
}

// What the template of a field asks.

// ID is its element's.
func (f field) ID() string { return "f-" + idOf(f.Key) }

// idOf makes an element's id of a path into the document.
func idOf(path string) string { return strings.NewReplacer(".", "-", "[", "-", "]", "").Replace(path) }

// Choice says that it is one of a few.
func (f field) Choice() bool { return f.Type == "enum" }

// Long says that it has lines.
func (f field) Long() bool { return f.Type == "text" || f.Type == "certificate" }

// Set says that it is a secret that has a value.
func (f field) Set() bool { return f.Type == "secret" && f.Property.Value == hidden }

// Input is the type of its element. Numbers are text for people: a browser's
// own number field swallows what it does not understand.
func (f field) Input() string {
	if f.Type == "email" || f.Type == "url" {
		return f.Type
	}
	return "text"
}

// Mode is the keyboard that a phone shows.
func (f field) Mode() string {
	switch f.Type {
	case "int", "port":
		return "numeric"
	case "email", "url":
		return f.Type
	}
	return "text"
}

// Describedby are the elements that say more about it.
func (f field) Describedby() string {
	var list []string
	if f.Problem != "" {
		list = append(list, f.ID()+"-problem")
	}
	if f.Hint != "" || f.Example != "" {
		list = append(list, f.ID()+"-help")
	}
	return strings.Join(list, " ")
}

// Autocomplete keeps a browser from offering a password of another page.
func (f field) Autocomplete() string {
	if f.Type == "secret" {
		return "new-password"
	}
	return "off"
}
