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

// urgent are what somebody should see to first; they come and go.
func (p *menuPage) urgent(m *Model) (list []entry) {
	if m.pending() != nil {
		list = append(list, entry{"menu.pending", func(m *Model) { m.open(&pendingPage{}) }})
	}
	if len(m.status.Notices) > 0 {
		list = append(list, entry{"menu.attention", func(m *Model) { m.open(&attentionPage{}) }})
	}
	return list
}

// usual are always there, each by its digit.
func (p *menuPage) usual() []entry {
	return []entry{
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
}

func (p *menuPage) head(m *Model) string { return m.t("menu.head") }
func (p *menuPage) foot(m *Model) string { return m.t("foot.menupage") }
func (p *menuPage) reply(*Model, reply)  {}

func (p *menuPage) key(m *Model, k key) {
	urgent := p.urgent(m)
	list := append(urgent, p.usual()...)
	if n, err := strconv.Atoi(k.text); err == nil && n >= 1 && n <= len(p.usual()) {
		p.choice.at = len(urgent) + n - 1
		list[p.choice.at].open(m)
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
	add := func(mark string, e entry, style Style) {
		lines = append(lines, Line{{terminal.Pad(mark, 3) + m.t(e.text), style}})
	}
	for _, e := range p.urgent(m) {
		add("!", e, Wait)
	}
	for i, e := range p.usual() {
		add(strconv.Itoa(i+1), e, Plain)
	}
	view := choice{min(p.choice.at, len(lines)-1)}
	if height <= len(lines)+1 {
		return view.view(lines, height)
	}
	return append([]Line{{{" " + m.t("menu.title"), Bold}}, nil}, view.view(lines, height-2)...)
}
