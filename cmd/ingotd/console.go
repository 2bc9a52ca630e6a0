package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/console"
)

// ConsoleOptions are those of `ingotd console`.
type ConsoleOptions struct {
	TTYs   []string
	Socket string
}

// AddFlags makes the options flags.
func (o *ConsoleOptions) AddFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.TTYs, "tty", []string{"/dev/tty"}, "terminal to draw on; may be given several times")
	f.StringVar(&o.Socket, "socket", client.DefaultSocket, "the agent's socket")
}

func newConsoleCommand() *cobra.Command {
	var opts ConsoleOptions
	cmd := &cobra.Command{
		Use:     "console",
		Short:   "Draw the appliance's screen on terminals",
		Example: "  ingotd console --tty /dev/tty1 --tty /dev/ttyS0",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConsole(cmd.Context(), opts, cmd.ErrOrStderr())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// runConsole draws on all terminals until ctx ends. One that does not work,
// such as a serial port that is not there, does not stop the others; when
// none works, that is an error.
func runConsole(ctx context.Context, opts ConsoleOptions, log io.Writer) error {
	if slices.ContainsFunc(opts.TTYs, func(tty string) bool { return !strings.HasPrefix(tty, "/dev/pts/") }) {
		quietKernel() // which writes on no pseudo-terminal
	}
	c := console.FromClient(client.NewUnix(opts.Socket))
	errs := make([]error, len(opts.TTYs))
	var wg sync.WaitGroup
	for i, tty := range opts.TTYs {
		wg.Go(func() {
			errs[i] = console.RunTTY(ctx, c, tty)
			if errs[i] != nil && len(opts.TTYs) > 1 {
				fmt.Fprintf(log, "%s: %v\n", tty, errs[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errors.Join(errs...)
}

// quietKernel keeps the kernel's messages off the screen, all but a panic's
// (SYSLOG_ACTION_CONSOLE_LEVEL 1 of syslog(2)); they are in the journal.
func quietKernel() {
	if os.Geteuid() == 0 {
		_, _ = unix.Klogctl(unix.SYSLOG_ACTION_CONSOLE_LEVEL, make([]byte, 1)) // without, the screen is only less tidy
	}
}
