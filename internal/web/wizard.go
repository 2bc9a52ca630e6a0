package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// wizardView is one step of the first boot.
type wizardView struct {
	// Steps are all; At is the one that is shown, from 1.
	Steps []wizardStep
	At    int
	Step  wire.Step
	Form  form
	// Problem is why the step was not taken, beside those in the form.
	Problem string
	Adopt   *wire.Adopt
	Network []wire.Interface
	// Refused are the answers of seeds that were not taken.
	Refused []string
}

type wizardStep struct {
	wire.Step
	Title, Path string
	Here        bool
}

// wizard asks what the console's wizard asks, of who knows the one-time code
// that the console shows.
func wizard(v *visit) error {
	setup, ok, err := v.knowsCode()
	if !ok || err != nil {
		return err
	}
	return v.showStep(http.StatusOK, setup, v.r.URL.Query().Get("step"), nil, func(*wizardView) {})
}

// knowsCode is the set-up for who gave the code; who did not is asked for it.
func (v *visit) knowsCode() (setup wire.Setup, ok bool, err error) {
	if v.status.Setup != wire.SetupNeeded {
		return setup, false, v.redirect("/")
	}
	code := v.cookie(codeCookie)
	if code == "" {
		return setup, false, v.askCode(nil)
	}
	setup, err = v.site.api.Answer(v.ctx(), wire.Answer{Code: code})
	if e := refused(err); e != nil {
		v.forget(codeCookie)
		return setup, false, v.askCode(e)
	}
	return setup, err == nil, err
}

// askCode asks for the one-time code; e is why the last one was refused, or nil.
func (v *visit) askCode(e *client.Error) error {
	v.speakAsBrowser()
	status, problem := http.StatusOK, ""
	if e != nil {
		status, problem = e.Status, v.advice(e.Message, e.Hint)
	}
	return v.show(status, "code", "", v.T("web.setup"), problem)
}

// speakAsBrowser takes the browser's language while nobody has chosen one.
func (v *visit) speakAsBrowser() {
	for wanted := range strings.SplitSeq(v.r.Header.Get("Accept-Language"), ",") { // the dearest first
		tag, _, _ := strings.Cut(strings.TrimSpace(wanted), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if slices.ContainsFunc(setting.Languages(), func(o setting.Option) bool { return o.Value == base }) {
			v.words.Wanted = base
			return
		}
	}
}

// showStep shows the step of that name, or the first that is to be answered,
// with what was typed into its form.
func (v *visit) showStep(status int, setup wire.Setup, name string, typed map[string]string, complete func(*wizardView)) error {
	if len(typed) > 0 {
		var err error
		if setup, err = v.site.api.Answer(v.ctx(), wire.Answer{Code: v.cookie(codeCookie), Values: typed, Preview: true}); err != nil {
			return err
		}
	}
	view := wizardView{Adopt: setup.Adopt, Network: v.status.Network}
	at := slices.IndexFunc(setup.Steps, func(s wire.Step) bool { return s.Name == name })
	if at < 0 {
		at = slices.IndexFunc(setup.Steps, func(s wire.Step) bool { return !s.Done })
	}
	if at = max(at, 0); at >= len(setup.Steps) {
		return v.redirect("/")
	}
	view.At, view.Step = at+1, setup.Steps[at]
	properties := slices.Clone(view.Step.Properties)
	if !setup.Steps[0].Done {
		v.speakAsBrowser()
		for i, p := range properties {
			if p.Key == "language.language" {
				properties[i].Value = v.words.Wanted
			}
		}
	}
	for i, s := range setup.Steps {
		view.Steps = append(view.Steps, wizardStep{s, v.T("step." + s.Name), "/setup?step=" + url.QueryEscape(s.Name), i == at})
	}
	view.Form = v.newForm(properties, typed)
	for i := range view.Form.Fields {
		view.Form.Fields[i].Twice = view.Form.Fields[i].Type == "secret" && view.Step.Name == setting.StepAdministrator
	}
	for _, seed := range setup.Seeds {
		for _, p := range seed.Problems {
			if !view.Step.Done {
				view.Form.tell(p, v.T("wizard.seed", seed.Provider, v.say(p.Message)))
			}
			view.Refused = append(view.Refused, seed.Provider+": "+p.Path+" "+v.say(p.Message))
		}
	}
	complete(&view)
	return v.show(status, "wizard", "", v.T("step."+view.Step.Name), view)
}

// tell says something at the field that a problem is of.
func (f *form) tell(p wire.Problem, text string) {
	for i, fl := range f.Fields {
		if belongs(p.Path, fl.Key) {
			f.Fields[i].Problem = text
		}
	}
}

// answer takes what was said to one step.
func answer(v *visit) error {
	form := v.r.PostForm
	if code := strings.TrimSpace(form.Get("code")); code != "" {
		if _, err := v.site.api.Answer(v.ctx(), wire.Answer{Code: code}); err != nil {
			if e := refused(err); e != nil {
				return v.askCode(e)
			}
			return err
		}
		v.remember(codeCookie, code)
		return v.redirect("/setup")
	}
	setup, ok, err := v.knowsCode()
	if !ok || err != nil {
		return err
	}
	a := wire.Answer{Code: v.cookie(codeCookie), Step: form.Get("step"), Accept: form.Get("accept")}
	if adopt := form.Get("adopt"); adopt != "" {
		yes := adopt == "yes"
		if _, err := v.site.api.Answer(v.ctx(), wire.Answer{Code: a.Code, Adopt: &yes}); err != nil {
			return err
		}
		return v.gone(map[bool]string{true: "adopt", false: "off"}[yes])
	}
	i := slices.IndexFunc(setup.Steps, func(s wire.Step) bool { return s.Name == a.Step })
	if i < 0 {
		return missing(v)
	}
	a.Values = typed(form, setup.Steps[i].Properties)
	if v.r.URL.Query().Has("preview") {
		return v.showStep(http.StatusOK, setup, a.Step, a.Values, func(*wizardView) {})
	}
	for key, value := range a.Values {
		if again, asked := form["again:"+key]; asked && again[0] != value {
			return v.showStep(http.StatusUnprocessableEntity, setup, a.Step, a.Values, func(view *wizardView) {
				view.Form.refuse([]wire.Problem{{Path: key, Message: v.T("form.differ")}})
			})
		}
	}
	if to, moves := v.moves(changes(a.Values, setup.Steps[i].Properties)); moves && form.Get("moved") == "" {
		return v.askToMove(to)
	}
	after, err := v.site.api.Answer(v.ctx(), a)
	if e := refused(err); e != nil {
		return v.showStep(e.Status, setup, a.Step, a.Values, func(view *wizardView) {
			problems, invalid := problemsOf(err)
			view.Form.refuse(v.inWords(problems))
			if !invalid || len(problems) == 0 {
				view.Problem = v.advice(e.Message, e.Hint)
			}
		})
	}
	if err != nil {
		return err
	}
	if after.Complete {
		v.forget(codeCookie)
		return v.redirect("/login?said=setup")
	}
	return v.redirect("/setup")
}
