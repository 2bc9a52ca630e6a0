package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// unknown is the origin of rules that this package would not have written.
const unknown = "unknown"

// The appliance's table and chain.
func table() *nftables.Table {
	return &nftables.Table{Name: "ingot", Family: nftables.TableFamilyINet}
}

func chain(t *nftables.Table) *nftables.Chain {
	policy := nftables.ChainPolicyDrop
	return &nftables.Chain{
		Name: "input", Table: t, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &policy,
	}
}

// SetRules implements [setting.Net]. The counters begin anew.
func (l *Local) SetRules(rules []setting.Rule) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.CloseLasting()
	t := table()
	c.AddTable(t) // so that there is one to delete
	c.DelTable(t)
	c.AddTable(t)
	input := c.AddChain(chain(t))
	for i, r := range rules {
		exprs, err := expressions(r)
		if err != nil {
			return fmt.Errorf("cannot set the firewall: rule %d, %v: %w", i+1, r, err)
		}
		c.AddRule(&nftables.Rule{Table: t, Chain: input, Exprs: exprs, UserData: label(r)})
	}
	if err := c.Flush(); err != nil {
		return explain("cannot set the firewall", err)
	}
	return nil
}

// Rules implements [setting.Net]. There are none when the table is missing.
func (l *Local) Rules() ([]setting.Rule, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer c.CloseLasting()
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if errors.Is(err, unix.EINVAL) { // nfnetlink knows nobody to ask
		err = fmt.Errorf("%w: %w", unix.EOPNOTSUPP, err)
	}
	if err != nil {
		return nil, explain("cannot read the firewall", err)
	}
	chains = slices.DeleteFunc(chains, func(ch *nftables.Chain) bool { return ch.Table.Name != table().Name })
	var rules []setting.Rule
	for _, ch := range chains {
		if problem := foreign(ch); problem != "" {
			rules = append(rules, setting.Rule{Origin: unknown, Comment: problem})
		}
		list, err := c.GetRules(table(), ch)
		if err != nil {
			return nil, explain("cannot read the firewall", err)
		}
		for _, r := range list {
			rules = append(rules, decode(r.Exprs, r.UserData))
		}
	}
	return rules, nil
}

// foreign says in what a chain of the table is not ours; "" when it is.
func foreign(c *nftables.Chain) string {
	ours := chain(c.Table)
	switch {
	case c.Name != ours.Name:
		return fmt.Sprintf("a chain named %q", c.Name)
	case c.Hooknum == nil || *c.Hooknum != *ours.Hooknum || c.Type != ours.Type || c.Priority == nil || *c.Priority != *ours.Priority:
		return "a chain in another place"
	case c.Policy == nil || *c.Policy != *ours.Policy:
		return "packets that meet no rule are let in"
	}
	return ""
}

// buffer takes the kernel's echo of the longest list of rules that settings
// allow, in one go.
const buffer = 4 << 20

// dial connects to the packet filter.
func dial() (*nftables.Conn, error) {
	c, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(setBuffers))
	if err != nil {
		return nil, explain("cannot reach the packet filter", err)
	}
	return c, nil
}

// setBuffers makes room for the answers to a long list of rules.
func setBuffers(c *netlink.Conn) error {
	if err := c.SetReadBuffer(buffer); err != nil {
		return err
	}
	return c.SetWriteBuffer(buffer)
}

// explain says plainly when the kernel's packet filter is not there.
func explain(what string, err error) error {
	for _, missing := range []error{unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EOPNOTSUPP} {
		if errors.Is(err, missing) {
			return fmt.Errorf("%s: the kernel has no nftables: %w", what, err)
		}
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%s: a part of the kernel's nftables is missing: %w", what, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: only root may: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
