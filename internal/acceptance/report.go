package acceptance

import (
	"time"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Report is what was found; it is printed as JSON as it stands. Times are
// seconds, sizes bytes.
type Report struct {
	// Name, Title, Version and Variant are what the appliance says of itself, or
	// the definition's when it never answered.
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
	Variant string `json:"variant,omitempty"`
	Driver  string `json:"driver"`
	// Emulated says that guests ran without the processor's help: times are
	// long and say little of a customer's machine.
	Emulated bool       `json:"emulated"`
	CPUs     int        `json:"cpus"`
	Memory   int64      `json:"memory"`
	Data     int64      `json:"data"`
	Machines []*Machine `json:"machines"`
	// Seconds is how long everything took.
	Seconds float64 `json:"seconds"`
}

// Machine is the test of one machine.
type Machine struct {
	Firmware hypervisor.Firmware `json:"firmware"`
	// FirstBoot makes the data disk and the identity; NextBoot is the one
	// after it. Nil when it did not come to that.
	FirstBoot *Boot `json:"first_boot,omitempty"`
	NextBoot  *Boot `json:"next_boot,omitempty"`
	// Shutdown is from the power button to the end.
	Shutdown float64 `json:"shutdown,omitempty"`
	Checks   []Check `json:"checks"`
	// ConsoleLog and Screen are paths of what was kept of a failed test.
	ConsoleLog string `json:"console_log,omitempty"`
	Screen     string `json:"screen,omitempty"`
}

// Boot is what was measured of one boot. Management and Healthy are measured
// from outside, from power-on; the others are told by the appliance, the times
// from the start of its kernel (see wire.BootTimes), and 0 when it did not.
type Boot struct {
	Management float64 `json:"management"`
	Healthy    float64 `json:"healthy"`
	Kernel     float64 `json:"kernel,omitempty"`
	Init       float64 `json:"init,omitempty"`
	Userspace  float64 `json:"userspace,omitempty"`
	AgentReady float64 `json:"agent_ready,omitempty"`
	// MemoryUsed is what is not available to programs once the boot is
	// complete; AgentMemory is the resident size of the agent.
	MemoryUsed  int64 `json:"memory_used,omitempty"`
	AgentMemory int64 `json:"agent_memory,omitempty"`
}

// Outcome is what became of a check.
type Outcome string

// The outcomes. A check is skipped when one before it failed that it needs.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Check is one row.
type Check struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Detail says what was found: in a line when it passed, and as long as
	// it takes when it failed.
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Passed says whether every check of every machine passed. A report without
// checks has not.
func (r Report) Passed() bool {
	for _, m := range r.Machines {
		if !m.Passed() {
			return false
		}
	}
	return len(r.Machines) > 0
}

// Passed says whether every check passed.
func (m *Machine) Passed() bool { return len(m.Checks) > 0 && m.count(Passed) == len(m.Checks) }

func (m *Machine) count(o Outcome) int {
	n := 0
	for _, c := range m.Checks {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// inSeconds rounds to milliseconds: more would be noise.
func inSeconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
