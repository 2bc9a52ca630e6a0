package console

import (
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// The licence of the first boot is read to its end, or accepted by its key.

func (w *wizardPage) licenceKey(m *Model, s wire.Step, k key) {
	width, _ := m.size()
	height := m.bodyHeight()
	head := 0
	if height >= 14 {
		head = 2
	}
	head = min(head+len(w.intro(m, s, width, height)), height/2)
	rows := max(1, height-head-len(w.licenceFoot(m, s, width)))
	lines := m.paragraphs(s.Licence.Text, 1, width-2)
	switch {
	case k.name == "f8" || k.name == "a" || k.name == "A",
		k.name == "enter" && w.licence.atEnd(len(lines), rows):
		m.ask(w, answer{wire.Answer{Step: s.Name, Accept: s.Licence.Hash}})
	case k.name == "enter":
		w.licence.key(key{name: "pgdown"}, len(lines), rows)
	default:
		w.licence.key(k, len(lines), rows)
	}
}

func (w *wizardPage) licenceBody(m *Model, s wire.Step, width, height int) []Line {
	foot := w.licenceFoot(m, s, width)
	rows := max(1, height-len(foot))
	lines := m.paragraphs(s.Licence.Text, 1, width-2)
	out := w.licence.view(lines, width, rows)
	for len(out) < rows {
		out = append(out, nil)
	}
	if w.licence.atEnd(len(lines), rows) {
		foot[len(foot)-1] = buttonLine(m.t("licence.accept"), true)
	}
	return append(out, foot...)
}

// licenceFoot is what stands below the text; its last line is the button.
func (w *wizardPage) licenceFoot(m *Model, s wire.Step, width int) []Line {
	var lines []Line
	if w.problem != "" {
		for _, part := range terminal.Wrap(m.clean(w.problem), width-4) {
			lines = append(lines, Line{{" ! " + part, Bad}})
		}
	}
	if others := w.otherLanguages(s); others != "" && m.bodyHeight() >= 14 {
		lines = append(lines, nil, Line{{" " + m.clean(m.t("licence.languages", others)), Dim}})
	}
	if m.bodyHeight() >= 14 {
		lines = append(lines, nil)
	}
	return append(lines, buttonLine(m.t("licence.accept"), false))
}

func (w *wizardPage) otherLanguages(s wire.Step) string {
	var out []string
	for _, l := range s.Licence.Languages {
		if l != s.Licence.Language {
			out = append(out, l)
		}
	}
	return strings.Join(out, ", ")
}
