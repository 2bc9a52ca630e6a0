package frontdoor

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// challengePath is where an authority asks (RFC 8555, 8.3).
const challengePath = "/.well-known/acme-challenge/"

// plain answers on port 80: an authority's questions while there are any, and
// everything else with the way to 443.
type plain struct{ challenges atomic.Pointer[http.Handler] }

// ServeHTTP implements [http.Handler].
func (p *plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := p.challenges.Load(); h != nil && strings.HasPrefix(r.URL.Path, challengePath) {
		(*h).ServeHTTP(w, r)
		return
	}
	to, ok := secured(r)
	if !ok {
		refuse(w, http.StatusBadRequest)
		return
	}
	// 308 keeps method and body. It is not to be remembered: an address may be
	// another machine's tomorrow.
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusPermanentRedirect)
}

// secured is what was asked for, over https on the same host.
func secured(r *http.Request) (string, bool) {
	host, ok := hostOf(r.Host)
	path := r.URL.EscapedPath()
	// A path without a slash, as of "GET http:.example.com", would go on with
	// the host's name.
	if !ok || !isWeb(r.URL) {
		return "", false
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		path += "?" + escapeQuery(r.URL.RawQuery)
	}
	return "https://" + host + path, true
}

// escapeQuery leaves a query as it came but for what no URL may hold.
func escapeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '#' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hostOf is the name or address of a Host header, without its port; false when
// it is none.
func hostOf(header string) (string, bool) {
	if rest, ok := strings.CutPrefix(header, "["); ok {
		text, port, closed := strings.Cut(rest, "]")
		a, err := netip.ParseAddr(text)
		if !closed || err != nil || !a.Is6() || a.Zone() != "" || port != "" && !isPort(port) {
			return "", false
		}
		return "[" + a.String() + "]", true
	}
	name, port, _ := strings.Cut(header, ":")
	if name == "" || len(name) > 253 || strings.Contains(header, ":") && !isPort(":"+port) {
		return "", false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && (c != '.' || i == 0 || name[i-1] == '.') {
			return "", false
		}
	}
	return name, true
}

// isPort says whether a text is a colon and a port's number, or nothing.
func isPort(text string) bool {
	digits, ok := strings.CutPrefix(text, ":")
	return ok && len(digits) <= 5 && strings.Trim(digits, "0123456789") == ""
}
