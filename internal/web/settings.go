package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// settingView is the page of one setting.
type settingView struct {
	Key   string
	Menu  []entry
	Form  form
	Facts []wire.Fact
	// Trouble says why the facts could not be had.
	Trouble string
	// Firewall are the rules in force, Rules the form of the own ones.
	Firewall []wire.FirewallRule
	Rules    *rulesView
	Why      string
	// Tried says that the values were checked and found good.
	Tried bool
	// Redirect is where a provider must send browsers back to.
	Redirect string
	// CutsOff warns that a wrong value can end the connection.
	CutsOff bool
}

// settingsOf are the settings that have something to ask on a page of the
// common kind, with the facts of one of them.
func (v *visit) settingsOf(facts string) ([]wire.Setting, error) {
	all, err := v.api.SettingsWithFacts(v.ctx(), facts)
	return common(all), err
}

// common leaves out settings that have a page of their own.
func common(all []wire.Setting) []wire.Setting {
	return slices.DeleteFunc(slices.Clone(all), func(s wire.Setting) bool {
		return s.Key == "access" || s.Key == "tls" || len(s.Properties) == 0
	})
}

// settingsMenu are the pages of all settings.
func (v *visit) settingsMenu(all []wire.Setting, here string) []entry {
	var list []entry
	for _, s := range common(all) {
		list = append(list, entry{Path: "/settings/" + s.Key, Title: v.settingTitle(s.Key), Here: s.Key == here})
	}
	return append(list, entry{Path: "/certificate", Title: v.T("web.certificate"), Here: here == "tls"})
}

// settingsList goes to the application's settings, or to the first ones.
func settingsList(v *visit) error {
	all, err := v.settingsOf("none")
	if err != nil || len(all) == 0 {
		return cmp.Or(err, missing(v))
	}
	key := all[0].Key
	if slices.ContainsFunc(all, func(s wire.Setting) bool { return s.Key == "application" }) {
		key = "application"
	}
	return v.redirect("/settings/" + key)
}

func settingPage(v *visit) error {
	return v.showSetting(http.StatusOK, nil, func(*settingView) {})
}

// showSetting shows one setting with what was typed into its form.
func (v *visit) showSetting(status int, typed map[string]string, complete func(*settingView)) error {
	all, err := v.settingsOf(v.r.PathValue("key"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s wire.Setting) bool { return s.Key == v.r.PathValue("key") })
	if i < 0 {
		return missing(v)
	}
	config, err := v.api.Config(v.ctx())
	if err != nil {
		return err
	}
	s := all[i]
	properties, err := v.asTyped(s.Properties, typed)
	if err != nil {
		return err
	}
	view := settingView{Key: s.Key, Form: v.newForm(properties, typed), Facts: v.facts(s.Facts), Trouble: v.say(s.Problem), CutsOff: s.Guarded}
	view.Form.Base = config.Revision
	view.Menu = v.settingsMenu(all, s.Key)
	if s.Key == "oidc" {
		view.Redirect = v.providerAddress()
	}
	if s.Key == "firewall" {
		if err := v.completeFirewall(&view, config); err != nil {
			return err
		}
	}
	complete(&view)
	return v.show(status, "setting", "settings", v.settingTitle(s.Key), view)
}

func (v *visit) settingTitle(key string) string {
	if key == "application" {
		return v.status.Title
	}
	return v.T("web.setting." + key)
}

// asTyped are properties as they would be with what was typed: those that
// then mean nothing are hidden.
func (v *visit) asTyped(properties []wire.Property, typed map[string]string) ([]wire.Property, error) {
	if len(typed) == 0 {
		return properties, nil
	}
	preview, err := v.api.Preview(v.ctx(), typed)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(properties)
	for i := range list {
		for _, p := range preview {
			if p.Key == list[i].Key {
				list[i].Hidden = p.Hidden
			}
		}
	}
	return list, nil
}

// changeSetting takes a setting's form: to save it, to check it only, or to
// show it again as what was typed has made it.
func changeSetting(v *visit) error {
	key := v.r.PathValue("key")
	all, err := v.settingsOf("none")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s wire.Setting) bool { return s.Key == key })
	if i < 0 {
		return missing(v)
	}
	values := typed(v.r.PostForm, all[i].Properties)
	if v.r.URL.Query().Has("preview") {
		return v.showSetting(http.StatusOK, values, func(view *settingView) { view.Form.Base = v.base() })
	}
	changed := changes(values, all[i].Properties)
	if len(changed) == 0 {
		return v.redirect(fmt.Sprintf("/settings/%s?said=same", key))
	}
	why, try := v.r.PostForm.Get("why"), v.r.PostForm.Get("try") != ""
	if to, moves := v.moves(changed); moves && v.r.PostForm.Get("moved") == "" && !try {
		return v.askToMove(to)
	}
	_, err = v.api.Change(v.ctx(), v.base(), wire.Change{Values: changed, Why: why, Try: try})
	if err == nil && !try {
		return v.redirect(fmt.Sprintf("/settings/%s?said=saved", key))
	}
	return v.answerSetting(err, values)
}

// answerSetting shows a setting's form again, with why it was not saved.
func (v *visit) answerSetting(err error, values map[string]string) error {
	o, err := v.outcomeOf(err)
	if err != nil {
		return err
	}
	return v.showSetting(o.Status, values, func(view *settingView) {
		view.Why, view.Tried = o.Why, o.Tried
		if o.Base != 0 {
			view.Form.Base = o.Base
		}
		view.Form.refuse(o.Problems)
		view.Form.General = append(view.Form.General, o.General...)
	})
}
