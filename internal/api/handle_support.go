package api

import (
	"net/http"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// castType is the media type of recordings (docs.asciinema.org).
const castType = "application/x-asciicast"

func (h handlers) support(r *http.Request) (any, error) { return result(h.src.Support(r.Context())) }

func (h handlers) openSupport(r *http.Request, n wire.NewSupport) (any, error) {
	return result(h.src.OpenSupport(r.Context(), CallerOf(r.Context()).by(), n))
}

func (h handlers) endSupport(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.EndSupport(r.Context(), CallerOf(r.Context()).by())
}

func (h handlers) supportRecording(r *http.Request) (any, error) {
	data, err := h.src.SupportRecording(r.Context(), r.PathValue("session"), r.PathValue("file"))
	return Raw{Type: castType, Data: data}, err
}
