package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ingotvm/ingot/internal/agent/support"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config"
)

// roomInMemory bounds the recordings of a support session where they lie in
// memory, in bytes: it is the agent's.
const roomInMemory = 4 << 20

// guestWait is how long the firewall waits for its turn: a change of the
// settings may be on its way.
const guestWait = 2 * time.Minute

// openSupport makes support sessions possible, if the definition has them.
func (a *Agent) openSupport(pid1 *systemd.Manager) {
	if a.boot.Definition.Support == nil || len(a.boot.Authorities) == 0 {
		return
	}
	o := support.Options{
		Dir: filepath.Join(stateDir(a.opts, a.init), "support"), Authorities: a.boot.Authorities,
		Instance: a.init.Instance, BootID: bootID(a.opts.Root), Host: a.hostName,
		Listen: func() (net.Listener, error) { return net.Listen("tcp", a.opts.SupportListen) },
		Shells: localShells{}, Uptime: a.guestClock, Changed: a.guestsChanged, Log: a.opts.Log,
	}
	if isAppliance(a.opts) {
		o.Shells = unitShells{pid1, a.opts.Log}
	}
	if o.Dir != filepath.Join(a.opts.DataDir, "support") {
		o.Room = roomInMemory
	}
	m, err := support.New(o)
	if err != nil {
		a.warnings = append(a.warnings, "no support session can be opened: "+err.Error())
		return
	}
	a.support = m
	a.sys.Guests = func() bool { _, open := m.Current(); return open }
}

// guestClock is the time since the machine started. When it cannot be told it
// is the end of all time, so that no session is open.
func (a *Agent) guestClock() time.Duration {
	up, err := a.machine.Uptime()
	if err != nil {
		return math.MaxInt64
	}
	return up
}

// guestsChanged lets the firewall and the status follow.
func (a *Agent) guestsChanged() {
	a.cache.drop()
	ctx, cancel := context.WithTimeout(context.Background(), guestWait)
	defer cancel()
	if err := a.engine.Apply(ctx, "firewall"); err != nil {
		a.opts.Log("support: %v", err)
	}
}

// runSupport looks after sessions until ctx ends.
func (a *Agent) runSupport(ctx context.Context) {
	if a.support != nil {
		a.support.Run(ctx)
	}
}

// supportError is why something about support sessions is not done.
type supportError struct {
	status        int
	message, hint string
}

func (e *supportError) Error() string { return e.message }

// Status and Hint are for the API.
func (e *supportError) Status() int  { return e.status }
func (e *supportError) Hint() string { return e.hint }

var errNoSupport = &supportError{http.StatusNotFound, "this appliance has no support sessions", "its vendor has left them out"}

// Support is how support sessions are, and those that are kept.
func (a *Agent) Support(context.Context) (wire.Support, error) {
	m := a.support
	if m == nil {
		return wire.Support{}, errNoSupport
	}
	w := wire.Support{
		Contact: a.boot.Definition.Support.Contact, Port: appliance.SupportPort, Fingerprint: m.Fingerprint(),
		Principals: []string{support.Principal}, Minutes: []int{}, Sessions: []wire.SupportSession{},
	}
	if m.Instance() != "" {
		w.Principals = append(w.Principals, support.Principal+":"+m.Instance())
	}
	for _, length := range support.Lengths() {
		w.Minutes = append(w.Minutes, int(length.Minutes()))
	}
	if s, open := m.Current(); open {
		told := wireSupport(m, s)
		w.Open = &told
	}
	for _, s := range m.Sessions() {
		w.Sessions = append(w.Sessions, wireSupport(m, s))
	}
	return w, nil
}

func wireSupport(m *support.Manager, s support.Session) wire.SupportSession {
	w := wire.SupportSession{
		ID: s.ID, Name: s.Name, Key: s.Key, Serial: s.Serial, Authority: s.Authority, By: s.By, From: s.From, Why: s.Why,
		Opened: s.Opened, Until: s.Until, Ended: unlessZero(s.Ended), How: string(s.How), EndedBy: s.EndedBy,
		Logins: []wire.SupportLogin{}, Shells: []wire.SupportShell{},
	}
	for _, l := range s.Logins {
		w.Logins = append(w.Logins, wire.SupportLogin(l))
	}
	for _, sh := range s.Shells {
		shell := wire.SupportShell{Command: sh.Command, Started: sh.Started, Ended: unlessZero(sh.Ended), Recordings: []wire.SupportRecording{}}
		for _, r := range m.Recordings(s.ID, sh.Name) {
			shell.Recordings = append(shell.Recordings, wire.SupportRecording(r))
		}
		w.Shells = append(w.Shells, shell)
	}
	return w
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// OpenSupport opens a support session.
func (a *Agent) OpenSupport(_ context.Context, by config.By, n wire.NewSupport) (wire.SupportSession, error) {
	if a.support == nil {
		return wire.SupportSession{}, errNoSupport
	}
	s, err := a.support.Open(support.Request{By: by.Who, From: by.From, Certificate: n.Certificate, Length: time.Duration(n.Minutes) * time.Minute, Why: n.Why})
	var refusal *support.Refusal
	switch {
	case errors.As(err, &refusal):
		return wire.SupportSession{}, invalid(refusal.Field, refusal.Message, refusal.Hint)
	case errors.Is(err, support.ErrOpen):
		return wire.SupportSession{}, &supportError{http.StatusConflict, err.Error(), "end it first"}
	case err != nil:
		return wire.SupportSession{}, err
	}
	return wireSupport(a.support, s), nil
}

// EndSupport ends the support session that is open.
func (a *Agent) EndSupport(_ context.Context, by config.By) error {
	if a.support == nil {
		return errNoSupport
	}
	if err := a.support.End(by.Who); err != nil {
		return &supportError{http.StatusConflict, err.Error(), "it has ended already"}
	}
	return nil
}

// SupportRecording is one file of a session's recordings.
func (a *Agent) SupportRecording(_ context.Context, session, file string) ([]byte, error) {
	if a.support == nil {
		return nil, errNoSupport
	}
	data, err := a.support.Recording(session, file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &supportError{http.StatusNotFound, "there is no such recording", "GET /v1/support lists those that are kept"}
	}
	return data, err
}

// supportStatus is what everybody may know: that somebody is let in, and not
// who. nil is that nobody ever is.
func (a *Agent) supportStatus() *wire.SupportStatus {
	if a.support == nil {
		return nil
	}
	s, open := a.support.Current()
	if !open {
		return &wire.SupportStatus{}
	}
	return &wire.SupportStatus{Until: &s.Until}
}

// supportNotice says that a session is open.
func supportNotice(s *wire.SupportStatus) []wire.Notice {
	if s == nil || s.Until == nil {
		return nil
	}
	return []wire.Notice{{ID: ofSupport, Level: wire.Warning, Text: fmt.Sprintf("a support session is open until %s", s.Until.Format("2006-01-02 15:04 UTC")),
		Hint: "somebody of the vendor's support may be root on this appliance until then", Fix: "end it"}}
}
