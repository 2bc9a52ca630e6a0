package acceptance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Line is the check in one line.
func (c Check) Line() string {
	first, _, _ := strings.Cut(c.Detail, "\n")
	text := fmt.Sprintf("%-7s %s", c.Outcome, c.Name)
	if c.Outcome != Skipped {
		text += fmt.Sprintf(" (%.1f s)", c.Seconds)
	}
	if first != "" {
		text += ": " + first
	}
	return text
}

// WriteTable prints the report for people: a table of the checks, one of the
// times and sizes, and below them in full what failed.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d CPUs, %s of memory, %s\n\n", strings.TrimSpace(strings.Join([]string{
		firstSet(r.Title, r.Name, "appliance"), r.Version, r.Variant}, " ")), r.CPUs, mebibytes(r.Memory), r.driver())
	r.writeChecks(&b)
	b.WriteByte('\n')
	r.writeFigures(&b)
	for _, m := range r.Machines {
		m.writeFailures(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) driver() string {
	if r.Emulated {
		return r.Driver + " (emulated: times say little of real machines)"
	}
	return r.Driver
}

// writeChecks has a row for each check and a column for each firmware.
func (r Report) writeChecks(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	var names []string
	cells := map[string][]string{}
	fmt.Fprint(w, "check")
	for i, m := range r.Machines {
		fmt.Fprintf(w, "\t%s", m.Firmware)
		for _, c := range m.Checks {
			if cells[c.Name] == nil {
				names = append(names, c.Name)
				cells[c.Name] = make([]string, len(r.Machines))
			}
			cells[c.Name][i] = c.cell()
		}
	}
	fmt.Fprintln(w)
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(cells[name], "\t"))
	}
	w.Flush()
}

func (c Check) cell() string {
	switch c.Outcome {
	case Passed:
		return fmt.Sprintf("ok %.1f s", c.Seconds)
	case Failed:
		return fmt.Sprintf("FAILED %.1f s", c.Seconds)
	}
	return "-"
}

// writeFigures has a row for each figure and a column for each firmware.
func (r Report) writeFigures(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	row := func(name string, value func(*Machine) string) {
		fmt.Fprint(w, name)
		for _, m := range r.Machines {
			fmt.Fprintf(w, "\t%s", firstSet(value(m), "-"))
		}
		fmt.Fprintln(w)
	}
	seconds := func(t *Boot, pick func(*Boot) float64) string {
		if t == nil || pick(t) == 0 {
			return ""
		}
		return fmt.Sprintf("%.1f s", pick(t))
	}
	row("figure", func(m *Machine) string { return string(m.Firmware) })
	management := func(t *Boot) float64 { return t.Management }
	healthy := func(t *Boot) float64 { return t.Healthy }
	row("first boot, to the management URL", func(m *Machine) string { return seconds(m.FirstBoot, management) })
	row("first boot, to healthy", func(m *Machine) string { return seconds(m.FirstBoot, healthy) })
	row("boot, to the management URL", func(m *Machine) string { return seconds(m.NextBoot, management) })
	row("boot, to healthy", func(m *Machine) string { return seconds(m.NextBoot, healthy) })
	row("memory in use when idle", func(m *Machine) string { return size(m, func(b *Boot) int64 { return b.MemoryUsed }) })
	row("memory of the agent", func(m *Machine) string { return size(m, func(b *Boot) int64 { return b.AgentMemory }) })
	w.Flush()
}

// size is of the last boot of which it is known.
func size(m *Machine, pick func(*Boot) int64) string {
	for _, b := range []*Boot{m.NextBoot, m.FirstBoot} {
		if b != nil && pick(b) != 0 {
			return mebibytes(pick(b))
		}
	}
	return ""
}

func (m *Machine) writeFailures(b *strings.Builder) {
	for _, c := range m.Checks {
		if c.Outcome == Failed {
			fmt.Fprintf(b, "\n%s: %s:\n  %s\n", m.Firmware, c.Name, strings.ReplaceAll(c.Detail, "\n", "\n  "))
		}
	}
	if m.ConsoleLog != "" {
		fmt.Fprintf(b, "\n%s: the console log is %s\n", m.Firmware, m.ConsoleLog)
	}
	if m.Screen != "" {
		fmt.Fprintf(b, "%s: the screen is %s\n", m.Firmware, m.Screen)
	}
}

// mebibytes rounds to tenths.
func mebibytes(n int64) string { return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20)) }
