package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// UpdateOptions are those of `ingotd update`.
type UpdateOptions struct {
	Socket string
	JSON   bool
	Window bool
	OneWay bool
	Data   string
}

// AddFlags makes the options flags that all of its commands have.
func (o *UpdateOptions) AddFlags(f *pflag.FlagSet) { addSocket(f, &o.Socket) }

func newUpdateCommand() *cobra.Command {
	var opts UpdateOptions
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Show updates, and what was",
		Long: `Show which version runs, which is available, what is being done, and what was; the commands below it change that.
` + exitHelp,
		Example: "  ingotd update\n  ingotd update check\n  ingotd update install 1.1.0",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runUpdate(cmd.Context(), opts, cmd.OutOrStdout(), func(context.Context, *client.Client) error { return nil })
		},
	}
	opts.AddFlags(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&opts.JSON, "json", false, "print JSON")
	sub := func(use, short string, args cobra.PositionalArgs, do func(ctx context.Context, c *client.Client, args []string) error) *cobra.Command {
		s := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			return runUpdate(cmd.Context(), opts, cmd.OutOrStdout(), func(ctx context.Context, c *client.Client) error { return do(ctx, c, args) })
		}}
		cmd.AddCommand(s)
		return s
	}
	sub("check", "Ask the repository what there is", cobra.NoArgs, func(ctx context.Context, c *client.Client, _ []string) error { return c.CheckUpdates(ctx) })
	install := sub("install VERSION", "Install what is available; the machine restarts", cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
		return c.InstallUpdate(ctx, wire.InstallUpdate{Version: args[0], Window: opts.Window, OneWay: opts.OneWay})
	})
	install.Flags().BoolVar(&opts.Window, "window", false, "wait for the maintenance window")
	install.Flags().BoolVar(&opts.OneWay, "one-way", false, "install it although there is no way back")
	sub("download VERSION", "Download what is available, and write it beside the version that runs", cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
		return c.DownloadUpdate(ctx, args[0])
	})
	sub("cancel", "End what is being done", cobra.NoArgs, func(ctx context.Context, c *client.Client, _ []string) error { return c.CancelUpdate(ctx) })
	back := sub("back VERSION", "Go back to a version that is still on the disk; the machine restarts", cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
		return c.BackUpdate(ctx, wire.BackUpdate{Version: args[0], Data: opts.Data})
	})
	back.Flags().StringVar(&opts.Data, "data", "keep", "what becomes of the data, as is shown: keep or restore")
	sub("bundle FILE", "Hand in a bundle; what it holds is then available", cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return c.UploadBundle(ctx, f, info.Size())
	})
	sub("use MEDIUM", "Take the updates of an attached disk or CD, such as sr0", cobra.ExactArgs(1), func(ctx context.Context, c *client.Client, args []string) error {
		return c.UseMedium(ctx, args[0])
	})
	cmd.AddCommand(newMediaCommand(&opts))
	return cmd
}

func newMediaCommand(opts *UpdateOptions) *cobra.Command {
	return &cobra.Command{Use: "media", Short: "List attached disks and CDs with updates", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		c := client.NewUnix(opts.Socket)
		defer c.Close()
		list, err := c.UpdateMedia(cmd.Context())
		if err != nil {
			return err
		}
		if opts.JSON {
			return printJSON(cmd.OutOrStdout(), list)
		}
		for _, m := range list {
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s\n", m.Name, dash(m.Label), m.File)
		}
		return nil
	}}
}

// runUpdate does something, and shows how updates are then.
func runUpdate(ctx context.Context, opts UpdateOptions, out io.Writer, do func(context.Context, *client.Client) error) error {
	c := client.NewUnix(opts.Socket)
	defer c.Close()
	if err := do(ctx, c); err != nil {
		return err
	}
	u, err := c.Updates(ctx, "en")
	if err != nil {
		return err
	}
	if opts.JSON {
		return printJSON(out, u)
	}
	return printUpdates(out, u)
}

func printUpdates(out io.Writer, u wire.Updates) error {
	if u.Impossible != "" {
		_, err := fmt.Fprintf(out, "version %s; %s\n", u.Version, u.Impossible)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "version\t%s\nchannel\t%s\nrepository\t%s\n", u.Version, u.Channel, dash(u.Source))
	if u.CheckProblem != "" {
		fmt.Fprintf(w, "problem\t%s\n", oneLine(u.CheckProblem))
	}
	if a := u.Available; a != nil {
		fmt.Fprintf(w, "available\t%s, %d of %d bytes to download (%s)\n", a.Version, a.Download, a.Whole, a.How)
	}
	if j := u.Job; j != nil {
		fmt.Fprintf(w, "job\t%s %s, %d of %d bytes\n", j.Step, j.Version, j.Done, j.Total)
	}
	if t := u.Trial; t != nil {
		fmt.Fprintf(w, "trial\t%s: well for %d of %d seconds\n", t.Version, t.Healthy, t.Needed)
	}
	for _, s := range u.Slots {
		back := ""
		if s.Back != "" {
			back = ", can go back to it: data " + s.Back
		}
		fmt.Fprintf(w, "on the disk\t%s, %s%s\n", s.Version, s.State, back)
	}
	for _, e := range u.History {
		fmt.Fprintf(w, "%s\t%s to %s: %s %s\n", e.Time.UTC().Format(time.RFC3339), e.From, e.To, e.Outcome, oneLine(e.Reason))
	}
	return w.Flush()
}
