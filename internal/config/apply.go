package config

import (
	"context"
	"errors"
	"fmt"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// ApplyEarly makes the files of the document in force, and tells the kernel
// what it must know before anything else runs. A failure of one setting does
// not keep the others from being applied.
func (e *Engine) ApplyEarly() error {
	if err := e.take(context.Background()); err != nil {
		return err
	}
	defer e.leave()
	d := e.get().current.Document
	_, failures := e.live.sync(e.parts.files(d))
	for _, one := range e.parts.list {
		early, ok := one.(setting.Early)
		if !ok {
			continue
		}
		err := e.parts.call(one, func() error { return early.ApplyEarly(e.parts.sys, e.env, d) })
		if err != nil {
			failures = append(failures, &ApplyError{Setting: one.Key(), Err: err})
		}
	}
	if err := join(failures); err != nil {
		return fmt.Errorf("cannot put the whole configuration in force: %w", err)
	}
	return nil
}

// ApplyAll makes the running system follow the document in force, when the
// agent starts: nobody knows what happened while there was none. A failure of
// one setting does not keep the others from being applied.
func (e *Engine) ApplyAll(ctx context.Context) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.leave()
	if err := e.restore(ctx, nil, e.get().current.Document); err != nil {
		return fmt.Errorf("cannot put the whole configuration in force: %w", err)
	}
	return nil
}

// Apply makes the running system follow one setting of the document in force,
// by its key: something else than the document has changed by which it goes.
func (e *Engine) Apply(ctx context.Context, key string) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.leave()
	for _, one := range e.parts.list {
		if one.Key() == key {
			if err := e.parts.apply(ctx, one, e.get().current.Document, false); err != nil {
				return fmt.Errorf("cannot put %s in force: %w", key, err)
			}
		}
	}
	return nil
}

// follow makes the live system follow a document, and stops at the first
// setting that fails.
func (e *Engine) follow(ctx context.Context, from, to *setting.Document) *ApplyError {
	changed, failures := e.live.sync(e.parts.files(to))
	if len(failures) > 0 {
		return failures[0]
	}
	for _, one := range e.parts.list {
		if err := e.parts.apply(ctx, one, to, changed[one.Key()]); err != nil {
			return &ApplyError{Setting: one.Key(), Err: err}
		}
	}
	for _, one := range e.concerned(from, to, changed) {
		if err := e.parts.verify(ctx, one, to); err != nil {
			return &ApplyError{Setting: one.Key(), Err: err}
		}
	}
	return nil
}

// concerned are the settings to verify: those whose part or files changed, and
// all of them when the appliance is being set up. What was broken before, by a
// cable that is out, must not keep something else from being changed.
func (e *Engine) concerned(from, to *setting.Document, changed map[string]bool) []setting.Setting {
	parts := differs(from, to)
	var list []setting.Setting
	for _, one := range e.parts.list {
		if changed[one.Key()] || parts[one.Key()] || parts["setup"] {
			list = append(list, one)
		}
	}
	return list
}

// restore makes the live system follow a document as far as it goes: no
// failure keeps the rest from being tried. From nil verifies nothing.
func (e *Engine) restore(ctx context.Context, from, to *setting.Document) error {
	changed, failures := e.live.sync(e.parts.files(to))
	for _, one := range e.parts.list {
		if err := e.parts.apply(ctx, one, to, changed[one.Key()]); err != nil {
			failures = append(failures, &ApplyError{Setting: one.Key(), Err: err})
		}
	}
	if from != nil {
		for _, one := range e.concerned(from, to, changed) {
			if err := e.parts.verify(ctx, one, to); err != nil {
				failures = append(failures, &ApplyError{Setting: one.Key(), Err: err})
			}
		}
	}
	return join(failures)
}

// join is the failures as one error, each with its setting.
func join(failures []*ApplyError) error {
	var list []error
	for _, f := range failures {
		list = append(list, f.plain())
	}
	return errors.Join(list...)
}
