package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// ManagementPort is where the agent serves its API by TLS.
const ManagementPort = 5480

// Options are what to test, and on what. Driver and Disk have no default.
type Options struct {
	Driver hypervisor.Driver
	// Disk is the artifact; see hypervisor.OpenDisk.
	Disk hypervisor.Disk
	// Definition is the artifact's, resolved. Without it there are no tests
	// to run, and the appliance's own word is taken for which ports it declares.
	Definition *appliance.Definition
	// Firmwares are tested one after the other; default BIOS and UEFI.
	Firmwares []hypervisor.Firmware
	Hardware  hypervisor.Hardware
	// CPUs, Memory and Data (bytes) default to the definition's, Memory to
	// the recommended one; without a definition to 2, 1 GiB and none. A
	// negative Data is a machine without a second disk.
	CPUs         int
	Memory, Data int64
	// Seed answers the first boot's questions, without which the appliance
	// does not become healthy; default [Answers].
	Seed []byte
	// Offline cuts the appliance off from everything but this host.
	Offline bool
	// NoRestart leaves out the second boot.
	NoRestart bool
	// Timeout is from power-on to healthy; default one minute, five where
	// guests are emulated.
	Timeout time.Duration
	// Log gets a line for each check as it is made.
	Log io.Writer
	// Dir is where the console logs of failed boots go; by default a new
	// folder among the temporary files.
	Dir string
}

// limits are how long things may take.
type limits struct {
	healthy time.Duration // from power-on
	off     time.Duration // from the power button
	settle  time.Duration // from healthy until the system manager has nothing left to do
	request time.Duration // one request
}

func (o Options) limits() limits {
	l := limits{healthy: time.Minute, off: 30 * time.Second, settle: 30 * time.Second, request: 5 * time.Second}
	if hypervisor.Emulates(o.Driver) {
		l = limits{healthy: 5 * time.Minute, off: 90 * time.Second, settle: 2 * time.Minute, request: time.Minute}
	}
	if o.Timeout > 0 {
		l.healthy = o.Timeout
	}
	return l
}

func (o Options) withDefaults() (Options, error) {
	if o.Driver == nil || o.Disk.Path == "" {
		return o, errors.New("cannot test: no driver or no disk")
	}
	if len(o.Firmwares) == 0 {
		o.Firmwares = []hypervisor.Firmware{hypervisor.BIOS, hypervisor.UEFI}
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	var hw appliance.Hardware
	if o.Definition != nil {
		hw = o.Definition.Hardware
	}
	if o.Seed == nil {
		seed, err := json.Marshal(Answers(o.Definition))
		if err != nil {
			return o, fmt.Errorf("cannot make a seed: %w", err)
		}
		o.Seed = seed
	}
	o.CPUs = firstSet(o.CPUs, hw.CPUs, 2)
	o.Memory = firstSet(o.Memory, int64(hw.Memory.Recommended), 1<<30)
	o.Data = max(0, firstSet(o.Data, int64(hw.Disks.Data)))
	return o, nil
}

func firstSet[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// Spec is the machine that [Run] tests on, under a firmware.
func (o Options) Spec(f hypervisor.Firmware) (hypervisor.Spec, error) {
	o, err := o.withDefaults()
	if err != nil {
		return hypervisor.Spec{}, err
	}
	return o.spec(f)
}

// spec is the machine to test on, of options with their defaults.
func (o Options) spec(f hypervisor.Firmware) (hypervisor.Spec, error) {
	spec := hypervisor.Spec{
		Name: "ingot-test", System: o.Disk, Data: o.Data, CPUs: o.CPUs, Memory: o.Memory,
		Firmware: f, Hardware: o.Hardware, Offline: o.Offline, Seed: o.Seed,
	}
	ports := map[int]bool{ManagementPort: true}
	if o.Definition != nil {
		spec.Name = o.Definition.Name
		for _, p := range reached(o.Definition, "tcp") {
			ports[p] = true
		}
		for _, t := range o.Definition.Tests {
			used, err := testPorts(t)
			if err != nil {
				return spec, err
			}
			for _, p := range used {
				ports[p] = true
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(ports)) {
		spec.Forwards = append(spec.Forwards, hypervisor.Forward{Guest: p})
	}
	return spec, nil
}

// reached are the ports by protocol at which the network reaches the services
// of a definition.
func reached(def *appliance.Definition, protocol string) []int {
	var list []int
	for _, s := range def.Services {
		for _, p := range s.Ports {
			if firstSet(p.Protocol, "tcp") == protocol {
				list = append(list, p.Reached()...)
			}
		}
	}
	return list
}

// listens says whether a service of a definition may listen on a port, or the
// agent for it.
func listens(def *appliance.Definition, protocol string, port int) bool {
	return slices.Contains(reached(def, protocol), port) || slices.ContainsFunc(def.Services, func(s appliance.Service) bool {
		return slices.ContainsFunc(s.Ports, func(p appliance.Port) bool { return p.Port == port && firstSet(p.Protocol, "tcp") == protocol })
	})
}
