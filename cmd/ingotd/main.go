// Command ingotd is the agent of an appliance, its console screen and its
// local command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/api/client"
)

// version is set when the program is linked.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit statuses of ingotd.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitAgent   = 3 // the agent cannot be reached
	exitUnwell  = 4 // `status`: the appliance is not healthy
	exitPending = 5 // the change is in force, but has to be confirmed
	exitRefused = 6 // the change was refused; nothing has changed
)

// run is the whole program, without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	// The agent keeps little; collecting early costs less than memory does on
	// a small appliance. 24 MiB leave room below the goal of 32 resident for
	// what Go does not count: the program's own pages and stacks.
	debug.SetMemoryLimit(24 << 20)
	debug.SetGCPercent(50)

	root := newRootCommand()
	understood := false // an error before is one of the command line
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var unwell errUnwell
	if errors.As(err, &unwell) {
		return exitUnwell // the output has said it
	}
	var pending errPending
	if errors.As(err, &pending) {
		return exitPending // likewise
	}
	fmt.Fprintln(stderr, "ingotd:", err)
	var answer *client.Error
	switch {
	case !understood:
		fmt.Fprintln(stderr, "hint: see ingotd --help")
		return exitUsage
	case errors.As(err, &answer):
		return explain(answer, stderr)
	case errors.Is(err, client.ErrUnreachable):
		fmt.Fprintln(stderr, "hint: is the service ingotd running?")
		return exitAgent
	}
	return exitFailed
}

// explain prints what an answer says besides its message.
func explain(e *client.Error, stderr io.Writer) (status int) {
	for _, p := range e.Problems {
		fmt.Fprintf(stderr, "  %s: %s\n", p.Path, p.Message)
		if p.Hint != "" {
			fmt.Fprintln(stderr, "    hint:", p.Hint)
		}
	}
	if e.Hint != "" {
		fmt.Fprintln(stderr, "hint:", e.Hint)
	}
	switch e.Status {
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return exitRefused
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "ingotd",
		Short:         "The agent of an appliance, its console and its local command line",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		// A command of its own for completion is of no use without a shell.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(
		newRunCommand(),
		newPrepareCommand(),
		newConsoleCommand(),
		newStatusCommand(),
		newGetCommand(),
		newSetCommand(),
		newHistoryCommand(),
		newDiffCommand(),
		newRevertCommand(),
		newUpdateCommand(),
		newConfirmCommand(),
		newExportCommand(),
		newDoneCommand(),
		newVersionCommand(),
	)
	return root
}

const rootHelp = `The agent of an appliance, its console and its local command line. The commands that read and
change settings ask the running agent, and so must be run by root.

Exit status: 0 done, 1 failed, 2 the command line is wrong, 3 the agent cannot be reached,
4 the appliance is not healthy (status), 5 the change has to be confirmed, 6 the change was
refused.`

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the agent's version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "ingotd", version)
			return err
		},
	}
}
