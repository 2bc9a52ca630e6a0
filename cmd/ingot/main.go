// Command ingot builds, boots and tests virtual appliances: the vendor's
// command line.
//
// Each command is one file with three parts: newX describes it, XOptions
// holds its flags, runX does it. Commands are listed in [newRoot] and nowhere
// else. How they talk to people is in ui.go, what their exit status means in
// exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	a := &app{ui: newUI(os.Stdin, os.Stdout, os.Stderr, os.Getenv), getenv: os.Getenv}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// app is what all commands share.
type app struct {
	ui     *ui
	getenv func(string) string

	// Flags of all commands.
	cacheDir string
	quiet    bool
}

// main runs one command line and returns the exit status.
func (a *app) main(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.ui.in)
	root.SetOut(a.ui.out)
	root.SetErr(a.ui.err)
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	err := root.ExecuteContext(ctx)
	if err != nil && !began {
		err = asUsage(err) // cobra found the fault before any command began
	}
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	a.ui.fail(err)
	return exitStatus(err)
}

// newRoot is the command `ingot` with all its commands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ingot",
		Short: "Build, boot and test virtual appliances",
		Long: `Ingot casts an application and a just-enough operating system into one virtual
appliance, from a definition called appliance.yaml.

Exit status:
` + exitHelp(),
		Example: `  ingot init myapp          write a definition to start from
  ingot build myapp         build myapp into ./out
  ingot run myapp           boot it in QEMU
  ingot test myapp          boot it, test it, report`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.PersistentFlags().StringVar(&a.cacheDir, "cache", "", "`folder` of the build cache (default $INGOT_CACHE or ~/.cache/ingot)")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "show no progress, only results and errors")
	root.AddCommand(
		newInit(a),
		newSchema(a),
		newCheck(a),
		newPlan(a),
		newBuild(a),
		newRun(a),
		newTest(a),
		newInspect(a),
		newKeys(a),
		newRelease(a),
		newCache(a),
		newDoctor(a),
		newVersion(a),
	)
	return root
}
