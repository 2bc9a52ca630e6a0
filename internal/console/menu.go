package console

import (
	"strconv"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// menuPage is what an administrator can do here.
type menuPage struct {
	choice choice
}

// entry is one line of the menu.
type entry struct {
	text string // a key of the catalogue
	open func(m *Model)
}

func (p *menuPage) entries(m *Model) []entry {
	list := []entry{
		{"menu.network", func(m *Model) { m.open(newNetwork(m)) }},
		{"menu.password", func(m *Model) { m.open(newPassword(m)) }},
		{"menu.history", func(m *Model) { m.open(newHistory(m)) }},
		{"menu.logs", func(m *Model) { m.open(newLogs(m)) }},
		{"menu.restart", func(m *Model) { m.open(&servicesPage{}) }},
		{"menu.reboot", func(m *Model) { m.open(newPower(m, "restart")) }},
		{"menu.off", func(m *Model) { m.open(newPower(m, "off")) }},
		{"menu.reset", func(m *Model) { m.open(newReset(m)) }},
		{"menu.logout", func(m *Model) { m.leave() }},
	}
	if len(m.status.Notices) > 0 {
		list = append([]entry{{"menu.attention", func(m *Model) { m.open(&attentionPage{}) }}}, list...)
	}
	if m.pending() != nil {
		list = append([]entry{{"menu.pending", func(m *Model) { m.open(&pendingPage{}) }}}, list...)
	}
	return list
}

func (p *menuPage) head(m *Model) string { return m.t("menu.head") }
func (p *menuPage) foot(m *Model) string { return m.t("foot.menupage") }
func (p *menuPage) reply(*Model, reply)  {}

func (p *menuPage) key(m *Model, k key) {
	list := p.entries(m)
	if n, err := strconv.Atoi(k.text); err == nil && n >= 1 && n <= len(list) {
		p.choice.at = n - 1
		list[n-1].open(m)
		return
	}
	switch k.name {
	case "esc":
		m.back()
	case "enter", "right":
		list[min(p.choice.at, len(list)-1)].open(m)
	default:
		p.choice.key(k, len(list), len(list))
	}
}

func (p *menuPage) body(m *Model, width, height int) []Line {
	var lines []Line
	for i, e := range p.entries(m) {
		style := Plain
		if e.text == "menu.pending" || e.text == "menu.attention" {
			style = Wait
		}
		number := strconv.Itoa(i + 1)
		lines = append(lines, Line{{terminal.Pad(number, 3) + m.t(e.text), style}})
	}
	view := choice{min(p.choice.at, len(lines)-1)}
	if height <= len(lines)+1 {
		return view.view(lines, height)
	}
	return append([]Line{{{" " + m.t("menu.title"), Bold}}, nil}, view.view(lines, height-2)...)
}
