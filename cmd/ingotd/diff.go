package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
)

// DiffOptions are those of `ingotd diff`.
type DiffOptions struct {
	Socket string
}

// AddFlags makes the options flags.
func (o *DiffOptions) AddFlags(f *pflag.FlagSet) { addSocket(f, &o.Socket) }

func newDiffCommand() *cobra.Command {
	var opts DiffOptions
	cmd := &cobra.Command{
		Use:   "diff [FROM] [TO]",
		Short: "Print what changed between two revisions",
		Long: `Print what changed between two revisions of the settings, as a unified diff. TO is the one in
force when it is left out, and FROM the one before that.`,
		Example: "  ingotd diff\n  ingotd diff 3\n  ingotd diff 3 5",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(2)(cmd, args); err != nil {
				return err
			}
			_, err := revisions(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), opts, args, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// revisions reads numbers of revisions.
func revisions(args []string) ([]int, error) {
	var list []int
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not the number of a revision", a)
		}
		list = append(list, n)
	}
	return list, nil
}

func runDiff(ctx context.Context, opts DiffOptions, args []string, out io.Writer) error {
	list, err := revisions(args)
	if err != nil {
		return err
	}
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	if len(list) < 2 {
		config, err := c.Config(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			list = append(list, config.Revision-1)
		}
		list = append(list, config.Revision)
	}
	d, err := c.Diff(ctx, list[0], list[1])
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, d.Diff)
	return err
}
