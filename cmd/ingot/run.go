package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

type runOptions struct {
	machineOptions
	firmware string
	ports    []string
	console  bool
	json     bool
}

func newRun(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [DIR|FILE]",
		Short: "Boot an appliance in QEMU",
		Long: `Boot the definition in DIR, built first if need be, or an image (OVA, qcow2, raw,
VMDK) in QEMU, and print where it is reached once it is healthy. It runs until
Ctrl-C, which presses its power button; a second Ctrl-C cuts the power. What it
wrote is then gone: every run is a first boot.

Ports are forwarded from 127.0.0.1: those that the definition declares and the
management port 5480, to free ports of this machine unless --port says which.

` + seedHelp + `
Without one the appliance asks, on its console: that opens in this terminal then,
and Ctrl-] leaves it.`,
		Example: `  ingot run myapp
  ingot run out/myapp-1.0.0.ova --memory 512MiB --firmware uefi
  ingot run myapp --port 8080:80
  ingot run myapp --console     the serial console in this terminal from power-on on
  ingot run myapp --seed answers.yaml --seed network.hostname=web1`,
		Args: maxOneArg("folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runRun(cmd.Context(), a, o, args) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.firmware, "firmware", string(hypervisor.BIOS), "`firmware`: "+strings.Join(firmwares(), ", "))
	complete(cmd, "firmware", func([]string) []string { return firmwares() })
	cmd.Flags().StringSliceVarP(&o.ports, "port", "p", nil, "forward a port, as `HOST:GUEST` or GUEST")
	cmd.Flags().BoolVar(&o.console, "console", false, "attach this terminal to the serial console (Ctrl-] switches off)")
	jsonFlag(cmd, &o.json)
	return cmd
}

func runRun(ctx context.Context, a *app, o runOptions, args []string) error {
	firmware, err := checkFirmwares([]string{o.firmware})
	if err != nil {
		return err
	}
	want, err := o.read(o.ports)
	if err != nil {
		return err
	}
	subject, release, err := a.subject(ctx, o.machineOptions, want, args)
	if err != nil {
		return err
	}
	defer release()
	spec := subject.spec(o.machineOptions, want, firmware[0])
	if spec.Seed, err = want.seed.text(nil); err != nil {
		return err
	}
	driver, err := a.driver(ctx, false)
	if err != nil {
		return err
	}
	// The machine ends by its power button, not with ctx.
	m, err := driver.Create(context.WithoutCancel(ctx), spec)
	if err != nil {
		return err
	}
	defer m.Remove()
	if err := m.Start(ctx); err != nil {
		return err
	}
	if o.console {
		err = a.attach(ctx, m)
	} else {
		err = newVigil(a, m, spec, o.json).serve(ctx)
	}
	if err != nil {
		return err
	}
	return a.powerOff(m, hypervisor.Emulates(driver))
}

// runReport is what --json prints once the appliance is healthy, or waits to be
// set up.
type runReport struct {
	Name    string     `json:"name"`
	Version string     `json:"version"`
	State   wire.State `json:"state"`
	// Setup is "needed" or "complete"; Steps are those of the first boot that
	// wait for an answer.
	Setup   string       `json:"setup,omitempty"`
	Steps   []string     `json:"steps,omitempty"`
	URLs    []wire.URL   `json:"urls"`
	Ports   []portReport `json:"ports"`
	Seconds float64      `json:"seconds"`
}

type portReport struct {
	Guest   int    `json:"guest"`
	Address string `json:"address"`
}

// report is what there is to say of a status.
func (v *vigil) report(status wire.Status) runReport {
	r := runReport{Name: status.Name, Version: status.Version, State: status.State, Setup: status.Setup, Seconds: time.Since(v.start).Seconds()}
	for _, f := range v.spec.Forwards {
		if addr, err := v.m.Address(f.Guest); err == nil {
			r.Ports = append(r.Ports, portReport{f.Guest, addr})
		}
	}
	r.URLs = forwardedURLs(status, r.Ports)
	return r
}

func (a *app) printURLs(urls []wire.URL) {
	var rows [][]string
	for _, u := range urls {
		rows = append(rows, []string{u.Title, u.URL})
	}
	for _, line := range table(rows) {
		a.ui.printf("%s\n", line)
	}
}

// serve waits until the appliance is healthy, prints where it is reached, and
// stays until ctx or the machine ends. When the appliance asks to be set up,
// it prints that, and opens its console where there is somebody to answer.
func (v *vigil) serve(ctx context.Context) error {
	up, err := v.wait(ctx)
	if err != nil {
		return err
	}
	status := up.Status
	switch {
	case !v.asJSON:
		v.printURLs(v.report(status).URLs)
	case !v.invited: // otherwise there was a report already
		if err := v.ui.json(v.report(status)); err != nil {
			return err
		}
	}
	if !v.quiet {
		v.ui.notef("%s %s is %s after %s; Ctrl-C switches it off", status.Title, status.Version, status.State, seconds(time.Since(v.start)))
	}
	select {
	case <-ctx.Done():
		return nil
	case <-v.m.Done():
		end, err := v.m.Wait(context.WithoutCancel(ctx))
		if err == nil && end == hypervisor.EndGuest {
			v.ui.notef("the appliance switched itself off")
			return nil
		}
		return fmt.Errorf("the machine ended: %w", errors.Join(err, consoleTail(v.m)))
	}
}

// forwardedURLs are the appliance's URLs as this machine reaches them.
func forwardedURLs(status wire.Status, ports []portReport) []wire.URL {
	address := map[int]string{}
	for _, p := range ports {
		address[p.Guest] = p.Address
	}
	urls := []wire.URL{}
	for _, u := range append(slices.Clone(status.URLs), wire.URL{Title: "Management", URL: status.Management}) {
		if reached := throughForward(u.URL, address); reached != "" {
			urls = append(urls, wire.URL{Title: u.Title, URL: reached})
		}
	}
	return urls
}

// powerOff presses the power button and waits for the end; a Ctrl-C meanwhile
// cuts the power.
func (a *app) powerOff(m hypervisor.Machine, emulated bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if m.State() == hypervisor.Off {
		return nil
	}
	limit := 30 * time.Second
	if emulated {
		limit = 90 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if !a.quiet {
		a.ui.notef("switching off; Ctrl-C again cuts the power")
	}
	if err := m.PowerButton(ctx); err == nil {
		if _, err := m.Wait(ctx); err == nil {
			return nil
		}
	}
	return m.Stop(context.WithoutCancel(ctx))
}
