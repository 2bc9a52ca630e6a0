package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

const (
	// maxPacket bounds one message of a server; an entry with a thousand
	// groups has 100 KB.
	maxPacket = 1 << 20
	// maxPlain bounds what is read before TLS: one short answer.
	maxPlain = 4 << 10
)

// boundPackets makes the library refuse messages that are too long; it would
// make room for what a message says of itself, up to 2 GiB.
var boundPackets = sync.OnceFunc(func() { ber.MaxPacketLengthBytes = maxPacket })

// conn is a connection to one server.
type conn struct {
	*ldap.Conn
	l      setting.LDAP
	server string
	log    func(format string, args ...any)
	// end ends it with its context.
	end func() bool
}

// Close ends the connection.
func (c *conn) Close() {
	c.end()
	_ = c.Conn.Close()
}

// connect opens a connection to the first server that answers.
func (d *Directory) connect(ctx context.Context, l setting.LDAP) (*conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.Authority != "" {
		roots, err := tlspem.Roots(l.Authority)
		if err != nil {
			return nil, &TroubleError{"ldap.authority", "the root certificate " + err.Error(), "", true}
		}
		config.RootCAs = roots
	}
	var first error
	for _, server := range l.Servers {
		c, err := d.open(ctx, server, config)
		if err == nil {
			return &conn{c, l, server, d.opts.Log, context.AfterFunc(ctx, func() { _ = c.Close() })}, nil
		}
		if first == nil {
			first = inWords(server, err)
		}
	}
	if first == nil {
		first = &TroubleError{"ldap.servers", "there is no server", "give the URL of one", true}
	}
	return nil, first
}

// open opens a connection to one server, with TLS.
func (d *Directory) open(ctx context.Context, server string, config *tls.Config) (*ldap.Conn, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.ServerName = u.Hostname()
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldaps": "636", "ldap": "389"}[u.Scheme]
	}
	end := time.Now().Add(AtMost)
	ctx, done := context.WithTimeout(ctx, dialAtMost)
	defer done()
	raw, err := d.opts.Dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(time.Now().Add(dialAtMost))
	c, err := secure(ctx, raw, u.Scheme, config)
	if err != nil {
		raw.Close()
		return nil, err
	}
	_ = raw.SetDeadline(end)
	c.SetTimeout(AtMost)
	return c, nil
}

// secure puts TLS on a connection: at once, or by STARTTLS.
func secure(ctx context.Context, raw net.Conn, scheme string, config *tls.Config) (*ldap.Conn, error) {
	switch scheme {
	case "ldaps":
		t := tls.Client(raw, config)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c := ldap.NewConn(t, true)
		c.Start()
		return c, nil
	case "ldap":
		plain := &plainConn{Conn: raw}
		plain.left.Store(maxPlain)
		c := ldap.NewConn(plain, false)
		c.SetTimeout(dialAtMost)
		c.Start()
		if err := c.StartTLS(config); err != nil {
			_ = c.Close()
			return nil, err
		}
		plain.left.Store(1 << 40)
		return c, nil
	}
	return nil, fmt.Errorf("%q is neither ldaps nor ldap", scheme)
}

// plainConn reads little before there is TLS: nobody vouches for it.
type plainConn struct {
	net.Conn
	left atomic.Int64
}

// Read implements [net.Conn].
func (c *plainConn) Read(p []byte) (int, error) {
	left := c.left.Load()
	if left <= 0 {
		return 0, errors.New("it says too much before TLS")
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	c.left.Add(int64(-n))
	return n, err
}

// search makes the connection that of the search account.
func (c *conn) search() error {
	var err error
	if c.l.BindDN == "" {
		err = c.UnauthenticatedBind("") // anonymous
	} else {
		err = c.Bind(c.l.BindDN, c.l.BindPassword)
	}
	var answer *ldap.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &answer) || answer.ResultCode >= ldap.ErrorNetwork && answer.ResultCode != ldap.ErrorEmptyPassword:
		return c.lost(err)
	case c.l.BindDN == "":
		return &TroubleError{"ldap.bind_dn", c.server + " does not let nobody search: " + said(answer), "give a search account and its password", true}
	}
	return &TroubleError{"ldap.bind_password", c.server + " does not let the search account in: " + said(answer),
		"compare its DN and password with the directory", true}
}

// said is what a server says of an error, for people.
func said(e *ldap.Error) string { return foreign.Line(e.Error()) }

// inWords says why a server cannot be reached, and what to do.
func inWords(server string, err error) *TroubleError {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dial *net.OpError
	var late net.Error
	// After STARTTLS the library hands on the text of an error alone.
	untrusted := errors.As(err, &unknown) || strings.Contains(err.Error(), x509.UnknownAuthorityError{}.Error())
	switch {
	case untrusted:
		return &TroubleError{"ldap.authority", "the certificate of " + server + " is signed by an authority that is not trusted here", "give its root certificate", true}
	case errors.As(err, &name):
		return &TroubleError{"ldap.servers", "the certificate of " + server + " is not for that name: " + foreign.Line(name.Error()), "use a name that the certificate has", true}
	case errors.As(err, &invalid):
		return &TroubleError{"ldap.servers", "the certificate of " + server + " is not good: " + foreign.Line(invalid.Error()), "see to it there, or to the clock here", true}
	case errors.As(err, &dial) && dial.Op == "dial", errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return &TroubleError{"ldap.servers", server + " cannot be reached: " + foreign.Line(err.Error()), "compare name and port, and see whether a firewall is between", true}
	}
	return &TroubleError{"ldap.servers", server + " does not speak TLS as it should: " + foreign.Line(err.Error()), "use ldaps:// with port 636, or ldap:// where the server has STARTTLS", true}
}
