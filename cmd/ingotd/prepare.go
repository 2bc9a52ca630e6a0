package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/agent"
)

func newPrepareCommand() *cobra.Command {
	var opts RunOptions
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "Make the system's files of the configuration, before the system starts",
		Long: "Make the system's files of the configuration, before the system starts. ingot-init runs it at every start,\n" +
			"and undoes thereby what nobody confirmed before a restart.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPrepare(opts, cmd.ErrOrStderr())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runPrepare(opts RunOptions, log io.Writer) error {
	return agent.Prepare(agent.Options{Version: version, RunDir: opts.RunDir, DataDir: opts.DataDir, Root: opts.Root, Log: logTo(log)})
}
