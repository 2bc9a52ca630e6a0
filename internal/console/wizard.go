package console

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// wizardPage asks the questions of the first boot, one step after another.
// Which steps there are and what they ask is the agent's; a step that was
// answered is passed over, and can be gone back to.
type wizardPage struct {
	at int
	// forms keep what was typed into each step, whatever happens.
	forms map[string]*form
	// licence is where the text is scrolled to, problem why it was refused.
	licence pager
	problem string
}

// The steps that are more than a form.
const (
	stepLicence       = "eula"
	stepNetwork       = "network"
	stepAdministrator = "administrator"
)

// openSetup asks what the first boot has to ask next.
func (m *Model) openSetup() {
	m.setUpLater = false
	if m.setup.Adopt != nil {
		m.open(&adoptPage{})
		return
	}
	w := &wizardPage{forms: map[string]*form{}}
	w.at = w.next(m, -1)
	m.open(w)
}

// steps are those that ask something.
func (w *wizardPage) steps(m *Model) []wire.Step {
	var out []wire.Step
	for _, s := range m.setup.Steps {
		if len(s.Properties) > 0 || s.Licence != nil {
			out = append(out, s)
		}
	}
	return out
}

// next is the first step after at that is not answered; if there is none, the
// first at all; and else the one after at.
func (w *wizardPage) next(m *Model, at int) int {
	steps := w.steps(m)
	for i := range steps {
		if j := (at + 1 + i) % len(steps); !steps[j].Done {
			return j
		}
	}
	return max(0, min(at+1, len(steps)-1))
}

func (w *wizardPage) step(m *Model) (wire.Step, bool) {
	steps := w.steps(m)
	if w.at >= len(steps) {
		return wire.Step{}, false
	}
	return steps[w.at], true
}

func (w *wizardPage) form(m *Model, s wire.Step) *form {
	f := w.forms[s.Name]
	if f == nil {
		f = newForm(s.Properties, s.Name == stepAdministrator)
		w.tellSeeds(m, s, f)
		w.forms[s.Name] = f
	}
	return f
}

// tellSeeds says at the fields of a step that is still open what seeds said of
// them in vain.
func (w *wizardPage) tellSeeds(m *Model, s wire.Step, f *form) {
	if s.Done {
		return
	}
	for _, seed := range m.setup.Seeds {
		for _, p := range seed.Problems {
			for _, fl := range f.fields {
				if fl.twin == nil && belongs(p.Path, fl.Key) {
					fl.problem = m.t("wizard.seed", seed.Provider, m.say(p.Message))
				}
			}
		}
	}
}

func (w *wizardPage) head(m *Model) string {
	s, ok := w.step(m)
	if !ok {
		return m.t("state.setup")
	}
	return fmt.Sprintf("%d/%d %s", w.at+1, len(w.steps(m)), m.stepTitle(s.Name))
}

func (m *Model) stepTitle(name string) string {
	if text, ok := m.words().Lookup("step." + name); ok {
		return text
	}
	return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
}

func (w *wizardPage) foot(m *Model) string {
	s, ok := w.step(m)
	switch {
	case !ok:
		return m.t("foot.back")
	case s.Licence != nil:
		return m.t("foot.licence")
	case w.form(m, s).picker != nil:
		return m.t("foot.picker")
	}
	return m.t("foot.form")
}

func (w *wizardPage) key(m *Model, k key) {
	s, ok := w.step(m)
	if !ok {
		w.leave(m)
		return
	}
	open := s.Licence == nil && w.form(m, s).picker != nil && !w.form(m, s).only()
	if !open && (k.name == "esc" || k.name == "f3") {
		if w.at == 0 {
			w.leave(m)
			return
		}
		w.at--
		w.problem = ""
		return
	}
	if s.Licence != nil {
		w.licenceKey(m, s, k)
		return
	}
	f := w.form(m, s)
	if f.key(m, k) {
		m.ask(w, answer{wire.Answer{Step: s.Name, Values: f.values()}})
		return
	}
	if f.stale {
		f.stale = false
		w.follow(m, f)
		m.ask(w, askPreview{f.deciding()})
	}
}

// follow shows the texts in the language that is being chosen.
func (w *wizardPage) follow(m *Model, f *form) {
	for _, fl := range f.fields {
		if fl.Key == languageKey {
			m.chooseLanguage(fl.String())
		}
	}
}

func (w *wizardPage) leave(m *Model) {
	m.setUpLater = true
	m.back()
}

func (w *wizardPage) reply(m *Model, r reply) {
	s, ok := w.step(m)
	if !ok {
		return
	}
	switch r.call.what.(type) {
	case askPreview:
		if r.failure == nil {
			w.form(m, s).learn(r.value.([]wire.Property))
		}
	case answer:
		if r.failure != nil {
			w.problem = r.failure.text()
			if s.Licence == nil {
				w.form(m, s).refused(m, r.failure)
			}
			return
		}
		w.answered(m, s, r.value.(wire.Setup))
	}
}

// answered goes on. Forms into which nobody typed are made anew: the answer
// may have changed what they ask.
func (w *wizardPage) answered(m *Model, s wire.Step, setup wire.Setup) {
	w.problem = ""
	w.licence = pager{}
	delete(w.forms, s.Name)
	for name, f := range w.forms {
		if !f.touched {
			delete(w.forms, name)
		}
	}
	m.setup = &setup
	if m.complete() {
		w.finish(m)
		return
	}
	w.at = w.next(m, w.at)
}

// finish says where to go now.
func (w *wizardPage) finish(m *Model) {
	m.polls.status, m.polls.setup, m.polls.facts = poll{}, poll{}, poll{}
	m.learnLanguage()
	m.replace(&finishPage{})
}

func (w *wizardPage) body(m *Model, width, height int) []Line {
	s, ok := w.step(m)
	if !ok {
		return []Line{{{" " + m.t("wizard.nothing"), Plain}}}
	}
	var lines []Line
	if height >= 14 {
		lines = append(lines, w.progress(m, width), nil)
	}
	lines = append(lines, w.intro(m, s, width, height)...)
	lines = lines[:min(len(lines), height/2)]
	rest := height - len(lines)
	if s.Licence != nil {
		return append(lines, w.licenceBody(m, s, width, rest)...)
	}
	return append(lines, w.form(m, s).view(m, m.t("wizard.continue"), width, rest)...)
}

// progress is the line of steps.
func (w *wizardPage) progress(m *Model, width int) Line {
	line := Line{{" ", Plain}}
	for i, s := range w.steps(m) {
		text, style := m.stepTitle(s.Name), Dim
		switch {
		case i == w.at:
			text, style = "["+text+"]", Chosen
		case s.Done:
			text, style = text+"*", Plain
		}
		line = append(line, Span{text, style}, Span{" ", Plain})
	}
	return line
}

// intro says what a step is for; of the network, how it is now.
func (w *wizardPage) intro(m *Model, s wire.Step, width, height int) []Line {
	var lines []Line
	if s.Name == stepNetwork && m.status != nil {
		lines = append(lines, networkNow(m, width, height)...)
	} else if text, ok := m.words().Lookup("intro." + s.Name); ok && height >= 14 {
		for _, part := range terminal.Wrap(text, width-2) {
			lines = append(lines, Line{{" " + part, Plain}})
		}
	}
	if s.Name == "language" && m.wanted == "ja" && m.words().Language() != "ja" {
		for _, part := range terminal.Wrap(m.t("language.cannot"), width-2) {
			lines = append(lines, Line{{" " + part, Wait}})
		}
	}
	if n := refusals(m.setup.Seeds); n > 0 && w.at == 0 {
		for _, part := range terminal.Wrap(m.t("wizard.seeds", n), width-2) {
			lines = append(lines, Line{{" " + part, Wait}})
		}
	}
	if m.setup.Code != "" && w.at == 0 && m.status != nil && m.status.Management != "" {
		for _, part := range terminal.Wrap(m.clean(m.t("wizard.remote", m.status.Management, m.setup.Code)), width-2) {
			lines = append(lines, Line{{" " + part, Plain}})
		}
	}
	if len(lines) > 0 && height >= 14 {
		lines = append(lines, nil)
	}
	return lines
}

// refusals counts what of the seeds was not taken.
func refusals(seeds []wire.Seed) int {
	n := 0
	for _, s := range seeds {
		n += len(s.Problems)
	}
	return n
}

// networkNow says what the adapters have, and in clear words when DHCP gave
// nothing.
func networkNow(m *Model, width, height int) []Line {
	var lines []Line
	some := false
	for _, i := range m.status.Network {
		text, style := m.t("network.has", i.Name, strings.Join(i.Addresses, "  ")), Good
		if len(i.Addresses) == 0 {
			problem := m.say(i.Problem)
			if problem == "" {
				problem = i.State
			}
			text, style = i.Name+": "+problem, Wait
		} else {
			some = true
		}
		for _, part := range terminal.Wrap(m.clean(text), width-2) {
			lines = append(lines, Line{{" " + part, style}})
		}
	}
	hint := m.t("network.dhcp")
	switch {
	case len(m.status.Network) == 0:
		hint = m.t("network.none")
	case !some:
		hint = m.t("network.nodhcp")
	}
	if height < 14 {
		return lines[:min(len(lines), 2)]
	}
	for _, part := range terminal.Wrap(hint, width-2) {
		lines = append(lines, Line{{" " + part, Plain}})
	}
	return lines
}
