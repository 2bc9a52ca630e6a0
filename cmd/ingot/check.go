package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

type checkOptions struct {
	variant string
	json    bool
}

func newCheck(a *app) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check a definition",
		Long: `Check the definition in DIR (default: the current folder): its keys and values,
how they fit together, all its variants, and whether the files that it names
exist. All problems are named at once. Nothing is built or downloaded.`,
		Example: `  ingot check myapp
  ingot check --json | jq .problems`,
		Args: maxOneArg("folder"),
		RunE: func(_ *cobra.Command, args []string) error { return runCheck(a, o, args) },
	}
	variantFlag(cmd, &o.variant)
	jsonFlag(cmd, &o.json)
	return cmd
}

// checkResult is what --json prints.
type checkResult struct {
	OK       bool               `json:"ok"`
	Name     string             `json:"name,omitempty"`
	Version  string             `json:"version,omitempty"`
	Problems []yamltext.Problem `json:"problems"`
}

func runCheck(a *app, o checkOptions, args []string) error {
	where, err := locate(args)
	if err != nil {
		return err
	}
	def, err := where.load(o.variant)
	if o.json {
		result := checkResult{OK: err == nil, Problems: []yamltext.Problem{}}
		var problems yamltext.Problems
		if errors.As(err, &problems) {
			result.Problems = problems
		}
		if def != nil {
			result.Name, result.Version = def.Name, def.Version
		}
		return errors.Join(a.ui.json(result), err)
	}
	if err != nil {
		return err
	}
	a.ui.printf("%s: %s %s is valid\n", where.shown, def.Name, def.Version)
	return nil
}
