package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/qemu"
)

// limit is how long an appliance may take to become healthy.
const limit = 10 * time.Minute

// options are for boots of an example on its raw disk, which is built with the
// user's own cache: only building itself is measured with an empty one.
func (b *bench) options(ctx context.Context, example string) (acceptance.Options, error) {
	folder := filepath.Join("examples", example)
	out := filepath.Join(b.dir, "out-"+example)
	err := host.Local{}.Run(ctx, host.Command{
		Name: "bin/ingot", Args: []string{"build", folder, "--quiet", "--format", "raw", "--out", out},
	})
	if err != nil {
		return acceptance.Options{}, err
	}
	raw, err := filepath.Glob(filepath.Join(out, "*.raw"))
	if err != nil || len(raw) != 1 {
		return acceptance.Options{}, fmt.Errorf("build left %v: %v", raw, err)
	}
	disk, err := hypervisor.OpenDisk(raw[0])
	if err != nil {
		return acceptance.Options{}, err
	}
	def, err := appliance.Load(os.DirFS(folder), appliance.FileName, appliance.Options{})
	if err != nil {
		return acceptance.Options{}, err
	}
	driver, err := qemu.New(ctx, qemu.Options{})
	if err != nil {
		return acceptance.Options{}, err
	}
	if !b.said {
		accel, _ := driver.Accel()
		b.add("boots are measured with", fmt.Sprintf("QEMU, %s, 2 CPUs", accel), "")
		b.said = true
	}
	return acceptance.Options{Driver: driver, Disk: disk, Definition: def, CPUs: 2}, nil
}

func (b *bench) boots(ctx context.Context) error {
	opts, err := b.options(ctx, "hello")
	if err != nil {
		return err
	}
	report, err := acceptance.Run(ctx, opts)
	if err != nil {
		return err
	}
	if !report.Passed() {
		return errors.Join(errors.New("the appliance did not pass its tests"), report.WriteTable(os.Stderr))
	}
	for _, m := range report.Machines {
		name := string(m.Firmware)
		b.add("first boot to the management URL, "+name, fmt.Sprintf("%.1f s", m.FirstBoot.Management), "≤ 20 s")
		b.add("boot to the management URL, "+name, fmt.Sprintf("%.1f s", m.NextBoot.Management), "≤ 10 s")
		b.add("memory in use when idle, "+name, mebibytes(m.NextBoot.MemoryUsed), "≤ 96 MiB")
		b.add("agent's memory, "+name, mebibytes(m.NextBoot.AgentMemory), "≤ 32 MiB")
	}
	return nil
}

func (b *bench) smallest(ctx context.Context) error {
	opts, err := b.options(ctx, "hello")
	if err != nil {
		return err
	}
	const mib = 1 << 20
	least, err := acceptance.SmallestMemory(ctx, opts, 112*mib, 208*mib, 16*mib)
	if err != nil {
		return err
	}
	b.add("smallest memory that boots healthy", mebibytes(least), "≤ 160 MiB")
	return nil
}

// wizard measures how long it takes until the questions of the first boot can
// be answered: over the network, and at the console.
func (b *bench) wizard(ctx context.Context) error {
	opts, err := b.options(ctx, "hello")
	if err != nil {
		return err
	}
	return b.on(ctx, opts, false, func(ctx context.Context, m hypervisor.Machine, started time.Time) error {
		asked := errors.New("it asks")
		watched, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		var remote time.Duration
		_, err := acceptance.Watch(watched, m, started, func(s wire.Status) {
			if s.Setup == wire.SetupNeeded && remote == 0 {
				remote = time.Since(started)
				stop(asked)
			}
		})
		if !errors.Is(err, asked) {
			return err
		}
		b.add("power-on to wizard, over the network", seconds(remote), "≤ 20 s")
		// The console may have been first.
		local, err := firstSaid(ctx, m.ConsoleLog(), "One-time code", started)
		if err != nil {
			return err
		}
		b.add("power-on to wizard, at the console", local, "≤ 20 s")
		return nil
	})
}

// firstSaid is how long after started a console log said a text: to the
// second, when it has said it already.
func firstSaid(ctx context.Context, file, text string, started time.Time) (string, error) {
	for first := true; ; first = false {
		log, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if strings.Contains(string(log), text) {
			if first {
				return "no later", nil
			}
			return seconds(time.Since(started)), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the console does not say %q: %w", text, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// healthy measures how long each example takes from power-on, with all answers
// in a seed, until its application works.
func (b *bench) healthy(ctx context.Context) error {
	for _, example := range []string{"hello", "pocketbase", "wordpress"} {
		opts, err := b.options(ctx, example)
		if err != nil {
			return err
		}
		err = b.on(ctx, opts, true, func(ctx context.Context, m hypervisor.Machine, started time.Time) error {
			up, err := acceptance.WaitHealthy(ctx, m, started)
			if err == nil {
				b.add("seed to healthy, "+example, seconds(up.Healthy), "")
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// on makes a machine, with all answers in a seed or with none, switches it on,
// and removes it afterwards.
func (b *bench) on(ctx context.Context, o acceptance.Options, seeded bool, do func(context.Context, hypervisor.Machine, time.Time) error) error {
	spec, err := o.Spec(hypervisor.BIOS)
	if err != nil {
		return err
	}
	if !seeded {
		spec.Seed = nil
	}
	m, err := o.Driver.Create(ctx, spec)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := time.Now()
	if err = m.Start(ctx); err == nil {
		err = do(ctx, m, started)
	}
	return errors.Join(err, m.Remove())
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
