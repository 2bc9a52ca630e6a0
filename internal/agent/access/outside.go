package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// ErrNoRole says that somebody is who they say, and in no group that has a
// role here.
var ErrNoRole = errors.New("you are known, but in no group that may log in here")

// ErrElsewhere says that those who know the people that are kept elsewhere
// cannot be asked. Accounts of the appliance do not need them.
var ErrElsewhere = errors.New("the account or the password is wrong, or the directory cannot be asked now")

// Person is somebody whose account is kept elsewhere.
type Person struct {
	// Who names them in the history: "ldap:alice". No account of the appliance
	// is called so.
	Who  string
	Role setting.Role
	// Good says whether what let them in still stands: their sessions end when
	// it does not.
	Good func() bool
}

// Directory knows people whose accounts are kept elsewhere, and their
// passwords.
type Directory interface {
	// On says whether it is asked at all.
	On() bool
	// Find is who has a name and a password. The error is [ErrDenied],
	// [ErrNoRole], or [ErrElsewhere]; the person's Who is then known, or "".
	// The name "" is nobody's, and refused no sooner than any other.
	Find(ctx context.Context, name, password string) (Person, error)
}

// maxAsking bounds how many ask a directory at once. While they do they are
// not among the attempts under way: a directory that is dead must not keep
// those out who have an account.
const maxAsking = 8

// subject is who a session is for: an account of the appliance, or somebody
// from outside, as an account of that name and role that nothing else is
// known of.
type subject struct {
	setting.Account
	// outside is nil for an account of the appliance.
	outside *Person
}

func (p Person) subject() subject {
	return subject{Account: setting.Account{Name: p.Who, Role: p.Role}, outside: &p}
}

// elsewhere goes on with an attempt that no account's password was right for.
// For the name of an account the directory is asked for nobody: no password of
// the appliance goes there, and the time tells nobody which names are accounts.
func (g *Gate) elsewhere(ctx context.Context, t Try, a setting.Account, settle func(outcome)) (subject, Result, error) {
	name, password := t.Account, t.Password
	if a.Name != "" {
		name, password = "", ""
	}
	p, err := g.askElsewhere(ctx, name, password)
	s := p.subject()
	if a.Name != "" {
		s = subject{Account: a}
	}
	switch {
	case err == nil && a.Name == "" && p.Who != "":
		settle(right)
		return s, WithDirectory, nil
	case errors.Is(err, ErrNoRole):
		settle(void)
		g.opts.Log("log-in of %s from %s: in no group that has a role", p.Who, t.Address)
		return s, "", err
	}
	settle(wrong)
	refused := g.refused(t.Address, nil)
	if err == nil || errors.Is(err, ErrDenied) {
		err = refused
	}
	return s, "", err
}

// askElsewhere asks the directory, if there is one.
func (g *Gate) askElsewhere(ctx context.Context, name, password string) (Person, error) {
	if g.opts.Directory == nil || !g.opts.Directory.On() {
		return Person{}, ErrDenied
	}
	select {
	case g.asking <- struct{}{}:
		defer func() { <-g.asking }()
	default:
		return Person{}, &ThrottledError{After: time.Second}
	}
	g.under(-1)
	defer g.under(1)
	return g.opts.Directory.Find(ctx, name, password)
}

// under counts the attempts under way.
func (g *Gate) under(way int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.throttle.waiting += way
}

// providerName is what failures at a provider are counted under; no account is
// called so.
const providerName = "the provider"

// Vouch opens a session for somebody whom a provider vouches for: ask asks it,
// and says whether what went wrong is free, since it could be no guess. Of t
// only where it comes from is looked at. The error is that of ask, or a
// *[ThrottledError].
func (g *Gate) Vouch(t Try, ask func() (p Person, free bool, err error)) (key string, id Identity, err error) {
	settle, err := g.attempt(newAttempt(t.Address, providerName))
	if err != nil {
		return "", Identity{}, err
	}
	p, free, err := ask()
	switch {
	case err == nil:
		settle(right)
		return g.enter(t, p.subject(), WithProvider)
	case errors.Is(err, ErrNoRole):
		settle(void)
		g.opts.Log("log-in of %s from %s: in no group that has a role", p.Who, t.Address)
		g.noteFailure(t, p.Who, err)
	case free:
		settle(void)
	default:
		settle(wrong)
	}
	return "", Identity{}, err
}

// enter opens a session for whoever was let in.
func (g *Gate) enter(t Try, s subject, how Result) (key string, id Identity, err error) {
	key, err = newKey(g.opts.Rand, sessionPrefix)
	if err != nil {
		return "", Identity{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	opened := g.open(sha256.Sum256([]byte(key)), s, t)
	opened.before, opened.failures = g.before(s.Name)
	g.note(LoginEvent{Account: s.Name, From: t.from(), Agent: opened.agent, Result: how})
	g.opts.Log("%s logged in from %s", s.Name, t.Address)
	return key, opened.identity(), nil
}
