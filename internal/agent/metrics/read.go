package metrics

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// reading is what the counters say at one moment; what could not be read has
// its zero value and ok false, or is not in its map.
type reading struct {
	// up is the time since the kernel started: no one sets it.
	up       time.Duration
	cpu      processors
	memory   amount
	disk     amount
	disks    map[string]pair
	links    map[string]pair
	services []usage
}

// processors are the ticks of all of them together since the start.
type processors struct {
	number      uint64
	idle, total uint64
	ok          bool
}

// amount is how much of something is used.
type amount struct {
	used, total uint64
	ok          bool
}

// pair counts bytes that went in, or were read, and out, or were written.
type pair struct{ in, out uint64 }

// usage is what a service has used of the processors, in microseconds, and
// uses of the memory.
type usage struct {
	cpu             uint64
	memory          uint64
	cpuOK, memoryOK bool
}

func (s *Sampler) path(elem ...string) string {
	return filepath.Join(append([]string{s.opts.Root}, elem...)...)
}

// text is a file of the kernel's, "" when there is none.
func (s *Sampler) text(elem ...string) string {
	data, err := os.ReadFile(s.path(elem...))
	if err != nil {
		return ""
	}
	return string(data)
}

func (s *Sampler) read() reading {
	r := reading{
		up:     uptime(s.text("proc/uptime")),
		cpu:    processorTimes(s.text("proc/stat")),
		memory: memoryInUse(s.text("proc/meminfo")),
		disks:  diskBytes(s.text("proc/diskstats"), s.isDisk),
		links:  linkBytes(s.text("proc/net/dev"), s.isAdapter),
	}
	if free, total, err := s.opts.Space(s.opts.DataDir); err == nil {
		r.disk = amount{uint64(total - free), uint64(total), true}
	}
	for _, svc := range s.opts.Services {
		r.services = append(r.services, s.usage(svc.Unit))
	}
	return r
}

// isDisk and isAdapter say whether there is a device behind a name: what goes
// through a partition, a mapping or a bridge goes through a device too, and
// counts once.
func (s *Sampler) isDisk(name string) bool { return s.exists("sys/block", name, "device") }

func (s *Sampler) isAdapter(name string) bool { return s.exists("sys/class/net", name, "device") }

func (s *Sampler) exists(elem ...string) bool {
	_, err := os.Stat(s.path(elem...))
	return err == nil
}

// usage reads the control group of a unit, which is there while it runs. Pages
// of files that were not used lately are no burden, and not counted.
func (s *Sampler) usage(unit string) (u usage) {
	dir := group(unit)
	if dir == "" {
		return u
	}
	u.cpu, u.cpuOK = value(s.text(dir, "cpu.stat"), "usage_usec")
	u.memory, u.memoryOK = number(strings.TrimSpace(s.text(dir, "memory.current")))
	if idle, ok := value(s.text(dir, "memory.stat"), "inactive_file"); ok && idle <= u.memory {
		u.memory -= idle
	}
	return u
}

// group is the folder of a unit's control group, where systemd puts units that
// ask for no other; those of a template are together (systemd.slice(5)).
func group(unit string) string {
	if unit == "" || strings.ContainsAny(unit, "/\x00") || unit[0] == '.' {
		return ""
	}
	slice := "system.slice"
	if template, _, ok := strings.Cut(unit, "@"); ok {
		slice += "/system-" + strings.ReplaceAll(template, "-", `\x2d`) + ".slice"
	}
	return filepath.Join("sys/fs/cgroup", slice, unit)
}

func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// value is the number in a line "key number".
func value(text, key string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
			return number(f[1])
		}
	}
	return 0, false
}

func uptime(text string) time.Duration {
	f := strings.Fields(text)
	if len(f) == 0 {
		return 0
	}
	seconds, err := strconv.ParseFloat(f[0], 64)
	if err != nil || !(seconds >= 0 && seconds < 1<<32) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// processorTimes reads /proc/stat (proc_stat(5)): user, nice, system, idle,
// iowait, irq, softirq, steal; guest's time is in user's. Waiting for a disk is
// idling. Time that the hypervisor did not give is load: it is missing.
func processorTimes(text string) (p processors) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) < 9 || !strings.HasPrefix(f[0], "cpu"):
			continue
		case f[0] != "cpu":
			p.number++
			continue
		}
		p.ok = true
		for i, field := range f[1:9] {
			ticks, ok := number(field)
			p.ok = p.ok && ok
			p.total += ticks
			if i == 3 || i == 4 {
				p.idle += ticks
			}
		}
	}
	p.ok = p.ok && p.number > 0
	return p
}

func memoryInUse(text string) amount {
	total, ok := value(text, "MemTotal:")
	available, also := value(text, "MemAvailable:")
	if !ok || !also || available > total {
		return amount{}
	}
	return amount{(total - available) << 10, total << 10, true}
}

// sector is the unit of /proc/diskstats, whatever the disk's own (iostats.rst
// of the kernel).
const sector = 512

// diskBytes reads /proc/diskstats: major, minor, name, reads, merged, sectors
// read, time, writes, merged, sectors written.
func diskBytes(text string, counts func(name string) bool) map[string]pair {
	disks := map[string]pair{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || !counts(f[2]) {
			continue
		}
		read, ok := number(f[5])
		written, also := number(f[9])
		if ok && also {
			disks[f[2]] = pair{read * sector, written * sector}
		}
	}
	return disks
}

// linkBytes reads /proc/net/dev: "name:", bytes and seven more received, bytes
// sent.
func linkBytes(text string, counts func(name string) bool) map[string]pair {
	links := map[string]pair{}
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		f := strings.Fields(rest)
		if !ok || len(f) < 9 || name == "lo" || !counts(name) {
			continue
		}
		in, ok := number(f[0])
		out, also := number(f[8])
		if ok && also {
			links[name] = pair{in, out}
		}
	}
	return links
}
