package setting

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// LDAP is a directory whose people may log in.
type LDAP struct {
	// off, active-directory or ldap; "" is off.
	Kind string `json:"kind,omitempty"`
	// The servers' URLs, asked in this order until one answers: ldaps://, or
	// ldap:// with STARTTLS. Nothing goes over the network without TLS.
	Servers []string `json:"servers,omitempty"`
	// The certificates, in PEM, that the servers are trusted by; "" is those
	// that the system trusts.
	Authority string `json:"authority,omitempty"`
	// As whom people are searched for; without a name, as nobody.
	BindDN string `json:"bind_dn,omitempty"`
	// The password of that account.
	BindPassword string `json:"bind_password,omitempty"`
	// Below which entry people are.
	Base string `json:"base,omitempty"`
	// Below which entry groups are; "" is Base.
	GroupBase string `json:"group_base,omitempty"`
	// The attribute by which people log in; "" goes by the kind.
	NameAttribute string `json:"name_attribute,omitempty"`
	// A filter (RFC 4515) that people must match besides their name.
	Filter string `json:"filter,omitempty"`
	// Groups whose members are administrators, operators and auditors: DNs, or
	// names of groups below GroupBase.
	AdminGroups    []string `json:"admin_groups,omitempty"`
	OperatorGroups []string `json:"operator_groups,omitempty"`
	AuditorGroups  []string `json:"auditor_groups,omitempty"`
}

// Kinds of directories. They differ in how they name people and groups.
const (
	NoDirectory     = "off"
	ActiveDirectory = "active-directory"
	OtherDirectory  = "ldap"
)

// maxServers bounds how long a log-in can take, maxGroups a list of groups.
const (
	maxServers = 5
	maxGroups  = 50
	maxDN      = 1000 // bytes
)

// IsZero says that nothing is said; the document then has no such part.
func (l LDAP) IsZero() bool {
	n := len(l.Servers) + len(l.AdminGroups) + len(l.OperatorGroups) + len(l.AuditorGroups)
	l.Servers, l.AdminGroups, l.OperatorGroups, l.AuditorGroups = nil, nil, nil, nil // empty lists say nothing
	return n == 0 && reflect.DeepEqual(l, LDAP{})
}

// On says whether the directory is asked.
func (l LDAP) On() bool { return l.kind() != NoDirectory }

func (l LDAP) kind() string {
	if l.Kind == "" {
		return NoDirectory
	}
	return l.Kind
}

// Name is the attribute by which people log in.
func (l LDAP) Name() string {
	switch {
	case l.NameAttribute != "":
		return l.NameAttribute
	case l.Kind == ActiveDirectory:
		return "sAMAccountName"
	}
	return "uid"
}

// Outside are the people that are kept elsewhere.
type Outside interface {
	// CheckLDAP tries a directory: whether it can be reached and searched, and
	// has the groups.
	CheckLDAP(ctx context.Context, l LDAP) []Problem
	// CheckOIDC tries a provider, through the network's proxy.
	CheckOIDC(ctx context.Context, o OIDC, n Network) []Problem
}

type ldapSetting struct{}

func (ldapSetting) Key() string { return "ldap" }

// Default is none.
func (ldapSetting) Default(env Env, d *Document) {}

func (ldapSetting) Properties(env Env) []Property {
	// one is a property that is text in the document.
	one := func(p Property, place func(*LDAP) *string, check func(string) error) Property {
		p.Key, p.Group, p.When = "ldap."+p.Key, "Directory", func(d *Document) bool { return d.LDAP.On() }
		p.Get = func(d *Document) string { return *place(&d.LDAP) }
		p.Set = func(_ Env, d *Document, text string) error { return setText(place(&d.LDAP), text, check) }
		return p
	}
	groups := func(key, title, help string, place func(*LDAP) *[]string) Property {
		return Property{
			Key: "ldap." + key, Title: title, Help: help, Group: "Directory", Type: Text, When: func(d *Document) bool { return d.LDAP.On() },
			Get: func(d *Document) string { return strings.Join(*place(&d.LDAP), "\n") },
			Set: func(_ Env, d *Document, text string) error { return setGroups(place(&d.LDAP), text) },
		}
	}
	const perLine = " One DN, or name of a group, per line."
	return []Property{
		{
			Key: "ldap.kind", Title: "Directory", Group: "Directory", Type: Enum, Default: NoDirectory,
			Help:    "Whether people of a directory may log in, besides the accounts of the appliance, which always may.",
			Options: []Option{{NoDirectory, "None"}, {ActiveDirectory, "Active Directory"}, {OtherDirectory, "LDAP (such as OpenLDAP, FreeIPA)"}},
			Get:     func(d *Document) string { return d.LDAP.kind() },
			Set:     setKind,
		},
		{
			Key: "ldap.servers", Title: "Servers", Group: "Directory", Type: String, When: func(d *Document) bool { return d.LDAP.On() },
			Help:    "Their URLs, separated by spaces: ldaps://, or ldap:// with STARTTLS. They are asked in this order until one answers. Nothing is sent without TLS.",
			Example: "ldaps://dc1.example.com ldaps://dc2.example.com",
			Get:     func(d *Document) string { return strings.Join(d.LDAP.Servers, " ") },
			Set:     setServers,
		},
		one(Property{Key: "authority", Title: "Root of the servers", Type: Certificate,
			Help: "The root certificate, in PEM, by which the servers are trusted. Empty when it is one that the system trusts."},
			func(l *LDAP) *string { return &l.Authority }, checkRoots),
		one(Property{Key: "bind_dn", Title: "Search account", Type: String, Example: "cn=appliance,ou=services,dc=example,dc=com",
			Help: "As whom people are searched for: a DN, in Active Directory also name@domain. It needs no right but to read. Empty searches as nobody."},
			func(l *LDAP) *string { return &l.BindDN }, checkLine),
		{
			Key: "ldap.bind_password", Title: "Its password", Group: "Directory", Type: Secret, When: func(d *Document) bool { return d.LDAP.On() },
			Help: "The password of the search account.",
			Get:  func(d *Document) string { return hide(d.LDAP.BindPassword) },
			Set:  func(_ Env, d *Document, text string) error { return setSecret(&d.LDAP.BindPassword, text) },
		},
		one(Property{Key: "base", Title: "People below", Type: String, Example: "ou=people,dc=example,dc=com",
			Help: "The DN of the entry below which people are."},
			func(l *LDAP) *string { return &l.Base }, checkDN),
		one(Property{Key: "group_base", Title: "Groups below", Type: String, Example: "ou=groups,dc=example,dc=com",
			Help: "The DN of the entry below which groups are. Empty when they are below the same one."},
			func(l *LDAP) *string { return &l.GroupBase }, checkDN),
		one(Property{Key: "name_attribute", Title: "Name for logging in", Type: String, Example: "uid",
			Help: "The attribute by which people log in. Empty is sAMAccountName in Active Directory, and uid elsewhere."},
			func(l *LDAP) *string { return &l.NameAttribute }, checkAttribute),
		one(Property{Key: "filter", Title: "Only people who match", Type: String, Example: "(objectClass=person)",
			Help: "A filter in the form of LDAP that people must match, too. May be empty."},
			func(l *LDAP) *string { return &l.Filter }, checkFilter),
		groups("admin_groups", "Administrators", "Groups whose members are administrators."+perLine, func(l *LDAP) *[]string { return &l.AdminGroups }),
		groups("operator_groups", "Operators", "Groups whose members are operators."+perLine, func(l *LDAP) *[]string { return &l.OperatorGroups }),
		groups("auditor_groups", "Auditors", "Groups whose members are auditors."+perLine+" Who is in none of all these groups cannot log in.",
			func(l *LDAP) *[]string { return &l.AuditorGroups }),
	}
}

// setKind also forgets the password of a directory that is no longer asked: a
// secret that is not used is only there to be stolen.
func setKind(_ Env, d *Document, text string) error {
	switch text {
	case NoDirectory:
		d.LDAP.Kind, d.LDAP.BindPassword = "", ""
	case ActiveDirectory, OtherDirectory:
		d.LDAP.Kind = text
	default:
		return fmt.Errorf("must be %s, %s or %s", NoDirectory, ActiveDirectory, OtherDirectory)
	}
	return nil
}

func setServers(_ Env, d *Document, text string) error {
	list := fields(text)
	for _, s := range list {
		if err := checkServer(s); err != nil {
			return fmt.Errorf("has %q, which %w", s, err)
		}
	}
	d.LDAP.Servers = list
	return nil
}

// setGroups takes one group per line; a semicolon is as good as a new line,
// where only one line can be typed.
func setGroups(place *[]string, text string) error {
	var list []string
	for _, g := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ';' }) {
		if g = strings.TrimSpace(g); g == "" {
			continue
		}
		if err := checkGroup(g); err != nil {
			return fmt.Errorf("has %q, which %w", g, err)
		}
		list = append(list, g)
	}
	*place = list
	return nil
}

// setSecret keeps what is hidden.
func setSecret(place *string, text string) error {
	switch {
	case text != Hidden:
		if !isLine(text) || len(text) > maxDN {
			return errors.New("is not one line, or too long")
		}
		*place = text
	case *place == "":
		return errors.New("is missing")
	}
	return nil
}

func hide(secret string) string {
	if secret == "" {
		return ""
	}
	return Hidden
}

func checkServer(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery+u.Fragment != "":
		return errors.New("is not a URL such as ldaps://dc1.example.com")
	case u.Scheme != "ldaps" && u.Scheme != "ldap":
		return errors.New("begins neither with ldaps:// nor with ldap://")
	}
	return nil
}

func checkLine(text string) error {
	if !isLine(text) || len(text) > maxDN {
		return errors.New("is not one line, or too long")
	}
	return nil
}

// checkDN looks roughly: whether the directory has it, is tried.
func checkDN(text string) error {
	if err := checkLine(text); err != nil {
		return err
	}
	if key, value, ok := strings.Cut(text, "="); !ok || strings.TrimSpace(key) == "" || strings.TrimSpace(value) == "" {
		return errors.New("is not a DN such as ou=people,dc=example,dc=com")
	}
	return nil
}

func checkGroup(text string) error {
	if strings.Contains(text, ";") {
		return errors.New(`has a semicolon: write \3b`)
	}
	return checkLine(text)
}

func checkAttribute(text string) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}
	if strings.ContainsFunc(text, odd) || len(text) > 100 {
		return errors.New("is not the name of an attribute")
	}
	return nil
}

func checkFilter(text string) error {
	if err := checkLine(text); err != nil {
		return err
	}
	if !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") || strings.Count(text, "(") != strings.Count(text, ")") {
		return errors.New("is not a filter such as (objectClass=person)")
	}
	return nil
}

func (ldapSetting) Validate(env Env, d *Document) []Problem {
	var found problems
	l := d.LDAP
	if !slices.Contains([]string{NoDirectory, ActiveDirectory, OtherDirectory}, l.kind()) {
		found.add("ldap.kind", fmt.Sprintf("%q is not a kind of directory", l.Kind), "it must be off, active-directory or ldap")
	}
	l.validateParts(&found)
	validateGroups("ldap", l.AdminGroups, l.OperatorGroups, l.AuditorGroups, l.On(), &found)
	if !l.On() {
		return found
	}
	if len(l.Servers) == 0 {
		found.add("ldap.servers", "there is no server", "give the URL of one, such as ldaps://dc1.example.com")
	}
	if l.Base == "" {
		found.add("ldap.base", "it is not said where people are", "give the DN of the entry below which they are")
	}
	if l.BindDN == "" && l.BindPassword != "" {
		found.add("ldap.bind_dn", "there is a password, but no account that it is of", "give the account, or take the password away")
	}
	if l.BindDN != "" && l.BindPassword == "" {
		found.add("ldap.bind_password", "the password of the search account is missing", "without one the directory would take it for nobody")
	}
	return found
}

func (l LDAP) validateParts(found *problems) {
	check := func(path, text string, check func(string) error) {
		if text == "" {
			return
		}
		if err := check(text); err != nil {
			found.add("ldap."+path, fmt.Sprintf("%.60q %v", text, err), "")
		}
	}
	if len(l.Servers) > maxServers {
		found.add("ldap.servers", fmt.Sprintf("there are more than %d servers", maxServers), "")
	}
	for i, s := range l.Servers {
		check(fmt.Sprintf("servers[%d]", i), s, checkServer)
	}
	if l.Authority != "" {
		if err := checkRoots(l.Authority); err != nil {
			found.add("ldap.authority", "the root certificate "+err.Error(), "")
		}
	}
	check("bind_dn", l.BindDN, checkLine)
	if l.BindPassword != "" && checkLine(l.BindPassword) != nil {
		found.add("ldap.bind_password", "the password is not one line, or too long", "")
	}
	check("base", l.Base, checkDN)
	check("group_base", l.GroupBase, checkDN)
	check("name_attribute", l.NameAttribute, checkAttribute)
	check("filter", l.Filter, checkFilter)
}

// validateGroups looks at the groups that have a role; needed says that one
// must.
func validateGroups(key string, admins, operators, auditors []string, needed bool, found *problems) {
	for _, one := range []struct {
		path string
		list []string
	}{{"admin_groups", admins}, {"operator_groups", operators}, {"auditor_groups", auditors}} {
		if len(one.list) > maxGroups {
			found.add(key+"."+one.path, fmt.Sprintf("there are more than %d groups", maxGroups), "")
		}
		for i, g := range one.list {
			if err := checkGroup(g); err != nil || g == "" || strings.TrimSpace(g) != g {
				found.add(fmt.Sprintf("%s.%s[%d]", key, one.path, i), fmt.Sprintf("%.60q is not the name of a group", g), "")
			}
		}
	}
	if needed && len(admins)+len(operators)+len(auditors) == 0 {
		found.add(key+".admin_groups", "no group has a role, so that nobody could log in", "name at least one group")
	}
}

// Guards says whether somebody of the directory who can log in today may no
// longer.
func (ldapSetting) Guards(old, new *Document) bool {
	return old.LDAP.On() && !reflect.DeepEqual(old.LDAP, new.LDAP)
}

// Check tries a directory that is new or another. Before the set-up is
// complete, or with another network, there may be no way to it yet.
func (ldapSetting) Check(ctx context.Context, sys *System, _ Env, old, new *Document) []Problem {
	if sys.Outside == nil || !new.LDAP.On() || !old.Setup.Complete ||
		reflect.DeepEqual(old.LDAP, new.LDAP) || !reflect.DeepEqual(old.Network, new.Network) {
		return nil
	}
	return sys.Outside.CheckLDAP(ctx, new.LDAP)
}

// Files are none: the agent reads the document at each log-in.
func (ldapSetting) Files(env Env, d *Document) ([]File, error) { return nil, nil }

func (ldapSetting) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return nil
}

func (ldapSetting) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (ldapSetting) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
