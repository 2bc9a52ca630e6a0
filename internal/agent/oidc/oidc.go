package oidc

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
)

// ErrNoRole says that the provider vouches for somebody of whom no group has a
// role.
var ErrNoRole = errors.New("the person is in no group that has a role")

// ErrState says that an answer is of no log-in that was begun in this browser,
// or of one that is over.
var ErrState = errors.New("this log-in was not begun in this browser, took too long, or is over already")

// RefusedError is what the provider itself said.
type RefusedError struct {
	// Code is one of RFC 6749 (4.1.2.1), Text in the provider's words; may be
	// "".
	Code, Text string
}

func (e *RefusedError) Error() string {
	if e.Text == "" {
		return "the provider refused the log-in: " + e.Code
	}
	return "the provider refused the log-in: " + e.Text + " (" + e.Code + ")"
}

// DoubtError says that what came back cannot be believed, or does not say who
// somebody is.
type DoubtError struct {
	// Text says why, Hint what to do.
	Text, Hint string
}

func (e *DoubtError) Error() string { return e.Text }

// TroubleError says that the provider cannot be asked.
type TroubleError struct {
	// Property is the key of the setting that most likely is wrong.
	Property string
	// Text says what is wrong, Hint what to do.
	Text, Hint string
}

func (e *TroubleError) Error() string { return e.Text }

const (
	// AtMost bounds each of the two halves of a log-in.
	AtMost = 10 * time.Second
	// Within is how long somebody may take at the provider.
	Within = 10 * time.Minute
	// restFor is how long nobody asks a provider that could not be asked.
	restFor = 10 * time.Second
	// rememberFor is how long the provider's own description is kept.
	rememberFor = time.Hour
	// maxAsking bounds how many log-ins ask at once.
	maxAsking = 4
)

// Options are what people are let in with; the zero value is right on the
// appliance.
type Options struct {
	// Transport asks the provider with the roots and the proxy of a setting;
	// nil means the machine's network.
	Transport func(o setting.OIDC, n setting.Network) (http.RoundTripper, error)
	// Now is the time; nil means the machine's.
	Now func() time.Time
	// Rand makes keys; nil means crypto/rand.
	Rand io.Reader
	// Log takes one line per trouble; nil drops them.
	Log func(format string, args ...any)
}

// Client lets people in. Its methods may be called from any goroutine.
type Client struct {
	opts Options
	seal *seal
	// asking holds a token for each who asks the provider.
	asking chan struct{}

	mu sync.Mutex // guards what follows
	// known is the provider that was described last.
	known *provider
	// trouble is why the provider of asked could not be asked, until when.
	trouble *TroubleError
	asked   settings
	until   time.Time
}

// settings are all that the way to a provider depends on.
type settings struct {
	setting.OIDC
	proxy   string
	noProxy []string
}

func settingsOf(o setting.OIDC, n setting.Network) settings {
	return settings{o, n.Proxy, n.NoProxy}
}

func (s settings) equal(other settings) bool { return reflect.DeepEqual(s, other) }

// provider is one that has described itself.
type provider struct {
	*oidc.Provider
	of   settings
	at   time.Time
	http *http.Client
	// style is how the appliance says who it is.
	style oauth2.AuthStyle
}

// New is a client that has asked nobody yet.
func New(opts Options) (*Client, error) {
	if opts.Transport == nil {
		opts.Transport = transport
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	s, err := newSeal(opts.Rand)
	if err != nil {
		return nil, err
	}
	return &Client{opts: opts, seal: s, asking: make(chan struct{}, maxAsking)}, nil
}

// Person is somebody whom a provider vouches for.
type Person struct {
	// Name is as the provider writes it.
	Name string
	Role setting.Role
}

// Begin is where to send a browser to, and the key that it must keep until it
// comes back to redirect. The error is a *[TroubleError] or ctx's.
func (c *Client) Begin(ctx context.Context, o setting.OIDC, n setting.Network, redirect string) (url, key string, err error) {
	p, done, err := c.provider(&ctx, o, n)
	if err != nil {
		return "", "", err
	}
	defer done()
	f := flow{Redirect: redirect, Begun: c.opts.Now(), Settings: p.of.digest(), Verifier: oauth2.GenerateVerifier()}
	for _, place := range []*string{&f.State, &f.Nonce} {
		if *place, err = secret(c.opts.Rand); err != nil {
			return "", "", err
		}
	}
	if key, err = c.seal.close(f); err != nil {
		return "", "", err
	}
	url = p.config(redirect).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	return url, key, nil
}

// Answer is what a browser brings back.
type Answer struct {
	// Key is that of [Client.Begin].
	Key string
	// State, Code and Issuer are the provider's; Error and Text what it says
	// instead of a code.
	State, Code, Issuer string
	Error, Text         string
}

// Finish is whom the provider vouches for. The error is [ErrState],
// [ErrNoRole], a *[RefusedError], *[DoubtError] or *[TroubleError], or ctx's; the person's
// name is then there if it is known.
func (c *Client) Finish(ctx context.Context, o setting.OIDC, n setting.Network, a Answer) (Person, error) {
	f, ok := c.seal.open(a.Key, c.opts.Now())
	if !ok || !same(f.State, a.State) || !same(f.Settings, settingsOf(o, n).digest()) {
		return Person{}, ErrState
	}
	switch {
	case a.Error != "":
		return Person{}, &RefusedError{foreign.Line(a.Error), foreign.Line(a.Text)}
	case a.Issuer != "" && a.Issuer != o.Issuer: // RFC 9207
		return Person{}, c.doubt("it is of another provider, " + foreign.Line(a.Issuer))
	case a.Code == "":
		return Person{}, c.doubt("it holds neither a code nor an error")
	}
	p, done, err := c.provider(&ctx, o, n)
	if err != nil {
		return Person{}, err
	}
	defer done()
	said, err := c.redeem(ctx, p, f, a.Code)
	if err != nil {
		return Person{}, err
	}
	// Once: the provider has said who it is, so strangers do not get here.
	if !c.seal.once(f, c.opts.Now()) {
		return Person{}, ErrState
	}
	return personOf(o, said)
}

// doubt is an answer that is not believed.
func (c *Client) doubt(why string) error {
	c.opts.Log("a log-in by the provider is refused: %s", why)
	return &DoubtError{"the provider's answer is not good: " + why, "try again; if it stays so, compare the settings here and there"}
}

// Trouble is why a provider could not be asked last; "" when it could.
func (c *Client) Trouble(o setting.OIDC, n setting.Network) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil || !settingsOf(o, n).equal(c.asked) {
		return ""
	}
	return c.trouble.Text
}

// Check tries what a log-in begins with: whether the provider can be reached,
// and is who the settings say.
func (c *Client) Check(ctx context.Context, o setting.OIDC, n setting.Network) []setting.Problem {
	ctx, done := context.WithTimeout(ctx, AtMost)
	defer done()
	_, err := c.describe(ctx, settingsOf(o, n), o, n)
	var trouble *TroubleError
	if errors.As(err, &trouble) {
		return []setting.Problem{{Path: trouble.Property, Message: trouble.Text, Hint: trouble.Hint}}
	}
	return nil
}
