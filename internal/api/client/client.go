// Package client asks the agent over any of its transports.
//
// It knows the routes and their types and nothing of how the agent works.
// A client may be used from many goroutines; over the virtio-serial port
// requests follow one another on the one line there is.
package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
)

// DefaultSocket is where the agent listens on the appliance.
const DefaultSocket = "/run/ingot/ingotd.sock"

// maxAnswer bounds what is read of an answer: 4 MiB is some hundred times
// the largest one.
const maxAnswer = 4 << 20

// ErrUnreachable says that nobody answered.
var ErrUnreachable = errors.New("cannot reach the agent")

// maxWait ends a request whose context has no end: the slowest answer takes
// some seconds on an emulated machine. maxWork is for those that change
// something: the agent itself gives up after five minutes.
const (
	maxWait = time.Minute
	maxWork = 6 * time.Minute
)

// base is what comes before a route; the host is a formality.
const base = "http://ingotd"

// Client asks one agent.
type Client struct {
	http *http.Client
	base string
	conn net.Conn // of NewConn, else nil
	// fresh opens a new connection for one request.
	fresh http.RoundTripper
	// header goes with every request.
	header http.Header
}

// Dial opens a connection to the agent.
type Dial func(ctx context.Context) (net.Conn, error)

// New asks over connections that dial opens.
func New(dial Dial) *Client {
	kept := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
	once := kept.Clone()
	once.DisableKeepAlives = true
	return &Client{base: base, http: plain(kept), fresh: once}
}

// NewUnix asks over the agent's unix socket.
func NewUnix(path string) *Client {
	return New(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	})
}

// NewConn asks over one connection that is already open, such as the
// hypervisor's end of the virtio-serial port. After an error that lost the
// framing, further requests fail: open the line anew and make a new client.
// [Client.Close] closes the connection.
func NewConn(conn net.Conn) *Client {
	only := &line{conn: conn, in: bufio.NewReader(conn)}
	return &Client{base: base, conn: conn, http: plain(only), fresh: only}
}

// NewHandler asks a handler of this very process, such as the API for the
// pages that it serves: who asks is whom the context of each request says.
func NewHandler(h http.Handler) *Client {
	inside := handler{h}
	return &Client{base: base, http: plain(inside), fresh: inside}
}

// plain is an HTTP client that follows no redirects: the agent sends none, and
// a key must not go elsewhere.
func plain(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// WithToken is a copy that sends the key of a session or of an API token; with
// "" it sends none. It shares the connections of the client.
func (c *Client) WithToken(key string) *Client {
	if key == "" {
		return c.with("Authorization", "")
	}
	return c.with("Authorization", "Bearer "+key)
}

// AsConsole is a copy that says it is the console's process, for the history.
func (c *Client) AsConsole() *Client { return c.with("Ingot-Console", "1") }

// Polling is a copy whose requests keep no session alive: nobody made them.
func (c *Client) Polling() *Client { return c.with("Ingot-Poll", "1") }

// As is a copy that calls itself so, in the list of sessions.
func (c *Client) As(agent string) *Client { return c.with("User-Agent", agent) }

func (c *Client) with(name, value string) *Client {
	other := *c
	other.header = c.header.Clone()
	if other.header == nil {
		other.header = http.Header{}
	}
	if value == "" {
		other.header.Del(name)
	} else {
		other.header.Set(name, value)
	}
	return &other
}

// NewTLS asks over the management port at host:port. The agent's certificate
// is its own; fingerprint is the SHA-256 that it must have, as the console
// shows it. With "" any certificate does: then only ask what is open.
func NewTLS(address, fingerprint string) *Client {
	cfg := &tls.Config{
		InsecureSkipVerify: true, // there is no authority to ask: VerifyConnection compares the certificate itself
		VerifyConnection: func(s tls.ConnectionState) error {
			if fingerprint == "" || strings.EqualFold(Fingerprint(s.PeerCertificates[0]), fingerprint) {
				return nil
			}
			return errors.New("the agent's certificate does not have the expected fingerprint")
		},
	}
	c := New(func(ctx context.Context) (net.Conn, error) {
		d := tls.Dialer{Config: cfg}
		return d.DialContext(ctx, "tcp", address)
	})
	return c
}

// Fingerprint is the SHA-256 of a certificate, as browsers show it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Error is an answer of the agent that is not a success.
type Error struct {
	Status  int
	Message string
	Hint    string
	// Problems are those of a change that is not valid.
	Problems []wire.Problem
	// RetryAfter is how long to wait before the next attempt; 0 does not say.
	RetryAfter time.Duration
	// CodeNeeded says that the password of a log-in was right, and that a code
	// is needed too; Continue stands for the password then.
	CodeNeeded bool
	Continue   string
}

func (e *Error) Error() string { return e.Message }

// Close lets go of the agent; no request may be running.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if c.conn != nil {
		c.conn.Close()
	}
}
