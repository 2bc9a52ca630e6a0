package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

// newDoneCommand is what the units of a service's restore and migrate commands
// run last: it writes down that there is nothing left to do, so that the
// commands do not run again. It works without the agent, which may be what an
// update has broken.
func newDoneCommand() *cobra.Command {
	var opts RunOptions
	cmd := &cobra.Command{
		Use:    "done restore|migrate SERVICE",
		Short:  "Write down that a service's data is ready",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE:   func(_ *cobra.Command, args []string) error { return runDone(opts, args[0], args[1]) },
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

func runDone(opts RunOptions, what, service string) error {
	if !record.IsID(service) {
		return fmt.Errorf("%q is no service", service)
	}
	// What a command has made of the data must not be written down as done when
	// a power cut could still undo it.
	if err := host.SyncFileSystem(opts.DataDir); err != nil {
		return fmt.Errorf("cannot make the data of %s durable: %w", service, err)
	}
	switch what {
	case "restore":
		return snapshot.TakenIn(opts.DataDir, service)
	case "migrate":
		var boot release.Boot
		data, err := os.ReadFile(filepath.Join(opts.RunDir, "boot.json"))
		if err != nil {
			return fmt.Errorf("cannot read the boot description: %w", err)
		}
		if err := json.Unmarshal(data, &boot); err != nil || boot.Definition == nil {
			return errors.New("the boot description is damaged")
		}
		if err := record.WriteVersion(opts.DataDir, service, boot.Definition.Version); err != nil {
			return err
		}
		err = os.Remove(filepath.Join(opts.RunDir, "migrate", service))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return fmt.Errorf("what was done must be restore or migrate, not %q", what)
}
