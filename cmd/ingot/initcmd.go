package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/pipeline"
)

type initOptions struct {
	name string
}

func newInit(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a commented definition to start from",
		Long: `Write ` + appliance.FileName + ` into DIR (default: the current folder), which is made
when there is none. Nothing else is written, and nothing that exists is changed.`,
		Example: `  ingot init
  ingot init myapp --name my-app`,
		Args: maxOneArg("folder"),
		RunE: func(_ *cobra.Command, args []string) error { return runInit(a, o, args) },
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`name` of the appliance (default: that of the folder)")
	return cmd
}

func runInit(a *app, o initOptions, args []string) error {
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	name := o.name
	if name == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return fmt.Errorf("cannot find out the name of the folder: %w", err)
		}
		name = filepath.Base(abs)
	}
	path := filepath.Join(dir, appliance.FileName)
	if err := writeNew(path, appliance.StartingPoint(name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return usagef("edit it, or name another folder", "%s exists already", path)
		}
		return &pipeline.StorageError{Path: dir, Free: -1, Err: fmt.Errorf("cannot write %s: %w", path, causeOf(err))}
	}
	a.ui.printf("%s\n", path)
	a.ui.notef("Edit it, then run: ingot check %s", dir)
	return nil
}

// writeNew writes a file that must not exist yet, and its folder.
func writeNew(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
