package metrics

import "time"

// The bounds of the time between two readings: less tells little, and in more
// anything may have happened.
const (
	shortest = time.Second
	longest  = 30 * time.Second
)

// sample is what two readings come to: a value for each series, in the order
// of [Sampler.describe].
func sample(before, now reading) []float32 {
	elapsed := now.up - before.up
	known := before.up > 0 && elapsed >= shortest && elapsed <= longest
	rate := func(n uint64, ok bool) float32 {
		if !ok || !known {
			return gap
		}
		return float32(float64(n) / elapsed.Seconds())
	}
	read, written, disksOK := moved(before.disks, now.disks)
	in, out, linksOK := moved(before.links, now.links)
	values := []float32{
		load(before.cpu, now.cpu, known), quantity(now.memory.used, now.memory.ok), quantity(now.disk.used, now.disk.ok),
		rate(read, disksOK), rate(written, disksOK), rate(in, linksOK), rate(out, linksOK),
	}
	for i, u := range now.services {
		cpu := gap
		if i < len(before.services) && now.cpu.ok {
			b := before.services[i]
			used := rate(u.cpu-b.cpu, u.cpuOK && b.cpuOK && u.cpu >= b.cpu)
			const microseconds = 1e6
			cpu = min(used/microseconds/float32(now.cpu.number)*100, 100)
		}
		values = append(values, cpu, quantity(u.memory, u.memoryOK))
	}
	return values
}

func quantity(n uint64, ok bool) float32 {
	if !ok {
		return gap
	}
	return float32(n)
}

// load is how much of the processors was in use, in percent. The kernel's time
// of waiting for disks may go back a little (proc_stat(5)), and idling with it.
func load(before, now processors, known bool) float32 {
	if !known || !before.ok || !now.ok || now.total <= before.total || now.number != before.number {
		return gap
	}
	total := now.total - before.total
	idle := uint64(0)
	if now.idle > before.idle {
		idle = min(now.idle-before.idle, total)
	}
	return float32(float64(total-idle) / float64(total) * 100)
}

// moved is what went through the devices that are in both readings. When one
// of them began to count anew, nothing is known.
func moved(before, now map[string]pair) (in, out uint64, ok bool) {
	for name, n := range now {
		b, same := before[name]
		if !same {
			continue // it has come meanwhile
		}
		if n.in < b.in || n.out < b.out {
			return 0, 0, false
		}
		in, out, ok = in+n.in-b.in, out+n.out-b.out, true
	}
	return in, out, ok
}
