package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// CodeError says that the password was right, and that the account has a
// second factor, whose code is missing or wrong.
type CodeError struct {
	// Wrong says that there was a code.
	Wrong bool
	// Continue is a key that stands for the password for [continueWithin], and
	// for nothing without a code; "" where no log-in was begun.
	Continue string
}

func (e *CodeError) Error() string {
	if e.Wrong {
		return "the code is wrong, or was used before"
	}
	return "the code of the second factor is needed as well"
}

// ErrNoOffer says that no second factor is being set up.
var ErrNoOffer = errors.New("the set-up of the second factor was not begun, or took too long")

const (
	// continueWithin is how long a right password waits for its code.
	continueWithin = 5 * time.Minute
	// offerWithin is how long there is to set up an authenticator app.
	offerWithin = 15 * time.Minute
	// maxHalves bounds the log-ins that wait for a code.
	maxHalves = 64
)

// half is a log-in whose password was right.
type half struct {
	account setting.Account
	started time.Time
}

// offer is a secret that becomes a second factor once a code of it is right.
type offer struct {
	secret  string
	started time.Time
}

// halfway gives a log-in whose password was right a key to go on with.
func (g *Gate) halfway(a setting.Account, err error) error {
	var code *CodeError
	if !errors.As(err, &code) {
		return err
	}
	key, failed := newKey(g.opts.Rand, halfPrefix)
	if failed != nil {
		return failed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.opts.Now()
	var oldest digest
	for d, h := range g.halves {
		if now.Sub(h.started) >= continueWithin {
			delete(g.halves, d)
		} else if old, ok := g.halves[oldest]; !ok || h.started.Before(old.started) {
			oldest = d
		}
	}
	if len(g.halves) >= maxHalves {
		delete(g.halves, oldest)
	}
	g.halves[sha256.Sum256([]byte(key))] = half{a, now}
	return &CodeError{Wrong: code.Wrong, Continue: key}
}

// finish goes on with a log-in whose password was right.
func (g *Gate) finish(_ context.Context, t Try) (_ subject, how Result, err error) {
	sum := digest(sha256.Sum256([]byte(t.Continue)))
	g.mu.Lock()
	h, ok := g.halves[sum]
	if ok && g.opts.Now().Sub(h.started) >= continueWithin {
		delete(g.halves, sum)
		ok = false
	}
	g.mu.Unlock()
	a, known := g.account(h.account.Name)
	if !ok || !known || !reflect.DeepEqual(a, h.account) {
		return subject{}, "", ErrExpired
	}
	how, err = g.second(t.Address, a, t.Code)
	var code *CodeError
	switch {
	case errors.As(err, &code):
		return subject{Account: a}, "", &CodeError{Wrong: code.Wrong, Continue: t.Continue}
	case err != nil:
		return subject{Account: a}, "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.halves, sum)
	g.throttle.welcome(newAttempt(t.Address, a.Name), g.opts.Now())
	return subject{Account: a}, how, nil
}

// second is one try at the code of an account's second factor. The error is a
// *[CodeError] or a *[ThrottledError].
func (g *Gate) second(address string, a setting.Account, code string) (Result, error) {
	if code = tidyCode(code); code == "" {
		return "", &CodeError{}
	}
	settle, err := g.attempt(newCodeAttempt(address, a.Name))
	if err != nil {
		return "", err
	}
	how, ok := g.take(a, code)
	if !ok {
		settle(wrong)
		g.opts.Log("log-in of %s from %s: the password was right, the code was not", a.Name, address)
		return "", &CodeError{Wrong: true}
	}
	settle(right)
	return how, nil
}

// take uses a code up.
func (g *Gate) take(a setting.Account, code string) (how Result, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if step, ok := matchTOTP(a.TOTP, code, g.opts.Now(), g.record.Steps[a.Name]); ok {
		g.record.Steps[a.Name] = step
		g.save()
		return WithCode, true
	}
	hash := []byte(hashRecovery(a.TOTP, code))
	for _, one := range strings.Fields(a.Recovery) {
		if subtle.ConstantTimeCompare(hash, []byte(one)) == 1 && !slices.Contains(g.record.Spent, one) {
			g.record.spend(one)
			g.save()
			g.opts.Log("a recovery code of %s was used", a.Name)
			return WithRecovery, true
		}
	}
	return "", false
}

// CheckCode says whether somebody who is logged in has the account's second
// factor; it uses the code up. The error is a *[CodeError] or a
// *[ThrottledError]; an account without a second factor has no code.
func (g *Gate) CheckCode(address, account, code string) error {
	a, ok := g.account(account)
	if !ok || a.TOTP == "" {
		return &CodeError{Wrong: true}
	}
	_, err := g.second(address, a, code)
	return err
}

// OfferFactor makes the secret of a second factor for an account. It counts
// for nothing before [Gate.AcceptFactor].
func (g *Gate) OfferFactor(account string) (secret string, err error) {
	raw := make([]byte, totpBytes)
	if _, err := io.ReadFull(g.opts.Rand, raw); err != nil {
		return "", err
	}
	secret = secretText.EncodeToString(raw)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.opts.Now()
	for name, o := range g.offers {
		if now.Sub(o.started) >= offerWithin {
			delete(g.offers, name)
		}
	}
	g.offers[account] = offer{secret, now}
	return secret, nil
}

// Factor is what the document keeps of a second factor, and the recovery codes
// that are told once.
type Factor struct {
	TOTP, Recovery string
	Codes          []string
}

// AcceptFactor makes a second factor of the secret that was offered when code
// is one of it, and uses the code up. The error is [ErrNoOffer] or a
// *[CodeError].
func (g *Gate) AcceptFactor(account, code string) (Factor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, ok := g.offers[account]
	if !ok || g.opts.Now().Sub(o.started) >= offerWithin {
		return Factor{}, ErrNoOffer
	}
	step, ok := matchTOTP(o.secret, tidyCode(code), g.opts.Now(), 0)
	if !ok {
		return Factor{}, &CodeError{Wrong: true}
	}
	g.record.Steps[account] = step
	g.save()
	return g.factor(o.secret)
}

// NewRecovery makes new recovery codes for an account's second factor.
func (g *Gate) NewRecovery(account string) (Factor, error) {
	a, ok := g.account(account)
	if !ok || a.TOTP == "" {
		return Factor{}, ErrNoOffer
	}
	return g.factor(a.TOTP)
}

func (g *Gate) factor(secret string) (Factor, error) {
	codes, hashes, err := newRecovery(g.opts.Rand, secret)
	return Factor{TOTP: secret, Recovery: hashes, Codes: codes}, err
}

// RecoveryLeft is how many recovery codes of an account are not used yet.
func (g *Gate) RecoveryLeft(a setting.Account) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, one := range strings.Fields(a.Recovery) {
		if !slices.Contains(g.record.Spent, one) {
			n++
		}
	}
	return n
}
