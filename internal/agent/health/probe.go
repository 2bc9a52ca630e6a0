package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting/foreign"
)

// Probe looks at a service from inside the appliance. The error is for
// people: a phrase that names what was tried.
type Probe interface {
	Probe(ctx context.Context) error
}

// HTTP is a URL that must answer with a status below 400. Redirections are an
// answer and not followed; a certificate is not verified, because services
// often have one for a public name and are asked by a loopback address here.
type HTTP string

// Probe implements [Probe].
func (p HTTP) Probe(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(p), nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", string(p), err)
	}
	req.Header.Set("User-Agent", "ingotd")
	transport := &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true}, // see the type's comment
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("GET %s: %w", string(p), plain(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("GET %s: answered %s", string(p), resp.Status+reason(resp))
	}
	return nil
}

// reason is what a service says of its failure, where that is text and not a page.
func reason(resp *http.Response) string {
	if resp.StatusCode < 500 {
		return ""
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // cut off: as much as there is
	line := strings.TrimSpace(foreign.Line(string(body)))
	if line == "" || strings.ContainsAny(line, "<{") {
		return ""
	}
	return " (" + line + ")"
}

// TCP is a host:port that must accept a connection.
type TCP string

// Probe implements [Probe].
func (p TCP) Probe(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", string(p))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", string(p), plain(err))
	}
	return conn.Close()
}

// plain leaves of a network error what an administrator can use: "connection
// refused" rather than three layers of who called whom.
func plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
		return errors.New("no answer in time")
	}
	if o := (*net.OpError)(nil); errors.As(err, &o) {
		text := o.Err.Error()
		return errors.New(strings.TrimPrefix(text, "connect: "))
	}
	return err
}

// The definition's defaults, for targets that leave them out.
const (
	defaultEvery   = 10 * time.Second
	defaultTimeout = 5 * time.Second
)
