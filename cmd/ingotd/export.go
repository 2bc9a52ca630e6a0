package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
)

// ExportOptions are those of `ingotd export`.
type ExportOptions struct {
	Socket  string
	Secrets bool
}

// AddFlags makes the options flags.
func (o *ExportOptions) AddFlags(f *pflag.FlagSet) {
	addSocket(f, &o.Socket)
	f.BoolVar(&o.Secrets, "secrets", false, "with secrets, in clear: keep the file where nobody else can read it")
}

func newExportCommand() *cobra.Command {
	var opts ExportOptions
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Print the settings as a seed for another appliance",
		Example: "  ingotd export > seed.txt\n  (umask 077; ingotd export --secrets > seed.txt)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExport(cmd.Context(), opts, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runExport(ctx context.Context, opts ExportOptions, out io.Writer) error {
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	data, err := c.Export(ctx, opts.Secrets)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}
