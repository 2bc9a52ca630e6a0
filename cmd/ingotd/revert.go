package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
)

// RevertOptions are those of `ingotd revert`.
type RevertOptions struct {
	Socket string
	Why    string
}

// AddFlags makes the options flags.
func (o *RevertOptions) AddFlags(f *pflag.FlagSet) {
	addSocket(f, &o.Socket)
	f.StringVar(&o.Why, "why", "", "why, for the history")
}

func newRevertCommand() *cobra.Command {
	var opts RevertOptions
	cmd := &cobra.Command{
		Use:   "revert REVISION",
		Short: "Go back to the settings of an older revision",
		Long: `Go back to the settings of an older revision. They become a new revision; none is ever lost.
` + exitHelp,
		Example: "  ingotd history\n  ingotd revert 3 --why \"the new address does not work\"",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return err
			}
			_, err := revisions(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRevert(cmd.Context(), opts, args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runRevert(ctx context.Context, opts RevertOptions, args []string, out, notes io.Writer) error {
	list, err := revisions(args)
	if err != nil {
		return err
	}
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	config, err := c.Config(ctx)
	if err != nil {
		return err
	}
	changed, err := c.Revert(ctx, config.Revision, list[0], opts.Why)
	if err != nil {
		return err
	}
	return printChanged(out, notes, config.Revision, changed, time.Now())
}
