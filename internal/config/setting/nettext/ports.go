package nettext

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

var errSource = errors.New("is not an address or network")

// ParseSource is a network or address in its canonical form; one address is
// without its length.
func ParseSource(text string) (string, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return "", errSource
		}
		return a.String(), nil
	}
	n, err := netip.ParsePrefix(text)
	if err != nil || n.Addr().Is4In6() {
		return "", errSource
	}
	if n.Masked() != n {
		return "", fmt.Errorf("is not a network; the one around that address is %v", n.Masked())
	}
	if n.IsSingleIP() {
		return n.Addr().String(), nil
	}
	return n.String(), nil
}

// ParsePorts reads "80" or "8000-8100"; "" is all ports, 0 to 0.
func ParsePorts(text string) (first, last int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, okFirst := parsePort(from)
	last, okLast := parsePort(to)
	switch {
	case !okFirst || !okLast:
		return 0, 0, errors.New("is not a port or range of ports")
	case first > last:
		return 0, 0, errors.New("is a range that ends before it begins")
	}
	return first, last, nil
}

func parsePort(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n > 0
}
