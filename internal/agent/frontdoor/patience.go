package frontdoor

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// stall is how long a visitor may send or take nothing in the middle of a
// transfer.
const stall = 2 * time.Minute

// patientListener gives each write of its connections the time of a stall.
type patientListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l patientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: c}, nil
}

// patientConn breaks off writes that do not move, unless somebody has set
// another time for them.
type patientConn struct {
	net.Conn
	set atomic.Bool
}

// NetConn is the connection as it was accepted.
func (c *patientConn) NetConn() net.Conn { return c.Conn }

// Write implements [net.Conn].
func (c *patientConn) Write(p []byte) (int, error) {
	if !c.set.Load() {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetDeadline implements [net.Conn].
func (c *patientConn) SetDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// patientBody is the body of a request, of which each part has the time of a
// stall to come.
type patientBody struct {
	io.ReadCloser
	deadline func(time.Time) error
}

// Read implements [io.Reader]. Its errors but io.EOF are *[bodyError].
func (b *patientBody) Read(p []byte) (int, error) {
	_ = b.deadline(time.Now().Add(stall)) // where none can be set there is none to keep
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done()
	}
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// done lets the connection wait again for as long as the server says.
func (b *patientBody) done() { _ = b.deadline(time.Time{}) }

// bodyError says that it was the visitor who did not send the whole request.
type bodyError struct{ err error }

// Error implements error.
func (e *bodyError) Error() string { return "the request did not come whole: " + e.err.Error() }

// Unwrap is the error of the connection.
func (e *bodyError) Unwrap() error { return e.err }

func (e *bodyError) slow() bool { return errors.Is(e.err, os.ErrDeadlineExceeded) }
