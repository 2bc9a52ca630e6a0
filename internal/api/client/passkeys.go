package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Passkeys are the own ones.
func (c *Client) Passkeys(ctx context.Context) ([]wire.Passkey, error) {
	return get[[]wire.Passkey](ctx, c, "/v1/passkeys")
}

// OfferPasskey begins to add one.
func (c *Client) OfferPasskey(ctx context.Context, o wire.OfferPasskey) (wire.PasskeyCreation, error) {
	return answer[wire.PasskeyCreation](ctx, c, request{method: http.MethodPost, path: "/v1/passkeys", body: o})
}

// NewPasskey adds the one that the browser made.
func (c *Client) NewPasskey(ctx context.Context, n wire.NewPasskey) (wire.Passkey, error) {
	return answer[wire.Passkey](ctx, c, request{method: http.MethodPut, path: "/v1/passkeys", body: n})
}

// RenamePasskey calls one of the own ones otherwise.
func (c *Client) RenamePasskey(ctx context.Context, id, name string) error {
	_, err := c.ask(ctx, request{method: http.MethodPut, path: "/v1/passkeys/" + url.PathEscape(id), body: wire.RenamePasskey{Name: name}})
	return err
}

// DeletePasskey deletes one of the own ones.
func (c *Client) DeletePasskey(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/passkeys/"+url.PathEscape(id))
}

// DeletePasskeys deletes all of another account.
func (c *Client) DeletePasskeys(ctx context.Context, account string) error {
	return c.remove(ctx, "/v1/accounts/"+url.PathEscape(account)+"/passkeys")
}

// PasskeySite is what is known of passkeys at an origin.
func (c *Client) PasskeySite(ctx context.Context, origin string) (wire.PasskeySite, error) {
	return get[wire.PasskeySite](ctx, c, "/v1/login/passkey?"+url.Values{"origin": {origin}}.Encode())
}

// AskPasskey begins a log-in with a passkey.
func (c *Client) AskPasskey(ctx context.Context, origin string) (wire.PasskeyRequest, error) {
	return answer[wire.PasskeyRequest](ctx, c, request{method: http.MethodPost, path: "/v1/login/passkey", body: wire.AskPasskey{Origin: origin}})
}

// AnswerPasskey opens a session; [Client.WithToken] sends its key.
func (c *Client) AnswerPasskey(ctx context.Context, a wire.AnswerPasskey) (wire.Session, error) {
	return answer[wire.Session](ctx, c, request{method: http.MethodPut, path: "/v1/login/passkey", body: a})
}
