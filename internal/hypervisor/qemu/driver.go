package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

const (
	program      = "qemu-system-x86_64"
	imageProgram = "qemu-img"
	ovmfDir      = "/usr/share/OVMF"
)

// Options are how a driver runs QEMU. The zero value is fine.
type Options struct {
	// Accel overrides the choice of the accelerator; default the environment
	// variable AccelVariable, and without it KVM where the probe says yes.
	Accel Accel
	// Steady emulates all CPUs on one thread: slower by a half, and without
	// the emulator's race that panics one Linux boot in a hundred (see
	// docs/adr/0006). It means nothing with KVM.
	Steady bool
	// Prober answers that question.
	Prober Prober
	// Dir is where machines without a folder of their own get one; default
	// the folder for temporary files.
	Dir string
	// Program, ImageProgram and FirmwareDir default to qemu-system-x86_64,
	// qemu-img and /usr/share/OVMF.
	Program, ImageProgram, FirmwareDir string
}

// Driver runs machines with QEMU.
type Driver struct {
	options Options
	accel   Accel
	reason  string
}

// New makes a driver, once it has found out which accelerator to use.
func New(ctx context.Context, o Options) (*Driver, error) {
	o.Program = orString(o.Program, program)
	o.ImageProgram = orString(o.ImageProgram, imageProgram)
	o.FirmwareDir = orString(o.FirmwareDir, ovmfDir)
	o.Prober.Program = orString(o.Prober.Program, o.Program)
	d := &Driver{options: o}
	accel, from := o.Accel, "the options"
	if accel == "" {
		accel, from = Accel(os.Getenv(AccelVariable)), AccelVariable
	}
	switch accel {
	case KVM, TCG:
		d.accel, d.reason = accel, "set by "+from
	case "":
		v, err := o.Prober.Probe(ctx)
		if err != nil {
			return nil, err
		}
		d.accel, d.reason = KVM, "a test guest ran with it"
		if !v.Usable {
			d.accel, d.reason = TCG, "no KVM: "+v.Reason
		}
	default:
		return nil, fmt.Errorf("unknown accelerator %q in %s: say kvm or tcg", accel, from)
	}
	return d, nil
}

// Name is "qemu".
func (d *Driver) Name() string { return "qemu" }

// Accel is the accelerator in use, and in a sentence why.
func (d *Driver) Accel() (Accel, string) { return d.accel, d.reason }

// accelArguments are QEMU's flags for what runs the guest's code.
func (d *Driver) accelArguments() []string { return d.accel.arguments(d.options.Steady) }

// Emulates is true without KVM.
func (d *Driver) Emulates() bool { return d.accel != KVM }

// Create makes the machine's overlay and its other files.
func (d *Driver) Create(ctx context.Context, spec hypervisor.Spec) (_ hypervisor.Machine, err error) {
	spec, err = spec.WithDefaults()
	if err != nil {
		return nil, err
	}
	m := newMachine(ctx, d, spec)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot make the machine: %w", err), m.Remove())
		}
	}()
	if err := spec.CheckFiles(); err != nil {
		return nil, err
	}
	if err := m.makeFolders(d.options.Dir); err != nil {
		return nil, err
	}
	if spec.Seed != nil {
		if err := os.WriteFile(m.files.seed(), spec.Seed, 0o600); err != nil {
			return nil, err
		}
	}
	if err := d.makeOverlay(ctx, m); err != nil {
		return nil, err
	}
	if spec.Data > 0 {
		if err := makeSparse(m.files.data(), spec.Data); err != nil {
			return nil, err
		}
	}
	if spec.Firmware != hypervisor.BIOS {
		found, err := findFirmware(d.options.FirmwareDir, spec.Firmware)
		if err != nil {
			return nil, err
		}
		m.files.code = found.code
		if err := copyFile(m.files.vars(), found.vars); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (d *Driver) makeOverlay(ctx context.Context, m *machine) error {
	disk := m.spec.System
	abs, err := filepath.Abs(disk.Path)
	if err != nil {
		return err
	}
	disk.Path = abs
	name, err := backing(disk)
	if err != nil {
		return err
	}
	qemuImg := func(args ...string) error {
		return host.Local{}.Run(ctx, host.Command{Name: d.options.ImageProgram, Args: args})
	}
	if err := qemuImg("create", "-q", "-f", "qcow2", "-b", name, "-F", string(disk.Format), m.files.overlay()); err != nil {
		return err
	}
	if m.spec.SystemSize == 0 {
		return nil
	}
	// Without --shrink a smaller size is refused, and leaves the disk as it is.
	err = qemuImg("resize", "-q", m.files.overlay(), fmt.Sprint(m.spec.SystemSize))
	var exit *host.ExitError
	if errors.As(err, &exit) && strings.Contains(exit.Stderr, "shrink") {
		return nil
	}
	return err
}

func makeSparse(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
