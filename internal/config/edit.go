package config

import (
	"fmt"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// EditMerge applies a JSON merge patch (RFC 7386) to the document. Secrets
// that are "********" in the patch stay as they are; a setting of the
// application that is null gets its default. The error of the edit is an
// *[InvalidError] with the path of each key that is not known or of another
// type.
func EditMerge(env setting.Env, patch []byte) func(d *setting.Document) error {
	return func(d *setting.Document) error {
		p, err := decodeObject(patch)
		if err != nil {
			return notJSON(err)
		}
		merged, _ := mergePatch(tree(d), p).(map[string]any)
		return replace(env, d, merged)
	}
}

// EditReplace puts another document in place of this one, with the errors of
// [EditMerge]. Secrets that are "********" stay as they are. A document of an
// older format is brought up to this one.
func EditReplace(env setting.Env, document []byte) func(d *setting.Document) error {
	return func(d *setting.Document) error {
		t, err := decodeObject(document)
		if err != nil {
			return notJSON(err)
		}
		return replace(env, d, t)
	}
}

// EditValues sets properties from text, by their keys, in the order of the
// settings. The error of the edit is an *[InvalidError] with every key that is
// not known or whose value is refused; the document is as before then.
func EditValues(env setting.Env, values map[string]string) func(d *setting.Document) error {
	return func(d *setting.Document) error {
		changed := d.Clone()
		if problems := setValues(env, setting.Properties(env), changed, values); len(problems) > 0 {
			return &InvalidError{Problems: problems}
		}
		*d = *changed
		return nil
	}
}

// setValues sets those of the values that it can.
func setValues(env setting.Env, properties []setting.Property, d *setting.Document, values map[string]string) []setting.Problem {
	var problems []setting.Problem
	known := map[string]bool{}
	for _, p := range properties {
		known[p.Key] = true
		value, given := values[p.Key]
		if !given || p.Type == setting.Secret && value == setting.Hidden {
			continue // a secret that was shown hidden stays as it is
		}
		if err := p.Set(env, d, value); err != nil {
			problems = append(problems, setting.Problem{Path: p.Key, Message: err.Error()})
		}
	}
	for _, key := range sortedKeys(values) {
		if !known[key] {
			problems = append(problems, setting.Problem{Path: key, Message: "is not a setting of this appliance"})
		}
	}
	return problems
}

// replace makes a document that of a tree.
func replace(env setting.Env, d *setting.Document, t map[string]any) error {
	if err := upgrade(t, setting.Format, migrations()); err != nil {
		return &InvalidError{Problems: []setting.Problem{{Path: "format", Message: err.Error()}}}
	}
	s := shape{}
	clean := s.document(t)
	if len(s.problems) > 0 {
		return &InvalidError{Problems: s.problems}
	}
	changed, err := fromTree(clean)
	if err != nil {
		return fmt.Errorf("cannot read the configuration document: %w", err) // what fits can be decoded
	}
	if problems := Unredact(env, d, changed); len(problems) > 0 {
		return &InvalidError{Problems: problems}
	}
	*d = *changed
	return nil
}

func notJSON(err error) error {
	return &InvalidError{Problems: []setting.Problem{{Path: "document", Message: "cannot be read as JSON: " + err.Error()}}}
}

// mergePatch is RFC 7386: objects are merged, null removes, anything else
// replaces. It changes target.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for key, value := range p {
		if value == nil {
			delete(t, key)
			continue
		}
		t[key] = mergePatch(t[key], value)
	}
	return t
}
