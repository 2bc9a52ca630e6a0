package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/host"
)

// Accel is what runs the guest's code.
type Accel string

// The accelerators.
const (
	KVM Accel = "kvm"
	TCG Accel = "tcg"
)

// AccelVariable is the environment variable that overrides the choice of the
// accelerator: "kvm" or "tcg".
const AccelVariable = "INGOT_ACCEL"

func (a Accel) arguments(steady bool) []string {
	switch {
	case a == KVM:
		return []string{"-accel", "kvm", "-cpu", "host"}
	case steady:
		return []string{"-accel", "tcg,thread=single", "-cpu", "max"}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max"}
}

// Verdict is what a probe found.
type Verdict struct {
	Usable bool
	// Reason says in a sentence why KVM cannot be used.
	Reason string
	// Remembered says that the answer is an earlier probe's.
	Remembered bool
}

// Prober finds out whether KVM runs guests here. The zero value is ready.
type Prober struct {
	// Program is QEMU; default "qemu-system-x86_64".
	Program string
	// Device is what KVM is reached by; default "/dev/kvm".
	Device string
	// Cache is a folder where the answer is kept until the host reboots;
	// default "ingot" in the user's cache folder, "-" to keep it nowhere.
	Cache string
	// Limit is how long the guest may take, default 3 s. In translation it
	// takes 0.2 s on a slow machine, and with KVM less.
	Limit time.Duration

	accel Accel // KVM; tests run the guest in translation
}

// Probe says whether KVM can be used: /dev/kvm opens, and a tiny guest has run
// to its end with it, from reset through the BIOS and real mode to 64-bit code
// with paging. It takes a second once; until the next reboot the answer is
// remembered. An error means that nothing could be found out.
func (p Prober) Probe(ctx context.Context) (Verdict, error) {
	p.Program = orString(p.Program, program)
	p.Device = orString(p.Device, "/dev/kvm")
	if p.accel == "" {
		p.accel = KVM
	}
	if p.Limit == 0 {
		p.Limit = 3 * time.Second
	}
	// Not remembered: opening costs nothing, and a user may join the group.
	f, err := os.OpenFile(p.Device, os.O_RDWR, 0)
	if err != nil {
		return Verdict{Reason: err.Error()}, nil
	}
	f.Close()

	memory := p.memory()
	if v, ok := recall(memory); ok {
		return v, nil
	}
	v, err := p.run(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("cannot find out whether KVM works: %w", err)
	}
	remember(memory, v)
	return v, nil
}

// run boots the tiny guest.
func (p Prober) run(ctx context.Context) (Verdict, error) {
	dir, err := os.MkdirTemp("", "ingot-probe-")
	if err != nil {
		return Verdict{}, err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "guest.img")
	if err := os.WriteFile(image, probeGuest(), 0o600); err != nil {
		return Verdict{}, err
	}
	var said bytes.Buffer
	proc, err := host.Local{}.Start(ctx, host.Command{
		Name: p.Program,
		Args: slices.Concat([]string{"-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35"},
			p.accel.arguments(true), []string{
				"-drive", "id=guest,if=none,format=raw,readonly=on,file=" + escape(image),
				"-device", "virtio-blk-pci,drive=guest",
				"-debugcon", "stdio",
				"-device", "isa-debug-exit,iobase=0xf4,iosize=1"}),
		Stdout: &said,
	})
	if err != nil {
		return Verdict{}, err
	}
	limit := time.NewTimer(p.Limit)
	defer limit.Stop()
	select {
	case <-proc.Done():
	case <-ctx.Done():
		kill(proc)
		return Verdict{}, ctx.Err()
	case <-limit.C:
		kill(proc)
		return Verdict{Reason: fmt.Sprintf("a guest did not run within %v", p.Limit)}, nil
	}
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	var exit *host.ExitError
	if !errors.As(proc.Err(), &exit) {
		return Verdict{Reason: "the test guest ended in an unexpected way"}, nil
	}
	if exit.Code == probeExit && said.String() == probeMagic {
		return Verdict{Usable: true}, nil
	}
	reason := strings.Join(strings.Fields(exit.Stderr), " ")
	return Verdict{Reason: orString(reason, fmt.Sprintf("the test guest ended with status %d", exit.Code))}, nil
}

// kill ends a process that may be stuck in the kernel: it waits two seconds
// for the end and then leaves it to init.
func kill(proc *host.Process) {
	ended := make(chan struct{})
	go func() {
		_ = proc.Kill() // it has no other outcome than the end
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
	}
}

// memory is the file that keeps the answer, "" for none. Its name holds the
// host's boot ID: another kernel or module option may change the answer.
func (p Prober) memory() string {
	if p.Cache == "-" {
		return ""
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	dir := p.Cache
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(user, "ingot")
	}
	return filepath.Join(dir, "kvm-"+strings.TrimSpace(string(id)))
}

const (
	memoryYes = "yes"
	memoryNo  = "no: "
)

func recall(path string) (Verdict, bool) {
	if path == "" {
		return Verdict{}, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Verdict{}, false
	}
	text := strings.TrimSpace(string(data))
	if text == memoryYes {
		return Verdict{Usable: true, Remembered: true}, true
	}
	if reason, ok := strings.CutPrefix(text, memoryNo); ok {
		return Verdict{Reason: reason, Remembered: true}, true
	}
	return Verdict{}, false
}

// remember keeps the answer and drops those of earlier boots. A host where
// that fails pays a second each time, and nothing worse.
func remember(path string, v Verdict) {
	if path == "" {
		return
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return
	}
	if old, err := filepath.Glob(filepath.Join(dir, "kvm-*")); err == nil {
		for _, name := range old {
			_ = os.Remove(name) // at worst a stray line of text stays
		}
	}
	text := memoryNo + v.Reason
	if v.Usable {
		text = memoryYes
	}
	_ = host.WriteFile(path, []byte(text+"\n"), 0o644)
}

func orString(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
