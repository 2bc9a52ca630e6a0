package console

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// historyPage lists the revisions, the newest first.
type historyPage struct {
	revisions []wire.Revision
	choice    choice
	said      string
}

func newHistory(m *Model) *historyPage {
	p := &historyPage{}
	m.ask(p, askRevisions{})
	return p
}

func (p *historyPage) head(m *Model) string { return m.t("menu.history") }
func (p *historyPage) foot(m *Model) string { return m.t("foot.history") }

func (p *historyPage) key(m *Model, k key) {
	switch {
	case k.name == "esc":
		m.back()
	case len(p.revisions) == 0:
	case k.name == "enter":
		m.open(newDiff(m, p.revisions, p.choice.at))
	default:
		p.choice.key(k, len(p.revisions), m.bodyHeight()-2)
	}
}

func (p *historyPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.said = r.failure.text()
		return
	}
	p.revisions = slices.Clone(r.value.([]wire.Revision))
	slices.SortFunc(p.revisions, func(a, b wire.Revision) int { return b.Number - a.Number })
}

func (p *historyPage) body(m *Model, width, height int) []Line {
	if p.said != "" {
		return []Line{{{" " + m.clean(p.said), Bad}}}
	}
	if len(p.revisions) == 0 {
		return nil
	}
	var lines []Line
	for _, r := range p.revisions {
		mark, style := "", Plain
		switch {
		case r.Unconfirmed:
			mark, style = m.t("history.waits"), Wait
		case r.Current:
			mark, style = m.t("history.current"), Good
		}
		text := fmt.Sprintf("%4d  %s  ", r.Number, r.Time.UTC().Format("2006-01-02 15:04"))
		if width >= 60 {
			text += terminal.Pad(m.clean(r.Who), 14) + "  " + m.clean(r.Why)
		} else {
			text += m.clean(r.Who)
		}
		lines = append(lines, Line{{text, Plain}, {"  " + mark, style}})
	}
	columns := "   " + m.t("history.columns")
	if width >= 60 {
		columns = terminal.Pad(columns, 43) + m.t("history.why")
	}
	head := Line{{terminal.Pad(columns, width), Dim}}
	return append([]Line{head}, p.choice.view(lines, height-1)...)
}

// diffPage shows what a revision changed, and can bring it back.
type diffPage struct {
	revision wire.Revision
	current  int
	loaded   bool
	diff     string
	said     string
	asking   bool
	choice   choice
	pager    pager
}

func newDiff(m *Model, list []wire.Revision, at int) *diffPage {
	p := &diffPage{revision: list[at]}
	for _, r := range list {
		if r.Current {
			p.current = r.Number
		}
	}
	if at+1 < len(list) {
		m.ask(p, askDiff{list[at+1].Number, p.revision.Number})
	} else {
		p.loaded = true // the first has nothing before it
	}
	return p
}

func (p *diffPage) head(m *Model) string { return m.t("diff.head", p.revision.Number) }

func (p *diffPage) foot(m *Model) string {
	if p.asking {
		return m.t("foot.choose")
	}
	if p.revision.Current {
		return m.t("foot.scroll")
	}
	return m.t("foot.diff")
}

func (p *diffPage) key(m *Model, k key) {
	switch {
	case k.name == "esc" && p.asking:
		p.asking = false
	case k.name == "esc":
		m.back()
	case p.asking && k.name == "enter" && p.choice.at == 1:
		m.ask(p, revert{p.current, p.revision.Number, "console"})
	case p.asking && k.name == "enter":
		p.asking = false
	case p.asking:
		p.choice.key(k, 2, 2)
	case (k.name == "r" || k.name == "f6") && !p.revision.Current:
		p.asking, p.choice.at = true, 0
	default:
		width, _ := m.size()
		p.pager.key(k, len(p.lines(m, width)), m.bodyHeight())
	}
}

func (p *diffPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.said, p.asking = r.failure.text(), false
		return
	}
	switch v := r.value.(type) {
	case wire.Diff:
		p.diff, p.loaded = v.Diff, true
	case wire.Changed:
		m.back() // to the history, which is old now
		m.changed(p, v)
	}
}

func (p *diffPage) lines(m *Model, width int) []Line {
	var lines []Line
	if p.said != "" {
		for _, part := range terminal.Wrap(m.clean(p.said), width-2) {
			lines = append(lines, Line{{" " + part, Bad}})
		}
	}
	if p.loaded && p.diff == "" {
		return append(lines, Line{{" " + m.t("diff.none"), Plain}})
	}
	for line := range strings.Lines(p.diff) {
		style := Plain
		switch {
		case strings.HasPrefix(line, "+"):
			style = Good
		case strings.HasPrefix(line, "-"):
			style = Bad
		case strings.HasPrefix(line, "@"):
			style = Dim
		}
		lines = append(lines, Line{{" " + m.clean(strings.TrimRight(line, "\r\n")), style}})
	}
	return lines
}

func (p *diffPage) body(m *Model, width, height int) []Line {
	if p.asking {
		lines := []Line{{{" " + m.t("diff.question", p.revision.Number), Bold}}, nil}
		return append(lines, p.choice.view([]Line{{{m.t("ask.no"), Plain}}, {{m.t("ask.yes"), Plain}}}, 2)...)
	}
	return p.pager.view(p.lines(m, width), width, height)
}
