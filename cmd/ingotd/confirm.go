package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
)

// ConfirmOptions are those of `ingotd confirm`.
type ConfirmOptions struct {
	Socket string
}

// AddFlags makes the options flags.
func (o *ConfirmOptions) AddFlags(f *pflag.FlagSet) { addSocket(f, &o.Socket) }

func newConfirmCommand() *cobra.Command {
	var opts ConfirmOptions
	cmd := &cobra.Command{
		Use:   "confirm",
		Short: "Confirm the change that waits for it",
		Long: `Confirm the change that waits for it; otherwise it is undone. Make sure first that you still
get in the way you need: by the network, the command line here proves nothing.

The exit status is 0 when it is done, 3 when the agent cannot be reached and 6 when there is
nothing to confirm.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runConfirm(cmd.Context(), opts, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runConfirm(ctx context.Context, opts ConfirmOptions, out io.Writer) error {
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	if err := c.Confirm(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "confirmed")
	return err
}
