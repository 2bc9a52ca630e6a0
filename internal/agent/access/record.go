package access

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
)

// Result is what came of a log-in.
type Result string

// The results.
const (
	WithPassword  Result = "password"
	WithCode      Result = "code"
	WithRecovery  Result = "recovery"
	WithPasskey   Result = "passkey"
	WithDirectory Result = "directory"
	WithProvider  Result = "provider"
	WrongPassword Result = "wrong-password"
	WrongCode     Result = "wrong-code"
	WrongPasskey  Result = "wrong-passkey"
	WrongGroup    Result = "wrong-group"
)

// Failed says that nobody was let in.
func (r Result) Failed() bool {
	return r == WrongPassword || r == WrongCode || r == WrongPasskey || r == WrongGroup
}

// LoginEvent is a log-in, or several of the same kind that failed.
type LoginEvent struct {
	// Time is that of the last one.
	Time time.Time `json:"time"`
	// Account is "" where there is none of the name that was given: people
	// type passwords there.
	Account string `json:"account,omitempty"`
	From    string `json:"from"`
	Agent   string `json:"agent,omitempty"`
	Result  Result `json:"result"`
	// Count is how many there were.
	Count int `json:"count"`
}

// TokenUse is when a token was used last, and where.
type TokenUse struct {
	Time time.Time `json:"time"`
	From string    `json:"from"`
}

// record is what must outlive the agent and has no place in the document: it
// changes with each log-in, and must not come back with an older revision.
type record struct {
	Format int `json:"format"`
	// Steps are the last steps whose codes were used, by account.
	Steps map[string]int64 `json:"steps"`
	// Spent are hashes of recovery codes that were used, the oldest first.
	Spent []string `json:"spent"`
	// Logins are the oldest first, as many as [maxEvents] of either kind.
	Logins []LoginEvent `json:"logins"`
	// Tokens are by the hashes of their keys.
	Tokens map[string]TokenUse `json:"tokens"`
	// Passkeys are by their identifiers.
	Passkeys map[string]PasskeyUse `json:"passkeys,omitempty"`
}

const (
	recordFormat = 1
	// maxEvents bounds the log-ins that are remembered, and as many failures.
	maxEvents = 100
	// maxSpent is enough for all codes of all accounts.
	maxSpent = 1000
	// saveEvery is how long what may be lost waits for the disk.
	saveEvery = 5 * time.Minute
	// sameWithin is how far apart failures are that count as one event.
	sameWithin = time.Hour
	// maxLine bounds what others call themselves, in bytes.
	maxLine = 200
)

func newRecord() record {
	return record{Format: recordFormat, Steps: map[string]int64{}, Tokens: map[string]TokenUse{}, Passkeys: map[string]PasskeyUse{}}
}

// readRecord reads the file. Without it a used code could be used again until
// its half minute is over, and used recovery codes are good again, for who has
// the password too: no reason to let nobody in.
func (g *Gate) readRecord() record {
	if g.opts.File == "" {
		return newRecord()
	}
	data, err := os.ReadFile(g.opts.File)
	if errors.Is(err, os.ErrNotExist) {
		return newRecord()
	}
	r := newRecord()
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || r.Format != recordFormat || r.Steps == nil || r.Tokens == nil || r.Passkeys == nil {
		g.opts.Log("the record of log-ins begins anew: %s cannot be read: %v", g.opts.File, err)
		return newRecord()
	}
	return r
}

// save writes the record. g.mu is held.
func (g *Gate) save() {
	g.unsaved = false
	if g.opts.File == "" {
		return
	}
	data, err := json.Marshal(g.record)
	if err == nil {
		if err = os.MkdirAll(filepath.Dir(g.opts.File), 0o700); err == nil {
			err = host.WriteFile(g.opts.File, data, 0o600)
		}
	}
	if err != nil {
		g.unsaved = true // tried again with the next one
		g.opts.Log("%v", err)
	}
}

// Run writes now and then what nobody waits for, and once more at the end.
func (g *Gate) Run(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		g.mu.Lock()
		if g.unsaved {
			g.forget()
			g.save()
		}
		g.mu.Unlock()
	}
}

// forget drops what is kept of accounts and tokens that are gone. g.mu is held.
func (g *Gate) forget() {
	now := g.current()
	for name := range g.record.Steps {
		if now.Account(name) == nil {
			delete(g.record.Steps, name)
		}
	}
	for hash := range g.record.Tokens {
		if !slices.ContainsFunc(now.Tokens, func(t setting.Token) bool { return t.Hash == hash }) {
			delete(g.record.Tokens, hash)
		}
	}
	for id := range g.record.Passkeys {
		if _, key := now.Passkey(id); key == nil {
			delete(g.record.Passkeys, id)
		}
	}
}

func (r *record) spend(hash string) {
	r.Spent = append(r.Spent, hash)
	r.Spent = r.Spent[max(0, len(r.Spent)-maxSpent):]
}

func (g *Gate) noteToken(hash, from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.record.Tokens[hash] = TokenUse{g.opts.Now().UTC().Truncate(time.Second), from}
	g.unsaved = true
}

// TokenUse is when the token with a hash was used last; the zero time is never.
func (g *Gate) TokenUse(hash string) TokenUse {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.record.Tokens[hash]
}

// noteFailure remembers a log-in that failed, of an account if there is one of
// that name.
func (g *Gate) noteFailure(t Try, account string, err error) {
	e := LoginEvent{Account: account, From: t.from(), Agent: line(t.Agent), Result: WrongPassword}
	var code *CodeError
	if errors.As(err, &code) {
		e.Result = WrongCode
	}
	guessed := errors.Is(err, ErrDenied) || code != nil && code.Wrong
	switch {
	case errors.Is(err, ErrPasskey), errors.Is(err, ErrCopied):
		e.Result = WrongPasskey
	case errors.Is(err, ErrNoRole):
		e.Result = WrongGroup
	case errors.Is(err, ErrElsewhere) && account != "": // of an account here, so its password was wrong
	case !guessed:
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note(e)
}

// note adds an event to the record. g.mu is held.
func (g *Gate) note(e LoginEvent) {
	e.Time, e.Count = g.opts.Now().UTC().Truncate(time.Second), 1
	list := g.record.Logins
	if i := slices.IndexFunc(list, func(o LoginEvent) bool {
		return e.Result.Failed() && o.Result == e.Result && o.Account == e.Account && o.From == e.From && e.Time.Sub(o.Time) < sameWithin
	}); i >= 0 {
		e.Count += list[i].Count
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, e)
	kind := func(o LoginEvent) bool { return o.Result.Failed() == e.Result.Failed() }
	n := 0
	for _, o := range list {
		if kind(o) {
			n++
		}
	}
	if n > maxEvents {
		i := slices.IndexFunc(list, kind)
		list = slices.Delete(list, i, i+1)
	}
	g.record.Logins, g.unsaved = list, true
}

// before is an account's last log-in, and how often one failed since. g.mu is
// held.
func (g *Gate) before(account string) (last *LoginEvent, failures int) {
	for _, e := range slices.Backward(g.record.Logins) {
		switch {
		case e.Account != account:
		case e.Result.Failed():
			failures += e.Count
		default:
			return &e, failures
		}
	}
	return nil, failures
}

// Logins are those that are remembered, the newest first.
func (g *Gate) Logins() []LoginEvent {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := slices.Clone(g.record.Logins)
	slices.Reverse(list)
	return list
}

// from is where a try comes from, in words.
func (t Try) from() string {
	if t.From != "" {
		return t.From
	}
	return t.Address
}

// line is what others call themselves, as one line of bounded length.
func line(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, text)
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "")
	}
	return text
}
