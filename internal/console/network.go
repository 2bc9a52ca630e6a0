package console

import (
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// networkPage changes how the appliance is connected: where somebody who can
// no longer reach it over the network goes.
type networkPage struct {
	form *form
	base int
	said string
}

func newNetwork(m *Model) *networkPage {
	p := &networkPage{}
	p.load(m)
	return p
}

// load asks for what is in force.
func (p *networkPage) load(m *Model) {
	m.ask(p, askConfig{})
	m.ask(p, askFacts{})
}

func (p *networkPage) head(m *Model) string { return m.t("menu.network") }
func (p *networkPage) foot(m *Model) string {
	if p.form != nil && p.form.picker != nil {
		return m.t("foot.picker")
	}
	return m.t("foot.form")
}

func (p *networkPage) key(m *Model, k key) {
	if k.name == "esc" && (p.form == nil || p.form.picker == nil) {
		m.back()
		return
	}
	if p.form == nil {
		return
	}
	if p.form.key(m, k) {
		values := p.form.changes()
		if len(values) == 0 {
			p.said = m.t("network.same")
			return
		}
		m.ask(p, change{p.base, wire.Change{Values: values, Why: "console"}})
		return
	}
	if p.form.stale {
		p.form.stale = false
		m.ask(p, askPreview{p.form.deciding()})
	}
}

func (p *networkPage) reply(m *Model, r reply) {
	if r.failure != nil {
		if p.form != nil {
			p.form.refused(m, r.failure)
		} else {
			p.said = r.failure.text()
		}
		if r.failure.status == 412 { // somebody else changed something meanwhile
			m.ask(p, askConfig{})
		}
		return
	}
	switch v := r.value.(type) {
	case wire.Config:
		p.base = v.Revision
		m.learnConfig(v)
	case facts:
		m.facts = v
		for _, s := range v.settings {
			if s.Key == "network" {
				p.form = newForm(s.Properties, false)
			}
		}
	case []wire.Property:
		p.form.learn(v)
	case wire.Changed:
		m.changed(p, v)
	}
}

// changed shows what a change led to.
func (m *Model) changed(p page, c wire.Changed) {
	m.polls.config, m.polls.facts = poll{}, poll{}
	m.config = &wire.Config{Revision: c.Revision, Pending: c.Pending}
	if c.Pending != nil {
		m.undoneAt = m.now.Add(time.Duration(c.Pending.Seconds) * time.Second)
		m.replace(&pendingPage{})
		return
	}
	m.replace(&donePage{text: m.t("change.done", c.Revision)})
}

func (p *networkPage) body(m *Model, width, height int) []Line {
	var lines []Line
	if p.said != "" {
		for _, part := range terminal.Wrap(m.clean(p.said), width-2) {
			lines = append(lines, Line{{" " + part, Wait}})
		}
		lines = append(lines, nil)
	}
	if p.form == nil {
		return lines
	}
	if height >= 14 && m.status != nil {
		lines = append(lines, networkNow(m, width, 10)...)
		lines = append(lines, nil)
	}
	return append(lines, p.form.view(m, m.t("form.save"), width, height-len(lines))...)
}

// pendingPage keeps or undoes a change that waits.
type pendingPage struct {
	choice choice
	said   string
}

func (p *pendingPage) head(m *Model) string { return m.t("pending.head") }
func (p *pendingPage) foot(m *Model) string { return m.t("foot.choose") }

func (p *pendingPage) key(m *Model, k key) {
	pending := m.pending()
	switch {
	case k.name == "esc", k.name == "enter" && pending == nil:
		m.back()
	case pending == nil:
	case k.name == "enter" && p.choice.at == 0:
		m.ask(p, confirm{})
	case k.name == "enter":
		m.ask(p, revert{pending.Revision, pending.RevertTo, "console"})
	default:
		p.choice.key(k, 2, 2)
	}
}

func (p *pendingPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.said = r.failure.text()
		return
	}
	m.polls.config, m.polls.facts = poll{}, poll{}
	text := m.t("pending.kept")
	if _, ok := r.call.what.(revert); ok {
		text = m.t("pending.undone")
	}
	m.config, m.undoneAt = nil, time.Time{}
	m.replace(&donePage{text: text})
}

func (p *pendingPage) body(m *Model, width, height int) []Line {
	pending := m.pending()
	if pending == nil {
		return []Line{{{" " + m.t("pending.gone"), Plain}}}
	}
	lines := []Line{{{" " + m.t("pending.title"), Bold}}}
	left := m.undoneAt.Sub(m.now).Round(time.Second)
	for _, part := range terminal.Wrap(m.t("pending.left", clock(left), pending.Revision)+" "+m.t("pending.why"), width-4) {
		lines = append(lines, Line{{"   " + part, Plain}})
	}
	lines = append(lines, nil)
	lines = append(lines, p.choice.view([]Line{{{m.t("pending.keep"), Plain}}, {{m.t("pending.undo"), Plain}}}, 2)...)
	for _, part := range terminal.Wrap(m.clean(p.said), width-4) {
		lines = append(lines, Line{{"   " + part, Bad}})
	}
	return lines
}

// donePage says that something was done.
type donePage struct{ text string }

func (p *donePage) head(m *Model) string { return m.t("done.head") }
func (p *donePage) foot(m *Model) string { return m.t("foot.enter") }
func (p *donePage) reply(*Model, reply)  {}
func (p *donePage) key(m *Model, k key) {
	if k.name == "enter" || k.name == "esc" {
		m.back()
	}
}

func (p *donePage) body(m *Model, width, height int) []Line {
	var lines []Line
	for _, part := range terminal.Wrap(m.clean(p.text), width-2) {
		lines = append(lines, Line{{" " + part, Good}})
	}
	return lines
}
