package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// GetOptions are those of `ingotd get`.
type GetOptions struct {
	Socket string
	JSON   bool
}

// AddFlags makes the options flags.
func (o *GetOptions) AddFlags(f *pflag.FlagSet) {
	addSocket(f, &o.Socket)
	f.BoolVar(&o.JSON, "json", false, "print JSON; without KEY the whole document and its revision")
}

func newGetCommand() *cobra.Command {
	var opts GetOptions
	cmd := &cobra.Command{
		Use:   "get [KEY]",
		Short: "Print settings",
		Long: `Print all settings, or one. KEY is that of a property, as the list names it, or a path in the
configuration document: network, network.interfaces[0].addresses. Secrets that are set print
as ********.`,
		Example: "  ingotd get\n  ingotd get network.hostname\n  ingotd get --json network.interfaces[0]",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key := ""
			if len(args) > 0 {
				key = args[0]
			}
			return runGet(cmd.Context(), opts, key, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runGet(ctx context.Context, opts GetOptions, key string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	if key == "" && opts.JSON {
		config, err := c.Config(ctx)
		if err != nil {
			return err
		}
		return printJSON(out, config)
	}
	settings, err := c.Settings(ctx)
	if err != nil {
		return err
	}
	if key == "" {
		return printSettings(out, settings)
	}
	if p, ok := findProperty(settings, key); ok {
		return printValue(out, p.Value, opts.JSON)
	}
	config, err := c.Config(ctx)
	if err != nil {
		return err
	}
	value, err := lookUp(config.Document, key)
	if err != nil {
		return err
	}
	return printValue(out, value, opts.JSON)
}

// printSettings lists what means something as the values are.
func printSettings(out io.Writer, settings []wire.Setting) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range settings {
		for _, p := range s.Properties {
			if !p.Hidden {
				fmt.Fprintf(w, "%s\t%s\n", p.Key, oneLine(p.Value))
			}
		}
	}
	return w.Flush()
}

// oneLine shortens texts of several lines for a list.
func oneLine(text string) string {
	first, rest, more := strings.Cut(text, "\n")
	if more && strings.TrimSpace(rest) != "" {
		return first + " …"
	}
	return first
}

func findProperty(settings []wire.Setting, key string) (wire.Property, bool) {
	for _, s := range settings {
		for _, p := range s.Properties {
			if p.Key == key {
				return p, true
			}
		}
	}
	return wire.Property{}, false
}

// printValue prints a text as it is, and everything else as JSON.
func printValue(out io.Writer, value any, asJSON bool) error {
	if text, ok := value.(string); ok && !asJSON {
		_, err := fmt.Fprintln(out, text)
		return err
	}
	return printJSON(out, value)
}

// lookUp finds the value at a path of keys and numbers: a.b[0].c, or a.b.0.c.
func lookUp(document json.RawMessage, path string) (any, error) {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return nil, fmt.Errorf("cannot read the configuration document: %w", err)
	}
	steps := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
	for _, step := range steps {
		ok := false
		switch v := value.(type) {
		case map[string]any:
			value, ok = v[step]
		case []any:
			var n int
			var err error
			if n, err = strconv.Atoi(step); err == nil && n >= 0 && n < len(v) {
				value, ok = v[n], true
			}
		}
		if !ok {
			return nil, fmt.Errorf("there is no setting %s", path)
		}
	}
	return value, nil
}
