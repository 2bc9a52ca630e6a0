package config

import (
	"context"
	"fmt"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

const (
	// lookEvery bounds how late a deadline is seen after the machine slept:
	// Go's timers stand still then, the boot clock does not.
	lookEvery = 5 * time.Second
	// retryAfter and retryAtMost are the pauses between attempts to make the
	// live system follow, doubled from one to the next.
	retryAfter  = 5 * time.Second
	retryAtMost = time.Minute
)

// waiter says until when a change must be confirmed; nil when it need not.
func (e *Engine) waiter(old, new Revision, trusted bool) *headWaiter {
	if trusted {
		return nil
	}
	keys := e.parts.guarded(old.Document, new.Document)
	if len(keys) == 0 {
		return nil
	}
	return &headWaiter{
		Revision: new.Number, RevertTo: old.Number, BootID: e.o.BootID,
		Deadline: (e.o.Uptime() + ConfirmWithin).Milliseconds(), Settings: keys,
	}
}

// pending is what callers see of the change that waits.
func (e *Engine) pending(s state) *Pending {
	if s.waiter == nil {
		return nil
	}
	return &Pending{
		Revision: s.waiter.Revision, RevertTo: s.waiter.RevertTo,
		Left: e.left(s.waiter), Settings: append([]string(nil), s.waiter.Settings...),
	}
}

// left is how much time there is to confirm: none after a restart of the
// machine, which is how somebody who is locked out makes it come back.
func (e *Engine) left(w *headWaiter) time.Duration {
	if w.BootID != e.o.BootID {
		return 0
	}
	left := time.Duration(w.Deadline)*time.Millisecond - e.o.Uptime()
	return min(max(left, 0), ConfirmWithin)
}

// resume takes up a change that the store says waits.
func (e *Engine) resume(w headWaiter) {
	before, err := e.newest(min(w.RevertTo, w.Revision-1))
	if err != nil {
		e.warnf("there is nothing to go back to from revision %d but the defaults: %v", w.Revision, err)
		d, err := e.parts.defaults()
		if err != nil {
			d = &setting.Document{Format: setting.Format}
		}
		before = Revision{Document: d}
	} else if before.Number != w.RevertTo {
		e.warnf("revision %d is gone: revision %d would come back instead", w.RevertTo, before.Number)
	}
	e.set(func(s *state) { s.waiter, s.before, s.connection = &w, before, 0 })
}

// Confirm keeps the change that waits. It must come over a connection that
// was made after the change, with a higher number; after a restart of the
// agent every connection is new. Connection 0, that of callers without a
// network such as the console, confirms only what came over 0. Errors:
// [ErrNotPending], also when the time is over, [ErrSameConnection], and what
// the disk says.
func (e *Engine) Confirm(by By) error {
	if e.get().waiter == nil {
		return ErrNotPending // do not wait for whoever has the turn
	}
	if err := e.take(context.Background()); err != nil {
		return err
	}
	defer e.leave()
	s := e.get()
	switch {
	case s.waiter == nil || e.left(s.waiter) <= 0:
		return ErrNotPending
	case by.Connection <= s.connection && (by.Connection != 0 || s.connection != 0):
		return ErrSameConnection
	}
	if err := e.store.setHead(head{Current: s.current.Number}); err != nil {
		return fmt.Errorf("cannot keep the confirmation: %w", err)
	}
	e.set(func(s *state) { s.waiter, s.before = nil, Revision{} })
	e.logf("revision %d is confirmed by %s", s.current.Number, by.Who)
	e.nudge()
	return nil
}

// Recover undoes a change that was not confirmed in time, or before the
// machine started: in the document only, so that whoever starts the system
// calls [Engine.ApplyEarly] or [Engine.ApplyAll] after it. It says whether it
// did, and fails only when the disk does not take it; the old document is in
// force even so.
func (e *Engine) Recover() (bool, error) {
	if err := e.take(context.Background()); err != nil {
		return false, err
	}
	defer e.leave()
	s := e.get()
	if s.waiter == nil || e.left(s.waiter) > 0 {
		return false, nil
	}
	e.undo(s)
	if e.get().unsaved {
		return true, fmt.Errorf("cannot write that revision %d is undone; it is until the next start", s.waiter.Revision)
	}
	return true, nil
}

// undo makes the document before the change that waits the one in force: the
// document first, since from then on every start goes by it. The live system
// is behind then.
func (e *Engine) undo(s state) {
	why := fmt.Sprintf("revision %d was not confirmed within two minutes", s.waiter.Revision)
	if s.waiter.BootID != e.o.BootID {
		why = fmt.Sprintf("revision %d was not confirmed before the appliance was started again", s.waiter.Revision)
	}
	e.goBack(s, By{Who: "system"}, why)
}

func (e *Engine) goBack(s state, by By, why string) {
	d, notes, err := e.parts.fit(s.before.Document)
	if err != nil {
		d = s.before.Document
	}
	for _, note := range notes {
		e.warnf("%s", note)
	}
	e.force(d, by, why)
	e.set(func(now *state) { now.behind = s.current.Document })
	e.nudge()
}

// Run undoes a change that nobody confirms in time, and goes on trying when
// the live system does not follow or the disk does not take it. It returns
// when ctx ends.
func (e *Engine) Run(ctx context.Context) {
	pause := retryAfter
	for ctx.Err() == nil {
		if !e.rest(ctx, pause) {
			pause = retryAfter // there is news
			continue
		}
		pause = min(2*pause, retryAtMost)
		if e.attend(ctx) {
			pause = retryAfter
		}
	}
}

// rest waits until something is due. It is false when it was woken before.
func (e *Engine) rest(ctx context.Context, pause time.Duration) bool {
	s := e.get()
	var due <-chan time.Time // never, when there is nothing to wait for
	switch {
	case s.waiter != nil:
		due = time.After(min(e.left(s.waiter), lookEvery))
	case s.behind != nil || s.unsaved:
		due = time.After(pause)
	}
	select {
	case <-due:
		return true
	case <-e.wake:
	case <-ctx.Done():
	}
	return false
}

// attend does what is due; it says whether all is well then.
func (e *Engine) attend(ctx context.Context) bool {
	if e.take(ctx) != nil {
		return false
	}
	defer e.leave()
	if s := e.get(); s.waiter != nil && e.left(s.waiter) <= 0 {
		e.undo(s)
	}
	return e.catchUp(ctx)
}

// catchUp saves what is unsaved and makes the live system follow.
func (e *Engine) catchUp(ctx context.Context) bool {
	ok := true
	if err := e.save(); err != nil {
		e.logf("%v", err)
		ok = false
	}
	if s := e.get(); s.behind != nil && s.waiter == nil {
		if err := e.restore(ctx, s.behind, s.current.Document); err != nil {
			e.logf("the system does not follow revision %d yet: %v", s.current.Number, err)
			return false
		}
		e.set(func(s *state) { s.behind = nil })
		e.logf("the system follows revision %d", s.current.Number)
	}
	return ok
}
