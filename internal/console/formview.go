package console

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// view draws a form in at most height lines: the fields around the one that
// keys go to, and below them what that one is for.
func (f *form) view(m *Model, button string, width, height int) []Line {
	if f.picker != nil {
		var out []Line
		if f.only() {
			out = f.problems(m, width)
			if fl := f.shown()[0]; fl.problem != "" {
				out = append(out, f.problemLines(m, fl.problem, 1, width)...)
			}
		} else {
			out = []Line{{{" " + m.propertyTitle(f.focus().Property), Bold}}}
		}
		return append(out, f.picker.view(m, width, height-len(out))...)
	}
	help := f.help(m, width, height)
	var lines []Line
	from, to := 0, 0
	lines = append(lines, f.problems(m, width)...)
	group := ""
	list := f.shown()
	for i, fl := range list {
		if fl.Group != group && fl.Group != "" && f.groups() > 1 {
			if len(lines) > 0 {
				lines = append(lines, nil)
			}
			lines = append(lines, Line{{" " + m.clean(fl.Group), Bold}})
		}
		group = fl.Group
		start := len(lines)
		lines = append(lines, f.fieldLines(m, fl, i == f.at, width)...)
		if i == f.at {
			from, to = start, len(lines)
		}
	}
	if height > 6 {
		lines = append(lines, nil)
	}
	lines = append(lines, buttonLine(button, f.at == len(list)))
	if f.at == len(list) {
		from, to = len(lines)-1, len(lines)
	}
	out := window(lines, from, to, height-len(help))
	for len(help) > 0 && len(out)+len(help) < height {
		out = append(out, nil)
	}
	return append(out, help...)
}

// window cuts lines to a height such that from to to can be seen.
func window(lines []Line, from, to, height int) []Line {
	height = max(height, 1)
	if len(lines) <= height {
		return lines
	}
	top := max(0, min((from+to)/2-height/2, len(lines)-height))
	out := append([]Line(nil), lines[top:top+height]...)
	if top > 0 && top < from {
		out[0] = Line{{"   ^", Dim}}
	}
	if top+height < len(lines) && top+height > to {
		out[height-1] = Line{{"   v", Dim}}
	}
	return out
}

func buttonLine(text string, focus bool) Line {
	if focus {
		return Line{{" > ", Chosen}, {"[ " + text + " ]", Cursor}}
	}
	return Line{{"   [ " + text + " ]", Plain}}
}

// groups counts the headings.
func (f *form) groups() int {
	seen := map[string]bool{}
	for _, fl := range f.shown() {
		seen[fl.Group] = true
	}
	return len(seen)
}

func (f *form) problems(m *Model, width int) []Line {
	var out []Line
	for _, p := range f.general {
		out = append(out, f.problemLines(m, p, 1, width)...)
	}
	if len(out) > 0 {
		out = append(out, nil)
	}
	return out
}

func (f *form) problemLines(m *Model, text string, indent, width int) []Line {
	var out []Line
	for i, part := range terminal.Wrap(m.clean(text), width-indent-3) {
		mark := "! "
		if i > 0 {
			mark = "  "
		}
		out = append(out, Line{{strings.Repeat(" ", indent) + mark + part, Bad}})
	}
	return out
}

// labelWidth is the column of the titles.
func labelWidth(width int) int { return max(14, min(26, width*2/5)) }

func (f *form) fieldLines(m *Model, fl *field, focus bool, width int) []Line {
	mark, style := "   ", Plain
	if focus {
		mark, style = " > ", Chosen
	}
	label := labelWidth(width)
	title := m.propertyTitle(fl.Property)
	if fl.twin != nil {
		title = m.t("form.again")
	}
	room := min(44, width-label-6)
	head := Line{{mark + terminal.Pad(title, label-1) + " ", style}}
	var lines []Line
	switch {
	case fl.Type == typeBool:
		lines = []Line{append(head, Span{map[bool]string{true: "[x]", false: "[ ]"}[fl.String() == "true"], style})}
	case fl.choice():
		lines = []Line{append(head, Span{"< " + terminal.Cut(m.optionTitle(fl.Key, fl.Options, fl.String()), room-2) + " >", style})}
	case fl.lines && focus:
		for i, row := range fl.block(m, room, 5) {
			if i > 0 {
				head = Line{{strings.Repeat(" ", label+3), Plain}}
			}
			lines = append(lines, append(append(append(head, Span{"[", style}), row...), Span{"]", style}))
		}
	default:
		lines = []Line{append(append(append(head, Span{"[", style}), fl.valueSpans(m, room, focus)...), Span{"]", style})}
	}
	if fl.problem != "" {
		lines = append(lines, f.problemLines(m, fl.problem, 3, width)...)
	}
	return lines
}

// valueSpans is what stands between the brackets.
func (fl *field) valueSpans(m *Model, width int, focus bool) []Span {
	secret := fl.Type == typeSecret
	if secret && fl.Value == hiddenSecret && !fl.changed && fl.twin == nil && len(fl.text) == 0 {
		if focus {
			return []Span{{" ", Cursor}, {terminal.Pad(m.t("form.set"), width-1), Dim}}
		}
		return []Span{{terminal.Pad(m.t("form.set"), width), Dim}}
	}
	if n := strings.Count(fl.String(), "\n"); n > 0 && !focus {
		return []Span{{terminal.Pad(m.t("form.lines", n+1), width), Plain}}
	}
	return fl.view(m, width, focus, secret)
}

// optionTitle is a property's value as people read it, if the terminal can
// show that.
func (m *Model) optionTitle(key string, options []wire.Option, value string) string {
	if text, ok := m.words().Lookup("option." + key + "." + value); ok {
		return text
	}
	title := value
	for _, o := range options {
		if o.Value == value && o.Title != "" {
			title = o.Title
		}
	}
	if shown := m.clean(title); strings.Trim(shown, "? ") != "" || title == "" {
		return shown
	}
	if text, ok := m.words().Lookup("option." + value); ok {
		return text
	}
	return m.clean(value)
}

// help is what the field is for, and how it is typed.
func (f *form) help(m *Model, width, height int) []Line {
	fl := f.focus()
	if fl == nil || height < 5 {
		return nil
	}
	var parts []string
	if title := m.propertyTitle(fl.Property); terminal.Cells(title) > labelWidth(width)-1 {
		parts = append(parts, title+".")
	}
	if help := m.propertyHelp(fl.Property); help != "" {
		parts = append(parts, help)
	}
	if fl.Example != "" && fl.Type != typeSecret && !fl.choice() {
		parts = append(parts, m.t("form.example", fl.Example))
	}
	switch {
	case fl.Type == typeBool:
		parts = append(parts, m.t("form.space"))
	case fl.choice() && len(fl.Options) > few:
		parts = append(parts, m.t("form.choose"))
	case fl.choice():
		parts = append(parts, m.t("form.arrows"))
	case fl.lines:
		parts = append(parts, m.t("form.multi"))
	}
	text := terminal.Wrap(m.clean(strings.Join(parts, " ")), width-4)
	limit := 4
	if height < 14 {
		limit = 2
	}
	out := []Line{nil}
	if height < 10 {
		out = nil
	}
	for i, part := range text {
		if i == limit {
			break
		}
		if i == limit-1 && len(text) > limit {
			part = terminal.Cut(part+" "+text[i+1], width-4)
		}
		out = append(out, Line{{"   " + part, Dim}})
	}
	return out
}

// propertyTitle is a property's title in the console's language, where the
// catalogue has it.
func (m *Model) propertyTitle(p wire.Property) string {
	if text, ok := m.words().Lookup(fmt.Sprintf("property.%s", p.Key)); ok {
		return text
	}
	return m.clean(p.Title)
}

func (m *Model) propertyHelp(p wire.Property) string {
	if text, ok := m.words().Lookup(fmt.Sprintf("help.%s", p.Key)); ok {
		return text
	}
	return m.clean(p.Help)
}
