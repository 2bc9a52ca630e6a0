package console

import (
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// questionPage asks before something is done that stops somebody's work. The
// answer that is chosen at first is no.
type questionPage struct {
	name, question, warning, done string
	what                          any
	choice                        choice
	said                          string
}

func newPower(m *Model, action string) *questionPage {
	text := map[string]string{"restart": "reboot", "off": "off"}[action]
	return &questionPage{
		name: m.t("menu." + text), question: m.t("power." + text), warning: m.t("power.warning"),
		done: m.t("power." + text + ".done"), what: power{action},
	}
}

func (p *questionPage) head(m *Model) string { return p.name }
func (p *questionPage) foot(m *Model) string { return m.t("foot.choose") }

func (p *questionPage) key(m *Model, k key) {
	switch {
	case k.name == "esc", k.name == "enter" && p.choice.at == 0:
		m.back()
	case k.name == "enter":
		m.ask(p, p.what)
	default:
		p.choice.key(k, 2, 2)
	}
}

func (p *questionPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.said = r.failure.text()
		return
	}
	m.replace(&donePage{text: p.done})
}

func (p *questionPage) body(m *Model, width, height int) []Line {
	var lines []Line
	for _, part := range terminal.Wrap(m.clean(p.question), width-2) {
		lines = append(lines, Line{{" " + part, Bold}})
	}
	for _, part := range terminal.Wrap(p.warning, width-2) {
		lines = append(lines, Line{{" " + part, Plain}})
	}
	lines = append(lines, nil)
	lines = append(lines, p.choice.view([]Line{{{m.t("ask.no"), Plain}}, {{m.t("ask.yes"), Plain}}}, 2)...)
	if p.said != "" {
		lines = append(lines, nil)
		for _, part := range terminal.Wrap(m.clean(p.said), width-4) {
			lines = append(lines, Line{{"   " + part, Bad}})
		}
	}
	return lines
}

// servicesPage chooses a service to restart.
type servicesPage struct{ choice choice }

func (p *servicesPage) head(m *Model) string { return m.t("menu.restart") }
func (p *servicesPage) foot(m *Model) string { return m.t("foot.choose") }
func (p *servicesPage) reply(*Model, reply)  {}

func (p *servicesPage) key(m *Model, k key) {
	list := m.status.Services
	switch {
	case k.name == "esc":
		m.back()
	case len(list) == 0:
	case k.name == "enter":
		s := list[p.choice.at]
		m.open(&questionPage{
			name: m.t("menu.restart"), question: m.t("restart.question", s.Title), warning: m.t("restart.warning"),
			done: m.t("restart.done", s.Title), what: restart{s.Name},
		})
	default:
		p.choice.key(k, len(list), m.bodyHeight()-2)
	}
}

func (p *servicesPage) body(m *Model, width, height int) []Line {
	d := statusDrawing{Model: m}
	var lines []Line
	for _, s := range m.status.Services {
		lines = append(lines, Line{{terminal.Pad(m.clean(s.Title), 24) + " ", Plain}, {d.serviceState(s.State), styleOf(s.State)}})
	}
	return append([]Line{{{" " + m.t("restart.title"), Bold}}, nil}, p.choice.view(lines, height-2)...)
}

// resetPage is the factory reset: the appliance's name must be typed, since
// there is no way back.
type resetPage struct {
	form *form
}

func newReset(m *Model) *resetPage {
	return &resetPage{form: newForm([]wire.Property{
		{Key: "confirm", Title: m.t("reset.name"), Type: "string", Required: true},
	}, false)}
}

func (p *resetPage) head(m *Model) string { return m.t("menu.reset") }
func (p *resetPage) foot(m *Model) string { return m.t("foot.form") }

func (p *resetPage) key(m *Model, k key) {
	if k.name == "esc" {
		m.back()
		return
	}
	if !p.form.key(m, k) {
		return
	}
	name := p.form.fields[0].String()
	if name != m.status.Name {
		p.form.fields[0].problem = m.t("reset.wrong", m.status.Name)
		p.form.at = 0
		return
	}
	m.ask(p, reset{name})
}

func (p *resetPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.form.refused(m, r.failure)
		return
	}
	m.replace(&donePage{text: m.t("reset.done")})
}

func (p *resetPage) body(m *Model, width, height int) []Line {
	lines := []Line{{{" " + m.t("reset.title"), Bad}}}
	text := terminal.Wrap(m.clean(m.t("reset.text", m.status.Name)), width-2)
	for _, part := range text {
		lines = append(lines, Line{{" " + part, Plain}})
	}
	if height >= 12 {
		lines = append(lines, nil)
	}
	return append(lines, p.form.view(m, m.t("reset.button"), width, height-len(lines))...)
}
