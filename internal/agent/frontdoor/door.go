package frontdoor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/api/listener"
)

// The limits of the door.
const (
	// maxVisitors bounds the connections on 443. Each takes some 50 KiB while
	// it is busy (test/bench). Idle ones make room. One address gets half: a
	// whole office may come through one.
	maxVisitors        = 512
	maxVisitorsPerPeer = 256
	// maxAsking bounds those on 80, which live for one answer.
	maxAsking        = 64
	maxAskingPerPeer = 16
	// maxHeader is in bytes; applications' cookies are long. nginx takes as much.
	maxHeader   = 32 << 10
	headTimeout = 10 * time.Second
	// idleTimeout is how long a browser may keep a connection for its next request.
	idleTimeout = 60 * time.Second
	// askTimeout bounds everything on 80.
	askTimeout = 10 * time.Second
	// Memory is what the agent may take with as many busy visitors, in bytes.
	Memory = 48 << 20
	// openAgain is the pause before a port that could not be opened is tried again.
	openAgain = 5 * time.Second
)

// Options are what a door works with.
type Options struct {
	// Application is the application's port on 127.0.0.1.
	Application int
	// Certificate is the one to greet the next visitor with.
	Certificate func() *tls.Certificate
	// HTTPS and HTTP are the addresses to listen on; "" are all, on 443 and 80.
	HTTPS, HTTP string
	// Changed is called when [Door.Problem] is another; may be nil.
	Changed func()
	// Log takes one line per event; may be nil.
	Log func(format string, args ...any)
}

// Door is both ports. Its methods may be called from any goroutine.
type Door struct {
	opts    Options
	handler http.Handler
	plain   plain
	// opened is closed when port 80 has been opened for the first time.
	opened chan struct{}

	mu       sync.Mutex // guards what follows
	problems map[string]string
}

// New is a door that is closed until [Door.Run].
func New(opts Options) *Door {
	if opts.HTTPS == "" {
		opts.HTTPS = ":443"
	}
	if opts.HTTP == "" {
		opts.HTTP = ":80"
	}
	if opts.Changed == nil {
		opts.Changed = func() {}
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	return &Door{opts: opts, handler: newHandler(opts.Application), opened: make(chan struct{}), problems: map[string]string{}}
}

// Run keeps both ports open until ctx ends.
func (d *Door) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { d.keep(ctx, d.opts.HTTPS, d.serveVisitors) })
	wg.Go(func() { d.keep(ctx, d.opts.HTTP, d.servePlain) })
	wg.Wait()
}

// Problem is why the application cannot be reached through the door, or "".
func (d *Door) Problem() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for _, address := range []string{d.opts.HTTPS, d.opts.HTTP} {
		if p := d.problems[address]; p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, "; ")
}

func (d *Door) note(address string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	d.mu.Lock()
	same := d.problems[address] == text
	d.problems[address] = text
	d.mu.Unlock()
	if same {
		return
	}
	if text != "" {
		d.opts.Log("%s", text)
	}
	d.opts.Changed()
}

// keep opens a port and serves on it, again and again, until ctx ends.
func (d *Door) keep(ctx context.Context, address string, serve func(context.Context, net.Listener) error) {
	for {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		d.note(address, err)
		if err == nil {
			if err = serve(ctx, l); ctx.Err() == nil {
				d.note(address, fmt.Errorf("cannot serve on %s: %w", address, err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(openAgain):
		}
	}
}

func (d *Door) serveVisitors(ctx context.Context, inner net.Listener) error {
	bounded := listener.New(inner, maxVisitors, maxVisitorsPerPeer, listener.Network)
	l := tls.NewListener(patientListener{bounded}, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.opts.Certificate(), nil },
	})
	return serveOn(ctx, l, &http.Server{
		Handler: d.handler, ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnState: bounded.State,
	})
}

func (d *Door) servePlain(ctx context.Context, inner net.Listener) error {
	select {
	case <-d.opened:
	default:
		close(d.opened)
	}
	server := &http.Server{Handler: &d.plain, ReadTimeout: askTimeout, WriteTimeout: askTimeout, MaxHeaderBytes: maxHeader}
	server.SetKeepAlivesEnabled(false)
	return serveOn(ctx, listener.New(inner, maxAsking, maxAskingPerPeer, listener.Network), server)
}

// serveOn serves until ctx ends, and then breaks off what is under way: the
// agent ends, and is started again at once.
func serveOn(ctx context.Context, l net.Listener, s *http.Server) error {
	s.ErrorLog = log.New(io.Discard, "", 0) // noise that a stranger controls
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	defer l.Close()
	return s.Serve(l)
}

// Answer lets h answer an authority's questions (RFC 8555, 8.3) on port 80
// until stop is called. It waits for the port to be opened.
func (d *Door) Answer(ctx context.Context, h http.Handler) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*openAgain)
	defer cancel()
	select {
	case <-d.opened:
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		if p := d.problems[d.opts.HTTP]; p != "" {
			return nil, errors.New(p)
		}
		return nil, ctx.Err()
	}
	d.plain.challenges.Store(&h)
	return func() { d.plain.challenges.CompareAndSwap(&h, nil) }, nil
}
