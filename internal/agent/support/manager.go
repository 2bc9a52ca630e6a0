package support

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options are what a manager works with.
type Options struct {
	// Dir is where the host key, the state and the recordings are kept.
	Dir string
	// Authorities are OpenSSH public keys.
	Authorities []string
	// Instance names this machine, and BootID this start of it; without one
	// no session outlives the agent.
	Instance, BootID string
	// Host is the name of the machine, for greetings; nil is none.
	Host func() string
	// Listen opens the port.
	Listen func() (net.Listener, error)
	// Shells runs programs.
	Shells Shells
	// Room bounds the recordings of a session, in bytes; 0 is [DefaultRoom].
	Room int64
	// Now is the time of day, nil the machine's; Uptime the time since the
	// machine started, which nobody can set.
	Now    func() time.Time
	Uptime func() time.Duration
	// Changed is called when a session was opened or has ended; may be nil.
	Changed func()
	// Log takes one line per event; may be nil.
	Log func(format string, args ...any)
}

// DefaultRoom is what the recordings of a session may take, in bytes: some
// hours of typing and reading.
const DefaultRoom = 32 << 20

// Lengths are for how long a session can be opened, the last at most.
func Lengths() []time.Duration {
	return []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour}
}

// ErrOpen and ErrNone say that there is a session, and that there is none.
var (
	ErrOpen = errors.New("a support session is open already")
	ErrNone = errors.New("no support session is open")
)

// Manager opens and ends sessions. Its methods may be called from any
// goroutine; sessions end by themselves only while [Manager.Run] runs.
type Manager struct {
	opts  Options
	judge judge
	key   ssh.Signer
	wake  chan struct{}

	// turn is held while a session is opened or ends.
	turn sync.Mutex
	// taken says that what was kept has been looked at.
	taken bool
	mu    sync.Mutex // guards what follows
	open  *open
}

// New is a manager. A session that the agent itself paused goes on when
// [Manager.Run] does; every other one has ended.
func New(opts Options) (*Manager, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Host == nil {
		opts.Host = func() string { return "" }
	}
	if opts.Changed == nil {
		opts.Changed = func() {}
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	if opts.Room == 0 {
		opts.Room = DefaultRoom
	}
	authorities, err := parseAuthorities(opts.Authorities)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep support sessions: %w", err)
	}
	m := &Manager{opts: opts, judge: judge{authorities, opts.Instance}, wake: make(chan struct{}, 1)}
	if m.key, err = hostKey(filepath.Join(opts.Dir, "host_key"), opts.Log); err != nil {
		return nil, err
	}
	return m, nil
}

// Fingerprint is that of the host key, as ssh shows it.
func (m *Manager) Fingerprint() string { return ssh.FingerprintSHA256(m.key.PublicKey()) }

// Instance names this machine, for certificates that are good for it alone.
func (m *Manager) Instance() string { return m.opts.Instance }

// Current is the session that is open, if one is.
func (m *Manager) Current() (Session, bool) {
	m.mu.Lock()
	o := m.open
	m.mu.Unlock()
	if o == nil {
		return Session{}, false
	}
	return o.told(), true
}

// Request is what a session is opened by.
type Request struct {
	// By is who asks, From some place.
	By, From string
	// Certificate is the text of the person's.
	Certificate string
	// Length is one of [Lengths], or any other up to the last.
	Length time.Duration
	Why    string
}

func (r *Request) check() error {
	r.Why = strings.TrimSpace(r.Why)
	most := Lengths()[len(Lengths())-1]
	switch {
	case r.Length < time.Minute || r.Length > most:
		return &Refusal{"minutes", "the time is not between a minute and " + fmt.Sprint(most.Hours()) + " hours", ""}
	case r.Why == "":
		return &Refusal{"why", "the reason is missing", "say what for, such as the number of the vendor's ticket"}
	case line(r.Why) != r.Why:
		return &Refusal{"why", fmt.Sprintf("the reason is not one line of at most %d characters", maxLine), ""}
	}
	return nil
}

// Open opens a session. The error is a *[Refusal], [ErrOpen], or why it could
// not be done.
func (m *Manager) Open(r Request) (Session, error) {
	if err := r.check(); err != nil {
		return Session{}, err
	}
	cert, err := ParseCertificate(r.Certificate)
	if err != nil {
		return Session{}, err
	}
	now := m.opts.Now()
	if err := m.judge.check(cert, now); err != nil {
		m.opts.Log("support: %s is refused a session: %v", r.By, err)
		return Session{}, err
	}
	s, err := m.start(r, cert, now)
	if err != nil {
		return Session{}, err
	}
	m.opts.Log("support: %s opens a session for %s (%s, serial %d) until %s: %s", r.By, s.Name, s.Key, s.Serial, clock(s.Until), r.Why)
	m.opts.Changed() // may wait long: not with the turn, for somebody may want to end it
	return s, nil
}

// start begins the session of a request that was found good.
func (m *Manager) start(r Request, cert *ssh.Certificate, now time.Time) (Session, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.takeUp()
	if _, open := m.Current(); open {
		return Session{}, ErrOpen
	}
	length := min(r.Length, ends(cert).Sub(now))
	s := Session{
		ID: newID(now), Name: line(cert.KeyId), Key: ssh.FingerprintSHA256(cert.Key), Serial: cert.Serial,
		Authority: ssh.FingerprintSHA256(cert.SignatureKey), By: r.By, From: r.From, Why: r.Why,
		Opened: now.UTC().Truncate(time.Second), Until: now.Add(length).UTC().Truncate(time.Second),
	}
	if err := os.MkdirAll(m.folder(s.ID), 0o700); err != nil {
		return Session{}, fmt.Errorf("cannot keep a support session: %w", err)
	}
	m.tidy()
	k := kept{Format: keptFormat, Session: s.ID, BootID: m.opts.BootID, Deadline: (m.opts.Uptime() + length).Milliseconds(),
		Certificate: string(ssh.MarshalAuthorizedKey(cert)), Left: m.opts.Room}
	return s, m.begin(s, cert, k)
}

// newID is a name that sorts by time and is used once.
func newID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(random[:])
}

// begin keeps a session and lets people in. m.turn is held.
func (m *Manager) begin(s Session, cert *ssh.Certificate, k kept) error {
	err := m.save(s)
	if err == nil {
		err = writeJSON(m.keptFile(), k)
	}
	var listener net.Listener
	if err == nil {
		listener, err = m.opts.Listen()
	}
	if err != nil {
		s.Ended, s.How = m.opts.Now().UTC().Truncate(time.Second), ByProblem
		return errors.Join(fmt.Errorf("cannot open a support session: %w", err), m.save(s), m.forget())
	}
	o := newOpen(m, s, cert, k)
	m.mu.Lock()
	m.open = o
	m.mu.Unlock()
	o.tasks.Go(func() { o.serve(listener) })
	m.nudge()
	return nil
}

func (m *Manager) forget() error {
	if err := os.Remove(m.keptFile()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// End ends the session that is open: who is in it is thrown out, and what they
// started is killed, when it returns.
func (m *Manager) End(by string) error {
	if !m.end(ByPerson, by, nil) {
		return ErrNone
	}
	return nil
}

// end ends the session that is open, or only that one if it is; whether there
// was one.
func (m *Manager) end(how How, by string, only *open) bool {
	if !m.finish(how, by, only) {
		return false
	}
	m.opts.Changed()
	return true
}

func (m *Manager) finish(how How, by string, only *open) bool {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.mu.Lock()
	o := m.open
	if o == nil || only != nil && o != only {
		m.mu.Unlock()
		return false
	}
	m.mu.Unlock()
	// First of all the file: whatever fails now, the session has ended.
	if err := m.forget(); err != nil {
		m.opts.Log("support: %v", err)
	}
	o.note(func(s *Session) { s.Ended, s.How, s.EndedBy = m.opts.Now().UTC().Truncate(time.Second), how, by })
	m.mu.Lock()
	m.open = nil
	m.mu.Unlock()
	o.throwOut()
	s := o.told()
	m.opts.Log("support: the session for %s has ended: %s %s", s.Name, how, by)
	return true
}

// lookEvery is how often the clocks are looked at while a session is open: a
// machine that slept is late by no more.
const lookEvery = time.Second

// Run goes on with a session that was paused, ends sessions whose time is over,
// and at the end pauses the one that is open.
func (m *Manager) Run(ctx context.Context) {
	m.turn.Lock()
	m.takeUp()
	m.turn.Unlock()
	if _, open := m.Current(); open {
		m.opts.Changed()
	}
	for ctx.Err() == nil {
		var tick <-chan time.Time
		m.mu.Lock()
		o := m.open
		m.mu.Unlock()
		if o != nil {
			if m.opts.Uptime() >= o.deadline || !m.opts.Now().Before(ends(o.cert)) {
				m.end(ByTime, "", o)
				continue
			}
			tick = time.After(lookEvery)
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-tick:
		}
	}
	m.pause()
}

func (m *Manager) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
