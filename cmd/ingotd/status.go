package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// StatusOptions are those of `ingotd status`.
type StatusOptions struct {
	Socket string
	JSON   bool
}

// AddFlags makes the options flags.
func (o *StatusOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Socket, "socket", client.DefaultSocket, "the agent's socket")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newStatusCommand() *cobra.Command {
	var opts StatusOptions
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Print how the appliance is",
		Long:    "Print how the appliance is. The exit status is 0 when it is healthy, 3 when the agent\ncannot be reached and 4 when the appliance is starting or degraded.",
		Example: "  ingotd status\n  ingotd status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runStatus(cmd.Context(), opts, cmd.OutOrStdout())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// errUnwell says that the appliance is not healthy; the output has the details.
type errUnwell struct{ state wire.State }

func (e errUnwell) Error() string { return "the appliance is " + string(e.state) }

func runStatus(ctx context.Context, opts StatusOptions, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := client.NewUnix(opts.Socket).Status(ctx)
	if err != nil {
		return err
	}
	if opts.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(s)
	} else {
		err = printStatus(out, s)
	}
	if err == nil && s.State != wire.Healthy {
		return errUnwell{s.State}
	}
	return err
}

func printStatus(out io.Writer, s wire.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	line("Appliance", "%s %s", s.Title, s.Version)
	line("State", "%s", s.State)
	line("Up", "%s", time.Duration(s.Uptime)*time.Second)
	line("Memory", "%d MiB, %d MiB available", s.Memory.Total>>20, s.Memory.Available>>20)
	for _, i := range s.Network {
		text := strings.Join(i.Addresses, " ")
		if i.Problem != "" {
			text = i.Problem
		}
		line("Network "+i.Name, "%s", text)
	}
	for _, u := range s.URLs {
		line(u.Title, "%s", u.URL)
	}
	if s.Management != "" {
		line("Management", "%s", s.Management)
	}
	line("Fingerprint", "%s", s.Fingerprint)
	for _, svc := range s.Services {
		line("Service "+svc.Name, "%s", strings.TrimSpace(string(svc.State)+" "+svc.Detail))
	}
	for _, warning := range s.Warnings {
		line("Warning", "%s", warning)
	}
	return w.Flush()
}
