package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

type testOptions struct {
	machineOptions
	firmwares []string
	timeout   time.Duration
	noRestart bool
	offline   bool
	junit     string
	logs      string
	scenario  string
	json      bool
}

func newTest(a *app) *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test [DIR|FILE]",
		Short: "Boot an appliance, test it, report",
		Long: `Boot the definition in DIR, built first if need be, or an image (OVA, qcow2, raw,
VMDK) in QEMU, under BIOS and UEFI. Wait until it is healthy, run the
definition's tests, and check what every appliance must keep: no failed unit, no
listening port that was not declared, nothing writable outside the data disk and
memory, a clean end by the power button, and the same again after a restart.
Prints a table with times and memory. Of a machine that failed, the console's
log and a picture of its screen are kept.

With --scenario FILE, play what the file says instead: versions of the definition
in DIR that are made, signed with keys for the occasion, served, installed and
gone back from, step by step (docs/scenarios.md).

` + seedHelp + `
What it does not answer is answered for the test: settings that must have a value
and have no default get their example, or a value of their type.`,
		Example: `  ingot test myapp
  ingot test out/myapp-1.0.0.ova --firmware uefi
  ingot test myapp --junit results.xml --logs results
  ingot test myapp --scenario myapp/scenarios/update.yaml`,
		Args: maxOneArg("folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.scenario != "" {
				return runScenario(cmd, a, o, args)
			}
			return runTest(cmd.Context(), a, o, args)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.scenario, "scenario", "", "play this `file` of steps instead of the tests")
	cmd.Flags().StringSliceVar(&o.firmwares, "firmware", []string{string(hypervisor.BIOS), string(hypervisor.UEFI)},
		"comma-separated `firmwares`: "+strings.Join(firmwares(), ", "))
	complete(cmd, "firmware", func([]string) []string { return firmwares() })
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "how long a boot may take (default 1m, 5m without KVM)")
	cmd.Flags().BoolVar(&o.noRestart, "no-restart", false, "leave out the second boot")
	cmd.Flags().BoolVar(&o.offline, "offline", false, "cut the appliance off from all networks but this machine")
	cmd.Flags().StringVar(&o.junit, "junit", "", "write the results as JUnit XML to this `file`")
	cmd.Flags().StringVar(&o.logs, "logs", "", "`folder` for what is kept of a failed machine (default: a new temporary one)")
	jsonFlag(cmd, &o.json)
	return cmd
}

func runTest(ctx context.Context, a *app, o testOptions, args []string) error {
	firmware, err := checkFirmwares(o.firmwares)
	if err != nil {
		return err
	}
	want, err := o.read(nil)
	if err != nil {
		return err
	}
	if o.logs != "" {
		if err := prepareOut(o.logs); err != nil {
			return err
		}
	}
	subject, release, err := a.subject(ctx, o.machineOptions, want, args)
	if err != nil {
		return err
	}
	defer release()
	seed, err := want.seed.text(acceptance.Answers(subject.def))
	if err != nil {
		return err
	}
	driver, err := a.driver(ctx, true)
	if err != nil {
		return err
	}
	options := acceptance.Options{
		Driver: driver, Disk: subject.disk, Definition: subject.def, Firmwares: firmware,
		Offline: o.offline, NoRestart: o.noRestart, Timeout: o.timeout, Log: a.progressLines(), Dir: o.logs,
		Seed: seed,
	}
	options.CPUs, options.Memory, options.Data = subject.override(o.machineOptions, want)
	if options.Data == 0 {
		options.Data = -1 // 0 would stand for the definition's
	}
	report, err := acceptance.Run(ctx, options)
	if err != nil {
		return err
	}
	return a.reportTests(report, o)
}

// reportTests prints the report and fails when the appliance did.
func (a *app) reportTests(report acceptance.Report, o testOptions) error {
	if o.junit != "" {
		if err := report.WriteJUnitFile(o.junit); err != nil {
			return err
		}
	}
	if o.json {
		if err := a.ui.json(report); err != nil {
			return err
		}
	} else {
		var text strings.Builder
		if err := report.WriteTable(&text); err != nil {
			return err
		}
		a.ui.printf("%s", text.String())
	}
	if report.Passed() {
		return nil
	}
	failed := &testsFailedError{}
	for _, m := range report.Machines {
		for _, c := range m.Checks {
			failed.total++
			switch c.Outcome {
			case acceptance.Failed:
				failed.failed++
			case acceptance.Skipped:
				failed.skipped++
			}
		}
		if m.ConsoleLog != "" {
			failed.logs = append(failed.logs, m.ConsoleLog)
		}
	}
	return failed
}

// progressLines passes lines on as progress.
func (a *app) progressLines() io.Writer {
	if a.quiet {
		return io.Discard
	}
	return lineWriter{a.ui}
}

// lineWriter writes whole lines, each with one call, as fmt.Fprintf does.
type lineWriter struct{ ui *ui }

func (w lineWriter) Write(p []byte) (int, error) {
	w.ui.notef("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// testsFailedError says that the appliance was tested and did not pass.
type testsFailedError struct {
	failed, skipped, total int
	logs                   []string
}

func (e *testsFailedError) Error() string {
	text := fmt.Sprintf("%d of %s failed", e.failed, count(e.total, "check"))
	if e.skipped > 0 {
		text += fmt.Sprintf(", %d could not be made", e.skipped)
	}
	return text
}

// Hint says where the consoles' logs are.
func (e *testsFailedError) Hint() string {
	if len(e.logs) == 0 {
		return ""
	}
	return "what the console said: " + strings.Join(e.logs, ", ")
}
