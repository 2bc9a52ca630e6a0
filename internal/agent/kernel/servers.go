package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// resolvConf is where systemd-resolved tells which servers it asks: all of
// them, its own and those of each adapter. The system's own resolv.conf names
// only resolved.
const resolvConf = "/run/systemd/resolve/resolv.conf"

// Servers implements [setting.Net]. None are known before resolved has written
// its file.
func (l *Local) Servers() ([]netip.Addr, []string, error) {
	data, err := os.ReadFile(l.path(resolvConf))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read which DNS servers are used: %w", err)
	}
	servers, domains := parseResolvConf(string(data))
	return servers, domains, nil
}

// parseResolvConf reads resolv.conf(5) as far as resolved writes it. What it
// does not know it leaves out; nothing is told twice.
func parseResolvConf(text string) (servers []netip.Addr, domains []string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			a, err := netip.ParseAddr(words[1])
			if err == nil && !slices.Contains(servers, a.WithZone("")) {
				servers = append(servers, a.WithZone(""))
			}
		case "search":
			for _, d := range words[1:] {
				d = strings.TrimSuffix(d, ".") // "." alone says that there are none
				if d != "" && !slices.Contains(domains, d) {
					domains = append(domains, d)
				}
			}
		}
	}
	return servers, domains
}
