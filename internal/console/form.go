package console

import (
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// form asks for properties. Which there are, what they are called and what
// they can be is the agent's; only how each type is typed is the form's.
type form struct {
	fields []*field
	// at is the field that keys go to, among those that are shown; one more
	// is the button.
	at int
	// general are problems that belong to no field.
	general []string
	// picker is the open list of a field's values.
	picker *picker
	// stale says that a value changed on which others may depend.
	stale bool
	// touched says that somebody typed something.
	touched bool
}

// field is one property of a form.
type field struct {
	wire.Property
	editor
	// twin is the password that this field repeats; it is not sent.
	twin *field
	// changed says that somebody typed into it.
	changed bool
	problem string
}

// choice says whether the field is one of some values.
func (fl *field) choice() bool { return fl.Type == typeEnum || len(fl.Options) > 0 }

// The types of properties that are not one line of text.
const (
	typeText        = "text"
	typeBool        = "bool"
	typeEnum        = "enum"
	typeSecret      = "secret"
	typeCertificate = "certificate"
)

// hiddenSecret is what the agent says of a secret that is set.
const hiddenSecret = "********"

// newForm makes a form of properties; with twice, passwords are asked twice.
func newForm(properties []wire.Property, twice bool) *form {
	f := &form{}
	for _, p := range properties {
		fl := &field{Property: p}
		fl.lines = p.Type == typeText || p.Type == typeCertificate
		value := p.Value
		if value == "" && p.Type != typeSecret {
			value = p.Default
		}
		if p.Type == typeBool && value == "" {
			value = "false"
		}
		if fl.choice() && value == "" && p.Required && len(p.Options) > 0 {
			value = p.Options[0].Value
		}
		if p.Type != typeSecret {
			fl.set(value)
		}
		f.fields = append(f.fields, fl)
		if twice && p.Type == typeSecret {
			f.fields = append(f.fields, &field{Property: p, twin: fl})
		}
	}
	f.openOnly()
	return f
}

// shown are the fields that mean something.
func (f *form) shown() []*field {
	var out []*field
	for _, fl := range f.fields {
		if !fl.Hidden {
			out = append(out, fl)
		}
	}
	return out
}

// focus is the field that keys go to; nil on the button.
func (f *form) focus() *field {
	if list := f.shown(); f.at < len(list) {
		return list[f.at]
	}
	return nil
}

// only says whether the form is one long list: then it is open from the start.
func (f *form) only() bool {
	list := f.shown()
	return len(list) == 1 && list[0].choice() && len(list[0].Options) > few
}

func (f *form) openOnly() {
	if f.only() {
		fl := f.shown()[0]
		f.picker = newPicker(fl.Title, fl.Options, fl.String())
	}
}

// said says whether the field says something that the agent does not know. It
// is not told what it said itself: that may follow from another field, as the
// formats do from the language.
func (fl *field) said() bool {
	return fl.twin == nil && (fl.changed || fl.Type != typeSecret && fl.String() != fl.Value)
}

// values are what is sent, of what is shown.
func (f *form) values() map[string]string {
	out := map[string]string{}
	for _, fl := range f.shown() {
		if fl.said() {
			out[fl.Key] = fl.String()
		}
	}
	return out
}

// deciding are the values on which other properties may depend; secrets and
// long texts stay here until the form is sent.
func (f *form) deciding() map[string]string {
	out := map[string]string{}
	for _, fl := range f.fields {
		if fl.said() && fl.Type != typeSecret && !fl.lines {
			out[fl.Key] = fl.String()
		}
	}
	return out
}

// changes are those of the values that are other than the agent's.
func (f *form) changes() map[string]string {
	out := f.values()
	for _, fl := range f.fields {
		if fl.twin == nil && fl.Type != typeSecret && fl.Value == fl.String() {
			delete(out, fl.Key)
		}
	}
	return out
}

// key takes a key and says whether the form is to be sent.
func (f *form) key(m *Model, k key) (send bool) {
	if f.picker != nil {
		return f.pick(m, k)
	}
	fl := f.focus()
	last := len(f.shown())
	if fl != nil && f.edit(fl, k) {
		return false
	}
	switch k.name {
	case "tab", "down":
		f.at = min(f.at+1, last)
	case "shift+tab", "up":
		f.at = max(f.at-1, 0)
	case "pgdown", "end":
		f.at = last
	case "pgup", "home":
		f.at = 0
	case "enter":
		if fl == nil {
			return f.check(m)
		}
		f.at++
	case "f10":
		return f.check(m)
	}
	return false
}

// edit lets a field take a key.
func (f *form) edit(fl *field, k key) bool {
	switch {
	case fl.Type == typeBool:
		if k.name == "space" || k.name == "left" || k.name == "right" {
			fl.set(map[bool]string{true: "false", false: "true"}[fl.String() == "true"])
			f.touch(fl)
			return true
		}
		return false
	case fl.choice():
		return f.editChoice(fl, k)
	}
	if k.name == "up" || k.name == "down" || k.name == "enter" {
		return fl.editor.key(k) // which has them only in several lines
	}
	if !fl.editor.key(k) {
		return false
	}
	if k.text != "" || k.name != "left" && k.name != "right" && k.name != "home" && k.name != "end" {
		fl.changed, f.touched, fl.problem = true, true, ""
	}
	return true
}

// few is how many values are walked through with the arrows alone.
const few = 3

func (f *form) editChoice(fl *field, k key) bool {
	i := slices.IndexFunc(fl.Options, func(o wire.Option) bool { return o.Value == fl.String() })
	n := len(fl.Options)
	switch {
	case n == 0:
		return false
	case k.name == "right" || k.name == "space" && n <= few:
		i = (i + 1) % n
	case k.name == "left":
		i = (max(i, 0) - 1 + n) % n
	case k.name == "space" || k.text != "" && k.name != paste:
		f.picker = newPicker(fl.Title, fl.Options, fl.String())
		if k.name != "space" {
			f.picker.key(k, 1)
		}
		return true
	default:
		return false
	}
	fl.set(fl.Options[i].Value)
	f.touch(fl)
	return true
}

// touch notes that a choice was made, on which other fields may depend.
func (f *form) touch(fl *field) {
	fl.changed, fl.problem = true, ""
	f.touched, f.stale = true, true
}

// pick lets the open list take a key. In a form that is one list, the choice
// sends it.
func (f *form) pick(m *Model, k key) bool {
	value, chosen, handled := f.picker.key(k, m.bodyHeight()-6)
	only := f.only()
	if chosen {
		fl := f.focus()
		fl.set(value)
		f.touch(fl)
		if only {
			return f.check(m)
		}
		f.picker = nil
		return false
	}
	if !handled && !only {
		f.picker = nil
	}
	return false
}

// check compares the passwords; everything else is the agent's to say.
func (f *form) check(m *Model) bool {
	f.general = nil
	for i, fl := range f.shown() {
		fl.problem = ""
		if fl.twin != nil && fl.String() != fl.twin.String() {
			fl.problem = m.t("form.differ")
			f.at = i
			return false
		}
	}
	return true
}

// refused shows the agent's problems at their fields, and moves to the first.
func (f *form) refused(m *Model, fail *failure) {
	f.general = nil
	first := -1
	for _, p := range fail.problems {
		text := p.Message
		if p.Hint != "" {
			text += " - " + p.Hint
		}
		i := slices.IndexFunc(f.shown(), func(fl *field) bool { return fl.twin == nil && (p.Property == fl.Key || belongs(p.Path, fl.Key)) })
		if i < 0 {
			if p.Path != "" {
				text = p.Path + ": " + text
			}
			f.general = append(f.general, text)
			continue
		}
		f.shown()[i].problem = text
		if first < 0 || i < first {
			first = i
		}
	}
	if len(fail.problems) == 0 {
		f.general = append(f.general, fail.text())
	}
	if first >= 0 {
		f.at = first
	}
}

// follow takes a value that the agent has found, unless somebody typed one.
func (fl *field) follow(value string) {
	if fl.Type == typeSecret || fl.changed || value == "" || value == fl.Value {
		return
	}
	fl.Value = value
	fl.set(value)
}

// belongs says whether a problem's path, which leads into the document, is
// that of a property.
func belongs(path, key string) bool {
	return path == key || path == strings.TrimPrefix(key, "application.") || strings.HasPrefix(path, key+".") || strings.HasPrefix(path, key+"[")
}

func (f *failure) text() string {
	if f.hint != "" {
		return f.message + " - " + f.hint
	}
	return f.message
}

// learn takes which properties mean something now, and what those are that
// nobody typed; nil shows all of them.
func (f *form) learn(properties []wire.Property) {
	was := f.focus()
	for _, fl := range f.fields {
		if properties == nil {
			fl.Hidden = false
			continue
		}
		for _, p := range properties {
			if p.Key == fl.Key {
				fl.Hidden = p.Hidden
				fl.follow(p.Value)
			}
		}
	}
	f.at = min(f.at, len(f.shown()))
	if i := slices.Index(f.shown(), was); i >= 0 {
		f.at = i
	}
}
