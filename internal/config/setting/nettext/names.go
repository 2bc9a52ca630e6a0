package nettext

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// adapterName is what Linux and networkd's Name= take without a special
// meaning: at most 15 characters (IFNAMSIZ), the number of a VLAN among them.
var adapterName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*(\.[1-9][0-9]{0,3})?$`)

// ValidAdapter says whether an adapter can be called so.
func ValidAdapter(name string) bool {
	return len(name) <= 15 && adapterName.MatchString(name) && name != "lo" && name != "all" && name != "default"
}

// SplitVLAN takes the name of a VLAN, ADAPTER.NUMBER, apart.
func SplitVLAN(name string) (parent string, number int, ok bool) {
	parent, digits, dotted := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	if !dotted || err != nil || n < 1 || n > 4094 || strconv.Itoa(n) != digits {
		return "", 0, false
	}
	return parent, n, true
}

// maxHostname is Linux's limit (HOST_NAME_MAX).
const maxHostname = 64

// CheckHostname goes by RFC 1123, section 2.1. The error is a phrase that
// follows "it".
func CheckHostname(name string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case len(name) > maxHostname:
		return fmt.Errorf("is longer than %d characters", maxHostname)
	}
	return CheckDomain(name)
}

// CheckDomain checks a domain name of one or more labels.
func CheckDomain(name string) error {
	if len(name) == 0 || len(name) > 253 {
		return errors.New("is not a domain name of 1 to 253 characters")
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	if _, err := strconv.Atoi(labels[len(labels)-1]); err == nil {
		return errors.New("ends in a number, as if it were an address")
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("has an empty part between dots")
	case len(label) > 63:
		return errors.New("has a part between dots of more than 63 characters")
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("has a part that begins or ends with a dash")
	}
	for _, c := range label {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return errors.New("may hold only letters, digits, dashes and dots")
		}
	}
	return nil
}

// ParseAddr is one address of a machine: no zone, no IPv4 in IPv6's clothes,
// neither unspecified nor a group's.
func ParseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || a.Zone() != "" || a.Is4In6():
		return netip.Addr{}, errors.New("is not an IP address")
	case a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return netip.Addr{}, errors.New("is not the address of a machine")
	}
	return a, nil
}

// ParsePrefix is the address of a machine with the length of its network.
func ParsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if _, err := netip.ParseAddr(text); err == nil {
			return netip.Prefix{}, errors.New("lacks the length of its network: write it as in 192.0.2.7/24")
		}
		return netip.Prefix{}, errors.New("is not an address with the length of its network, such as 192.0.2.7/24")
	}
	a := p.Addr()
	if _, err := ParseAddr(a.String()); err != nil {
		return netip.Prefix{}, err
	}
	switch {
	case a.IsLoopback():
		return netip.Prefix{}, errors.New("is the machine's own address inside itself")
	case p.Bits() == 0:
		return netip.Prefix{}, errors.New("has a network that is everything")
	case p.Bits() < a.BitLen()-1 && p.Masked().Addr() == a:
		return netip.Prefix{}, errors.New("is the network itself, not an address in it")
	case a.Is4() && p.Bits() < 31 && Broadcast(p) == a:
		return netip.Prefix{}, errors.New("is the network's broadcast address")
	}
	return p, nil
}

// Broadcast is the last address of an IPv4 network.
func Broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// ParseProxy checks a proxy's URL: a scheme, a host, maybe a port and a user.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, " \t\r\n\"'`\\$") {
		return nil, errors.New("is not a URL, such as http://proxy.example.com:3128")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("must begin with http:// or https://")
	}
	if _, errAddr := netip.ParseAddr(u.Hostname()); errAddr != nil {
		if err := CheckDomain(u.Hostname()); err != nil {
			return nil, fmt.Errorf("has a host that %w", err)
		}
	}
	if _, ok := parsePort(u.Port()); u.Port() != "" && !ok || strings.HasSuffix(u.Host, ":") {
		return nil, errors.New("has a port that is not 1 to 65535")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must end after the port")
	}
	return u, nil
}

// CheckNoProxy checks one host, domain, address or network that is reached
// without the proxy.
func CheckNoProxy(text string) error {
	if _, err := netip.ParseAddr(text); err == nil && !strings.Contains(text, "%") {
		return nil
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return nil
	}
	if err := CheckDomain(strings.TrimPrefix(strings.TrimPrefix(text, "*"), ".")); err != nil {
		return errors.New("is not a host, a domain, an address or a network")
	}
	return nil
}
