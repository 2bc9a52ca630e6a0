package api

import (
	"net/http"

	"github.com/ingotvm/ingot/internal/api/wire"
)

func (h handlers) updates(r *http.Request) (any, error) {
	return result(h.src.Updates(r.Context(), r.URL.Query().Get("language")))
}

func (h handlers) checkUpdates(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.CheckUpdates(r.Context(), CallerOf(r.Context()).by())
}

func (h handlers) downloadUpdate(r *http.Request, d wire.DownloadUpdate) (any, error) {
	return wire.Nothing{}, h.src.DownloadUpdate(r.Context(), CallerOf(r.Context()).by(), d.Version)
}

func (h handlers) installUpdate(r *http.Request, i wire.InstallUpdate) (any, error) {
	return wire.Nothing{}, h.src.InstallUpdate(r.Context(), CallerOf(r.Context()).by(), i)
}

func (h handlers) cancelUpdate(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.CancelUpdate(r.Context(), CallerOf(r.Context()).by())
}

func (h handlers) postponeUpdate(r *http.Request, p wire.PostponeUpdate) (any, error) {
	return wire.Nothing{}, h.src.PostponeUpdate(r.Context(), CallerOf(r.Context()).by(), p)
}

func (h handlers) backUpdate(r *http.Request, b wire.BackUpdate) (any, error) {
	return wire.Nothing{}, h.src.BackUpdate(r.Context(), CallerOf(r.Context()).by(), b)
}

func (h handlers) uploadBundle(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.UploadBundle(r.Context(), CallerOf(r.Context()).by(), r.Body, r.ContentLength)
}

func (h handlers) updateMedia(r *http.Request) (any, error) {
	return result(h.src.UpdateMedia(r.Context()))
}

func (h handlers) useMedium(r *http.Request, m wire.UseMedium) (any, error) {
	return wire.Nothing{}, h.src.UseMedium(r.Context(), CallerOf(r.Context()).by(), m.Name)
}
