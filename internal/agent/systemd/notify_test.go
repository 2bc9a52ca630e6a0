package systemd

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// listenNotify is the manager's end of NOTIFY_SOCKET.
func listenNotify(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, func() string {
		buf := make([]byte, 100)
		conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := conn.Read(buf)
		if err != nil {
			return ""
		}
		return string(buf[:n])
	}
}

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestNotify(t *testing.T) {
	path, next := listenNotify(t)
	if err := NewNotifier(env(map[string]string{"NOTIFY_SOCKET": path})).Notify("READY=1"); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != "READY=1" {
		t.Errorf("the manager heard %q", got)
	}
	if err := NewNotifier(env(nil)).Notify("READY=1"); err != nil {
		t.Errorf("Notify() without a manager = %v", err)
	}
	if err := NewNotifier(env(map[string]string{"NOTIFY_SOCKET": path + "x"})).Notify("READY=1"); err == nil {
		t.Error("Notify() of nobody succeeded")
	}
}

func TestWatchdog(t *testing.T) {
	path, next := listenNotify(t)
	for usec, want := range map[string]time.Duration{"": 0, "0": 0, "-5": 0, "x": 0, "20000000": 10 * time.Second} {
		if got := NewNotifier(env(map[string]string{"WATCHDOG_USEC": usec})).every; got != want {
			t.Errorf("WATCHDOG_USEC=%q pings every %v; want %v", usec, got, want)
		}
	}
	n := NewNotifier(env(map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000"}))
	for _, test := range []struct {
		name  string
		alive func(context.Context) error
		want  string
	}{
		{"well", func(context.Context) error { return nil }, "WATCHDOG=1"},
		{"broken", func(context.Context) error { return errors.New("no") }, ""},
		{"hanging", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { n.Watchdog(ctx, test.alive); close(done) }()
			got := next()
			cancel()
			<-done
			if got != test.want {
				t.Errorf("an agent that is %s said %q; want %q", test.name, got, test.want)
			}
			for next() != "" { // leave nothing for the next test
			}
		})
	}
	NewNotifier(env(nil)).Watchdog(t.Context(), nil) // returns at once
}
