package authority

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/ingotvm/ingot/internal/config/setting/foreign"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

// maxRetries bounds the tries of one request.
const maxRetries = 5

// obtain makes one order, as a story: an account, the order, the proof that
// the names are ours, the certificate, its place.
func (m *Manager) obtain(ctx context.Context, w Wish) (*tls.Certificate, error) {
	fail := func(err error) (*tls.Certificate, error) {
		return nil, fmt.Errorf("cannot get a certificate from %s: %w", w.Directory, inPlainWords(err))
	}
	client, err := m.client(w)
	if err != nil {
		return fail(err)
	}
	if err := register(ctx, client, w.Email); err != nil {
		return fail(err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(w.Names...))
	if err != nil {
		return fail(err)
	}
	if err := m.prove(ctx, client, order); err != nil {
		return fail(err)
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return fail(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: w.Names}, key)
	if err != nil {
		return fail(err)
	}
	der, _, err := client.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return fail(err)
	}
	cert, err := check(der, key, w.Names)
	if err != nil {
		return fail(err)
	}
	return cert, m.save(w, cert)
}

// client asks the wish's authority as the account that is kept for it.
func (m *Manager) client(w Wish) (*acme.Client, error) {
	key, err := m.accountKey()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if w.Proxy == "" || nettext.PastProxy(w.NoProxy, r.URL.Hostname()) {
			return nil, nil
		}
		return url.Parse(w.Proxy)
	}
	transport.DisableKeepAlives = true // nobody asks again for weeks
	if w.Authority != "" {
		roots, err := tlspem.Roots(w.Authority)
		if err != nil {
			return nil, fmt.Errorf("the authority's root %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &acme.Client{
		Key: key, DirectoryURL: w.Directory, UserAgent: "ingot",
		HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute},
		// Here only what the protocol itself wants tried again, such as a nonce
		// that is too old; the order as a whole is tried again later.
		RetryBackoff: func(n int, _ *http.Request, res *http.Response) time.Duration {
			if n > maxRetries || res.StatusCode == http.StatusTooManyRequests {
				return 0
			}
			return time.Duration(n) * time.Second
		},
	}, nil
}

func register(ctx context.Context, client *acme.Client, email string) error {
	account := &acme.Account{}
	if email != "" {
		account.Contact = []string{"mailto:" + email}
	}
	_, err := client.Register(ctx, account, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil
	}
	return err
}

// prove answers the authority's questions on port 80.
func (m *Manager) prove(ctx context.Context, client *acme.Client, order *acme.Order) error {
	answers := &answers{byPath: map[string]string{}}
	var waiting []string
	var challenges []*acme.Challenge
	for _, u := range order.AuthzURLs {
		authz, err := client.GetAuthorization(ctx, u)
		if err != nil {
			return err
		}
		if authz.Status != acme.StatusPending {
			continue
		}
		i := slices.IndexFunc(authz.Challenges, func(c *acme.Challenge) bool { return c.Type == "http-01" })
		if i < 0 {
			return fmt.Errorf("the authority does not ask for %s over HTTP, and the appliance can answer no other way", authz.Identifier.Value)
		}
		c := authz.Challenges[i]
		answer, err := client.HTTP01ChallengeResponse(c.Token)
		if err != nil {
			return err
		}
		answers.byPath[client.HTTP01ChallengePath(c.Token)] = answer
		challenges, waiting = append(challenges, c), append(waiting, u)
	}
	if len(challenges) == 0 {
		return nil // it remembers that they are ours
	}
	stop, err := m.opts.Answer(ctx, answers)
	if err != nil {
		return fmt.Errorf("port 80, on which the authority asks, cannot be opened: %w", err)
	}
	defer stop()
	for _, c := range challenges {
		if _, err := client.Accept(ctx, c); err != nil {
			return err
		}
	}
	for _, u := range waiting {
		if _, err := client.WaitAuthorization(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// answers are what is said on port 80, by path.
type answers struct{ byPath map[string]string }

// ServeHTTP implements [http.Handler].
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, ok := a.byPath[r.URL.Path]
	if !ok || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.WriteString(w, answer) // who is gone asks again
}

// answer opens the port until stop is called.
func (m *Manager) answer(ctx context.Context, h http.Handler) (stop func(), err error) {
	l, err := m.opts.Listen(ctx)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // noise that a stranger controls
	}
	server.SetKeepAlivesEnabled(false)
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) }) // ends with Close
	return func() {
		server.Close()
		wg.Wait()
	}, nil
}

// check sees that what came is what was asked for.
func check(der [][]byte, key crypto.Signer, names []string) (*tls.Certificate, error) {
	var text strings.Builder
	for _, d := range der {
		text.WriteString(tlspem.PEM(d))
	}
	chain, err := tlspem.ParseChain(text.String())
	if err == nil {
		err = tlspem.Pair(chain, key)
	}
	if err != nil {
		return nil, fmt.Errorf("what it sent %w", err)
	}
	for _, n := range names {
		if chain.Leaf().VerifyHostname(n) != nil {
			return nil, fmt.Errorf("what it sent does not name %s", n)
		}
	}
	return &tls.Certificate{Certificate: chain.DER(), PrivateKey: key, Leaf: chain.Leaf()}, nil
}

// inPlainWords are the authority's own words, without what is for programs.
func inPlainWords(err error) error {
	var refused *acme.AuthorizationError
	var answer *acme.Error
	var unknown x509.UnknownAuthorityError
	var op *net.OpError
	switch {
	case errors.As(err, &refused):
		words := []string{}
		for _, e := range refused.Errors {
			words = append(words, inPlainWords(e).Error())
		}
		return fmt.Errorf("it does not believe that %s is this appliance: %s",
			cmp.Or(refused.Identifier, "the name"), cmp.Or(strings.Join(words, "; "), "no reason was given"))
	case errors.As(err, &answer):
		return errors.New(cmp.Or(foreign.Line(answer.Detail), answer.ProblemType, answer.Error()))
	case errors.As(err, &unknown):
		return errors.New("its server's certificate is signed by an authority that is not trusted here: give its root certificate")
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("it cannot be reached: %w", op)
	}
	return err
}
