package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passkeys"
)

// ErrPasskey says that no account has the passkey, or that the answer is not
// its own; not which of the two.
var ErrPasskey = errors.New("the passkey is not known here, or its answer is not right")

// ErrCopied says that a passkey's counter went back, as that of a copy does.
var ErrCopied = errors.New("the passkey has counted back: somebody may have copied it")

// ErrLate says that a challenge was not given, too long ago, or used.
var ErrLate = errors.New("the passkey was not asked for, or its answer took too long")

const (
	// passkeyWithin is how long a device has to answer.
	passkeyWithin = 5 * time.Minute
	// maxAnswered bounds the challenges that are remembered as answered. Only
	// right answers are, so strangers cannot fill it.
	maxAnswered = 1024
	// byPasskey is what failures are counted under; no account is called so.
	byPasskey = "a passkey"
)

// PasskeyAnswer is what a browser answers to a challenge.
type PasskeyAnswer struct {
	// Origin is where the browser must be; Challenge is from
	// [Gate.AskPasskey], and came back with the browser's cookie or the like.
	Origin, Challenge string
	// Credential is the browser's, as JSON.
	Credential []byte
}

// PasskeyUse is when a passkey was used last, and where.
type PasskeyUse struct {
	Time time.Time `json:"time"`
	From string    `json:"from"`
	// Count is how far it has counted; 0 is one that does not count.
	Count uint32 `json:"count,omitempty"`
}

// challenges are given without being remembered, so that nobody can use up the
// room of others: each carries its end, and a digest that only this gate can
// make. Its owner locks it.
type challenges struct {
	key []byte
	// answered are those that are over, and when they would have ended.
	answered map[digest]time.Time
}

// The parts of a challenge, in bytes: random, when it ends, the digest.
const (
	challengeRandom = 16
	challengeEnd    = 8
	challengeSize   = challengeRandom + challengeEnd + sha256.Size
)

// seal is the digest over a challenge's begin and what it is for.
func (c *challenges) seal(begin []byte, account, origin string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write(begin)
	mac.Write([]byte(account + "\x00" + origin)) // neither has a zero in it
	return mac.Sum(nil)
}

// AskPasskey makes a challenge: for adding a passkey to an account or, with "",
// for a log-in. The browser must be at the origin. The error says what is
// wrong with the origin.
func (g *Gate) AskPasskey(account, origin string) (challenge string, err error) {
	if _, err := passkeys.Name(origin); err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked.key == nil {
		key := make([]byte, sha256.Size)
		if _, err := io.ReadFull(g.opts.Rand, key); err != nil {
			return "", err
		}
		g.asked.key, g.asked.answered = key, map[digest]time.Time{}
	}
	begin := make([]byte, challengeRandom, challengeSize)
	if _, err := io.ReadFull(g.opts.Rand, begin); err != nil {
		return "", err
	}
	begin = binary.BigEndian.AppendUint64(begin, uint64(g.opts.Now().Add(passkeyWithin).Unix()))
	return passkeys.Encode(append(begin, g.asked.seal(begin, account, origin)...)), nil
}

// pending says whether a challenge was given, and not too long ago; whether it
// is answered already, [Gate.answer] says.
func (g *Gate) pending(account string, a PasskeyAnswer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	raw, err := passkeys.Decode(a.Challenge)
	if err != nil || len(raw) != challengeSize || g.asked.key == nil {
		return false
	}
	begin, seal := raw[:challengeRandom+challengeEnd], raw[challengeRandom+challengeEnd:]
	if subtle.ConstantTimeCompare(seal, g.asked.seal(begin, account, a.Origin)) != 1 {
		return false
	}
	left := time.Unix(int64(binary.BigEndian.Uint64(begin[challengeRandom:])), 0).Sub(g.opts.Now())
	return left > 0 && left <= passkeyWithin // longer when the clock was set back
}

// answer uses a challenge up that [Gate.pending] has seen; false when somebody
// else was faster. g.mu is held.
func (g *Gate) answer(challenge string) bool {
	now := g.opts.Now()
	for sum, end := range g.asked.answered {
		if !now.Before(end) {
			delete(g.asked.answered, sum)
		}
	}
	raw, _ := passkeys.Decode(challenge)
	sum := digest(sha256.Sum256(raw))
	if _, over := g.asked.answered[sum]; over || len(g.asked.answered) >= maxAnswered {
		return false
	}
	g.asked.answered[sum] = now.Add(passkeyWithin)
	return true
}

// NewPasskey is a passkey that a browser has made for an account, to be kept
// in the document. The error is [ErrLate], or says what is wrong with the
// answer.
func (g *Gate) NewPasskey(account, name string, a PasskeyAnswer) (setting.Passkey, error) {
	if !g.pending(account, a) {
		return setting.Passkey{}, ErrLate
	}
	host, err := passkeys.Name(a.Origin)
	if err != nil {
		return setting.Passkey{}, err
	}
	answer, err := passkeys.Parse(a.Credential)
	if err != nil {
		return setting.Passkey{}, err
	}
	created, err := answer.Create(passkeys.Expected{Origin: a.Origin, Challenge: a.Challenge})
	if err != nil {
		return setting.Passkey{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.answer(a.Challenge) {
		return setting.Passkey{}, ErrLate
	}
	now := g.opts.Now().UTC().Format(time.RFC3339)
	return setting.Passkey{ID: created.ID, Name: strings.TrimSpace(name), Host: host, Key: created.Key, Created: now}, nil
}

// withPasskey is a log-in with a passkey alone: its device has verified who
// uses it, so that it is two factors by itself.
func (g *Gate) withPasskey(_ context.Context, t Try) (s subject, how Result, err error) {
	if !g.pending("", *t.Passkey) {
		return s, "", ErrLate
	}
	settle, err := g.attempt(newAttempt(t.Address, byPasskey))
	if err != nil {
		return s, "", err
	}
	s.Account, err = g.recognise(t)
	if err != nil {
		settle(wrong)
		return s, "", err
	}
	settle(right)
	return s, WithPasskey, nil
}

// recognise finds out whose passkey has answered, and notes that it did.
func (g *Gate) recognise(t Try) (setting.Account, error) {
	answer, err := passkeys.Parse(t.Passkey.Credential)
	if err != nil {
		g.opts.Log("log-in with a passkey from %s failed: %v", t.Address, err)
		return setting.Account{}, ErrPasskey
	}
	now := g.current()
	account, key := now.Passkey(answer.ID)
	if key == nil {
		g.opts.Log("log-in with a passkey from %s failed: no account has it", t.Address)
		return setting.Account{}, ErrPasskey
	}
	count, err := answer.Verify(key.Key, passkeys.Expected{Origin: t.Passkey.Origin, Challenge: t.Passkey.Challenge})
	if host, bad := passkeys.Name(t.Passkey.Origin); err == nil && (bad != nil || host != key.Host) {
		err = errors.New("it belongs to another name")
	}
	if err != nil {
		g.opts.Log("log-in with passkey %q of %s from %s failed: %v", key.Name, account.Name, t.Address, err)
		return *account, ErrPasskey
	}
	return *account, g.notePasskey(t, *key, count)
}

// notePasskey uses the challenge up and compares the counter. Both are written
// to the disk before anybody is let in.
func (g *Gate) notePasskey(t Try, key setting.Passkey, count uint32) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.answer(t.Passkey.Challenge) {
		return ErrLate
	}
	last := g.record.Passkeys[key.ID].Count
	if (count != 0 || last != 0) && count <= last {
		g.opts.Log("passkey %q has counted from %d to %d, at %s: somebody may have copied it", key.Name, last, count, t.Address)
		return ErrCopied
	}
	g.record.Passkeys[key.ID] = PasskeyUse{Time: g.opts.Now().UTC().Truncate(time.Second), From: t.from(), Count: count}
	g.save()
	return nil
}

// PasskeyUse is when a passkey was used last; the zero time is never.
func (g *Gate) PasskeyUse(id string) PasskeyUse {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.record.Passkeys[id]
}

// passkeyOf is the passkey that a log-in was made with, or "".
func (t Try) passkeyOf() string {
	if t.Passkey == nil {
		return ""
	}
	answer, _ := passkeys.Parse(t.Passkey.Credential)
	return answer.ID
}

// hasPasskey says whether an account still has a passkey; each has "".
func hasPasskey(a setting.Account, id string) bool {
	return id == "" || slices.ContainsFunc(a.Passkeys, func(p setting.Passkey) bool { return p.ID == id })
}
