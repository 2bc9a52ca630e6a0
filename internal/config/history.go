package config

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Revisions are those that are kept, the oldest first, without their
// documents: there may be a thousand. Damaged ones are left out.
func (e *Engine) Revisions() ([]Revision, error) {
	current := e.get().current
	var list []Revision
	for _, n := range e.store.list() {
		if n >= current.Number {
			break
		}
		rec, err := e.store.read(n)
		switch {
		case errors.Is(err, ErrNoRevision): // pruned meanwhile
		case err != nil:
			e.logf("%v", err)
		default:
			list = append(list, rec.Revision)
		}
	}
	current.Document = nil
	list = append(list, current)
	for i, r := range list[1:] {
		if before := list[i]; r.Number == before.Number+1 && r.Previous != before.Hash {
			e.logf("revision %d does not follow from revision %d: one of them was changed outside", r.Number, before.Number)
		}
	}
	return list, nil
}

// Revision is one revision, secrets and all. The error wraps [ErrNoRevision]
// or is a *[FormatError] when a newer version wrote it.
func (e *Engine) Revision(number int) (Revision, error) {
	if current := e.get().current; number == current.Number {
		return current.clone(), nil
	}
	return e.read(number)
}

// Diff compares the documents of two revisions, as a unified diff of JSON
// without secrets; "" when they say the same. From 0 compares with the
// appliance's defaults, which come before the first.
func (e *Engine) Diff(from, to int) (string, error) {
	a, err := e.comparand(from)
	if err != nil {
		return "", err
	}
	b, err := e.Revision(to)
	if err != nil {
		return "", err
	}
	return Diff(e.env, fmt.Sprintf("revision %d", from), a, fmt.Sprintf("revision %d", to), b.Document), nil
}

func (e *Engine) comparand(number int) (*setting.Document, error) {
	if number == 0 {
		return e.parts.defaults()
	}
	r, err := e.Revision(number)
	return r.Document, err
}

// Diff compares two documents as [Engine.Diff] does.
func Diff(env setting.Env, nameA string, a *setting.Document, nameB string, b *setting.Document) string {
	a, b = redactPair(env, a, b)
	text := diff.Diff(nameA, indented(a), nameB, indented(b))
	_, text, _ = bytes.Cut(text, []byte("\n")) // "diff a b" says nothing more
	return string(text)
}

func indented(d *setting.Document) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		panic(fmt.Sprintf("config: a document cannot be encoded: %v", err)) // only plain data in it
	}
	return out.Bytes()
}

// RevertTo commits the document of an earlier revision anew, with the errors
// and the guard of [Engine.Commit]. How far the first boot has come stays as
// it is. While a change waits to be confirmed, only the revision before it can
// be reverted to; that undoes the change at once, and needs no confirmation.
func (e *Engine) RevertTo(ctx context.Context, by By, base, to int, why string) (Revision, *Pending, error) {
	if err := e.take(ctx); err != nil {
		return Revision{}, nil, err
	}
	defer e.leave()
	s := e.get()
	if s.waiter != nil {
		return e.giveUp(ctx, s, by, base, to, why)
	}
	target, err := e.Revision(to)
	if err != nil {
		return Revision{}, nil, err
	}
	fitted, _, err := e.parts.fit(target.Document)
	if err != nil {
		return Revision{}, nil, err
	}
	return e.commit(ctx, Change{
		By: by, Base: base, Why: cmp.Or(why, fmt.Sprintf("back to revision %d", to)),
		Edit: func(d *setting.Document) error {
			before := *d
			*d = *fitted
			d.Setup = before.Setup
			keepFactors(&before.Access, &d.Access)
			return nil
		},
	})
}

// giveUp undoes the change that waits because somebody asks for it.
func (e *Engine) giveUp(ctx context.Context, s state, by By, base, to int, why string) (Revision, *Pending, error) {
	switch {
	case to != s.waiter.RevertTo:
		return Revision{}, nil, ErrPending
	case base != 0 && base != s.current.Number:
		return Revision{}, nil, &ConflictError{Base: base, Current: s.current.Number}
	}
	e.goBack(s, by, cmp.Or(why, fmt.Sprintf("revision %d is undone", s.current.Number)))
	e.catchUp(context.WithoutCancel(ctx)) // Run goes on where this fails
	r, pending := e.Current()
	return r, pending, nil
}

// keepFactors leaves second factors and passkeys as they are: an older revision
// must not switch one off unseen, nor bring back one that is lost.
func keepFactors(before, after *setting.Access) {
	for i := range after.Accounts {
		a := &after.Accounts[i]
		now := before.Account(a.Name)
		if now == nil {
			a.Passkeys = nil // nobody knows in whose hands they are by now
			continue
		}
		a.TOTP, a.Recovery, a.Passkeys = now.TOTP, now.Recovery, now.Passkeys
	}
}
