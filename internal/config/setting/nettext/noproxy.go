package nettext

import (
	"net/netip"
	"slices"
	"strings"
)

// PastProxy says whether a host, a name or an address without a port, is
// reached without the proxy, by a list of what [CheckNoProxy] takes: a name
// stands for what is below it, too, and one that begins with a dot for that
// alone.
func PastProxy(list []string, host string) bool {
	addr, err := netip.ParseAddr(host)
	isAddr := err == nil
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(list, func(entry string) bool {
		if p, err := netip.ParsePrefix(entry); err == nil {
			return isAddr && p.Contains(addr)
		}
		if a, err := netip.ParseAddr(entry); err == nil {
			return isAddr && a == addr
		}
		name := strings.ToLower(strings.TrimPrefix(entry, "*"))
		return !isAddr && (host == name || strings.HasSuffix(host, "."+strings.TrimPrefix(name, ".")))
	})
}
