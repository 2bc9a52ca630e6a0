package console

import (
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// choice is a list of lines of which one is chosen.
type choice struct {
	at int
}

// key moves; count is how many there are, page how many are shown.
func (c *choice) key(k key, count, page int) {
	switch k.name {
	case "up", "shift+tab":
		c.at--
	case "down", "tab":
		c.at++
	case "pgup":
		c.at -= page
	case "pgdown":
		c.at += page
	case "home":
		c.at = 0
	case "end":
		c.at = count - 1
	}
	c.at = max(0, min(c.at, count-1))
}

// view draws the lines around the chosen one.
func (c *choice) view(lines []Line, height int) []Line {
	top := max(0, min(c.at-height/2, len(lines)-height))
	var out []Line
	for i := top; i < min(len(lines), top+height); i++ {
		if i == c.at {
			out = append(out, append(Line{{" > ", Chosen}}, restyle(lines[i], Chosen)...))
			continue
		}
		out = append(out, append(Line{{"   ", Plain}}, lines[i]...))
	}
	return out
}

func restyle(l Line, style Style) Line {
	out := make(Line, len(l))
	for i, s := range l {
		out[i] = Span{s.Text, style}
	}
	return out
}

// picker is the choice of one value out of many, with a filter.
type picker struct {
	title   string
	options []wire.Option
	filter  editor
	choice
}

func newPicker(title string, options []wire.Option, value string) *picker {
	p := &picker{title: title, options: options}
	for i, o := range options {
		if o.Value == value {
			p.at = i
		}
	}
	return p
}

// matching are the options that hold the filter's words.
func (p *picker) matching() []wire.Option {
	words := strings.Fields(strings.ToLower(strings.ReplaceAll(p.filter.String(), "_", " ")))
	var out []wire.Option
	for _, o := range p.options {
		text := strings.ToLower(strings.ReplaceAll(o.Title+" "+o.Value, "_", " "))
		all := true
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			out = append(out, o)
		}
	}
	return out
}

// key gives the value once one is chosen; handled says whether the key was
// one for the list.
func (p *picker) key(k key, page int) (value string, chosen, handled bool) {
	list := p.matching()
	switch k.name {
	case "enter":
		if len(list) == 0 {
			return "", false, true
		}
		return list[p.at].Value, true, true
	case "up", "down", "pgup", "pgdown", "home", "end":
		p.choice.key(k, len(list), page)
		return "", false, true
	case "left", "right", "tab", "shift+tab", "esc":
		return "", false, false
	}
	var current string
	if p.at < len(list) {
		current = list[p.at].Value
	}
	if !p.filter.key(k) {
		return "", false, false
	}
	p.at = 0
	for i, o := range p.matching() {
		if o.Value == current {
			p.at = i
		}
	}
	return "", false, true
}

func (p *picker) view(m *Model, width, height int) []Line {
	head := Line{{" " + m.t("picker.find") + " ", Plain}, {"[", Plain}}
	head = append(append(head, p.filter.view(m, min(30, width-terminal.Cells(head[0].Text)-4), true, false)...), Span{"]", Plain})
	out := []Line{head, nil}
	if height < 8 {
		out = out[:1]
	}
	var lines []Line
	for _, o := range p.matching() {
		lines = append(lines, Line{{m.optionTitle("", p.options, o.Value), Plain}})
	}
	if len(lines) == 0 {
		return append(out, Line{{"   " + m.t("picker.none"), Dim}})
	}
	return append(out, p.choice.view(lines, height-len(out))...)
}

// pager shows a text of which only a part fits.
type pager struct {
	top int
}

// key scrolls; count is how many lines there are, height how many are shown.
func (p *pager) key(k key, count, height int) bool {
	switch k.name {
	case "up":
		p.top--
	case "down":
		p.top++
	case "pgup", "b":
		p.top -= height - 1
	case "pgdown", "space":
		p.top += height - 1
	case "home":
		p.top = 0
	case "end":
		p.top = count
	default:
		return false
	}
	p.top = max(0, min(p.top, count-height))
	return true
}

func (p *pager) atEnd(count, height int) bool { return p.top >= count-height }

// view draws the part, and at its right where it is in the whole.
func (p *pager) view(lines []Line, width, height int) []Line {
	top := max(0, min(p.top, len(lines)-height))
	out := append([]Line(nil), lines[top:min(len(lines), top+height)]...)
	if len(lines) <= height {
		return out
	}
	size := max(1, height*height/len(lines))
	from := top * (height - size) / (len(lines) - height)
	for i := range out {
		mark := Span{"|", Dim}
		if i >= from && i < from+size {
			mark = Span{"#", Bold}
		}
		out[i] = append(out[i].fit(width-2), Span{" ", Plain}, mark)
	}
	return out
}

// paragraphs wraps a text of several lines.
func (m *Model) paragraphs(text string, indent, width int) []Line {
	var out []Line
	margin := strings.Repeat(" ", indent)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			out = append(out, nil)
			continue
		}
		// What is indented stays so: it may be a list.
		inner := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		inner = terminal.Cut(strings.ReplaceAll(inner, "\t", "    "), width/3)
		for _, part := range terminal.Wrap(m.clean(line), width-indent-len(inner)) {
			out = append(out, Line{{margin + inner + part, Plain}})
		}
	}
	return out
}
