package listener

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// Listener is a listener with bounds. Its methods may be called from any
// goroutine.
type Listener struct {
	net.Listener
	total, perPeer int
	peerOf         func(net.Conn) string

	mu     sync.Mutex // guards what follows
	open   int
	counts map[string]int
	idle   *list.List // of *Conn, the one that was idle longest first
}

// New bounds a listener's connections. peerOf is whose a connection is; those
// of "" are not counted.
func New(l net.Listener, total, perPeer int, peerOf func(net.Conn) string) *Listener {
	return &Listener{Listener: l, total: total, perPeer: perPeer, peerOf: peerOf, counts: map[string]int{}, idle: list.New()}
}

// Conn is a connection that is counted.
type Conn struct {
	net.Conn
	from  *Listener
	peer  string
	place *list.Element // in the list of idle ones, or nil
	gone  bool
}

// NetConn is the connection as the network gave it.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.from.leave(c)
	return c.Conn.Close()
}

// Network is the address of the other end or, of IPv6, its network: whoever
// has one address there has them all.
func Network(c net.Conn) string {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return c.RemoteAddr().String()
	}
	ip := a.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		n, _ := ip.Prefix(64) // never fails
		return n.String()
	}
	return ip.String()
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := l.peerOf(c)
		if peer == "" {
			return c, nil
		}
		if counted := l.enter(c, peer); counted != nil {
			return counted, nil
		}
		c.Close()
	}
}

// enter counts a connection, in the place of an idle one if there is no other;
// nil says that there is none.
func (l *Listener) enter(c net.Conn, peer string) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts[peer] >= l.perPeer && !l.evict(func(c *Conn) bool { return c.peer == peer }) {
		return nil
	}
	if l.open >= l.total && !l.evict(func(*Conn) bool { return true }) {
		return nil
	}
	l.open++
	l.counts[peer]++
	return &Conn{Conn: c, from: l, peer: peer}
}

// evict closes the connection that was idle longest of those that fit.
func (l *Listener) evict(fits func(*Conn) bool) bool {
	for e := l.idle.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*Conn); fits(c) {
			l.forget(c)
			c.Conn.Close()
			return true
		}
	}
	return false
}

func (l *Listener) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(c)
}

// forget no longer counts a connection.
func (l *Listener) forget(c *Conn) {
	if c.gone {
		return
	}
	c.gone = true
	l.setIdle(c, false)
	l.open--
	if l.counts[c.peer]--; l.counts[c.peer] == 0 {
		delete(l.counts, c.peer)
	}
}

func (l *Listener) setIdle(c *Conn, idle bool) {
	switch {
	case idle && c.place == nil && !c.gone:
		c.place = l.idle.PushBack(c)
	case !idle && c.place != nil:
		l.idle.Remove(c.place)
		c.place = nil
	}
}

// State notes which connections are idle; it is for [http.Server.ConnState].
func (l *Listener) State(c net.Conn, state http.ConnState) {
	for {
		if counted, ok := c.(*Conn); ok {
			l.mu.Lock()
			l.setIdle(counted, state == http.StateIdle)
			l.mu.Unlock()
			return
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = inner.NetConn()
	}
}
