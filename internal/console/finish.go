package console

import (
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// finishPage is the end of the first boot: where to go now.
type finishPage struct{}

func (finishPage) reply(*Model, reply)  {}
func (finishPage) head(m *Model) string { return m.t("finish.head") }
func (finishPage) foot(m *Model) string { return m.t("foot.enter") }
func (finishPage) key(m *Model, k key) {
	if k.name == "enter" || k.name == "esc" || k.name == "f2" {
		m.back()
	}
}

func (finishPage) body(m *Model, width, height int) []Line {
	d := statusDrawing{Model: m, width: width, keyWidth: 16}
	block := m.code(m.status.Management, width-48, height)
	if block != nil {
		d.width = width - block[0].width() - 2
	}
	lines := []Line{d.heading(m.t("finish.title"))}
	for _, part := range terminal.Wrap(m.t("finish.text"), d.width-4) {
		lines = append(lines, Line{{"   " + part, Plain}})
	}
	lines = append(lines, nil)
	lines = append(lines, d.reach(m.status)...)
	if m.status.Management == "" { // say why there is nowhere to go
		lines = append(lines, d.network(m.status)...)
	}
	lines = append(lines, d.services(m.status)...)
	return beside(lines, block, width)
}

// adoptPage asks whether to take over a data disk that has a life already.
type adoptPage struct {
	choice  choice
	problem string
}

func (p *adoptPage) head(m *Model) string { return m.t("adopt.head") }
func (p *adoptPage) foot(m *Model) string { return m.t("foot.choose") }

func (p *adoptPage) key(m *Model, k key) {
	adopt := m.setup.Adopt
	switch {
	case k.name == "esc":
		m.setUpLater = true
		m.back()
	case adopt == nil || adopt.Refused != "":
	case k.name == "enter":
		yes := p.choice.at == 0
		m.ask(p, answer{wire.Answer{Step: "adopt", Adopt: &yes}})
	default:
		p.choice.key(k, 2, 2)
	}
}

func (p *adoptPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.problem = r.failure.text()
		return
	}
	setup := r.value.(wire.Setup)
	m.setup = &setup
	m.back()
	if !m.complete() {
		m.openSetup()
	}
}

func (p *adoptPage) body(m *Model, width, height int) []Line {
	a := m.setup.Adopt
	if a == nil {
		return nil
	}
	title := a.Title
	if title == "" {
		title = a.Name
	}
	lines := []Line{{{" " + m.t("adopt.title"), Bold}}}
	say := func(text string, style Style) {
		for _, part := range terminal.Wrap(m.clean(text), width-4) {
			lines = append(lines, Line{{"   " + part, style}})
		}
	}
	say(m.t("adopt.whose", title, a.Version), Plain)
	if a.Refused != "" {
		lines = append(lines, nil)
		say(m.t("adopt.refused", m.say(a.Refused)), Bad)
		say(m.t("adopt.instead"), Plain)
		return lines
	}
	say(m.t("adopt.means"), Plain)
	lines = append(lines, nil)
	lines = append(lines, p.choice.view([]Line{{{m.t("adopt.yes"), Plain}}, {{m.t("adopt.no"), Plain}}}, 2)...)
	if p.problem != "" {
		lines = append(lines, nil)
		say(p.problem, Bad)
	}
	return lines
}
