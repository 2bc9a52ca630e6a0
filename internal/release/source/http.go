package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// HTTPOptions say how a server is reached.
type HTTPOptions struct {
	// Proxy is the URL of a proxy, with its user and password; "" for none.
	Proxy string
	// Authorities are certificates, PEM, that are trusted besides the
	// system's; may be nil.
	Authorities []byte
	// UserAgent is what servers are told.
	UserAgent string
	// Patience is how long a server may say nothing; default 60 seconds.
	Patience time.Duration
}

const (
	defaultPatience = time.Minute
	maxRedirects    = 5
)

// HTTP reads a repository below a URL of the scheme http or https. Nothing is
// asked before the first file is opened.
func HTTP(base string, o HTTPOptions) (Source, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the repository %q is not the URL of a server: write https://updates.example.com/product/", base)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	return &server{base: u, options: o, client: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}, nil
}

func (o HTTPOptions) transport() (*http.Transport, error) {
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   30 * time.Second,
		ResponseHeaderTimeout: o.Patience,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConns:          2,
		MaxConnsPerHost:       4,
		DisableCompression:    true, // lengths are those of the files
	}
	if o.Proxy != "" {
		proxy, err := url.Parse(o.Proxy)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("the proxy is not a URL: write http://proxy.example.com:3128")
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	if len(o.Authorities) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(o.Authorities) {
			return nil, errors.New("the authorities for updates hold no certificate")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, nil
}

// checkRedirect follows a few, and none that gives up TLS.
func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return errors.New("the server leads in circles")
	}
	if before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("the server leads away from https")
	}
	return nil
}

type server struct {
	base    *url.URL
	options HTTPOptions
	client  *http.Client
}

func (s *server) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	body, err := s.open(ctx, name, offset, length)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s from %s: %w", name, s.base.Host, withoutURL(err))
	}
	return body, nil
}

func (s *server) open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.JoinPath(strings.Split(name, "/")...).String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if s.options.UserAgent != "" {
		request.Header.Set("User-Agent", s.options.UserAgent)
	}
	if offset > 0 || length >= 0 {
		last := ""
		if length >= 0 {
			last = strconv.FormatInt(offset+max(length, 1)-1, 10)
		}
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", offset, last))
	}
	response, err := s.client.Do(request)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	body := &patient{body: response.Body, cancel: cancel, patience: s.options.Patience}
	body.timer = time.AfterFunc(body.patience, func() { cancel(errSilent) })
	if err := body.begin(response, offset); err != nil {
		body.Close()
		return nil, err
	}
	return part(ctx, body, length), nil
}

var errSilent = errors.New("the server says nothing any more")

// begin checks the answer, and skips what was not asked for.
func (p *patient) begin(response *http.Response, offset int64) error {
	switch response.StatusCode {
	case http.StatusOK: // the whole file: the server knows no ranges, or was asked for none
		_, err := io.CopyN(io.Discard, p, offset)
		return err
	case http.StatusPartialContent:
		if got := response.Header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", offset)) {
			return fmt.Errorf("the server sent another part: %.60q", got)
		}
		return nil
	case http.StatusNotFound, http.StatusGone:
		return fs.ErrNotExist
	case http.StatusProxyAuthRequired:
		return errors.New("the proxy wants a user and a password, or others")
	}
	return fmt.Errorf("the server answered %.60s", response.Status)
}

// patient ends a body when nothing comes for a while.
type patient struct {
	body     io.ReadCloser
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	patience time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	p.timer.Reset(p.patience)
	n, err := p.body.Read(b)
	return n, err
}

func (p *patient) Close() error {
	p.timer.Stop()
	p.cancel(nil)
	return p.body.Close()
}

// withoutURL leaves the URL out of an error: the proxy's holds a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
