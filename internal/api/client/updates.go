package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// Updates is what runs and what there is, with notes in a language.
func (c *Client) Updates(ctx context.Context, language string) (wire.Updates, error) {
	return get[wire.Updates](ctx, c, "/v1/updates?"+url.Values{"language": {language}}.Encode())
}

// CheckUpdates asks the repository what there is.
func (c *Client) CheckUpdates(ctx context.Context) error { return c.do(ctx, "/v1/updates/check", nil) }

// DownloadUpdate begins to download a version.
func (c *Client) DownloadUpdate(ctx context.Context, version string) error {
	return c.do(ctx, "/v1/updates/download", wire.DownloadUpdate{Version: version})
}

// InstallUpdate begins to install a version.
func (c *Client) InstallUpdate(ctx context.Context, want wire.InstallUpdate) error {
	return c.do(ctx, "/v1/updates/install", want)
}

// CancelUpdate ends what is being done.
func (c *Client) CancelUpdate(ctx context.Context) error {
	return c.do(ctx, "/v1/updates/cancel", nil)
}

// PostponeUpdate lets nothing be installed by itself for some days.
func (c *Client) PostponeUpdate(ctx context.Context, days int) error {
	return c.do(ctx, "/v1/updates/postpone", wire.PostponeUpdate{Days: days})
}

// BackUpdate goes back to a version on the disk.
func (c *Client) BackUpdate(ctx context.Context, want wire.BackUpdate) error {
	return c.do(ctx, "/v1/updates/back", want)
}

// UploadBundle hands in a bundle of size bytes.
func (c *Client) UploadBundle(ctx context.Context, bundle io.Reader, size int64) error {
	_, err := c.ask(ctx, request{method: http.MethodPut, path: "/v1/updates/bundle", stream: bundle, size: size})
	return err
}

// UpdateMedia are the attached disks and CDs with updates.
func (c *Client) UpdateMedia(ctx context.Context) ([]wire.UpdateMedium, error) {
	return get[[]wire.UpdateMedium](ctx, c, "/v1/updates/media")
}

// UseMedium takes the updates of an attached medium.
func (c *Client) UseMedium(ctx context.Context, name string) error {
	return c.do(ctx, "/v1/updates/media", wire.UseMedium{Name: name})
}
