package frontdoor

import (
	"net/http"
	"slices"
	"strings"
)

// managementCookies is how the names of the management pages' cookies begin.
// Browsers send cookies to all ports of a host.
const managementCookies = "__Host-ingot"

// managementHSTS is what the management pages promise of https on this host,
// and so the most that an application may: a promise for longer would keep
// administrators from the pages should the certificate become the appliance's own.
const managementHSTS = "max-age=86400"

// isForged says whether a header tells an application who its visitor is, which
// only we know. Many applications take an underscore for a dash (RFC 3875,
// 4.1.18), so that is no way around.
func isForged(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return strings.HasPrefix(name, "x-forwarded") || strings.HasPrefix(name, "x-original-") || slices.Contains([]string{
		"forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "client-ip", "cf-connecting-ip",
		"x-rewrite-url", "x-scheme", "x-url-scheme", "x-remote-user", "remote-user", "x-remote-addr", "remote-addr",
		"front-end-https", "proxy", // CGI makes HTTP_PROXY of it
	}, name)
}

// cleanRequest takes out of a request's headers what the application must not
// see or believe. Those of one hop are gone already.
func cleanRequest(h http.Header) {
	for name := range h {
		if isForged(name) {
			delete(h, name)
		}
	}
	// Any other protocol would be a tunnel in which nothing is looked at.
	if up := h.Get("Upgrade"); up != "" && !strings.EqualFold(up, "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	if cookies := h["Cookie"]; len(cookies) > 0 {
		h["Cookie"] = withoutManagement(cookies)
		if len(h["Cookie"]) == 0 {
			h.Del("Cookie")
		}
	}
}

// cleanAnswer takes out of an answer's headers what concerns the management
// pages on the same host.
func cleanAnswer(h http.Header) {
	if set := h["Set-Cookie"]; len(set) > 0 {
		h["Set-Cookie"] = slices.DeleteFunc(set, isManagement)
	}
	if h.Get("Strict-Transport-Security") != "" {
		h.Set("Strict-Transport-Security", managementHSTS)
	}
}

// withoutManagement are Cookie headers without the cookies of the management
// pages; the others stay as they are.
func withoutManagement(headers []string) []string {
	var kept []string
	for _, header := range headers {
		if !strings.Contains(strings.ToLower(header), strings.ToLower(managementCookies)) {
			kept = append(kept, header)
			continue
		}
		pairs := slices.DeleteFunc(strings.Split(header, ";"), isManagement)
		if header = strings.TrimSpace(strings.Join(pairs, ";")); header != "" {
			kept = append(kept, header)
		}
	}
	return kept
}

// isManagement says whether a cookie, "name=value", may be taken for one of the
// management pages'.
func isManagement(pair string) bool {
	pair = strings.TrimLeft(pair, " \t=")
	return len(pair) >= len(managementCookies) && strings.EqualFold(pair[:len(managementCookies)], managementCookies)
}
