package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Check tries what a log-in would do, without a password: whether a server
// answers, the search account is let in, people can be searched for, and the
// groups are there.
func (d *Directory) Check(ctx context.Context, l setting.LDAP) []setting.Problem {
	ctx, done := context.WithTimeout(ctx, AtMost)
	defer done()
	problems, err := d.check(ctx, l)
	var trouble *TroubleError
	if errors.As(err, &trouble) {
		problems = append(problems, setting.Problem{Path: trouble.Property, Message: trouble.Text, Hint: trouble.Hint})
	}
	return problems
}

func (d *Directory) check(ctx context.Context, l setting.LDAP) ([]setting.Problem, error) {
	c, err := d.connect(ctx, l)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.search(); err != nil {
		return nil, err
	}
	for _, place := range [][2]string{{"ldap.base", l.Base}, {"ldap.group_base", l.GroupBase}} {
		if place[1] == "" {
			continue
		}
		if _, err := c.ask(place[1], ldap.ScopeBaseObject, 1, "(objectClass=*)", "1.1"); err != nil {
			var trouble *TroubleError
			if errors.As(err, &trouble) && trouble.Property == "ldap.base" {
				trouble.Property = place[0]
			}
			return nil, err
		}
	}
	if _, err := c.person(""); err != nil && !errors.Is(err, ErrDenied) {
		return nil, err
	}
	return c.missing()
}

// missing are the groups that are not there.
func (c *conn) missing() (problems []setting.Problem, err error) {
	for _, of := range []struct {
		path string
		list []string
	}{{"admin_groups", c.l.AdminGroups}, {"operator_groups", c.l.OperatorGroups}, {"auditor_groups", c.l.AuditorGroups}} {
		for _, g := range of.list {
			there, err := c.hasGroup(g)
			if err != nil {
				return problems, err
			}
			if !there {
				problems = append(problems, setting.Problem{Path: "ldap." + of.path,
					Message: fmt.Sprintf("there is no group %q, or the search account may not read it", g),
					Hint:    "write its DN, or the name that it has below " + groupBase(c.l)})
			}
		}
	}
	return problems, nil
}

func (c *conn) hasGroup(g string) (bool, error) {
	base, scope, filter := groupBase(c.l), ldap.ScopeWholeSubtree, "(cn="+ldap.EscapeFilter(g)+")"
	if strings.Contains(g, "=") {
		base, scope, filter = g, ldap.ScopeBaseObject, "(objectClass=*)"
	}
	found, err := c.ask(base, scope, 2, filter, "1.1")
	var trouble *TroubleError
	if errors.As(err, &trouble) && scope == ldap.ScopeBaseObject && trouble.Property == "ldap.base" {
		return false, nil
	}
	return len(found) > 0, err
}
