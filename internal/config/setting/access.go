package setting

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// Role is what an account or token may do.
type Role string

// The roles; each may do what the next one may.
const (
	Admin    Role = "admin"    // everything
	Operator Role = "operator" // power, restarts, confirming; no settings
	Auditor  Role = "auditor"  // reading everything but secrets
)

// Access is who may manage the appliance.
type Access struct {
	// People who log in.
	Accounts []Account `json:"accounts,omitempty"`
	// Keys for programs.
	Tokens []Token `json:"tokens,omitempty"`
}

// Account is one person.
type Account struct {
	// A letter, then lower-case letters, digits, dots and dashes, at most 32;
	// not console, root, seed, setup or system.
	Name string `json:"name"`
	// admin, operator or auditor.
	Role Role `json:"role"`
	// The password's argon2id hash in PHC form. Without one nobody can log in
	// with the account.
	Hash string `json:"hash,omitempty"`
	// The secret of the second factor in base32, as authenticator apps take it
	// (RFC 6238); without one the password is enough.
	TOTP string `json:"totp,omitempty"`
	// HMAC-SHA-256 of each recovery code by that secret, in hex, with spaces
	// between.
	Recovery string `json:"recovery,omitempty"`
	// Keys that open a session by themselves, without the password.
	Passkeys []Passkey `json:"passkeys,omitempty"`
}

// Token is one key for a program.
type Token struct {
	// What it is for; unique.
	Name string `json:"name"`
	// admin, operator or auditor.
	Role Role `json:"role"`
	// SHA-256 of the key, in hex.
	Hash string `json:"hash"`
	// When it ends, RFC 3339 in UTC; "" is never.
	Expires string `json:"expires,omitempty"`
	// What of its role it may do: read, settings, power, access; none is
	// everything.
	Scopes []string `json:"scopes,omitempty"`
}

// Scopes are what a token can be limited to. A token without the last one
// cannot make itself another account.
func Scopes() []string { return []string{"read", "settings", "power", ScopeAccess} }

// ScopeAccess is that of accounts and tokens.
const ScopeAccess = "access"

// defaultAdministrator is the name of the first account when nobody says another.
const defaultAdministrator = "admin"

const (
	maxAccounts  = 100
	maxTokenName = 64 // characters
	minTOTP      = 16 // bytes, as RFC 4226 demands
	maxTOTP      = 64 // bytes, above which HMAC hashes its key
	maxRecovery  = 20
)

// Account is the account of that name, or nil.
func (a *Access) Account(name string) *Account {
	for i := range a.Accounts {
		if a.Accounts[i].Name == name {
			return &a.Accounts[i]
		}
	}
	return nil
}

// administrator is the first account that may do everything, or nil.
func (a *Access) administrator() *Account {
	for i := range a.Accounts {
		if a.Accounts[i].Role == Admin {
			return &a.Accounts[i]
		}
	}
	return nil
}

// needAdministrator is the first administrator's account, made when there is
// none. Its name may be that of an account with less rights, which it then becomes.
func (a *Access) needAdministrator() *Account {
	if account := a.administrator(); account != nil {
		return account
	}
	if account := a.Account(defaultAdministrator); account != nil {
		account.Role = Admin
		return account
	}
	a.Accounts = append(a.Accounts, Account{Name: defaultAdministrator, Role: Admin})
	return &a.Accounts[len(a.Accounts)-1]
}

type access struct{}

func (access) Key() string { return "access" }

// Default has no account: there is no default password. The first one is made
// by the wizard or a seed.
func (access) Default(env Env, d *Document) {}

func (access) Properties(env Env) []Property {
	return []Property{
		{
			Key: "access.administrator", Title: "Administrator", Group: "Access", Step: StepAdministrator, Type: String,
			Help:    "The name of the first administrator's account.",
			Default: defaultAdministrator, Example: "admin", Required: true,
			Get: func(d *Document) string {
				if account := d.Access.administrator(); account != nil {
					return account.Name
				}
				return defaultAdministrator
			},
			Set: setAdministrator,
		},
		{
			Key: "access.password", Title: "Password", Group: "Access", Step: StepAdministrator, Type: Secret, Required: true,
			Help: fmt.Sprintf("The administrator's password, at least %d characters of any kind; several words make a good one. "+
				"A seed may give its argon2id hash instead ($argon2id$...).", passwords.Minimum),
			Get: func(d *Document) string {
				if account := d.Access.administrator(); account != nil && account.Hash != "" {
					return Hidden
				}
				return ""
			},
			Set: setPassword,
		},
	}
}

// setAdministrator names the first administrator's account.
func setAdministrator(env Env, d *Document, text string) error {
	name := strings.TrimSpace(text)
	switch {
	case isReserved(name):
		return errors.New("is not a name for an account: the history calls somebody else so")
	case !isAccountName(name):
		return errors.New("is not a name for an account: " + accountNameHint)
	}
	current := d.Access.administrator()
	if current != nil && current.Name == name {
		return nil
	}
	if d.Access.Account(name) != nil {
		return errors.New("is the name of another account")
	}
	if current == nil {
		d.Access.Accounts = append(d.Access.Accounts, Account{Name: name, Role: Admin})
		return nil
	}
	current.Name = name
	return nil
}

// setPassword sets the first administrator's password.
func setPassword(env Env, d *Document, text string) error {
	if text == Hidden {
		if account := d.Access.administrator(); account != nil && account.Hash != "" {
			return nil
		}
		return errors.New("is missing")
	}
	if passwords.IsHash(text) {
		d.Access.needAdministrator().Hash = text
		return nil
	}
	name := defaultAdministrator
	if account := d.Access.administrator(); account != nil {
		name = account.Name
	}
	if err := passwords.Check(text, name, env.Definition().Name, env.Definition().Title); err != nil {
		return err
	}
	// The same password again is no change, so that asking twice for the same
	// state changes nothing.
	account := d.Access.needAdministrator()
	if !passwords.Verify(account.Hash, text) {
		account.Hash = passwords.Hash(text)
	}
	return nil
}

const accountNameHint = "a letter, then lower-case letters, digits, dots and dashes, at most 32"

// isReserved says that the history calls somebody else so: an account of that
// name could do something, and nobody could tell who it was.
func isReserved(name string) bool {
	return slices.Contains([]string{"console", "root", "seed", "setup", "system"}, name)
}

func isAccountName(s string) bool {
	if isReserved(s) {
		return false
	}
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '.' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func isRole(r Role) bool { return r == Admin || r == Operator || r == Auditor }

func (access) Validate(env Env, d *Document) []Problem {
	var found problems
	add := func(path, message, hint string) {
		found.add("access."+path, message, hint)
	}
	if len(d.Access.Accounts) > maxAccounts || len(d.Access.Tokens) > maxAccounts {
		add("accounts", fmt.Sprintf("there are more than %d accounts or tokens", maxAccounts), "")
		return found
	}
	seen, passkeys := map[string]bool{}, map[string]bool{}
	for i, a := range d.Access.Accounts {
		path := fmt.Sprintf("accounts[%d]", i)
		checkAccount(a, d.Setup.Complete, path, add)
		checkPasskeys(a, path, passkeys, add)
		if seen[a.Name] {
			add(path+".name", fmt.Sprintf("there are two accounts %q", a.Name), "")
		}
		seen[a.Name] = true
	}
	if d.Setup.Complete && d.Access.administrator() == nil {
		add("accounts", "nobody is an administrator", "keep one account with the role admin")
	}
	seen = map[string]bool{}
	for i, token := range d.Access.Tokens {
		path := fmt.Sprintf("tokens[%d]", i)
		checkToken(token, path, add)
		if seen[token.Name] {
			add(path+".name", fmt.Sprintf("there are two tokens %q", token.Name), "")
		}
		seen[token.Name] = true
	}
	return found
}

const roleHint = "it must be admin, operator or auditor"

func checkAccount(a Account, complete bool, path string, add func(path, message, hint string)) {
	if !isAccountName(a.Name) {
		hint := accountNameHint
		if isReserved(a.Name) {
			hint = "the history calls somebody else so"
		}
		add(path+".name", fmt.Sprintf("%q is not a name for an account", a.Name), hint)
	}
	if !isRole(a.Role) {
		add(path+".role", fmt.Sprintf("%q is not a role", a.Role), roleHint)
	}
	switch {
	case a.Hash == "" && complete:
		add(path+".hash", fmt.Sprintf("the account %q has no password", a.Name), "")
	case a.Hash != "" && !passwords.IsHash(a.Hash):
		add(path+".hash", "the password's hash cannot be read", "it must be argon2id in PHC form: $argon2id$v=19$m=...,t=...,p=1$...$...")
	}
	checkFactor(a, path, add)
}

func checkFactor(a Account, path string, add func(path, message, hint string)) {
	if a.TOTP != "" {
		key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.TOTP)
		if err != nil || len(key) < minTOTP || len(key) > maxTOTP {
			add(path+".totp", "the secret of the second factor cannot be read", fmt.Sprintf("it must be %d to %d bytes in base32, in capitals and without =", minTOTP, maxTOTP))
		}
	}
	codes := strings.Fields(a.Recovery)
	switch {
	case len(codes) > maxRecovery:
		add(path+".recovery", fmt.Sprintf("there are more than %d recovery codes", maxRecovery), "")
	case a.TOTP == "" && len(codes) > 0:
		add(path+".recovery", "there are recovery codes, and no second factor", "leave them out")
	case slices.ContainsFunc(codes, func(code string) bool { return !isSHA256(code) }):
		add(path+".recovery", "the recovery codes' hashes cannot be read", "they must be HMAC-SHA-256 in hex, with spaces between")
	}
}

// isSHA256 says whether a text is a SHA-256 in lower-case hex.
func isSHA256(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == 32 && strings.ToLower(text) == text
}

func checkToken(t Token, path string, add func(path, message, hint string)) {
	if t.Name == "" || utf8.RuneCountInString(t.Name) > maxTokenName || !isLine(t.Name) {
		add(path+".name", fmt.Sprintf("%q is not a name for a token", t.Name), fmt.Sprintf("one line of at most %d characters", maxTokenName))
	}
	if !isRole(t.Role) {
		add(path+".role", fmt.Sprintf("%q is not a role", t.Role), roleHint)
	}
	if !isSHA256(t.Hash) {
		add(path+".hash", "the key's hash cannot be read", "it must be SHA-256 in hex")
	}
	for i, scope := range t.Scopes {
		if !slices.Contains(Scopes(), scope) || slices.Contains(t.Scopes[:i], scope) {
			add(fmt.Sprintf("%s.scopes[%d]", path, i), fmt.Sprintf("%q is not a scope, or there twice", scope), "they are "+strings.Join(Scopes(), ", "))
		}
	}
	if at, err := time.Parse(time.RFC3339, t.Expires); t.Expires != "" && (err != nil || at.Location() != time.UTC) {
		add(path+".expires", fmt.Sprintf("%q is not a time", t.Expires), "RFC 3339 in UTC: 2026-01-31T12:00:00Z")
	}
}

// isLine says whether s can stand on one line of a screen.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// Guards says whether somebody who can log in today could no longer: an
// administrator is gone, has another password or second factor, or a role is
// another.
func (access) Guards(old, new *Document) bool {
	return slices.ContainsFunc(old.Access.Accounts, func(before Account) bool {
		after := new.Access.Account(before.Name)
		switch {
		case after == nil:
			return before.Role == Admin
		case after.Role != before.Role:
			return true
		}
		return before.Role == Admin && (after.Hash != before.Hash || after.TOTP != before.TOTP && after.TOTP != "")
	})
}

// Files are none: the agent reads accounts and tokens from the document.
func (access) Files(env Env, d *Document) ([]File, error) { return nil, nil }

func (access) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return nil
}

func (access) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (access) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
