package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// ErrDenied says that account and password do not belong together, and not
// which of them is wrong.
var ErrDenied = errors.New("the account or the password is wrong")

// ErrExpired says that a key opens nothing: no more, or never did.
var ErrExpired = errors.New("the session or token is not valid, or no more")

// ErrCode says that the one-time code of the first boot is wrong.
var ErrCode = errors.New("the one-time code is wrong")

// Options replace what the gate takes from outside; the zero value is right
// on the appliance.
type Options struct {
	// Now is the time; default time.Now.
	Now func() time.Time
	// Rand makes keys; default crypto/rand.
	Rand io.Reader
	// Verify compares a password with a hash; default passwords.Verify.
	Verify func(hash, password string) bool
	// Log takes one line per log-in and per attempt that failed; default drops
	// them. What a stranger can make it write is bounded by the throttle.
	Log func(format string, args ...any)
	// File keeps what must outlive the agent: which codes were used, who
	// logged in, when tokens were used last. "" keeps it in memory alone.
	File string
	// Directory is asked for who has no account here; nil asks none.
	Directory Directory
}

// Gate lets people and programs in. Its methods may be called from any
// goroutine.
type Gate struct {
	opts    Options
	current func() setting.Access
	// turn holds a token while a password is compared: one at a time, for
	// each takes some megabytes.
	turn chan struct{}
	// asking holds a token for each who asks the directory.
	asking chan struct{}

	mu       sync.Mutex
	sessions map[digest]*session
	throttle throttle
	halves   map[digest]half
	// offers are second factors that are being set up, by account.
	offers map[string]offer
	asked  challenges
	record record
	// unsaved says that the record is newer than its file.
	unsaved bool
}

// New makes a gate for the accounts and tokens that current returns; it is
// asked anew each time.
func New(current func() setting.Access, opts Options) *Gate {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if opts.Verify == nil {
		opts.Verify = passwords.Verify
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	g := &Gate{
		opts: opts, current: current, turn: make(chan struct{}, 1), asking: make(chan struct{}, maxAsking),
		sessions: map[digest]*session{}, throttle: throttle{tallies: map[digest]*tally{}},
		halves: map[digest]half{}, offers: map[string]offer{},
	}
	g.record = g.readRecord()
	return g
}

// Identity is who a key stands for.
type Identity struct {
	// Who is an account's name, "token:NAME", or that of a [Person].
	Who string
	// Account is that of the appliance; "" for others.
	Account string
	Role    setting.Role
	// Scopes are what of the role the key is limited to; none is everything.
	Scopes []string
	// Expires is when the key ends if it is not used; zero is never.
	Expires time.Time
	// Started is when the session was opened; zero for a token.
	Started time.Time
	// Before is the account's log-in before this one, nil when none is known;
	// Failures are the attempts that failed between the two.
	Before   *LoginEvent
	Failures int
}

// digest is the SHA-256 of a key, or of what an attempt is counted by.
type digest [sha256.Size]byte

// The beginnings of keys: they tell people, and programs that look for leaked
// secrets, what they are.
const (
	sessionPrefix = "ingots_"
	tokenPrefix   = "ingott_"
	halfPrefix    = "ingoth_"
)

// newKey makes a key of 256 random bits.
func newKey(random io.Reader, prefix string) (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", err
	}
	return prefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

// NewTokenKey makes the key of an API token and the hash that the document
// keeps of it.
func NewTokenKey() (key, hash string) {
	key, err := newKey(rand.Reader, tokenPrefix)
	if err != nil {
		panic("access: " + err.Error()) // never: crypto/rand ends the program instead
	}
	return key, HashTokenKey(key)
}

// HashTokenKey is the hash that the document keeps of a token's key.
func HashTokenKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// nobody is a hash that no password has, of the same cost as those of
// [passwords.Hash]: comparing with it takes the time that an account
// would.
const nobody = "$argon2id$v=19$m=12288,t=3,p=1$bm8gc3VjaCBhY2NvdW50IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Try is one try at a log-in: a password, with the code of a second factor
// where the account has one; or such a code alone, for a log-in that was begun.
type Try struct {
	// Address is where it is counted, From how people call that place; ""
	// is the address. Agent is the browser or program, as it calls itself.
	Address, From, Agent string
	Account, Password    string
	// Code is of the second factor, or a recovery code.
	Code string
	// Continue is that of a *[CodeError]; account and password are not looked
	// at then.
	Continue string
	// Passkey is instead of all of them.
	Passkey *PasskeyAnswer
}

// Login opens a session, for an account or else for somebody of the directory.
// The error is [ErrDenied], a *[CodeError], a *[ThrottledError], [ErrExpired]
// of Try.Continue, [ErrNoRole], [ErrElsewhere], or that of ctx; with a passkey
// [ErrPasskey], [ErrCopied] or [ErrLate].
func (g *Gate) Login(ctx context.Context, t Try) (key string, id Identity, err error) {
	prove := g.begin
	if t.Continue != "" {
		prove = g.finish
	}
	if t.Passkey != nil {
		prove = g.withPasskey
	}
	a, how, err := prove(ctx, t)
	if err != nil {
		g.noteFailure(t, a.Name, err)
		return "", Identity{}, err
	}
	return g.enter(t, a, how)
}

// begin is a log-in from its begin. The account is who it is for, as far as
// that is known, when it failed.
func (g *Gate) begin(ctx context.Context, t Try) (_ subject, how Result, err error) {
	// In a directory names are the same however they are written.
	settle, err := g.attempt(newAttempt(t.Address, strings.ToLower(t.Account)))
	if err != nil {
		return subject{}, "", err
	}
	a, ok, err := g.verify(ctx, t.Account, t.Password)
	s := subject{Account: a}
	switch {
	case err != nil:
		settle(wrong)
		return s, "", err
	case !ok:
		return g.elsewhere(ctx, t, a, settle)
	case a.TOTP == "":
		settle(right)
		return s, WithPassword, nil
	}
	how, err = g.second(t.Address, a, t.Code)
	if err != nil {
		settle(void)
		return s, "", g.halfway(a, err)
	}
	settle(right)
	return s, how, nil
}

func (g *Gate) refused(address string, err error) error {
	if err != nil {
		return err
	}
	g.opts.Log("log-in from %s failed", address) // not the account's name: people type passwords there
	return ErrDenied
}

// Check says whether somebody who is logged in knows the account's password.
// The error is [ErrDenied], a *[ThrottledError], or that of ctx; guesses count
// as those of [Gate.Login] do.
func (g *Gate) Check(ctx context.Context, address, account, password string) error {
	settle, err := g.attempt(newAttempt(address, account))
	if err != nil {
		return err
	}
	a, ok, err := g.verify(ctx, account, password)
	switch {
	case err != nil || !ok:
		settle(wrong)
		return g.refused(address, err)
	case a.TOTP != "":
		settle(void) // half of a log-in makes no address a known one
	default:
		settle(right)
	}
	return nil
}

// verify compares a password with the one of an account, one at a time.
func (g *Gate) verify(ctx context.Context, account, password string) (a setting.Account, ok bool, err error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return a, false, ctx.Err()
	}
	a, known := g.account(account)
	hash := a.Hash
	if !known || hash == "" {
		hash = nobody
	}
	right := g.opts.Verify(hash, password)
	return a, right && known && hash != nobody, nil
}

func (g *Gate) account(name string) (setting.Account, bool) {
	for _, a := range g.current().Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return setting.Account{}, false
}

// Attempt begins one try at another secret, that name stands for. It counts as
// a failure until settle says that it was right; settle must be called once.
// The error is a *[ThrottledError].
func (g *Gate) Attempt(address, name string) (settle func(right bool), err error) {
	end, err := g.attempt(newAttempt(address, name))
	if err != nil {
		return nil, err
	}
	return func(ok bool) {
		if ok {
			end(right)
		} else {
			end(wrong)
		}
	}, nil
}

func (g *Gate) attempt(a attempt) (settle func(outcome), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if after := g.throttle.begin(a, g.opts.Now()); after > 0 {
		return nil, &ThrottledError{After: after}
	}
	var once sync.Once
	return func(o outcome) {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.throttle.end(a, o, g.opts.Now())
		})
	}, nil
}

// Identify says who a session's key or an API token's stands for, and keeps
// the session alive; from is where it comes from, in words. The error is
// [ErrExpired].
func (g *Gate) Identify(key, from string) (Identity, error) {
	id, err := g.Recognize(key, from)
	if err == nil && strings.HasPrefix(key, sessionPrefix) {
		id.Expires = g.prolong(key)
	}
	return id, err
}

// Recognize is [Gate.Identify] for requests that nobody made, such as those of
// a page that is left open: the session's silence goes on.
func (g *Gate) Recognize(key, from string) (Identity, error) {
	sum := sha256.Sum256([]byte(key))
	if strings.HasPrefix(key, sessionPrefix) {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.find(sum)
	}
	text := []byte(hex.EncodeToString(sum[:]))
	for _, t := range g.current().Tokens {
		// Every token is compared in the same time; which one it is, is no secret.
		if subtle.ConstantTimeCompare(text, []byte(strings.ToLower(t.Hash))) != 1 {
			continue
		}
		id := Identity{Who: "token:" + t.Name, Role: t.Role, Scopes: t.Scopes}
		if t.Expires != "" {
			end, err := time.Parse(time.RFC3339, t.Expires)
			if err != nil || !g.opts.Now().Before(end) {
				return Identity{}, ErrExpired
			}
			id.Expires = end
		}
		g.noteToken(t.Hash, from)
		return id, nil
	}
	return Identity{}, ErrExpired
}
