package api

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/ingotvm/ingot/internal/api/wire"
)

func (h handlers) status(r *http.Request) (any, error) { return h.src.Status(r.Context()), nil }

func (h handlers) checks(r *http.Request) (any, error) { return h.src.Checks(r.Context()), nil }

func (h handlers) branding(*http.Request) (any, error) { return h.src.Branding(), nil }

func (h handlers) tls(r *http.Request) (any, error) { return result(h.src.TLS(r.Context())) }

func (h handlers) request(r *http.Request, body wire.NewRequest) (any, error) {
	return result(h.src.Request(r.Context(), CallerOf(r.Context()).by(), body))
}

func (h handlers) power(r *http.Request, p wire.Power) (any, error) {
	if p.Action != "restart" && p.Action != "off" {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Message: `the action must be "restart" or "off"`}
	}
	return wire.Nothing{}, h.src.Power(r.Context(), CallerOf(r.Context()).by(), p.Action)
}

func (h handlers) reset(r *http.Request, body wire.Reset) (any, error) {
	return wire.Nothing{}, h.src.Reset(r.Context(), CallerOf(r.Context()).by(), body.Confirm)
}

func (h handlers) restart(r *http.Request, body wire.Restart) (any, error) {
	return wire.Nothing{}, h.src.Restart(r.Context(), CallerOf(r.Context()).by(), body.Service)
}

func (h handlers) fix(r *http.Request) (any, error) {
	return wire.Nothing{}, h.src.Fix(r.Context(), CallerOf(r.Context()).by(), r.PathValue("id"))
}

// The bounds of GET /v1/log.
const (
	defaultLines = 100
	maxLines     = 1000
)

func (h handlers) log(r *http.Request) (any, error) {
	query := r.URL.Query()
	lines := defaultLines
	if text := query.Get("lines"); text != "" {
		var err error
		if lines, err = strconv.Atoi(text); err != nil || lines < 1 || lines > maxLines {
			return nil, badQuery("lines", "a number from 1 to 1000")
		}
	}
	log, err := h.src.Log(r.Context(), query.Get("service"), lines)
	log.Lines = full(log.Lines)
	return log, err
}

func (h handlers) firewall(r *http.Request) (any, error) {
	list, err := h.src.Firewall(r.Context())
	return full(list), err
}

func (h handlers) resources(r *http.Request) (any, error) {
	return full(h.src.Resources(r.Context())), nil
}

func (h handlers) metrics(r *http.Request) (any, error) {
	ranges := wire.MetricRanges()
	span := r.URL.Query().Get("range")
	if span == "" {
		span = ranges[0]
	}
	if !slices.Contains(ranges, span) {
		return nil, badQuery("range", "hour, day or week")
	}
	return h.src.Metrics(r.Context(), span), nil
}
