package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Support is how support sessions are, and those that are kept.
func (c *Client) Support(ctx context.Context) (wire.Support, error) {
	return get[wire.Support](ctx, c, "/v1/support")
}

// OpenSupport opens a support session.
func (c *Client) OpenSupport(ctx context.Context, n wire.NewSupport) (wire.SupportSession, error) {
	return answer[wire.SupportSession](ctx, c, request{method: http.MethodPost, path: "/v1/support", body: n})
}

// EndSupport ends the support session that is open.
func (c *Client) EndSupport(ctx context.Context) error { return c.remove(ctx, "/v1/support") }

// SupportRecording is one file of a session's recordings.
func (c *Client) SupportRecording(ctx context.Context, session, file string) ([]byte, error) {
	return c.ask(ctx, request{method: http.MethodGet, path: "/v1/support/" + url.PathEscape(session) + "/" + url.PathEscape(file)})
}
