package console

import (
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// logsPage chooses whose log to read.
type logsPage struct{ choice choice }

func newLogs(*Model) *logsPage { return &logsPage{} }

func (p *logsPage) head(m *Model) string { return m.t("menu.logs") }
func (p *logsPage) foot(m *Model) string { return m.t("foot.choose") }
func (p *logsPage) reply(*Model, reply)  {}

func (p *logsPage) key(m *Model, k key) {
	switch k.name {
	case "esc":
		m.back()
	case "enter":
		service := ""
		if p.choice.at > 0 {
			service = m.status.Services[p.choice.at-1].Name
		}
		m.open(newLog(m, service))
	default:
		p.choice.key(k, len(m.status.Services)+1, m.bodyHeight()-2)
	}
}

func (p *logsPage) body(m *Model, width, height int) []Line {
	lines := []Line{{{m.t("logs.all"), Plain}}}
	for _, s := range m.status.Services {
		lines = append(lines, Line{{m.clean(s.Title), Plain}})
	}
	return append([]Line{{{" " + m.t("logs.title"), Bold}}, nil}, p.choice.view(lines, height-2)...)
}

// logPage shows the end of a log.
type logPage struct {
	service string
	log     wire.Log
	said    string
	pager   pager
}

func newLog(m *Model, service string) *logPage {
	p := &logPage{service: service}
	m.ask(p, askLog{service})
	return p
}

func (p *logPage) head(m *Model) string {
	if p.service == "" {
		return m.t("logs.all")
	}
	return serviceTitle(m.status, p.service)
}

func (p *logPage) foot(m *Model) string { return m.t("foot.log") }

func (p *logPage) key(m *Model, k key) {
	width, _ := m.size()
	switch k.name {
	case "esc":
		m.back()
	case "r", "f6":
		m.ask(p, askLog{p.service})
	default:
		p.pager.key(k, len(p.lines(m, width)), m.bodyHeight())
	}
}

func (p *logPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.said = r.failure.text()
		return
	}
	p.log, p.said = r.value.(wire.Log), ""
	width, _ := m.size()
	p.pager.key(key{name: "end"}, len(p.lines(m, width)), m.bodyHeight())
}

// lines wraps what is long: what matters may be at its end.
func (p *logPage) lines(m *Model, width int) []Line {
	if p.said != "" {
		return []Line{{{" " + m.clean(p.said), Bad}}}
	}
	var lines []Line
	for _, l := range p.log.Lines {
		style := Plain
		switch {
		case l.Priority <= 3:
			style = Bad
		case l.Priority == 4:
			style = Wait
		}
		text := m.clean(l.Text)
		if p.service == "" && l.Unit != "" {
			text = m.clean(strings.TrimSuffix(l.Unit, ".service")) + ": " + text
		}
		stamp := l.Time.UTC().Format("15:04:05")
		for _, part := range terminal.Wrap(text, width-13) {
			lines = append(lines, Line{{" " + terminal.Pad(stamp, 9), Dim}, {part, style}})
			stamp = ""
		}
	}
	if len(lines) == 0 {
		lines = []Line{{{" " + m.t("logs.empty"), Dim}}}
	}
	return lines
}

func (p *logPage) body(m *Model, width, height int) []Line {
	return p.pager.view(p.lines(m, width), width, height)
}
