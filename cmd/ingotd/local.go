package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// exitHelp goes under the help of the commands that change the configuration.
const exitHelp = `
The exit status is 0 when it is done, 2 when the command line is wrong, 3 when the agent cannot
be reached, 5 when the change is in force but must be confirmed (ingotd confirm), 6 when it was
refused and nothing has changed, and 1 for any other failure.`

// addSocket is the flag that all clients have.
func addSocket(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "socket", client.DefaultSocket, "the agent's socket")
}

// errPending says that a change waits to be confirmed; the output has the details.
type errPending struct{ pending wire.Pending }

func (e errPending) Error() string {
	return fmt.Sprintf("revision %d waits to be confirmed", e.pending.Revision)
}

// printChanged tells what became of a change that was made from revision base.
// The revision alone goes to out, for scripts.
func printChanged(out, notes io.Writer, base int, c wire.Changed, now time.Time) error {
	if c.Revision == base {
		fmt.Fprintln(notes, "nothing changed")
	}
	if _, err := fmt.Fprintln(out, "revision", c.Revision); err != nil {
		return err
	}
	if c.Pending == nil {
		return nil
	}
	p := *c.Pending
	until := now.Add(time.Duration(p.Seconds) * time.Second).UTC()
	fmt.Fprintf(notes, "This can cut you off (%s), so it has to be confirmed by %s, within %d seconds:\n  ingotd confirm\nOtherwise revision %d comes back.\n",
		strings.Join(p.Settings, ", "), until.Format("15:04:05 UTC"), p.Seconds, p.RevertTo)
	return errPending{p}
}

func printJSON(out io.Writer, value any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}
