package console

import (
	"context"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Source is what the console asks: the agent, as its client speaks to it.
// Methods may be called from several goroutines; errors that the agent gave
// are *client.Error.
type Source interface {
	Status(ctx context.Context) (wire.Status, error)
	Setup(ctx context.Context) (wire.Setup, error)
	Answer(ctx context.Context, a wire.Answer) (wire.Setup, error)
	Config(ctx context.Context) (wire.Config, error)
	Change(ctx context.Context, base int, c wire.Change) (wire.Changed, error)
	Confirm(ctx context.Context) error
	Settings(ctx context.Context) ([]wire.Setting, error)
	Resources(ctx context.Context) ([]wire.Resource, error)
	Revisions(ctx context.Context) ([]wire.Revision, error)
	Diff(ctx context.Context, from, to int) (wire.Diff, error)
	Revert(ctx context.Context, base, to int, why string) (wire.Changed, error)
	Login(ctx context.Context, l wire.Login) (wire.Session, error)
	Logout(ctx context.Context) error
	SetPassword(ctx context.Context, p wire.NewPassword) error
	Power(ctx context.Context, action string) error
	Reset(ctx context.Context, confirm string) error
	Restart(ctx context.Context, service string) error
	Fix(ctx context.Context, notice string) error
	Log(ctx context.Context, service string, lines int) (wire.Log, error)

	// As is the same source, asked as the session of a token.
	As(token string) Source
}

// Previewer is implemented by sources that can say which properties would
// mean something with values that are not kept yet. Forms show all the
// properties of their part when the source cannot.
type Previewer interface {
	Preview(ctx context.Context, values map[string]string) ([]wire.Property, error)
}
