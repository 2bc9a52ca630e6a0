package systemd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Notifier tells the manager how the agent is (sd_notify(3)). The zero value
// tells nobody.
type Notifier struct {
	socket string
	every  time.Duration
}

// NewNotifier reads NOTIFY_SOCKET and WATCHDOG_USEC of an environment.
func NewNotifier(getenv func(string) string) Notifier {
	n := Notifier{socket: getenv("NOTIFY_SOCKET")}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		// Twice per period, as sd_watchdog_enabled(3) recommends.
		n.every = time.Duration(usec) * time.Microsecond / 2
	}
	return n
}

// Notify sends a state such as "READY=1".
func (n Notifier) Notify(state string) error {
	if n.socket == "" {
		return nil
	}
	// A leading "@" means the abstract name space, to Go as to systemd.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("cannot notify the system manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("cannot notify the system manager: %w", err)
	}
	return nil
}

// Watchdog pings the manager until ctx ends, as long as alive answers nil: an
// agent that hangs is then restarted. Without a watchdog it returns at once.
func (n Notifier) Watchdog(ctx context.Context, alive func(context.Context) error) {
	if n.every <= 0 {
		return
	}
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		probe, cancel := context.WithTimeout(ctx, n.every/2)
		if alive(probe) == nil {
			_ = n.Notify("WATCHDOG=1") // a lost ping only brings the restart nearer
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
