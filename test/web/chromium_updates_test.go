package web

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/test/browser"
)

// line leads to a site, and can be cut.
type line struct {
	t           *testing.T
	to, address string
	mu          sync.Mutex
	open        []io.Closer
}

// lineTo is a line to the site, and the site as it is reached by it.
func (s *site) lineTo(t *testing.T) (*line, *site) {
	t.Helper()
	l := &line{t: t, to: strings.TrimPrefix(s.url, "https://"), address: "127.0.0.1:0"}
	l.join()
	t.Cleanup(l.cut)
	other := *s
	other.url = "https://" + l.address
	return l, &other
}

// join lets connections through, at the same address as before.
func (l *line) join() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.address = listener.Addr().String()
	l.keep(listener)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // it was cut
			}
			to, err := net.Dial("tcp", l.to)
			if err != nil {
				from.Close()
				continue
			}
			l.keep(from, to)
			for a, b := range map[net.Conn]net.Conn{from: to, to: from} {
				go func() {
					_, _ = io.Copy(a, b) // until one of them is closed
					a.Close()
				}()
			}
		}
	}()
}

func (l *line) keep(list ...io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, list...)
}

// cut ends all connections, and refuses new ones.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.Close()
	}
	l.open = nil
}

// TestUpdatesOverARestart: while the machine restarts the page says so and
// waits; then it asks to log in, as no session outlives a restart, and is there
// again with the new version.
func TestUpdatesOverARestart(t *testing.T) {
	s := newSite(t).setUp(t)
	s.updates.Store(states()["works"])
	l, far := s.lineTo(t)
	c := far.chromium(t).login("admin")
	c.Excuse("net::ERR_", "htmx:sendError", "htmx:afterRequest") // nobody answers
	c.Open("/updates")
	c.Sees("34 s left")
	if browser.Eval[bool](c.Browser, `document.body.innerText.includes("does not answer: it may")`) {
		t.Error("it says that nobody answers")
	}
	l.cut()
	c.Sees("it may be restarting into version 1.1.0")
	c.Sees("34 s left") // and what it said before is still there
	l.join()
	c.Do(browser.WaitFor("[data-lost][hidden]")) // the same session: nothing has restarted

	l.cut()
	c.Sees("it may be restarting into version 1.1.0")
	s.gate.EndOthers("admin", "")
	s.updates.Store(states()["trial"])
	l.join()
	c.Sees("Forgot the password?")
	c.Fill("#account", "admin")
	c.Fill("#password", password+"\r")
	c.Sees("Version 1.1.0 is on trial")
}

// TestBackAfterARestart: the page that says that the machine restarts goes to
// the overview when the machine was away and answers again.
func TestBackAfterARestart(t *testing.T) {
	s := newSite(t).setUp(t)
	s.updates.Store(waits())
	l, far := s.lineTo(t)
	c := far.chromium(t).login("admin")
	c.Excuse("net::ERR_") // nobody answers
	c.Open("/power")
	c.Press(`button[name="action"][value="restart"]`)
	c.Do(browser.WaitFor("[data-back]"))
	time.Sleep(3 * time.Second) // the old one answers once more
	if path := browser.Eval[string](c.Browser, "location.pathname"); path != "/power" {
		t.Fatalf("it goes to %s before the machine was away", path)
	}
	l.cut()
	time.Sleep(3 * time.Second) // nobody does
	s.gate.EndOthers("admin", "")
	l.join()
	c.Do(browser.WaitFor("#live"))
	if c.Has(`form[action="/logout"]`) {
		t.Error("a session outlives a restart")
	}
}
