package agent

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/host"
)

// Checks is what an acceptance test wants to know of the inside. It reads
// much of /proc and is not for asking often.
func (a *Agent) Checks(ctx context.Context) wire.Checks {
	// Empty lists rather than null: a reader can tell "none" from "not told".
	c := wire.Checks{
		FailedUnits: []wire.FailedUnit{}, Listening: []wire.Listening{}, Writable: []wire.Mount{},
		Processes: []wire.Process{}, Jobs: []string{}, Warnings: []string{}, Errors: []string{},
	}
	note := func(err error) {
		if err != nil {
			c.Errors = append(c.Errors, err.Error())
		}
	}
	note(a.checkUnits(ctx, &c))
	note(a.checkSockets(&c))
	note(a.checkMounts(&c))
	note(a.checkProcesses(&c))
	var err error
	c.Memory, err = a.memory()
	note(err)
	c.BootTimes, err = a.bootTimes(ctx)
	note(err)
	c.Warnings = append(c.Warnings, a.Status(ctx).Warnings...)
	return c
}

func (a *Agent) checkUnits(ctx context.Context, c *wire.Checks) error {
	failed, err := a.manager.Failed(ctx)
	if err != nil {
		return err
	}
	for _, u := range failed {
		f, _ := a.manager.Failure(ctx, u.Name) // without it, the name says enough
		c.FailedUnits = append(c.FailedUnits, wire.FailedUnit{Name: u.Name, Result: f.Result, LogTail: logTail(ctx, a.opts.Runner, u.Name)})
	}
	jobs, err := a.manager.Jobs(ctx)
	c.Jobs = append(c.Jobs, jobs...)
	return err
}

// logTail is the end of a unit's log of this boot, or why there is none.
func logTail(ctx context.Context, run host.Runner, unit string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var out bytes.Buffer
	err := run.Run(ctx, host.Command{
		Name:   "journalctl",
		Args:   []string{"--unit=" + unit, "--boot", "--lines=20", "--output=cat", "--no-pager", "--quiet"},
		Stdout: &out,
	})
	if err != nil {
		return "no log: " + err.Error()
	}
	return strings.TrimSpace(out.String())
}

func (a *Agent) checkSockets(c *wire.Checks) error {
	sockets, err := a.machine.Sockets()
	if err != nil {
		return err
	}
	for _, s := range sockets {
		l := wire.Listening{
			Protocol: s.Protocol,
			Address:  s.Address.Addr().String(),
			Port:     int(s.Address.Port()),
			Loopback: s.Address.Addr().IsLoopback(),
			Declared: a.declared(s),
		}
		if s.PID != 0 {
			l.Process = fmt.Sprintf("%s[%d]", s.Process, s.PID)
		}
		c.Listening = append(c.Listening, l)
	}
	return nil
}

// DHCP clients listen here (RFC 2131, RFC 8415).
const (
	dhcpPort   = 68
	dhcpv6Port = 546
)

func (a *Agent) declared(s machine.Socket) bool {
	port := int(s.Address.Port())
	switch {
	case s.Protocol == "tcp" && port == a.opts.ManagementPort:
		return true
	case s.Protocol == "udp" && (port == dhcpPort || port == dhcpv6Port):
		// The kernel cuts names of processes at 15 characters. PID 1 may hold
		// a socket on networkd's behalf.
		return strings.HasPrefix(s.Process, "systemd")
	}
	for _, service := range a.boot.Definition.Services {
		for _, p := range service.Ports {
			if protocol(p) == s.Protocol && (p.Port == port || slices.Contains(p.Reached(), port)) {
				return true
			}
		}
	}
	return false
}

func (a *Agent) checkMounts(c *wire.Checks) error {
	mounts, err := a.machine.Writable()
	if err != nil {
		return err
	}
	data, err := a.machine.DeviceOf(filepath.Clean(a.opts.DataDir))
	if err != nil {
		return err
	}
	for _, m := range mounts {
		place := wire.PlaceOther
		switch {
		case m.Memory:
			place = wire.PlaceMemory
		case data != "" && m.Device == data:
			place = wire.PlaceData
		}
		c.Writable = append(c.Writable, wire.Mount{MountPoint: m.MountPoint, Source: m.Source, FSType: m.FSType, Place: place})
	}
	return nil
}

func (a *Agent) checkProcesses(c *wire.Checks) error {
	list, err := a.machine.Processes()
	if err != nil {
		return err
	}
	for _, p := range list {
		c.Processes = append(c.Processes, wire.Process{PID: p.PID, Name: p.Name, Resident: p.Resident})
	}
	slices.SortStableFunc(c.Processes, func(a, b wire.Process) int { return cmp.Compare(b.Resident, a.Resident) })
	return nil
}

func (a *Agent) bootTimes(ctx context.Context) (wire.BootTimes, error) {
	a.mu.Lock()
	ready, address := a.ready, a.address
	a.mu.Unlock()
	t := wire.BootTimes{
		Kernel:     a.init.KernelToInit,
		Init:       a.init.Init,
		FirstBoot:  a.init.FirstBoot,
		AgentStart: a.started.Milliseconds(),
		AgentReady: ready.Milliseconds(),
		Address:    address.Milliseconds(),
		Units:      []wire.UnitTimes{},
	}
	if healthy := a.watcher.Healthy(); !healthy.IsZero() {
		if up, err := a.machine.Uptime(); err == nil {
			t.Healthy = (up - time.Since(healthy)).Milliseconds()
		}
	}
	m, err := a.manager.BootTimes(ctx)
	if err != nil {
		return t, err
	}
	if m.Finish > m.Userspace {
		t.Userspace = int64(m.Finish-m.Userspace) / 1000
	}
	units, err := a.manager.UnitTimes(ctx)
	for _, u := range units {
		t.Units = append(t.Units, wire.UnitTimes{Name: u.Name, Start: int64(u.Start / 1000), Ready: int64(u.Ready / 1000)})
	}
	return t, err
}
