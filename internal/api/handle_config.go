package api

import (
	"net/http"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// The media types of what is not answered as plain JSON.
const (
	exportType = "text/plain; charset=utf-8"
	schemaType = "application/schema+json"
)

func (h handlers) config(r *http.Request) (any, error) {
	c, err := h.src.Config(r.Context())
	return tagged{c, c.Revision}, err
}

func (h handlers) replace(r *http.Request, c wire.Change) (any, error) {
	if c.Document == nil || c.Merge != nil || c.Values != nil {
		return nil, &Error{Status: http.StatusBadRequest, Message: "to replace the configuration takes a document, and nothing else",
			Hint: "PATCH /v1/config takes parts"}
	}
	return h.commit(r, c)
}

func (h handlers) change(r *http.Request, c wire.Change) (any, error) {
	if c.Document != nil || (c.Merge == nil) == (c.Values == nil) {
		return nil, &Error{Status: http.StatusBadRequest, Message: "a change takes either merge or values",
			Hint: "PUT /v1/config takes whole documents"}
	}
	return h.commit(r, c)
}

func (h handlers) commit(r *http.Request, c wire.Change) (any, error) {
	ctx := r.Context()
	changed, err := h.src.Change(ctx, CallerOf(ctx).by(), baseOf(ctx), c)
	return tagged{changed, changed.Revision}, err
}

func (h handlers) confirm(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.Confirm(r.Context(), CallerOf(r.Context()).by())
}

func (h handlers) export(r *http.Request) (any, error) {
	secrets := false
	switch r.URL.Query().Get("secrets") {
	case "", "no":
	case "yes":
		if err := (Administer{}).Allow(CallerOf(r.Context())); err != nil {
			return nil, err
		}
		if err := CallerOf(r.Context()).within(""); err != nil {
			return nil, err
		}
		secrets = true
	default:
		return nil, badQuery("secrets", "yes or no")
	}
	data, err := h.src.Export(r.Context(), secrets)
	return Raw{exportType, data}, err
}

func (h handlers) schema(*http.Request) (any, error) {
	data, err := h.src.Schema()
	return Raw{schemaType, data}, err
}

func (h handlers) preview(r *http.Request, p wire.Preview) (any, error) {
	return h.src.Preview(r.Context(), p.Values)
}

// noFacts names no setting.
const noFacts = "none"

func (h handlers) settings(r *http.Request) (any, error) {
	wanted := r.URL.Query().Get("facts")
	list, err := h.src.Settings(r.Context(), func(key string) bool { return wanted == "" || wanted == key })
	return full(list), err
}

func (h handlers) revisions(r *http.Request) (any, error) {
	list, err := h.src.Revisions(r.Context())
	return full(list), err
}

func (h handlers) revision(r *http.Request) (any, error) {
	n, err := pathRevision(r)
	if err != nil {
		return nil, err
	}
	return result(h.src.Revision(r.Context(), n))
}

func (h handlers) diff(r *http.Request) (any, error) {
	to, err := pathRevision(r)
	if err != nil {
		return nil, err
	}
	from := to - 1
	if text := r.URL.Query().Get("from"); text != "" {
		if from, err = strconv.Atoi(text); err != nil || from < 0 {
			return nil, badQuery("from", "the number of a revision")
		}
	}
	return result(h.src.Diff(r.Context(), from, to))
}

func (h handlers) revert(r *http.Request, body wire.Revert) (any, error) {
	to, err := pathRevision(r)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	changed, err := h.src.Revert(ctx, CallerOf(ctx).by(), baseOf(ctx), to, body.Why)
	return tagged{changed, changed.Revision}, err
}

// pathRevision is the revision that the path names.
func pathRevision(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return 0, config.ErrNoRevision
	}
	return n, nil
}

func badQuery(name, wanted string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: "the parameter " + name + " must be " + wanted}
}

// full makes an empty list of none: a reader should not have to tell them apart.
func full[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// result makes a handler's answer of a call's.
func result[T any](body T, err error) (any, error) { return body, err }

// mayAdminister says whether a caller is an admin.
func mayAdminister(c Caller) bool { return c.denied == nil && c.Role == setting.Admin }
