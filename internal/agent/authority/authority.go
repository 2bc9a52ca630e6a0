package authority

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// Let's Encrypt lets a name fail five times an hour.
const (
	firstPause = 15 * time.Minute
	lastPause  = 12 * time.Hour
	// orderAtMost bounds one order.
	orderAtMost = 5 * time.Minute
	// lookAtLeast is how often the time of day is looked at: it may be set.
	lookAtLeast = time.Hour
)

// Options are what a manager works with.
type Options struct {
	// Dir is where account, keys and certificate are kept.
	Dir string
	// Now is the time of day; nil means the machine's.
	Now func() time.Time
	// Listen opens the port on which the authority asks; nil means port 80 of
	// all addresses.
	Listen func(ctx context.Context) (net.Listener, error)
	// Answer lets h answer on port 80 until stop is called, for a machine on
	// which somebody listens there already; nil means that the manager listens.
	Answer func(ctx context.Context, h http.Handler) (stop func(), err error)
	// Changed is called when certificate or state are others; may be nil.
	Changed func()
	// Log takes one line per event; may be nil.
	Log func(format string, args ...any)
}

// Wish is what certificate is wanted.
type Wish struct {
	setting.ACME
	// Proxy is the URL through which the authority is asked, or "", NoProxy
	// what is reached without it.
	Proxy   string
	NoProxy []string
}

func (w Wish) none() bool { return w.Directory == "" }

func (w Wish) equal(o Wish) bool {
	return w.Directory == o.Directory && w.Email == o.Email && w.Authority == o.Authority && w.Proxy == o.Proxy &&
		slices.Equal(w.Names, o.Names) && slices.Equal(w.NoProxy, o.NoProxy)
}

// State is how it goes.
type State struct {
	// Problem is why the last order failed; "" when it did not.
	Problem string
	// Next is when the next order is due; zero is at once or never.
	Next time.Time
}

// Manager gets and renews one certificate. Its methods may be called from any
// goroutine.
type Manager struct {
	opts Options
	wake chan struct{}
	// get makes one order; tests put another in its place.
	get func(ctx context.Context, w Wish) (*tls.Certificate, error)

	mu      sync.Mutex // guards what follows
	wish    Wish
	cert    *tls.Certificate
	problem string
	// at is when the last order for the wish ended, failures how many failed in
	// a row until then.
	at       time.Time
	failures int
	// cancel ends the order under way.
	cancel context.CancelFunc
}

// New is a manager that is wished for nothing yet.
func New(opts Options) *Manager {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Listen == nil {
		opts.Listen = func(ctx context.Context) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", ":80")
		}
	}
	if opts.Changed == nil {
		opts.Changed = func() {}
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	m := &Manager{opts: opts, wake: make(chan struct{}, 1)}
	m.get = m.obtain
	if opts.Answer == nil {
		m.opts.Answer = m.answer
	}
	return m
}

// Obtain says what is wished for; the zero wish is nothing. The same again
// changes nothing. What is kept already is in use when it returns.
func (m *Manager) Obtain(w Wish) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.equal(m.wish) {
		return
	}
	m.wish, m.cert, m.problem, m.failures, m.at = w, nil, "", 0, time.Time{}
	if m.cancel != nil {
		m.cancel()
	}
	if !w.none() {
		m.cert = m.load(w)
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Certificate is the one to greet with; nil when there is none yet.
func (m *Manager) Certificate() *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cert
}

// State is how it goes.
func (m *Manager) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := State{Problem: m.problem}
	if !m.wish.none() {
		s.Next = m.next()
	}
	return s
}

// next is when the next order is due.
func (m *Manager) next() time.Time {
	var due time.Time
	if m.cert != nil {
		leaf := m.cert.Leaf
		due = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) * 2 / 3)
	}
	if m.at.IsZero() {
		return due
	}
	pause := firstPause // so that one which is old when it comes is no endless loop
	if m.failures > 0 {
		pause = min(firstPause<<min(m.failures-1, 10), lastPause)
	}
	if again := m.at.Add(pause); again.After(due) {
		due = again
	}
	return due
}

// Run gets and renews, until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	for {
		var timer <-chan time.Time
		m.mu.Lock()
		wished := !m.wish.none()
		wait := m.next().Sub(m.opts.Now())
		m.mu.Unlock()
		switch {
		case wished && wait <= 0:
			m.order(ctx)
			if ctx.Err() != nil {
				return
			}
			continue
		case wished:
			timer = time.After(min(wait, lookAtLeast))
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-timer:
		}
	}
}

// order makes one order and notes what came of it, unless something else is
// wished for meanwhile.
func (m *Manager) order(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, orderAtMost)
	defer cancel()
	m.mu.Lock()
	w := m.wish
	m.cancel = cancel
	m.mu.Unlock()
	cert, err := m.get(ctx, w)
	m.mu.Lock()
	m.cancel = nil
	if !w.equal(m.wish) {
		m.mu.Unlock()
		return
	}
	m.at = m.opts.Now()
	if cert != nil { // it may be good and not kept
		m.cert, m.failures = cert, 0
	} else {
		m.failures++
	}
	m.problem = ""
	if err != nil {
		m.problem = err.Error()
	}
	m.mu.Unlock()
	if err != nil {
		m.opts.Log("%v", err)
	} else {
		m.opts.Log("got a TLS certificate from %s for %v", w.Directory, w.Names)
	}
	m.opts.Changed()
}
