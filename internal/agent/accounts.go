package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/passwords"
)

// presence is how long after it was switched on the console of a machine lets
// a password be reset without the old one. Who switches a virtual machine off
// and on, and then types at its console, holds the machine.
const presence = 10 * time.Minute

// Console is who commits what is done at the console without a log-in.
const Console = "console"

// Access is who may manage the appliance.
func (a *Agent) Access() setting.Access {
	revision, _ := a.engine.Current()
	return revision.Document.Access
}

// present says no to the console when nobody proved to hold the machine.
func (a *Agent) present(by config.By) error {
	if by.Who != Console {
		return nil
	}
	if up, err := a.machine.Uptime(); err != nil || up > presence {
		return invalid("account", "passwords can be reset at the console only in the first ten minutes after the machine was switched on",
			"switch the virtual machine off and on in the hypervisor, and try again")
	}
	return nil
}

// SetPassword gives an account a new password. The console may do so only
// soon after the machine was switched on, and makes an administrator of a
// name that is not known; it also switches the account's second factor off,
// or a lost telephone would lock the appliance for good, and ends its passkeys,
// which may be in other hands.
func (a *Agent) SetPassword(ctx context.Context, by config.By, p wire.NewPassword) error {
	atConsole := by.Who == Console
	if err := a.present(by); err != nil {
		return err
	}
	if err := passwords.Check(p.Password, p.Account, a.boot.Definition.Name, a.boot.Definition.Title); err != nil {
		return invalid("password", "the password "+err.Error(), "")
	}
	hash := passwords.Hash(p.Password)
	why := "password of " + p.Account
	if now := a.Access(); atConsole && now.Account(p.Account) != nil {
		if now.Account(p.Account).TOTP != "" {
			why += "; its second factor is off"
		}
		if len(now.Account(p.Account).Passkeys) > 0 {
			why += "; its passkeys ended"
		}
	}
	_, _, err := a.engine.Commit(ctx, config.Change{
		By: by, Why: why, Trusted: true,
		Edit: func(d *setting.Document) error {
			i := slices.IndexFunc(d.Access.Accounts, func(x setting.Account) bool { return x.Name == p.Account })
			switch {
			case i >= 0:
				d.Access.Accounts[i].Hash = hash
				if atConsole {
					d.Access.Accounts[i].TOTP, d.Access.Accounts[i].Recovery = "", ""
					d.Access.Accounts[i].Passkeys = nil
				}
			case atConsole:
				d.Access.Accounts = append(d.Access.Accounts, setting.Account{Name: p.Account, Role: setting.Admin, Hash: hash})
			default:
				return invalid("account", fmt.Sprintf("there is no account %q", p.Account), "")
			}
			return nil
		},
	})
	a.cache.drop()
	return err
}

// NewAccount lets another person log in.
func (a *Agent) NewAccount(ctx context.Context, by config.By, n wire.NewAccount) error {
	if err := passwords.Check(n.Password, n.Name, a.boot.Definition.Name, a.boot.Definition.Title); err != nil {
		return invalid("password", "the password "+err.Error(), "")
	}
	account := setting.Account{Name: n.Name, Role: setting.Role(n.Role), Hash: passwords.Hash(n.Password)}
	return a.editAccounts(ctx, by, "account "+n.Name, func(d *setting.Document) error {
		if d.Access.Account(n.Name) != nil {
			return invalid("name", fmt.Sprintf("there is an account %q already", n.Name), "choose another name")
		}
		d.Access.Accounts = append(d.Access.Accounts, account)
		return nil
	})
}

// SetRole says what an account may do.
func (a *Agent) SetRole(ctx context.Context, by config.By, name, role string) error {
	return a.editAccounts(ctx, by, "role of "+name, func(d *setting.Document) error {
		account := d.Access.Account(name)
		if account == nil {
			return noAccount(name)
		}
		account.Role = setting.Role(role)
		return nil
	})
}

// DeleteAccount keeps a person from logging in.
func (a *Agent) DeleteAccount(ctx context.Context, by config.By, name string) error {
	return a.editAccounts(ctx, by, "account "+name+" ended", func(d *setting.Document) error {
		n := len(d.Access.Accounts)
		d.Access.Accounts = slices.DeleteFunc(d.Access.Accounts, func(x setting.Account) bool { return x.Name == name })
		if len(d.Access.Accounts) == n {
			return noAccount(name)
		}
		return nil
	})
}

// SetFactor keeps the second factor of an account, or with the zero factor
// switches it off; the console may do that as it may reset passwords.
func (a *Agent) SetFactor(ctx context.Context, by config.By, name string, f access.Factor) error {
	if err := a.present(by); err != nil {
		return err
	}
	what := "on"
	if f.TOTP == "" {
		what = "off"
	} else if now := a.Access(); now.Account(name) != nil && now.Account(name).TOTP == f.TOTP {
		what = "new recovery codes"
	}
	return a.editAccounts(ctx, by, "second factor of "+name+": "+what, func(d *setting.Document) error {
		account := d.Access.Account(name)
		if account == nil {
			return noAccount(name)
		}
		account.TOTP, account.Recovery = f.TOTP, f.Recovery
		return nil
	})
}

// LoginRecord is the file where the gate keeps who logged in, and which codes
// were used. On a disk that is only to be read it goes on from a copy, so that
// no recovery code is good again.
func (a *Agent) LoginRecord() string {
	const folder = "access"
	dir := filepath.Join(stateDir(a.opts, a.init), folder)
	if a.init.DataReadOnly && !a.init.foreign() {
		if err := copyOnce(filepath.Join(a.opts.DataDir, folder), dir); err != nil {
			a.opts.Log("the record of log-ins is not taken from the damaged disk: %v", err)
		}
	}
	return filepath.Join(dir, "record.json")
}

func noAccount(name string) error {
	return invalid("name", fmt.Sprintf("there is no account %q", name), "")
}

// editAccounts needs no confirmation: whoever did it can still log in, and the
// settings see to it that an administrator is left.
func (a *Agent) editAccounts(ctx context.Context, by config.By, why string, edit func(*setting.Document) error) error {
	_, _, err := a.engine.Commit(ctx, config.Change{By: by, Why: why, Trusted: true, Edit: edit})
	a.cache.drop()
	return err
}

// NewToken makes a key for a program. It is told once; only its hash is kept.
func (a *Agent) NewToken(ctx context.Context, by config.By, t wire.NewToken) (wire.Token, error) {
	key, hash := access.NewTokenKey()
	token := setting.Token{Name: t.Name, Role: setting.Role(t.Role), Hash: hash, Scopes: t.Scopes}
	if t.Days < 0 {
		return wire.Token{}, invalid("days", "a token cannot end before it begins", "give a number of days, or 0 for no end")
	}
	if t.Days > 0 {
		token.Expires = time.Now().UTC().AddDate(0, 0, t.Days).Format(time.RFC3339)
	}
	_, _, err := a.engine.Commit(ctx, config.Change{
		By: by, Why: "token " + t.Name, Trusted: true,
		Edit: func(d *setting.Document) error { d.Access.Tokens = append(d.Access.Tokens, token); return nil },
	})
	if err != nil {
		return wire.Token{}, err
	}
	return wire.Token{Name: t.Name, Role: t.Role, Key: key, Expires: token.Expires, Scopes: t.Scopes}, nil
}

// DeleteToken makes a key worthless.
func (a *Agent) DeleteToken(ctx context.Context, by config.By, name string) error {
	_, _, err := a.engine.Commit(ctx, config.Change{
		By: by, Why: "token " + name + " ended", Trusted: true,
		Edit: func(d *setting.Document) error {
			n := len(d.Access.Tokens)
			d.Access.Tokens = slices.DeleteFunc(d.Access.Tokens, func(t setting.Token) bool { return t.Name == name })
			if len(d.Access.Tokens) == n {
				return invalid("name", fmt.Sprintf("there is no token %q", name), "")
			}
			return nil
		},
	})
	return err
}

func invalid(path, message, hint string) error {
	return &config.InvalidError{Problems: []setting.Problem{{Path: path, Message: message, Hint: hint}}}
}
