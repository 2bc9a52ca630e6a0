package config

import (
	"context"
	"reflect"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Commit changes the configuration: it validates everything, makes the system
// follow, sees that it does, and keeps the new revision; or it puts everything
// back. A change of nothing gives the revision in force.
//
// The error is a *[ConflictError], *[InvalidError] or *[ApplyError],
// [ErrPending], that of Change.Edit, or ctx's. Once the system is being
// changed, the end of ctx changes nothing any more: it may be the very change
// that breaks the connection over which it came.
func (e *Engine) Commit(ctx context.Context, c Change) (Revision, *Pending, error) {
	if err := e.take(ctx); err != nil {
		return Revision{}, nil, err
	}
	defer e.leave()
	return e.commit(ctx, c)
}

func (e *Engine) commit(ctx context.Context, c Change) (Revision, *Pending, error) {
	s := e.get()
	if s.waiter != nil {
		return Revision{}, nil, ErrPending
	}
	d, err := e.propose(s.current, c)
	if err != nil {
		return Revision{}, nil, err
	}
	if d.Equal(s.current.Document) {
		return s.current.clone(), nil, nil
	}
	if err := e.examine(ctx, s.current.Document, d); err != nil {
		return Revision{}, nil, err
	}
	if err := e.transact(ctx, s.current, d, c); err != nil {
		return Revision{}, nil, err
	}
	r, pending := e.Current()
	return r, pending, nil
}

// Try says whether [Engine.Commit] would take a change, with the same errors,
// as far as can be said without making it.
func (e *Engine) Try(ctx context.Context, c Change) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.leave()
	s := e.get()
	d, err := e.propose(s.current, c)
	if err != nil {
		return err
	}
	return e.examine(ctx, s.current.Document, d)
}

// propose is the document that a change leads to.
func (e *Engine) propose(current Revision, c Change) (*setting.Document, error) {
	if c.Base != 0 && c.Base != current.Number {
		return nil, &ConflictError{Base: c.Base, Current: current.Number}
	}
	d := current.Document.Clone()
	if c.Edit != nil {
		if err := c.Edit(d); err != nil {
			return nil, err
		}
	}
	if c.NotAccess && !sameAccess(d.Clone(), current.Document.Clone()) {
		return nil, &InvalidError{Problems: []setting.Problem{{
			Path: "access", Message: "this token may not change who manages the appliance", Hint: "take one with the scope " + setting.ScopeAccess,
		}}}
	}
	d = d.Clone() // part it from memory that the editor may hold
	_, err := e.parts.complete(d)
	return d, err
}

// sameAccess says whether the same people may log in, those who are kept
// elsewhere too.
func sameAccess(a, b *setting.Document) bool {
	return reflect.DeepEqual(a.Access, b.Access) && reflect.DeepEqual(a.LDAP, b.LDAP) && reflect.DeepEqual(a.OIDC, b.OIDC)
}

// examine validates a document and lets the settings try it.
func (e *Engine) examine(ctx context.Context, old, new *setting.Document) error {
	problems := e.parts.validate(new)
	if len(problems) == 0 {
		problems = e.parts.check(ctx, old, new)
	}
	if len(problems) > 0 {
		return &InvalidError{Problems: problems}
	}
	return ctx.Err()
}

// transact makes a valid document the one in force, or puts the old one back.
func (e *Engine) transact(ctx context.Context, old Revision, d *setting.Document, c Change) error {
	if err := e.save(); err != nil {
		return &ApplyError{Err: err}
	}
	r := e.next(old, d, c.By, c.Why)
	data, err := sealRevision(&r)
	if err != nil {
		return &ApplyError{Err: err}
	}
	if err := e.store.room(len(data)); err != nil {
		return &ApplyError{Err: err}
	}
	ctx = context.WithoutCancel(ctx)
	if failed := e.follow(ctx, old.Document, d); failed != nil {
		return e.putBack(ctx, old, d, failed)
	}
	waiter := e.waiter(old, r, c.Trusted)
	if err := e.store.commit(&r, waiter); err != nil {
		return e.putBack(ctx, old, d, &ApplyError{Err: err})
	}
	e.set(func(s *state) {
		s.current, s.waiter, s.behind = r, waiter, nil
		if waiter != nil {
			s.before, s.connection = old, c.Connection
		}
	})
	e.logf("revision %d is in force, by %s: %s", r.Number, c.Who, c.Why)
	e.nudge()
	return nil
}

// putBack makes the live system follow the old document again.
func (e *Engine) putBack(ctx context.Context, old Revision, d *setting.Document, failed *ApplyError) error {
	failed.Undo = e.restore(ctx, d, old.Document)
	if failed.Undo != nil {
		e.set(func(s *state) { s.behind = d })
		e.nudge() // Run goes on trying
	}
	e.logf("%v", failed)
	return failed
}
