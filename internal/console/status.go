package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// statusPage is what the appliance is, how it is, and where to reach it.
type statusPage struct{}

func (statusPage) reply(*Model, reply) {}

func (statusPage) head(m *Model) string { return "" }

func (statusPage) key(m *Model, k key) {
	if k.name != "enter" && k.name != "f2" || m.status == nil || m.problem != "" {
		return
	}
	if !m.complete() {
		m.openSetup()
		return
	}
	m.openMenu()
}

// openMenu goes where an administrator wants to: to the menu, or to the
// log-in before it.
func (m *Model) openMenu() {
	switch {
	case m.token == "":
		m.open(newLogin(m, ""))
	default:
		m.open(&menuPage{})
	}
}

func (statusPage) foot(m *Model) string {
	switch {
	case m.status == nil || m.problem != "":
		return ""
	case !m.complete():
		return m.t("foot.setup")
	case m.token != "":
		return m.t("foot.menu")
	}
	return m.t("foot.login")
}

func (statusPage) body(m *Model, width, height int) []Line {
	d := statusDrawing{Model: m, width: width, keyWidth: 20}
	if width < 60 {
		d.keyWidth = 10
	}
	if m.status == nil {
		return []Line{{{" " + m.t("status.starting"), Bold}}}
	}
	// With the QR code at the right if everything fits beside it.
	if block := m.code(m.status.Management, width-48, height); block != nil {
		narrow := d
		narrow.width, narrow.keyWidth = width-block[0].width()-2, 16
		if lines := narrow.lines(height); len(lines) <= height {
			return beside(lines, block, width)
		}
	}
	return d.shortened(height)
}

// statusDrawing draws the sections of the status for a width.
type statusDrawing struct {
	*Model
	width, keyWidth int
}

// lines are all sections, however long.
func (d *statusDrawing) lines(height int) []Line {
	s := d.status
	lines := d.urgent(max(4, height/3))
	lines = append(lines, d.reach(s)...)
	lines = append(lines, d.network(s)...)
	lines = append(lines, section(d.services(s))...)
	lines = append(lines, section(d.machine(s))...)
	return trim(lines)
}

// shortened leaves out what does not fit: first the machine, then services.
func (d *statusDrawing) shortened(height int) []Line {
	if lines := d.lines(height); len(lines) <= height {
		return lines
	}
	s := d.status
	services := d.services(s)
	var head []Line
	// Of warnings and services that are not well both must be seen.
	for limit := max(4, height/3); limit >= 3; limit-- {
		head = append(d.urgent(limit), d.reach(s)...)
		head = append(head, d.network(s)...)
		if height-len(head) >= min(len(services), 4) {
			break
		}
	}
	if left := height - len(head); left < len(services) {
		services = d.shorten(services, left)
	} else if machine := d.machine(s); left >= len(services)+1+len(machine) {
		services = append(section(services), machine...)
	}
	return append(head, services...)
}

func section(lines []Line) []Line {
	if len(lines) == 0 {
		return nil
	}
	return append(lines, nil)
}

// trim leaves out empty lines at the end.
func trim(lines []Line) []Line {
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// shorten cuts a section to a number of lines and says where the rest is.
func (d *statusDrawing) shorten(lines []Line, n int) []Line {
	if len(lines) <= n {
		return lines
	}
	if n <= 1 {
		return nil
	}
	out := append([]Line(nil), lines[:n-1]...)
	return append(out, Line{{"   " + d.t("status.more"), Dim}})
}

func (d *statusDrawing) heading(text string) Line { return Line{{" " + text, Bold}} }

func (d *statusDrawing) row(name, value string, style Style) Line {
	return Line{{"   " + terminal.Pad(d.clean(name), d.keyWidth-1) + " ", Plain}, {d.clean(value), style}}
}

// urgent is what comes before everything else: a change that waits, and what
// needs attention in at most limit lines.
func (d *statusDrawing) urgent(limit int) []Line {
	var lines []Line
	if d.problem != "" {
		lines = append(lines, Line{{" " + d.t("status.last"), Wait}}, nil)
	}
	if p := d.pending(); p != nil {
		left := d.undoneAt.Sub(d.now).Round(time.Second)
		lines = append(lines, d.heading(d.t("pending.title")))
		for _, part := range terminal.Wrap(d.t("pending.left", clock(left), p.Revision), d.width-4) {
			lines = append(lines, Line{{"   " + part, Wait}})
		}
		lines = append(lines, Line{{"   " + d.t("pending.key"), Plain}}, nil)
	}
	if warnings := d.warnings(d.status); len(warnings) > 0 {
		lines = append(lines, d.shorten(warnings, limit)...)
		lines = append(lines, nil)
	}
	return lines
}

// clock says seconds as they count down.
func clock(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// reach says where to go: the application's pages, the management page and
// how to know it.
func (d *statusDrawing) reach(s *wire.Status) []Line {
	var lines []Line
	if !d.complete() {
		lines = append(lines, d.heading(d.t("status.setup")))
		if d.setup.Code != "" {
			lines = append(lines, d.row(d.t("status.code"), d.setup.Code, Bold))
		}
	}
	if s.Management == "" {
		return section(lines) // the network section says why
	}
	if len(s.URLs) > 0 && d.complete() {
		lines = append(lines, d.heading(d.t("status.open")))
		for _, u := range s.URLs {
			lines = append(lines, d.row(u.Title, u.URL, Bold))
		}
		lines = append(lines, nil)
	}
	if d.complete() {
		lines = append(lines, d.heading(d.t("status.manage")))
	}
	name := d.t("status.address")
	for _, part := range terminal.Wrap(d.clean(s.Management), d.width-d.keyWidth-3) {
		lines = append(lines, d.row(name, part, Bold))
		name = ""
	}
	// 32 pairs of hex digits: rows of 16, or of 8 where it is narrow.
	print := d.clean(s.Fingerprint)
	per := 48
	if d.width < 3+d.keyWidth+per {
		per = 24
	}
	for name := "SHA-256"; print != ""; name = "" {
		n := min(per, len(print))
		lines = append(lines, d.row(name, strings.TrimSuffix(print[:n], ":"), Plain))
		print = print[n:]
	}
	return append(lines, nil)
}

func (d *statusDrawing) network(s *wire.Status) []Line {
	lines := []Line{d.heading(d.t("status.network"))}
	room := d.width - d.keyWidth - 4
	for _, i := range s.Network {
		text, style := strings.Join(i.Addresses, "  "), Plain
		if i.Problem != "" {
			text, style = d.say(i.Problem), Bad
			if i.State == wire.InterfaceDown || strings.HasPrefix(i.Problem, "waiting") {
				style = Wait
			}
		}
		name := i.Name
		for _, part := range terminal.Wrap(d.clean(text), room) {
			lines = append(lines, d.row(name, part, style))
			name = ""
		}
	}
	if len(s.Network) == 0 {
		lines = append(lines, d.row("", d.t("status.noadapter"), Bad))
	}
	return append(append(lines, d.differences()...), nil)
}

// differences are where the network is not as it was told to be.
func (d *statusDrawing) differences() []Line {
	var lines []Line
	for _, s := range d.facts.settings {
		if s.Key != "network" {
			continue
		}
		for _, f := range s.Facts {
			if !f.Differs {
				continue
			}
			none := func(text string) string {
				if text == "" {
					return d.t("status.none")
				}
				return text
			}
			name, wanted, actual := d.words().Fact(f.Name, f.Wanted, f.Actual)
			text := d.t("status.differs", none(wanted), none(actual))
			for _, part := range terminal.Wrap(d.clean(text), d.width-d.keyWidth-4) {
				lines = append(lines, d.row(name, part, Wait))
				name = ""
			}
		}
	}
	return lines
}

// services lists those that are not well first: when the list is cut, it is
// the healthy ones that go.
func (d *statusDrawing) services(s *wire.Status) []Line {
	if len(s.Services) == 0 || !d.complete() {
		return nil // before the first boot is answered none may run
	}
	lines := []Line{d.heading(d.t("status.services"))}
	var well []Line
	for _, svc := range s.Services {
		if svc.State == wire.Healthy {
			well = append(well, d.row(svc.Title, d.serviceState(svc.State), Good))
			continue
		}
		text := d.clean(d.serviceState(svc.State))
		if svc.Detail != "" {
			text += ": " + d.clean(d.say(svc.Detail))
		}
		for i, part := range terminal.Wrap(text, d.width-d.keyWidth-4) {
			switch i {
			case 0:
				lines = append(lines, d.row(svc.Title, part, styleOf(svc.State)))
			case 1, 2: // more is for the management page
				lines = append(lines, d.row("", part, styleOf(svc.State)))
			}
		}
	}
	return append(lines, well...)
}

func (d *statusDrawing) serviceState(s wire.State) string {
	if text, ok := d.words().Lookup("service." + string(s)); ok {
		return text
	}
	return string(s)
}

// warnings are the agent's; what of a seed was not taken is among them.
func (d *statusDrawing) warnings(s *wire.Status) []Line {
	if len(s.Warnings) == 0 {
		return nil
	}
	lines := []Line{d.heading(d.t("status.attention"))}
	for _, w := range s.Warnings {
		for i, part := range terminal.Wrap(d.clean(d.say(w)), d.width-6) {
			mark := "   * "
			if i > 0 {
				mark = "     "
			}
			lines = append(lines, Line{{mark, Bad}, {part, Plain}})
		}
	}
	return lines
}

// machine says what the virtual machine gives, and who gets what of it.
func (d *statusDrawing) machine(s *wire.Status) []Line {
	if s.Memory.Total == 0 {
		return nil
	}
	text := d.t("machine.given", size(cmp.Or(s.Memory.Given, s.Memory.Total)))
	for _, r := range d.facts.resources {
		if r.Name != "memory" || !r.Bytes {
			continue
		}
		text += d.t("machine.gets", serviceTitle(s, r.Service), size(r.Value))
	}
	lines := []Line{d.heading(d.t("machine.title"))}
	name := d.t("machine.memory")
	for _, part := range terminal.Wrap(d.clean(text), d.width-d.keyWidth-4) {
		lines = append(lines, d.row(name, part, Plain))
		name = ""
	}
	return append(lines, d.row(d.t("machine.cpus"), fmt.Sprint(s.CPUs), Plain))
}

func serviceTitle(s *wire.Status, name string) string {
	for _, svc := range s.Services {
		if svc.Name == name {
			return svc.Title
		}
	}
	return name
}

func styleOf(s wire.State) Style {
	switch s {
	case wire.Healthy:
		return Good
	case wire.Starting:
		return Wait
	case wire.Off: // as it is meant
		return Dim
	}
	return Bad
}

// size says bytes in the units that virtual machines are sized in.
func size(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
