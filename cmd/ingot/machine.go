package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/qemu"
	"github.com/ingotvm/ingot/internal/ovf"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// machineOptions are the flags of commands that boot a machine.
type machineOptions struct {
	variant string
	memory  string
	cpus    int
	data    string
	seed    []string
}

func (o *machineOptions) addFlags(cmd *cobra.Command) {
	variantFlag(cmd, &o.variant)
	cmd.Flags().StringVar(&o.memory, "memory", "", "`size` of the memory, such as 512MiB (default: the definition's recommended)")
	cmd.Flags().IntVar(&o.cpus, "cpus", 0, "`number` of processors (default: the definition's)")
	cmd.Flags().StringVar(&o.data, "data", "", "`size` of the data disk (default: the definition's; 0B for none)")
	cmd.Flags().StringArrayVar(&o.seed, "seed", nil, seedUsage)
}

// asked is what the flags ask for; zero values and a negative data size leave
// it to the definition.
type asked struct {
	memory, data int64
	forwards     []hypervisor.Forward
	seed         seedInput
}

// read reads the flags, so that a mistake in them is found before a build.
func (o *machineOptions) read(ports []string) (asked, error) {
	want := asked{data: -1}
	if o.cpus < 0 {
		return want, usagef("give a number from 1 on", "--cpus %d", o.cpus)
	}
	for _, flag := range []struct {
		name, text string
		into       *int64
	}{{"memory", o.memory, &want.memory}, {"data", o.data, &want.data}} {
		if flag.text == "" {
			continue
		}
		n, err := appliance.ParseSize(flag.text)
		if err != nil {
			return want, usagef("write a number with a unit, such as 512MiB", "--%s: %v", flag.name, err)
		}
		*flag.into = int64(n)
	}
	var err error
	if want.seed, err = readSeed(o.seed); err != nil {
		return want, err
	}
	for _, text := range ports {
		hostText, guestText, both := strings.Cut(text, ":")
		if !both {
			hostText, guestText = "0", text
		}
		hostPort, err1 := strconv.ParseUint(hostText, 10, 16)
		guest, err2 := strconv.ParseUint(guestText, 10, 16)
		if err1 != nil || err2 != nil || guest == 0 {
			return want, usagef("write HOST:GUEST, such as 8080:80", "--port %q", text)
		}
		want.forwards = append(want.forwards, hypervisor.Forward{Guest: int(guest), Host: int(hostPort)})
	}
	return want, nil
}

// checkFirmwares refuses unknown firmwares.
func checkFirmwares(names []string) ([]hypervisor.Firmware, error) {
	var list []hypervisor.Firmware
	for _, name := range names {
		if !slices.Contains(firmwares(), name) {
			return nil, usagef("the firmwares are "+strings.Join(firmwares(), ", "), "unknown firmware %q", name)
		}
		if f := hypervisor.Firmware(name); !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list, nil
}

func firmwares() []string {
	return []string{string(hypervisor.BIOS), string(hypervisor.UEFI), string(hypervisor.UEFISecure)}
}

// driver is QEMU on this machine; steady for tests, which must not fail by
// the emulator's faults.
func (a *app) driver(ctx context.Context, steady bool) (hypervisor.Driver, error) {
	d, err := qemu.New(ctx, qemu.Options{Steady: steady})
	if err != nil {
		return nil, err
	}
	if accel, reason := d.Accel(); accel != qemu.KVM {
		a.ui.notef("%s guests run slowly here: %s", paint(a.ui.colourErr, yellow, "ingot: note:"), cut(oneLine(reason), 160))
	}
	return d, nil
}

// subject is what to boot: an image and, when it was built from a definition
// here, that.
type subject struct {
	disk hypervisor.Disk
	def  *appliance.Definition // nil for a FILE
	ova  *ovf.Descriptor       // of an OVA
}

// subject builds the definition, or opens the image, that the arguments name.
// The caller calls release when it no longer needs the image.
func (a *app) subject(ctx context.Context, o machineOptions, want asked, args []string) (s subject, release func(), err error) {
	if len(args) > 0 && isImage(args[0]) {
		if o.variant != "" {
			return s, nil, usagef("a file is of one variant already", "--variant goes with a folder")
		}
		disk, err := hypervisor.OpenDisk(args[0])
		if err != nil {
			return s, nil, err
		}
		s.disk = disk
		if disk.Offset > 0 { // an archive: an OVA
			if s.ova, err = readDescriptor(args[0]); err != nil {
				return s, nil, err
			}
		}
		return s, func() {}, nil
	}
	where, err := locate(args)
	if err != nil {
		return s, nil, err
	}
	def, err := where.load(o.variant)
	if err != nil {
		return s, nil, err
	}
	if err := want.seed.check(def); err != nil {
		return s, nil, err
	}
	cache, err := a.openCache()
	if err != nil {
		return s, nil, err
	}
	result, err := a.produce(ctx, production{where: where, def: def, formats: []string{"raw"}, cache: cache},
		func(*pipeline.Result) error { return nil })
	if err != nil {
		cache.Close()
		return s, nil, err
	}
	// The image is booted where it lies in the cache: no driver writes to it.
	disk, err := hypervisor.OpenDisk(rawDisk(result))
	if err != nil {
		cache.Close()
		return s, nil, err
	}
	return subject{disk: disk, def: def}, func() { cache.Close() }, nil
}

// isImage tells an image from a folder or a definition.
func isImage(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml")
}

// hardware is what the machine has unless flags say otherwise.
func (s subject) hardware() (cpus int, memory, data int64) {
	switch {
	case s.def != nil:
		h := s.def.Hardware
		return h.CPUs, int64(h.Memory.Recommended), int64(h.Disks.Data)
	case s.ova != nil:
		for _, d := range s.ova.Disks {
			if d.File == "" {
				data = d.Capacity
			}
		}
		return s.ova.CPUs, int64(s.ova.MemoryMiB) << 20, data
	}
	return 2, 1 << 30, 20 << 30 // a bare disk says nothing of its machine
}

// override applies the flags.
func (s subject) override(o machineOptions, want asked) (cpus int, memory, data int64) {
	cpus, memory, data = s.hardware()
	if o.cpus > 0 {
		cpus = o.cpus
	}
	if want.memory > 0 {
		memory = want.memory
	}
	if want.data >= 0 {
		data = want.data
	}
	return cpus, memory, data
}

// spec is the machine that flags and definition ask for.
func (s subject) spec(o machineOptions, want asked, firmware hypervisor.Firmware) hypervisor.Spec {
	spec := hypervisor.Spec{System: s.disk, Firmware: firmware}
	spec.CPUs, spec.Memory, spec.Data = s.override(o, want)
	guests := []int{80, 443}
	if s.def != nil {
		spec.Name = s.def.Name
		guests = tcpPorts(s.def)
	}
	for _, port := range append(guests, acceptance.ManagementPort) {
		spec.Forwards = append(spec.Forwards, hypervisor.Forward{Guest: port})
	}
	for _, f := range want.forwards {
		i := slices.IndexFunc(spec.Forwards, func(g hypervisor.Forward) bool { return g.Guest == f.Guest })
		if i < 0 {
			spec.Forwards = append(spec.Forwards, f)
		} else {
			spec.Forwards[i] = f
		}
	}
	return spec
}

// readDescriptor reads an OVA whole, and so compares it with its manifest.
func readDescriptor(path string) (*ovf.Descriptor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ova, err := ovf.ReadOVA(f, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &ova.Descriptor, nil
}

func tcpPorts(def *appliance.Definition) []int {
	var ports []int
	for _, svc := range def.Services {
		for _, p := range svc.Ports {
			for _, number := range p.Reached() {
				if p.Protocol == "tcp" && !slices.Contains(ports, number) && number != acceptance.ManagementPort {
					ports = append(ports, number)
				}
			}
		}
	}
	return ports
}

// throughForward rewrites a URL of the appliance to the address that forwards
// its port, or returns "" when none does.
func throughForward(text string, address map[int]string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	to, ok := address[port]
	if !ok {
		return ""
	}
	u.Host = to
	return u.String()
}

// rawDisk is the path in the cache of the raw system disk.
func rawDisk(result *pipeline.Result) string {
	stage, output := build.FormatStage("raw")
	return result.Stage(stage).Outputs[output]
}
