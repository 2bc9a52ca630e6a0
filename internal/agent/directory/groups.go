package directory

import (
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/ingotvm/ingot/internal/config/setting"
)

const (
	// maxGroups bounds the groups of a person that are looked at.
	maxGroups = 1000
	// seconds bounds a search, for the server.
	seconds = 5
	// inChain is Active Directory's rule for groups in groups.
	inChain = "1.2.840.113556.1.4.1941"
)

// ask searches, without following anything. What there is too much of is
// left out.
func (c *conn) ask(base string, scope, most int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	result, err := c.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, most, seconds, false, filter, attributes, nil))
	var answer *ldap.Error
	switch {
	case err == nil:
		return result.Entries, nil
	case !errors.As(err, &answer):
		return nil, c.lost(err)
	}
	switch answer.ResultCode {
	case ldap.LDAPResultSizeLimitExceeded:
		if result == nil {
			return nil, nil
		}
		return result.Entries, nil
	case ldap.LDAPResultNoSuchObject, ldap.LDAPResultReferral, ldap.LDAPResultInvalidDNSyntax:
		return nil, &TroubleError{"ldap.base", c.server + " has no entry " + base + ": " + said(answer), "compare the DN with the directory; the search account must be allowed to read it", false}
	case ldap.ErrorFilterCompile:
		return nil, &TroubleError{"ldap.filter", "the filter cannot be read: " + said(answer), "compare its brackets", false}
	}
	if answer.ResultCode >= ldap.ErrorNetwork {
		return nil, c.lost(err)
	}
	return nil, &TroubleError{"ldap.base", c.server + " does not answer a search: " + said(answer), "see whether the search account may read", false}
}

// groupFilter finds the groups in which a person is.
func groupFilter(kind string, e entry) string {
	dn := ldap.EscapeFilter(e.dn)
	if kind == setting.ActiveDirectory {
		return "(&(objectClass=group)(member:" + inChain + ":=" + dn + "))"
	}
	return "(|(member=" + dn + ")(uniqueMember=" + dn + ")(memberUid=" + ldap.EscapeFilter(e.uid) + "))"
}

// groups are the DNs of the groups in which a person is.
func (c *conn) groups(e entry) ([]string, error) {
	found, err := c.ask(groupBase(c.l), ldap.ScopeWholeSubtree, maxGroups, groupFilter(c.l.Kind, e), "cn")
	if err != nil {
		return nil, err
	}
	list := e.memberOf[:min(len(e.memberOf), maxGroups)]
	for _, g := range found {
		list = append(list, g.DN)
	}
	return list, nil
}

func groupBase(l setting.LDAP) string {
	if l.GroupBase != "" {
		return l.GroupBase
	}
	return l.Base
}

// roleOf is the highest role that groups have, by their DNs.
func roleOf(l setting.LDAP, groups []string) setting.Role {
	base, _ := ldap.ParseDN(groupBase(l))
	var dns []*ldap.DN
	for _, g := range groups {
		if dn, err := ldap.ParseDN(g); err == nil {
			dns = append(dns, dn)
		}
	}
	in := func(wanted []string) bool {
		for _, w := range wanted {
			for _, dn := range dns {
				if isGroup(w, dn, base) {
					return true
				}
			}
		}
		return false
	}
	switch {
	case in(l.AdminGroups):
		return setting.Admin
	case in(l.OperatorGroups):
		return setting.Operator
	case in(l.AuditorGroups):
		return setting.Auditor
	}
	return ""
}

// isGroup says whether a DN is that of a group that the settings name: by a
// DN, or by the name of a group below base. A group of that name elsewhere may
// be anybody's.
func isGroup(wanted string, dn, base *ldap.DN) bool {
	if strings.Contains(wanted, "=") {
		w, err := ldap.ParseDN(wanted)
		return err == nil && w.EqualFold(dn)
	}
	if base == nil || !base.AncestorOfFold(dn) || len(dn.RDNs) == 0 {
		return false
	}
	first := dn.RDNs[0].Attributes
	return len(first) == 1 && strings.EqualFold(first[0].Type, "cn") && strings.EqualFold(first[0].Value, wanted)
}
