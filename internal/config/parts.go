package config

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// settings calls the settings. What one of them does wrong, a panic included,
// becomes an error or problem that names it: the engine outlives them all.
type settings struct {
	list []setting.Setting
	env  setting.Env
	sys  *setting.System
	logf func(format string, args ...any)
}

// call runs a method of a setting.
func (s settings) call(one setting.Setting, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logf("the setting %s panicked: %v\n%s", one.Key(), p, debug.Stack())
			err = fmt.Errorf("a mistake in the program: %v", p)
		}
	}()
	return f()
}

// defaults is the document of a new appliance.
func (s settings) defaults() (*setting.Document, error) {
	d := &setting.Document{Format: setting.Format, Application: map[string]string{}}
	for _, one := range s.list {
		if err := s.call(one, func() error { one.Default(s.env, d); return nil }); err != nil {
			return nil, fmt.Errorf("cannot make the default configuration: %w", err)
		}
	}
	return d.Clone(), nil
}

// validate reports everything that is wrong with a document.
func (s settings) validate(d *setting.Document) []setting.Problem {
	var problems []setting.Problem
	if d.Format != setting.Format {
		problems = append(problems, setting.Problem{Path: "format", Message: fmt.Sprintf("must be %d", setting.Format)})
	}
	for _, one := range s.list {
		err := s.call(one, func() error {
			problems = append(problems, one.Validate(s.env, d)...)
			return nil
		})
		if err != nil {
			problems = append(problems, setting.Problem{Path: one.Key(), Message: err.Error()})
		}
	}
	return problems
}

// check lets the settings that can try a document.
func (s settings) check(ctx context.Context, old, new *setting.Document) []setting.Problem {
	var problems []setting.Problem
	for _, one := range s.list {
		checker, ok := one.(setting.Checker)
		if !ok {
			continue
		}
		err := s.call(one, func() error {
			problems = append(problems, checker.Check(ctx, s.sys, s.env, old, new)...)
			return nil
		})
		if err != nil {
			problems = append(problems, setting.Problem{Path: one.Key(), Message: err.Error()})
		}
	}
	return problems
}

// guarded are the keys of the settings by which a change can cut the
// administrator off. A setting that fails to say is one.
func (s settings) guarded(old, new *setting.Document) []string {
	var keys []string
	for _, one := range s.list {
		guard, ok := one.(setting.Guard)
		if !ok {
			continue
		}
		guards := false
		err := s.call(one, func() error { guards = guard.Guards(old, new); return nil })
		if guards || err != nil {
			keys = append(keys, one.Key())
		}
	}
	return keys
}

// files are what a document becomes.
func (s settings) files(d *setting.Document) []part {
	var parts []part
	for _, one := range s.list {
		p := part{key: one.Key()}
		p.err = s.call(one, func() (err error) { p.files, err = one.Files(s.env, d); return err })
		if p.err != nil {
			p.files = nil
		}
		parts = append(parts, p)
	}
	return parts
}

func (s settings) apply(ctx context.Context, one setting.Setting, d *setting.Document, changed bool) error {
	ctx, cancel := context.WithTimeout(ctx, setting.ApplyTimeout)
	defer cancel()
	return s.call(one, func() error { return one.Apply(ctx, s.sys, s.env, d, changed) })
}

func (s settings) verify(ctx context.Context, one setting.Setting, d *setting.Document) error {
	ctx, cancel := context.WithTimeout(ctx, setting.VerifyTimeout)
	defer cancel()
	return s.call(one, func() error { return one.Verify(ctx, s.sys, s.env, d) })
}

// fit is a document as this version of the appliance takes it: without
// settings of the application that it does not know, and with the defaults of
// those that the document does not have. notes say what was changed. Settings
// whose value is not valid any more keep it: that is for people to decide.
func (s settings) fit(d *setting.Document) (fitted *setting.Document, notes []string, err error) {
	d = d.Clone()
	added, err := s.complete(d)
	if err != nil {
		return nil, nil, err
	}
	var dropped []string
	if known := known(s.env); known != nil {
		for _, key := range sortedKeys(d.Application) {
			if _, ok := known[key]; !ok {
				delete(d.Application, key)
				dropped = append(dropped, key)
			}
		}
	}
	if len(dropped) > 0 {
		notes = append(notes, "this version has no such settings of the application: "+strings.Join(dropped, ", "))
	}
	if len(added) > 0 {
		notes = append(notes, "settings of the application have their defaults: "+strings.Join(added, ", "))
	}
	return d, notes, nil
}

// complete gives settings of the application that are not in a document their
// defaults: a document in force has them all.
func (s settings) complete(d *setting.Document) (added []string, err error) {
	defaults, err := s.defaults()
	if err != nil {
		return nil, err
	}
	if d.Application == nil {
		d.Application = map[string]string{}
	}
	for _, key := range sortedKeys(defaults.Application) {
		if _, ok := d.Application[key]; !ok {
			d.Application[key] = defaults.Application[key]
			added = append(added, key)
		}
	}
	return added, nil
}

// known are the types of the application's settings by key; nil when the
// definition is not there.
func known(env setting.Env) map[string]setting.Type {
	if env.Boot == nil || env.Boot.Definition == nil {
		return nil
	}
	types := map[string]setting.Type{}
	for _, s := range env.Definition().Settings {
		types[s.Key] = setting.Type(s.Type)
	}
	return types
}

// differs are the keys of the parts in which two documents differ.
func differs(a, b *setting.Document) map[string]bool {
	keys := map[string]bool{}
	treeA, treeB := tree(a), tree(b)
	for key, value := range treeA {
		x, errA := json.Marshal(value)
		y, errB := json.Marshal(treeB[key])
		keys[key] = errA != nil || errB != nil || !bytes.Equal(x, y)
	}
	return keys
}
