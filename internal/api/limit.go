package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A TLS connection costs the agent some 40 KiB, so 128 of them stay well
// within its memory goal of 32 MiB; one address gets a quarter, so that one
// machine with many half-open requests does not lock out the administrator.
// On the unix socket one user gets as many, but for root, who has the console,
// the watchdog and the command line there.
const (
	maxConns        = 128
	maxConnsPerPeer = 32
)

// user is who is at the other end of a unix socket, "" for root.
func user(c net.Conn) string {
	uid, err := peerUID(c)
	if uid == 0 && err == nil {
		return ""
	}
	return strconv.Itoa(uid)
}

// redirectListener answers a browser that came by http:// on the TLS port.
type redirectListener struct{ net.Listener }

func (l *redirectListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &redirectConn{Conn: c}, nil
}

// redirectConn looks at the first byte read: a TLS record of a handshake
// starts with 0x16 (RFC 8446, 5.1), an HTTP request with a capital letter.
type redirectConn struct {
	net.Conn
	seen bool
}

func (c *redirectConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.seen || n == 0 {
		return n, err
	}
	c.seen = true
	if p[0] < 'A' || p[0] > 'Z' {
		return n, err
	}
	c.redirect(p[:n])
	return 0, io.EOF
}

// redirect reads the rest of the request's head and sends the caller to
// https:// under the name that it used.
func (c *redirectConn) redirect(start []byte) {
	_ = c.Conn.SetDeadline(time.Now().Add(headTimeout))
	in := io.MultiReader(bytes.NewReader(start), io.LimitReader(c.Conn, maxHeader))
	req, err := http.ReadRequest(bufio.NewReader(in))
	if err != nil || !validHost(req.Host) {
		fmt.Fprint(c.Conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		return
	}
	// Only the path of the request goes into the answer, re-encoded, so that
	// nothing of it can end the header line.
	fmt.Fprintf(c.Conn, "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://%s%s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		req.Host, req.URL.EscapedPath())
}

// validHost reports whether a text consists of what a host and port may hold:
// it goes into the answer's head as it is.
func validHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-:[]_", r):
			return false
		}
		return true
	})
}
