package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

// maxAnswer bounds what a provider says at once, in bytes.
const maxAnswer = 1 << 20

// provider is the setting's, that has described itself; done must be called
// when it is not asked any more, and ctx becomes one that bounds that.
func (c *Client) provider(ctx *context.Context, o setting.OIDC, n setting.Network) (p *provider, done func(), err error) {
	s := settingsOf(o, n)
	// Whoever goes away in the middle must not pass for a dead provider.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(*ctx), AtMost)
	select {
	case c.asking <- struct{}{}:
	case <-bounded.Done():
		cancel()
		return nil, nil, &TroubleError{"oidc.issuer", "too many log-ins ask the provider at once", "try again"}
	}
	done = func() {
		<-c.asking
		cancel()
	}
	if p, err = c.remembered(s); p == nil && err == nil {
		p, err = c.describe(bounded, s, o, n)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	*ctx = oidc.ClientContext(bounded, p.http)
	return p, done, nil
}

// remembered is the provider if it was asked a while ago, or why it is not
// asked now.
func (c *Client) remembered(s settings) (*provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opts.Now()
	switch troubled := c.trouble != nil && s.equal(c.asked); {
	case troubled && now.Before(c.until):
		return nil, c.trouble
	case troubled:
		return nil, nil // whether it is over is to be asked
	}
	if c.known != nil && c.known.of.equal(s) && now.Sub(c.known.at) < rememberFor {
		return c.known, nil
	}
	return nil, nil
}

// describe asks the provider where its parts are (OpenID Connect Discovery
// 1.0), and remembers it.
func (c *Client) describe(ctx context.Context, s settings, o setting.OIDC, n setting.Network) (*provider, error) {
	p, trouble := c.fetch(ctx, s, o, n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if trouble != nil {
		c.opts.Log("the provider cannot be asked: %s", trouble.Text)
		c.trouble, c.asked, c.until = trouble, s, c.opts.Now().Add(restFor)
		return nil, trouble
	}
	c.known, c.trouble = p, nil
	return p, nil
}

func (c *Client) fetch(ctx context.Context, s settings, o setting.OIDC, n setting.Network) (*provider, *TroubleError) {
	t, err := c.opts.Transport(o, n)
	if err != nil {
		return nil, &TroubleError{"oidc.authority", "the root certificate " + err.Error(), ""}
	}
	client := &http.Client{
		Transport: bounded{t}, Timeout: AtMost,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, client), o.Issuer)
	if err != nil {
		return nil, inWords(o.Issuer, err)
	}
	var d struct {
		Auth     string   `json:"authorization_endpoint"`
		Token    string   `json:"token_endpoint"`
		Keys     string   `json:"jwks_uri"`
		UserInfo string   `json:"userinfo_endpoint"`
		Methods  []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&d); err != nil {
		return nil, inWords(o.Issuer, err)
	}
	for name, text := range map[string]string{"authorization_endpoint": d.Auth, "token_endpoint": d.Token, "jwks_uri": d.Keys, "userinfo_endpoint": d.UserInfo} {
		u, err := url.Parse(text)
		if name == "userinfo_endpoint" && text == "" {
			continue
		}
		if err != nil || u.Scheme != "https" || u.Hostname() == "" {
			return nil, &TroubleError{"oidc.issuer", fmt.Sprintf("the provider says of its %s what is no URL that begins with https://: %q", name, foreign.Line(text)), "see to its settings"}
		}
	}
	style := oauth2.AuthStyleInHeader // the one that every provider has (OpenID Connect Core 1.0, 9)
	if o.ClientSecret == "" || len(d.Methods) > 0 && !slices.Contains(d.Methods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return &provider{Provider: p, of: s, at: c.opts.Now(), http: client, style: style}, nil
}

func (p *provider) config(redirect string) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = p.style
	return &oauth2.Config{ClientID: p.of.ClientID, ClientSecret: p.of.ClientSecret, Endpoint: endpoint, RedirectURL: redirect, Scopes: p.of.Asked()}
}

// transport asks over the machine's network.
func transport(o setting.OIDC, n setting.Network) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if n.Proxy == "" || nettext.PastProxy(n.NoProxy, r.URL.Hostname()) {
			return nil, nil
		}
		return url.Parse(n.Proxy)
	}
	t.DisableKeepAlives = true // log-ins are rare
	t.TLSHandshakeTimeout = 5 * time.Second
	t.MaxResponseHeaderBytes = 64 << 10
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if o.Authority != "" {
		roots, err := tlspem.Roots(o.Authority)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = roots
	}
	return t, nil
}

// bounded cuts off answers that are too long: none that counts is.
type bounded struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("nothing is asked without TLS")
	}
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// inWords says why a provider cannot be asked, and what to do.
func inWords(issuer string, err error) *TroubleError {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dial *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &unknown):
		return &TroubleError{"oidc.authority", "the certificate of " + issuer + " is signed by an authority that is not trusted here", "give its root certificate"}
	case errors.As(err, &name), errors.As(err, &invalid):
		return &TroubleError{"oidc.issuer", "the certificate of " + issuer + " is not good: " + foreign.Line(err.Error()), "see to it there, or to the clock here"}
	case errors.As(err, &dial), errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return &TroubleError{"oidc.issuer", issuer + " cannot be reached: " + foreign.Line(err.Error()), "compare the URL, and see whether a firewall or a proxy is between"}
	case strings.Contains(err.Error(), "did not match the issuer"):
		return &TroubleError{"oidc.issuer", "the provider calls itself otherwise: " + foreign.Line(strings.TrimPrefix(err.Error(), "oidc: ")), "write it exactly as the provider does, also the slash at its end"}
	}
	return &TroubleError{"oidc.issuer", issuer + " does not describe itself as a provider does: " + foreign.Line(err.Error()), "compare the URL: below it is /.well-known/openid-configuration"}
}
