package listener

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, 3, 2, Network)
	defer l.Close()
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
		c, err := d.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	refused := func(c net.Conn) bool {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err := c.Read(make([]byte, 1))
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	}
	dial("127.0.0.2")
	dial("127.0.0.2")
	first, second := <-accepted, <-accepted
	if !refused(dial("127.0.0.2")) {
		t.Error("the third connection of one address was accepted")
	}
	dial("127.0.0.3")
	third := <-accepted
	if !refused(dial("127.0.0.4")) {
		t.Error("the fourth connection of all was accepted")
	}
	first.Close()
	first.Close() // must count once
	second.Close()
	third.Close()
	for range 2 {
		dial("127.0.0.2")
		<-accepted
	}
	if !refused(dial("127.0.0.2")) {
		t.Error("closing one connection twice made room for two")
	}
}

func TestWhoseConnections(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7",
		"2001:db8::7": "2001:db8::/64", "2001:db8::1:2:3:4": "2001:db8::/64", "2001:db8:0:1::": "2001:db8:0:1::/64",
		"fe80::1%eth0": "fe80::/64",
	} {
		ip, err := net.ResolveIPAddr("ip", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := Network(from{&net.TCPAddr{IP: ip.IP, Zone: ip.Zone, Port: 7}}); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

// from is a connection from somewhere.
type from struct{ addr net.Addr }

func (f from) RemoteAddr() net.Addr           { return f.addr }
func (from) Read([]byte) (int, error)         { return 0, io.EOF }
func (from) Write([]byte) (int, error)        { return 0, io.EOF }
func (from) Close() error                     { return nil }
func (from) LocalAddr() net.Addr              { return nil }
func (from) SetDeadline(time.Time) error      { return nil }
func (from) SetReadDeadline(time.Time) error  { return nil }
func (from) SetWriteDeadline(time.Time) error { return nil }

// TestIdleOnesMakeRoom: of the idle connections that fit, the one that was idle
// longest is closed; busy ones stay.
func TestIdleOnesMakeRoom(t *testing.T) {
	l := New(nil, 4, 3, func(c net.Conn) string { return c.RemoteAddr().Network() })
	closed := map[string]bool{}
	come := func(peer, name string) *Conn { return l.enter(&closable{from{network(peer)}, name, closed}, peer) }
	a1, a2, a3 := come("a", "a1"), come("a", "a2"), come("a", "a3")
	if come("a", "a4") != nil || len(closed) != 0 {
		t.Fatalf("a fourth of one peer came in while all are busy; closed: %v", closed)
	}
	l.State(a2, http.StateIdle)
	l.State(tls.Server(a1, nil), http.StateIdle) // as a server sees it
	l.State(a2, http.StateActive)
	l.State(a2, http.StateIdle)
	if come("a", "a4") == nil || !closed["a1"] || len(closed) != 1 {
		t.Fatalf("the one that was idle longest is not gone; closed: %v", closed)
	}
	b1 := come("b", "b1")
	l.State(b1, http.StateIdle)
	if come("c", "c1") == nil || !closed["a2"] || closed["b1"] {
		t.Fatalf("of all, the one that was idle longest is not gone; closed: %v", closed)
	}
	for _, c := range []*Conn{a1, a2, a3} {
		c.Close() // the server closes what it finds closed, too
	}
	l.State(a3, http.StateIdle) // too late
	if l.open != 3 || l.idle.Len() != 1 {
		t.Errorf("%d are open, %d idle; want 3 and 1", l.open, l.idle.Len())
	}
}

type network string

func (n network) Network() string { return string(n) }
func (n network) String() string  { return string(n) }

type closable struct {
	from
	name   string
	closed map[string]bool
}

func (c *closable) Close() error {
	c.closed[c.name] = true
	return nil
}
