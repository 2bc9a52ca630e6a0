package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/hypervisor/qemu"
)

type doctorOptions struct {
	install bool
	json    bool
}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine lacks, and install it",
		Long: `Check whether this machine has what ingot needs: programs, firmware, keys of the
distribution, user namespaces, KVM, disk space. What is missing is named with
the one command that installs it; --install runs that command, by sudo unless
you are root. Works on Debian and Ubuntu.`,
		Example: `  ingot doctor
  ingot doctor --install`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a, o) },
	}
	cmd.Flags().BoolVar(&o.install, "install", false, "install what is missing, with apt-get")
	jsonFlag(cmd, &o.json)
	return cmd
}

// doctorReport is what --json prints.
type doctorReport struct {
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
	// Packages that would mend what is missing, and the command that installs them.
	Packages []string `json:"packages"`
	Command  string   `json:"command,omitempty"`
}

func runDoctor(ctx context.Context, a *app, o doctorOptions) error {
	m := a.thisMachine()
	report := examine(ctx, m)
	if o.install && len(report.Packages) > 0 {
		if err := install(ctx, a, m, report.Packages); err != nil {
			return err
		}
		report = examine(ctx, m)
	}
	if o.json {
		if err := a.ui.json(report); err != nil {
			return err
		}
	} else {
		printDoctor(a.ui, report)
	}
	if report.OK {
		return nil
	}
	missing := 0
	for _, f := range report.Checks {
		if f.State == stateMissing {
			missing++
		}
	}
	hint := "mend what the table names"
	if report.Command != "" {
		hint = "run: " + report.Command + "   (or: ingot doctor --install)"
	}
	return &lackError{message: fmt.Sprintf("this machine lacks %s that ingot needs", count(missing, "thing")), hint: hint}
}

func printDoctor(u *ui, report doctorReport) {
	var rows [][]string
	for _, f := range report.Checks {
		rows = append(rows, []string{string(f.State), f.Name, f.Detail})
	}
	styles := map[checkState]string{stateOK: green, stateMissing: red, stateWarning: yellow}
	for i, line := range table(rows) {
		state := report.Checks[i].State
		u.printf("%s%s\n", paint(u.colourOut, styles[state], string(state)), strings.TrimPrefix(line, string(state)))
		if hint := report.Checks[i].Hint; hint != "" && state != stateOK {
			u.printf("         %s\n", hint)
		}
	}
	if report.OK {
		u.printf("this machine has what ingot needs\n")
	}
}

// thisMachine is the machine that ingot runs on.
func (a *app) thisMachine() machine {
	m := machine{
		root: os.DirFS("/"), find: host.Find, run: host.Local{}, uid: os.Getuid(),
		getenv: a.getenv,
		kvm: func(ctx context.Context) (bool, string) {
			v, err := qemu.Prober{}.Probe(ctx)
			if err != nil {
				return false, err.Error()
			}
			return v.Usable, v.Reason
		},
		free: freeBytes,
	}
	if u, err := user.Current(); err == nil {
		m.user = u.Username
	}
	return m
}

// install runs apt-get, whose output the user sees.
func install(ctx context.Context, a *app, m machine, packages []string) error {
	if _, err := m.find("apt-get"); err != nil {
		return &lackError{
			message: "cannot install: this machine has no apt-get",
			hint:    "install with its own package manager: " + strings.Join(packages, " "),
		}
	}
	for _, args := range [][]string{{"update"}, append([]string{"install", "--yes", "--no-install-recommends"}, packages...)} {
		cmd := aptCommand(m, args)
		a.ui.notef("+ %s", cmd)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.ui.in, a.ui.err, a.ui.err
		if err := m.run.Run(ctx, cmd); err != nil {
			if args[0] == "update" {
				continue // one stale third-party source is no reason to stop; install says what it lacks
			}
			return &lackError{message: fmt.Sprintf("cannot install packages: %v", err), hint: "the output above says why"}
		}
	}
	return nil
}

// aptCommand is apt-get as root, without questions.
func aptCommand(m machine, args []string) host.Command {
	line := append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get"}, args...)
	if m.uid != 0 {
		line = append([]string{"sudo"}, line...)
	}
	return host.Command{Name: line[0], Args: line[1:]}
}
