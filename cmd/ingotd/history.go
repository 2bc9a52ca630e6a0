package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// HistoryOptions are those of `ingotd history`.
type HistoryOptions struct {
	Socket string
	JSON   bool
}

// AddFlags makes the options flags.
func (o *HistoryOptions) AddFlags(f *pflag.FlagSet) {
	addSocket(f, &o.Socket)
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newHistoryCommand() *cobra.Command {
	var opts HistoryOptions
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "Print who changed the settings, when and why",
		Example: "  ingotd history\n  ingotd history --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runHistory(cmd.Context(), opts, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runHistory(ctx context.Context, opts HistoryOptions, out io.Writer) error {
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	list, err := c.Revisions(ctx)
	if err != nil {
		return err
	}
	if opts.JSON {
		return printJSON(out, list)
	}
	return printHistory(out, list)
}

func printHistory(out io.Writer, list []wire.Revision) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REVISION\tTIME\tWHO\tFROM\tSTATE\tWHY")
	for _, r := range list {
		state := "-"
		switch {
		case r.Unconfirmed:
			state = "unconfirmed"
		case r.Current:
			state = "current"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", r.Number, r.Time.UTC().Format(time.RFC3339), r.Who, dash(r.From), state, oneLine(r.Why))
	}
	return w.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
