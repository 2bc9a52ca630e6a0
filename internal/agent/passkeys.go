package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// AddPasskey lets an account log in with one more passkey.
func (a *Agent) AddPasskey(ctx context.Context, by config.By, name string, p setting.Passkey) error {
	return a.editAccounts(ctx, by, fmt.Sprintf("passkey of %s added: %s", name, p.Name), func(d *setting.Document) error {
		account := d.Access.Account(name)
		switch _, other := d.Access.Passkey(p.ID); {
		case account == nil:
			return noAccount(name)
		case other != nil:
			return invalid("credential", "there is this passkey already", "")
		}
		account.Passkeys = append(account.Passkeys, p)
		return nil
	})
}

// RenamePasskey calls a passkey of an account otherwise.
func (a *Agent) RenamePasskey(ctx context.Context, by config.By, name, id, to string) error {
	return a.editAccounts(ctx, by, fmt.Sprintf("passkey of %s renamed: %s", name, to), func(d *setting.Document) error {
		owner, p := d.Access.Passkey(id)
		if p == nil || owner.Name != name {
			return noPasskey()
		}
		p.Name = to
		return nil
	})
}

// DeletePasskey ends a passkey of an account, and the sessions that it opened;
// with "" all of the account.
func (a *Agent) DeletePasskey(ctx context.Context, by config.By, name, id string) error {
	why := "passkeys of " + name + " ended"
	now := a.Access()
	if owner, p := now.Passkey(id); p != nil && owner.Name == name {
		why = fmt.Sprintf("passkey of %s ended: %s", name, p.Name)
	}
	return a.editAccounts(ctx, by, why, func(d *setting.Document) error {
		account := d.Access.Account(name)
		if account == nil {
			return noAccount(name)
		}
		n := len(account.Passkeys)
		account.Passkeys = slices.DeleteFunc(account.Passkeys, func(p setting.Passkey) bool { return id == "" || p.ID == id })
		if len(account.Passkeys) == n {
			return noPasskey()
		}
		return nil
	})
}

func noPasskey() error { return invalid("id", "there is no such passkey", "it may have been deleted") }
