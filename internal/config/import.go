package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// Seed is answers from outside, as far as they can be taken. What cannot is
// told of and left out: the wizard asks for it.
type Seed struct {
	// Document says that there was a whole document, or a part of one, and
	// perhaps properties beside it; otherwise there were only those.
	Document bool
	// Keys are the properties, or parts of the document, that were taken.
	Keys []string
	// Extra are answers to questions of the first boot that are no settings,
	// by their keys: "setup.eula", "setup.adopt". Whoever asks looks at them.
	Extra map[string]string
	// Problems are the values that were not taken, each with why.
	Problems []setting.Problem
	// Edit makes a document say what the seed says; for [Change].
	Edit func(d *setting.Document) error
}

// setupKey begins the keys of Seed.Extra.
const setupKey = "setup"

// Import reads a seed, YAML or JSON: a document as [Export] writes it, which
// has the key "format", or a part of one; and properties, flat or nested, of
// which those with dots in their keys may also stand beside a document, and
// override it. The error says that it is neither; a *[FormatError] that a
// newer version wrote it.
func Import(env setting.Env, data []byte) (Seed, error) {
	return importSeed(env, data, measure{
		properties: setting.Properties(env), base: setting.Default(env),
		validate: func(d *setting.Document) []setting.Problem { return setting.Validate(env, d) },
	})
}

// measure is what a seed is held against.
type measure struct {
	properties []setting.Property
	// base is the document on which everything is tried.
	base     *setting.Document
	validate func(d *setting.Document) []setting.Problem
}

func importSeed(env setting.Env, data []byte, m measure) (Seed, error) {
	t, err := seedtext.Parse(data)
	if err != nil {
		return Seed{}, fmt.Errorf("cannot read the seed: %w", err)
	}
	seed := Seed{Extra: map[string]string{}}
	values := seed.properties(t)
	var clean map[string]any // of the document
	if _, seed.Document = t["format"]; seed.Document {
		if clean, err = seed.document(env, t, m); err != nil {
			return Seed{}, fmt.Errorf("cannot read the seed: %w", err)
		}
	}
	base := m.base.Clone()
	if err := overlay(base, clean); err != nil {
		return Seed{}, fmt.Errorf("cannot read the seed: %w", err)
	}
	values = seed.try(env, m.properties, base, values)
	seed.Edit = func(d *setting.Document) error {
		changed := d.Clone()
		if err := overlay(changed, clean); err != nil {
			return err
		}
		if problems := setValues(env, m.properties, changed, values); len(problems) > 0 {
			return &InvalidError{Problems: problems}
		}
		*d = *changed
		return nil
	}
	return seed, nil
}

func (s *Seed) problem(path, format string, args ...any) {
	s.Problems = append(s.Problems, setting.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// properties takes those out of a tree: of one with a document what has a
// dotted key, of another one everything.
func (s *Seed) properties(t map[string]any) map[string]string {
	_, document := t["format"]
	values := map[string]string{}
	keys := sortedKeys(t)
	slices.SortStableFunc(keys, func(a, b string) int { // nested ones first: the others override them
		return cmp.Compare(strings.Count(a, "."), strings.Count(b, "."))
	})
	for _, key := range keys {
		if document && !strings.Contains(key, ".") {
			continue
		}
		s.flatten(t[key], key, values)
		delete(t, key)
	}
	if setup, ok := t[setupKey].(map[string]any); ok {
		for _, key := range sortedKeys(setup) {
			// Not how far another appliance has come, nor who accepted its licence.
			if _, record := setup[key].(map[string]any); record || key == "complete" || key == "done" {
				continue
			}
			s.flatten(setup[key], below(setupKey, key), values)
			delete(setup, key)
		}
	}
	for key, value := range values {
		if strings.HasPrefix(key, setupKey+".") {
			s.Extra[key] = value
			delete(values, key)
		}
	}
	return values
}

// flatten collects properties with their dotted keys. What is empty, or comes
// as "null" from a hypervisor that has no value, is told of.
func (s *Seed) flatten(v any, path string, into map[string]string) {
	if object, ok := v.(map[string]any); ok {
		for _, key := range sortedKeys(object) {
			s.flatten(object[key], below(path, key), into)
		}
		return
	}
	text, ok := seedtext.Scalar(v)
	trimmed := strings.TrimSpace(text)
	switch {
	case v == nil || ok && (trimmed == "" || trimmed == "null"):
		s.problem(path, "is empty")
	case !ok:
		s.problem(path, "must be one value, or a list of words")
	default:
		into[path] = text
	}
}

// try takes the properties that can be set, as setting them in a base shows.
func (s *Seed) try(env setting.Env, properties []setting.Property, base *setting.Document, texts map[string]string) map[string]string {
	good := map[string]string{}
	for _, p := range properties {
		text, given := texts[p.Key]
		if other := setting.OVFKey(p.Key); !given && other != p.Key {
			text, given = texts[other]
			delete(texts, other)
		}
		delete(texts, p.Key)
		switch {
		case !given:
		case p.Type == setting.Secret && text == setting.Hidden:
			s.problem(p.Key, "is hidden: its value did not come along")
		default:
			if err := p.Set(env, base, text); err != nil {
				s.problem(p.Key, "%v", err)
				continue
			}
			good[p.Key] = text
			s.Keys = append(s.Keys, p.Key)
		}
	}
	for _, key := range sortedKeys(texts) {
		s.problem(key, "is not a setting of this appliance")
	}
	return good
}

// document is what of a document has the right form and is not found invalid.
func (s *Seed) document(env setting.Env, t map[string]any, m measure) (map[string]any, error) {
	if text, ok := t["format"].(string); ok { // a number in quotes is one
		t["format"] = json.Number(text)
	}
	if err := upgrade(t, setting.Format, migrations()); err != nil {
		return nil, err
	}
	s.checkOrigin(env, t)
	keepAcceptance(t)
	s.passwords(env, t)
	form := shape{tolerant: true}
	clean := form.document(t)
	s.Problems = append(s.Problems, form.problems...)
	delete(clean, "format")
	s.dropHidden(clean)
	clean = s.dropInvalid(m, clean)
	for _, u := range units(clean) {
		s.Keys = append(s.Keys, u.path)
	}
	return clean, nil
}

// checkOrigin removes the name of the appliance, and tells of another one's.
func (s *Seed) checkOrigin(env setting.Env, t map[string]any) {
	origin, _ := t["appliance"].(map[string]any)
	delete(t, "appliance")
	name, ok := origin["name"].(string)
	if ok && env.Boot != nil && env.Boot.Definition != nil && name != env.Definition().Name {
		s.problem("appliance.name", "is %s: the seed was made for another appliance than %s", name, env.Definition().Name)
	}
}

// keepAcceptance leaves of the setup only who accepted the licence: this
// appliance is not set up because another one was.
func keepAcceptance(t map[string]any) {
	setup, _ := t["setup"].(map[string]any)
	delete(t, "setup")
	if eula := setup["eula"]; eula != nil {
		t["setup"] = map[string]any{"eula": eula}
	}
}

// passwords hashes those that a seed gives in clear. Of accounts without one
// only the first administrator is taken, whose password the wizard, or the
// property access.password, can give.
func (s *Seed) passwords(env setting.Env, t map[string]any) {
	access, _ := t["access"].(map[string]any)
	list, ok := access["accounts"].([]any)
	if !ok {
		return
	}
	kept, administrator := []any{}, false
	for i, item := range list {
		if account, ok := item.(map[string]any); ok { // or it is for shape to tell
			path := fmt.Sprintf("access.accounts[%d]", i)
			first := !administrator && account["role"] == string(setting.Admin)
			if !s.password(env, account, path, first) {
				continue
			}
			administrator = administrator || first
		}
		kept = append(kept, item)
	}
	access["accounts"] = kept
	if len(kept) == 0 && len(list) > 0 {
		delete(access, "accounts")
	}
}

// password puts the hash into an account; it says whether to take it.
func (s *Seed) password(env setting.Env, account map[string]any, path string, mayLack bool) bool {
	name, _ := account["name"].(string)
	password, given := seedtext.Scalar(account["password"])
	delete(account, "password")
	if given && password != "" && password != setting.Hidden {
		if err := passwords.Check(password, name, namesOf(env)...); err != nil {
			s.problem(path+".password", "%v", err)
			return false
		}
		account["hash"] = passwords.Hash(password)
		return true
	}
	if hash := account["hash"]; hash != nil && hash != "" && hash != setting.Hidden {
		return true
	}
	delete(account, "hash")
	if !mayLack {
		s.Problems = append(s.Problems, setting.Problem{Path: path, Message: "has no password", Hint: "give `password`, or `hash`"})
	}
	return mayLack
}

// namesOf are those that no password may be made of.
func namesOf(env setting.Env) []string {
	if env.Boot == nil || env.Boot.Definition == nil {
		return nil
	}
	return []string{env.Definition().Name, env.Definition().Title}
}

// dropHidden leaves out secrets that are "********": their values did not come
// along.
func (s *Seed) dropHidden(clean map[string]any) {
	for _, u := range units(clean) {
		text, _ := json.Marshal(u.value)
		if bytes.Contains(text, []byte(setting.Hidden)) {
			s.problem(u.path, "is hidden: its value did not come along")
			u.remove(clean)
		}
	}
}

// dropInvalid leaves out what is found invalid. It is tried on a base, first
// all at once, then, when that is not valid, value by value; twice, since one
// may be valid only with another. What is wrong with the base itself counts
// for nothing: a new appliance has no administrator yet.
func (s *Seed) dropInvalid(m measure, clean map[string]any) map[string]any {
	known := map[setting.Problem]bool{}
	for _, p := range m.validate(m.base) {
		known[p] = true
	}
	try := func(onto map[string]any, path string) (problems []setting.Problem) {
		d := m.base.Clone()
		if err := overlay(d, onto); err != nil {
			return []setting.Problem{{Path: path, Message: err.Error()}}
		}
		for _, p := range m.validate(d) {
			if !known[p] && isBelow(p.Path, path) {
				problems = append(problems, p)
			}
		}
		return problems
	}
	if len(try(clean, "")) == 0 {
		return clean
	}
	good, left := map[string]any{}, units(clean)
	for last := range 2 {
		var refused []unit
		for _, u := range left {
			with, _ := mergePatch(copyTree(good), u.tree()).(map[string]any)
			problems := try(with, u.path)
			if len(problems) == 0 {
				good = with
				continue
			}
			refused = append(refused, u)
			if last == 1 {
				s.Problems = append(s.Problems, problems...)
			}
		}
		left = refused
	}
	return good
}

// isBelow says whether a path leads to or below another one.
func isBelow(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (top == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// unit is one value of an imported document that is taken or left: one key of
// one part.
type unit struct {
	path, part, key string
	value           any
}

// units are those of a document, sorted.
func units(t map[string]any) []unit {
	var list []unit
	for _, part := range sortedKeys(t) {
		values, _ := t[part].(map[string]any)
		for _, key := range sortedKeys(values) {
			list = append(list, unit{path: below(part, key), part: part, key: key, value: values[key]})
		}
	}
	return list
}

func (u unit) tree() map[string]any { return map[string]any{u.part: map[string]any{u.key: u.value}} }

func (u unit) remove(t map[string]any) {
	if part, ok := t[u.part].(map[string]any); ok {
		delete(part, u.key)
	}
}

// overlay lays a tree that fits over a document.
func overlay(d *setting.Document, t map[string]any) error {
	merged, ok := mergePatch(tree(d), copyTree(t)).(map[string]any)
	if !ok {
		return errors.New("cannot merge the seed: it is no document")
	}
	changed, err := fromTree(merged)
	if err != nil {
		return fmt.Errorf("cannot merge the seed: %w", err)
	}
	*d = *changed
	return nil
}

// copyTree copies the objects of a tree; lists are never changed.
func copyTree(t map[string]any) map[string]any {
	c := map[string]any{}
	for key, value := range t {
		if object, ok := value.(map[string]any); ok {
			value = copyTree(object)
		}
		c[key] = value
	}
	return c
}
