package main

import (
	"runtime"

	"github.com/spf13/cobra"
)

type versionOptions struct{ json bool }

func newVersion(a *app) *cobra.Command {
	var o versionOptions
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of ingot",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return runVersion(a, o) },
	}
	jsonFlag(cmd, &o.json)
	return cmd
}

func runVersion(a *app, o versionOptions) error {
	if o.json {
		return a.ui.json(map[string]string{"version": version, "go": runtime.Version()})
	}
	a.ui.printf("ingot %s\n", version)
	return nil
}
