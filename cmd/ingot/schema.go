package main

import (
	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a definition",
		Long: `Print the JSON Schema (draft 2020-12) of ` + appliance.FileName + `. Editors with a YAML
language server complete and check a definition that begins with

  # yaml-language-server: $schema=./appliance.schema.json`,
		Example: `  ingot schema > appliance.schema.json`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runSchema(a) },
	}
}

func runSchema(a *app) error {
	schema, err := appliance.Schema()
	if err != nil {
		return err
	}
	a.ui.printf("%s", schema)
	return nil
}
