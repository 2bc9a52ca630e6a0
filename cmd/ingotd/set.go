package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// SetOptions are those of `ingotd set`.
type SetOptions struct {
	Socket string
	Why    string
	Try    bool
	Base   int
	Files  []string
}

// AddFlags makes the options flags.
func (o *SetOptions) AddFlags(f *pflag.FlagSet) {
	addSocket(f, &o.Socket)
	f.StringVar(&o.Why, "why", "", "why, for the history")
	f.BoolVar(&o.Try, "try", false, "only validate and run the services' checks; change nothing")
	f.IntVar(&o.Base, "base", 0, "refuse if another revision than this one is in force")
	f.StringArrayVar(&o.Files, "from-file", nil, "`KEY=FILE`: take the value from a file, or from standard input (-); for secrets, which others could read off the command line")
}

func newSetCommand() *cobra.Command {
	var opts SetOptions
	cmd := &cobra.Command{
		Use:   "set KEY=VALUE...",
		Short: "Change settings",
		Long: `Change settings. Several at once are one transaction: all of them are put in force, or none.
A change that can cut somebody off comes back by itself unless it is confirmed within two
minutes.
` + exitHelp,
		Example: `  ingotd set network.hostname=shop time.zone=Europe/Berlin --why "moved"
  ingotd set --from-file application.password=- < password.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			_, err := opts.values(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSet(cmd.Context(), opts, args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// assignment is one KEY=VALUE or, of --from-file, KEY=FILE.
type assignment struct {
	key, value string
	file       bool
}

// values takes the arguments and files apart.
func (o SetOptions) values(args []string) ([]assignment, error) {
	var list []assignment
	seen := map[string]bool{}
	add := func(text string, file bool) error {
		key, value, ok := strings.Cut(text, "=")
		switch {
		case !ok || key == "":
			return fmt.Errorf("%q is not KEY=VALUE", text)
		case seen[key]:
			return fmt.Errorf("%s is set twice", key)
		}
		seen[key] = true
		list = append(list, assignment{key, value, file})
		return nil
	}
	for _, a := range args {
		if err := add(a, false); err != nil {
			return nil, err
		}
	}
	for _, f := range o.Files {
		if err := add(f, true); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is nothing to set: give KEY=VALUE")
	}
	return list, nil
}

// maxValue bounds a value that is read from a file; the API takes 1 MiB in all.
const maxValue = 1 << 20

// read is the value itself. A line end at the end of a file is the editor's.
func (a assignment) read(stdin io.Reader) (string, error) {
	if !a.file {
		return a.value, nil
	}
	in := stdin
	if a.value != "-" {
		f, err := os.Open(a.value)
		if err != nil {
			return "", fmt.Errorf("cannot read the value of %s: %w", a.key, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxValue+1))
	if err != nil {
		return "", fmt.Errorf("cannot read the value of %s: %w", a.key, err)
	}
	if len(data) > maxValue {
		return "", fmt.Errorf("cannot read the value of %s: it is larger than 1 MiB", a.key)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func runSet(ctx context.Context, opts SetOptions, args []string, stdin io.Reader, out, notes io.Writer) error {
	list, err := opts.values(args)
	if err != nil {
		return err
	}
	change := wire.Change{Values: map[string]string{}, Why: opts.Why, Try: opts.Try}
	for _, a := range list {
		if change.Values[a.key], err = a.read(stdin); err != nil {
			return err
		}
	}
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	base := opts.Base
	if base == 0 {
		config, err := c.Config(ctx)
		if err != nil {
			return err
		}
		base = config.Revision
	}
	changed, err := c.Change(ctx, base, change)
	if err != nil {
		return err
	}
	if opts.Try {
		fmt.Fprintln(notes, "this would do; nothing was changed")
		_, err := io.WriteString(out, changed.Diff)
		return err
	}
	return printChanged(out, notes, base, changed, time.Now())
}
