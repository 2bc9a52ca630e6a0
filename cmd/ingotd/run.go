package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ingotvm/ingot/internal/agent"
	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/api"
	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/web"
)

// RunOptions are those of `ingotd run`. The flags are for trying the agent
// out elsewhere than on an appliance.
type RunOptions struct {
	Listen  string
	RunDir  string
	DataDir string
	HTTPS   string
	HTTP    string
	Port    string
	Root    string
}

// AddFlags makes the options flags.
func (o *RunOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Listen, "listen", fmt.Sprintf(":%d", agent.ManagementPort), "address of the management port")
	f.StringVar(&o.HTTPS, "https", ":443", "address of the application's port for https, if the agent stands in front of it")
	f.StringVar(&o.HTTP, "http", ":80", "address of the port that leads there")
	f.StringVar(&o.RunDir, "run-dir", filepath.Dir(client.DefaultSocket), "folder of boot.json and of the agent's socket")
	f.StringVar(&o.DataDir, "data-dir", "/data", "folder of the data disk")
	f.StringVar(&o.Root, "root", "/", "folder above /proc, /sys and /dev")
	f.StringVar(&o.Port, "port", "", "virtio-serial port (default: the one named "+api.PortName+", if there is one)")
}

func newRunCommand() *cobra.Command {
	var opts RunOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runAgent(cmd.Context(), opts, cmd.ErrOrStderr())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// logTo writes a line per event.
func logTo(w io.Writer) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

// runAgent is the daemon: the agent, the servers on top of it, readiness.
func runAgent(ctx context.Context, opts RunOptions, log io.Writer) error {
	logf := logTo(log)
	if err := os.MkdirAll(opts.RunDir, 0o755); err != nil {
		return fmt.Errorf("cannot make the run folder: %w", err)
	}
	a, err := agent.New(agent.Options{
		Version: version, RunDir: opts.RunDir, DataDir: opts.DataDir, Root: opts.Root, HTTPS: opts.HTTPS, HTTP: opts.HTTP, Log: logf,
	})
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(a.Memory())
	gate := access.New(a.Access, access.Options{Log: logf, File: a.LoginRecord(), Directory: a.Directory()})
	servers, err := listen(opts, a, gate, logf)
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				stop(fmt.Errorf("cannot serve on %s: %w", s.listener.Addr(), err))
			}
		})
	}
	wg.Go(func() { a.Run(ctx) })
	wg.Go(func() { gate.Run(ctx) })
	a.Ready()
	notifier := systemd.NewNotifier(os.Getenv)
	if err := notifier.Notify("READY=1"); err != nil {
		logf("%v", err)
	}
	wg.Go(func() { notifier.Watchdog(ctx, alive(opts)) })

	<-ctx.Done()
	_ = notifier.Notify("STOPPING=1")
	shutdown(servers)
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

type server struct {
	http     *http.Server
	listener net.Listener
}

// listen opens all that the agent answers on: the unix socket and the
// management port, and the virtio-serial port where there is one.
func listen(opts RunOptions, a *agent.Agent, gate *access.Gate, logf func(string, ...any)) ([]server, error) {
	handler := api.NewHandler(api.Routes(a, gate), gate)
	count := new(api.Connections)
	pages := web.NewHandler(handler)

	local, err := api.ListenUnix(socket(opts))
	if err != nil {
		return nil, err
	}
	remote, err := api.ListenTLS(opts.Listen, a.Certificate)
	if err != nil {
		local.Close()
		return nil, err
	}
	servers := []server{
		{api.NewServer(handler, api.Unix, count), local},
		{api.NewServer(split(handler, pages), api.TLS, count), remote},
	}
	port, err := listenPort(opts.Port)
	switch {
	case err == nil:
		servers = append(servers, server{api.NewServer(handler, api.Port, count), port})
	case !errors.Is(err, os.ErrNotExist):
		logf("%v", err) // everything else works without
	}
	return servers, nil
}

// split sends API routes to the API and everything else to the pages.
func split(handler, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			handler.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

func listenPort(device string) (net.Listener, error) {
	if device == "" {
		var err error
		if device, err = api.FindPort("/sys", "/dev", api.PortName); err != nil {
			return nil, err
		}
	}
	return api.ListenPort(device)
}

func socket(opts RunOptions) string {
	return filepath.Join(opts.RunDir, filepath.Base(client.DefaultSocket))
}

// alive asks the agent for its status as any client would.
func alive(opts RunOptions) func(context.Context) error {
	c := client.NewUnix(socket(opts))
	return func(ctx context.Context) error {
		_, err := c.Status(ctx)
		return err
	}
}

// shutdown lets running requests end, for two seconds.
func shutdown(servers []server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, s := range servers {
		if s.http.Shutdown(ctx) != nil {
			s.http.Close()
		}
	}
}
