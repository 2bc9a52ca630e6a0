package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// The limits of sessions: OWASP's session management cheat sheet suggests 15
// to 30 minutes of silence for low-risk applications, and a working day in
// all; an administrator reads logs for longer than a bank's customer.
const (
	IdleLimit  = 30 * time.Minute
	TotalLimit = 12 * time.Hour

	maxSessions   = 64
	maxPerAccount = 16
)

// session stands for somebody as they were when they logged in.
type session struct {
	account       subject
	started, used time.Time
	// from and agent say who opened it, for people.
	from, agent string
	// passkey is the one that it was opened with, or "".
	passkey string
	// before and failures are those of its [Identity].
	before   *LoginEvent
	failures int
}

// expires is when it ends if nobody uses it.
func (s *session) expires() time.Time {
	idle, total := s.used.Add(IdleLimit), s.started.Add(TotalLimit)
	if total.Before(idle) {
		return total
	}
	return idle
}

func (s *session) identity() Identity {
	account := s.account.Name
	if s.account.outside != nil {
		account = ""
	}
	return Identity{Who: s.account.Name, Account: account, Role: s.account.Role,
		Expires: s.expires().UTC().Truncate(time.Second),
		Started: s.started, Before: s.before, Failures: s.failures}
}

// open adds a session; where there are too many the one that was silent for
// longest goes, of the same account when that has too many itself. g.mu is held.
func (g *Gate) open(key digest, a subject, t Try) *session {
	g.sweep()
	now := g.opts.Now()
	own := 0
	for _, s := range g.sessions {
		if s.account.Name == a.Name {
			own++
		}
	}
	switch {
	case own >= maxPerAccount:
		g.dropSilent(func(s *session) bool { return s.account.Name == a.Name })
	case len(g.sessions) >= maxSessions:
		g.dropSilent(func(*session) bool { return true })
	}
	s := &session{account: a, started: now, used: now, from: t.from(), agent: line(t.Agent), passkey: t.passkeyOf()}
	g.sessions[key] = s
	return s
}

func (g *Gate) dropSilent(candidate func(*session) bool) {
	var oldest digest
	var at time.Time
	for key, s := range g.sessions {
		if candidate(s) && (at.IsZero() || s.used.Before(at)) {
			oldest, at = key, s.used
		}
	}
	delete(g.sessions, oldest)
}

// find is a session that is still good. g.mu is held.
func (g *Gate) find(key digest) (Identity, error) {
	s, ok := g.sessions[key]
	if !ok {
		return Identity{}, ErrExpired
	}
	if !g.good(s) {
		delete(g.sessions, key)
		return Identity{}, ErrExpired
	}
	return s.identity(), nil
}

// prolong notes that a session is used, and says when it ends now.
func (g *Gate) prolong(key string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[sha256.Sum256([]byte(key))]
	if s == nil {
		return time.Time{} // ended in between
	}
	s.used = g.opts.Now()
	return s.identity().Expires
}

// good says whether a session is neither too old nor its account another one.
func (g *Gate) good(s *session) bool {
	now := g.opts.Now()
	if now.Sub(s.used) >= IdleLimit || now.Sub(s.started) >= TotalLimit {
		return false
	}
	if s.account.outside != nil {
		return s.account.outside.Good()
	}
	a, ok := g.account(s.account.Name)
	return ok && a.Role == s.account.Role && a.Hash == s.account.Hash && hasPasskey(a, s.passkey)
}

// sweep drops what is no longer good. g.mu is held.
func (g *Gate) sweep() {
	for key, s := range g.sessions {
		if !g.good(s) {
			delete(g.sessions, key)
		}
	}
}

// Logout ends a session; whether there was one.
func (g *Gate) Logout(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	sum := sha256.Sum256([]byte(key))
	_, ok := g.sessions[sum]
	delete(g.sessions, sum)
	return ok
}

// OpenSession is one session, as people are told of it.
type OpenSession struct {
	// ID names it, and opens nothing.
	ID            string
	Account       string
	From, Agent   string
	Started, Used time.Time
	Expires       time.Time
	// Own is the one that asks.
	Own bool
}

// id is the begin of a key's hash, which tells nothing of the key.
func (d digest) id() string { return hex.EncodeToString(d[:8]) }

// Sessions are those of an account, or with "" all, the newest first; key is
// the one that asks.
func (g *Gate) Sessions(account, key string) []OpenSession {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep()
	own := digest(sha256.Sum256([]byte(key)))
	var list []OpenSession
	for d, s := range g.sessions {
		if account == "" || s.account.Name == account {
			list = append(list, OpenSession{ID: d.id(), Account: s.account.Name, From: s.from, Agent: s.agent,
				Started: s.started, Used: s.used, Expires: s.expires(), Own: d == own})
		}
	}
	slices.SortFunc(list, func(a, b OpenSession) int { return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.ID, b.ID)) })
	return list
}

// EndSession ends a session of an account, or with "" of any; whether there
// was one.
func (g *Gate) EndSession(account, id string) bool {
	return g.endWhere(func(d digest, s *session) bool { return d.id() == id && (account == "" || s.account.Name == account) }) > 0
}

// EndOthers ends all sessions of an account but that of a key.
func (g *Gate) EndOthers(account, key string) {
	own := digest(sha256.Sum256([]byte(key)))
	g.endWhere(func(d digest, s *session) bool { return d != own && s.account.Name == account })
}

func (g *Gate) endWhere(ends func(digest, *session) bool) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for d, s := range g.sessions {
		if ends(d, s) {
			delete(g.sessions, d)
			n++
		}
	}
	return n
}
