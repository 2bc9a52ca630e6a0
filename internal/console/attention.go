package console

import (
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// attentionPage are the notices: what is wrong, what to do, and for some a key
// that does it.
type attentionPage struct{ choice choice }

func (p *attentionPage) head(m *Model) string { return m.t("menu.attention") }
func (p *attentionPage) reply(*Model, reply)  {}

func (p *attentionPage) foot(m *Model) string {
	if n, ok := p.chosen(m); ok && n.Fix != "" {
		return m.t("foot.fix")
	}
	return m.t("foot.attention")
}

// chosen is the notice that the page is at; there is none when all is well.
func (p *attentionPage) chosen(m *Model) (wire.Notice, bool) {
	list := m.status.Notices
	if len(list) == 0 {
		return wire.Notice{}, false
	}
	return list[min(p.choice.at, len(list)-1)], true
}

func (p *attentionPage) key(m *Model, k key) {
	n, ok := p.chosen(m)
	switch {
	case k.name == "esc":
		m.back()
	case !ok:
	case k.name == "enter" && n.Fix != "":
		m.open(&questionPage{
			name: m.t("menu.attention"), question: m.sentence(n.Text), warning: m.t("fix.question", m.say(n.Fix)),
			done: m.t("fix.done"), what: fix{n.ID},
		})
	case k.name != "enter":
		p.choice.key(k, len(m.status.Notices), m.bodyHeight()-2)
	}
}

func (p *attentionPage) body(m *Model, width, height int) []Line {
	n, ok := p.chosen(m)
	if !ok {
		return []Line{{{" " + m.t("fix.none"), Good}}}
	}
	var titles []Line
	for _, n := range m.status.Notices {
		titles = append(titles, Line{{m.clean(m.sentence(n.Text)), styleOfLevel(n.Level)}})
	}
	whole := p.whole(m, n, width)
	view := choice{min(p.choice.at, len(titles)-1)}
	list := view.view(titles, max(1, min(len(titles), height-len(whole)-1)))
	return append(append(list, nil), whole...)
}

// whole is a notice in full, for its line in the list may be cut off.
func (p *attentionPage) whole(m *Model, n wire.Notice, width int) []Line {
	var lines []Line
	add := func(text string, style Style) {
		for _, part := range terminal.Wrap(m.clean(text), width-2) {
			lines = append(lines, Line{{" " + part, style}})
		}
	}
	add(m.sentence(n.Text), styleOfLevel(n.Level))
	if n.Hint != "" {
		add(m.sentence(n.Hint), Plain)
	}
	if n.Fix != "" {
		lines = append(lines, nil)
		add(m.t("fix.offer", m.say(n.Fix)), Bold)
	}
	return lines
}

func styleOfLevel(l wire.Level) Style {
	if l == wire.Critical {
		return Bad
	}
	return Wait
}

// sentence is a text of the agent in the console's language, with a full stop.
func (m *Model) sentence(english string) string {
	text := m.say(english)
	stop := "."
	if m.words().Language() == "ja" && text != english {
		stop = "。"
	}
	if text == "" || strings.HasSuffix(text, stop) || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + stop
}
