package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine reads facts below a root folder, "/" on the appliance.
type Machine struct {
	root string
}

// New reads below root.
func New(root string) *Machine { return &Machine{root: root} }

func (m *Machine) path(elem ...string) string {
	return filepath.Join(append([]string{m.root}, elem...)...)
}

// Memory in bytes.
type Memory struct {
	Total, Available int64
}

// Memory is what the machine has and what a new program could still get.
func (m *Machine) Memory() (Memory, error) {
	data, err := os.ReadFile(m.path("proc/meminfo"))
	if err != nil {
		return Memory{}, fmt.Errorf("cannot read memory: %w", err)
	}
	return Memory{
		Total:     kibibytes(data, "MemTotal:"),
		Available: kibibytes(data, "MemAvailable:"),
	}, nil
}

// Given is the memory in bytes that the machine was given: what the kernel
// found, with what it keeps for itself (pages present, proc_zoneinfo(5)).
func (m *Machine) Given() (int64, error) {
	data, err := os.ReadFile(m.path("proc/zoneinfo"))
	if err != nil {
		return 0, fmt.Errorf("cannot read memory: %w", err)
	}
	var pages int64
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "present" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			pages += n
		}
	}
	if pages == 0 {
		return 0, fmt.Errorf("cannot read memory: %s tells of no pages", m.path("proc/zoneinfo"))
	}
	const mebibyte = 1 << 20
	// Holes that the firmware keeps are less than a MiB.
	return (pages*int64(os.Getpagesize()) + mebibyte - 1) / mebibyte * mebibyte, nil
}

// Resident is the memory in bytes that a process holds; pid "self" is this one.
func (m *Machine) Resident(pid string) (int64, error) {
	data, err := os.ReadFile(m.path("proc", pid, "status"))
	if err != nil {
		return 0, fmt.Errorf("cannot read memory of process %s: %w", pid, err)
	}
	return kibibytes(data, "VmRSS:"), nil
}

// kibibytes finds a line "key   123 kB" and gives it in bytes, 0 when absent.
func kibibytes(data []byte, key string) int64 {
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			f := strings.Fields(rest)
			if len(f) == 0 {
				return 0
			}
			n, _ := strconv.ParseInt(f[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// Uptime is the time since the kernel started.
func (m *Machine) Uptime() (time.Duration, error) {
	data, err := os.ReadFile(m.path("proc/uptime"))
	if err != nil {
		return 0, fmt.Errorf("cannot read uptime: %w", err)
	}
	f := strings.Fields(string(data))
	if len(f) == 0 {
		return 0, fmt.Errorf("cannot read uptime: %s is empty", m.path("proc/uptime"))
	}
	s, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read uptime: %w", err)
	}
	return time.Duration(s * float64(time.Second)), nil
}

// Space is how many bytes a file system has, and how many of them ordinary
// writers may still take. The folder is looked at where it is, whatever the root.
func (m *Machine) Space(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("cannot tell the space of %s: %w", dir, err)
	}
	// What is kept for root counts as used.
	used := int64(st.Blocks-st.Bfree) * st.Bsize
	free = int64(st.Bavail) * st.Bsize
	return free, used + free, nil
}

// MustUptime is the time since the kernel started, or 0 when it cannot be told.
func (m *Machine) MustUptime() time.Duration {
	up, err := m.Uptime()
	if err != nil {
		return 0
	}
	return up
}

// userHZ is the unit of times in /proc, the same on all machines (time(7)).
const userHZ = 100

// Started is when a process began, as time since the kernel started; pid
// "self" is this one.
func (m *Machine) Started(pid string) (time.Duration, error) {
	data, err := os.ReadFile(m.path("proc", pid, "stat"))
	if err != nil {
		return 0, fmt.Errorf("cannot read start of process %s: %w", pid, err)
	}
	// The name, in parentheses, may hold anything; what follows is the third
	// field, starttime the 22nd (proc_pid_stat(5)).
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 20 {
		return 0, fmt.Errorf("cannot read start of process %s: %q", pid, data)
	}
	ticks, err := strconv.ParseInt(f[19], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read start of process %s: %w", pid, err)
	}
	return time.Duration(ticks) * time.Second / userHZ, nil
}

// Process is one userspace process.
type Process struct {
	PID      int
	Name     string
	Resident int64
}

// Processes are all of userspace, in the order of their IDs; kernel threads,
// which have no memory of their own, are left out.
func (m *Machine) Processes() ([]Process, error) {
	pids, err := m.pids()
	if err != nil {
		return nil, err
	}
	var list []Process
	for _, pid := range pids {
		dir := strconv.Itoa(pid)
		size, err := m.Resident(dir)
		if err != nil || size == 0 {
			continue // gone meanwhile, or a kernel thread
		}
		list = append(list, Process{PID: pid, Name: m.processName(pid), Resident: size})
	}
	return list, nil
}

func (m *Machine) processName(pid int) string {
	data, err := os.ReadFile(m.path("proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (m *Machine) pids() ([]int, error) {
	entries, err := os.ReadDir(m.path("proc"))
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
