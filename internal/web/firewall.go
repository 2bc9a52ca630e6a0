package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// ownRules are where the firewall's own rules are in the document.
const ownRules = "firewall.rules"

// rulesView is the form of the own rules.
type rulesView struct {
	Form    rows
	Outcome outcome
}

// rulesForm shows own rules.
func (v *visit) rulesForm(list []setting.FirewallRule) rows {
	r := rows{Path: ownRules, Add: v.T("web.rules.add")}
	for i, own := range list {
		path := at(ownRules, i)
		r.List = append(r.List, row{
			Path: path, Title: v.T("web.rule", i+1), Up: i > 0, Down: i+1 < len(list), Drop: true,
			Fields: []field{
				v.cell(path, "rule", "action", own.Action, "accept", "drop", "reject"),
				v.cell(path, "rule", "protocol", own.Protocol, "tcp", "udp", "icmp", "any"),
				v.cell(path, "rule", "port", own.Port),
				v.cell(path, "rule", "source", own.Source),
				v.cell(path, "rule", "comment", own.Comment),
			},
		})
	}
	return r
}

// sentRules are the rules in a form that was sent.
func sentRules(sent url.Values) []setting.FirewallRule {
	var list []setting.FirewallRule
	for i := range sentRows(sent, ownRules) {
		get := func(name string) string { return strings.TrimSpace(sent.Get(at(ownRules, i) + "." + name)) }
		list = append(list, setting.FirewallRule{
			Comment: get("comment"), Source: get("source"), Protocol: get("protocol"), Port: get("port"), Action: get("action"),
		})
	}
	return list
}

// changeRules takes the form of the own rules: to save all of them, to check
// them only, or to show them again with one more, one less or in another order.
func changeRules(v *visit) error {
	v.r.SetPathValue("key", "firewall")
	list := sentRules(v.r.PostForm)
	if do := v.r.PostForm.Get("do"); do != "" {
		list = edit(list, ownRules, do, setting.FirewallRule{Protocol: "tcp", Action: "accept"})
		return v.showRules(list, outcome{Status: http.StatusOK, Why: v.r.PostForm.Get("why"), Base: v.base()})
	}
	d, _, err := v.document()
	if err != nil {
		return err
	}
	try := v.r.PostForm.Get("try") != ""
	if slices.Equal(list, d.Firewall.Rules) && !try {
		return v.redirect("/settings/firewall?said=same")
	}
	err = v.save(map[string]any{"firewall": map[string]any{"rules": list}})
	if err == nil && !try {
		return v.redirect("/settings/firewall?said=saved")
	}
	o, err := v.outcomeOf(err)
	if err != nil {
		return err
	}
	return v.showRules(list, o)
}

func (v *visit) showRules(list []setting.FirewallRule, o outcome) error {
	return v.showSetting(o.Status, nil, func(view *settingView) {
		r := rulesView{v.rulesForm(list), o}
		if o.Base == 0 {
			r.Outcome.Base = view.Form.Base
		}
		for _, p := range r.Form.refuse(o.Problems) {
			r.Outcome.General = append(r.Outcome.General, p.Path+": "+p.Message)
		}
		view.Rules = &r
	})
}

// completeFirewall adds the rules to the page of the firewall. They are what is
// in force; of the facts only those are left that say something else.
func (v *visit) completeFirewall(view *settingView, config wire.Config) (err error) {
	if view.Firewall, err = v.api.Firewall(v.ctx()); err != nil {
		return err
	}
	view.Facts = slices.DeleteFunc(view.Facts, func(f wire.Fact) bool { return !f.Differs })
	d, err := setting.Decode(config.Document)
	if err != nil {
		return fmt.Errorf("cannot read the rules: %w", err)
	}
	view.Rules = &rulesView{v.rulesForm(d.Firewall.Rules), outcome{Base: config.Revision}}
	return nil
}

// Origin says whose a rule is.
func (f frame) Origin(r wire.FirewallRule) string {
	if text, ok := f.v.words.Lookup("web.origin." + r.Origin); ok {
		return text
	}
	return r.Origin
}

// Comment is what a rule is for: own rules and services say it themselves.
func (f frame) Comment(r wire.FirewallRule) string {
	if r.Origin == "system" || r.Origin == "management" {
		return f.Say(r.Comment)
	}
	return r.Comment
}

// Action is what a rule does, in words.
func (f frame) Action(r wire.FirewallRule) string {
	if text, ok := f.v.words.Lookup("web.rule.action." + r.Action); ok {
		return text
	}
	return r.Action
}
