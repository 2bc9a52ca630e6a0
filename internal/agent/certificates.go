package agent

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ingotvm/ingot/internal/agent/authority"
	"github.com/ingotvm/ingot/internal/agent/identity"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

// When the administrator is told that a certificate ends which does not renew
// itself: in time for an authority that takes a week or two, and then so that
// nobody overlooks it.
const (
	warnBefore  = 21 * 24 * time.Hour
	alarmBefore = 7 * 24 * time.Hour
)

// certificates greets browsers: with what the settings say, or else with the
// machine's own certificate.
type certificates struct {
	own       *identity.Identity
	keys      *identity.Keys
	authority *authority.Manager
	set       atomic.Pointer[tls.Certificate]
	changed   func()
}

// Key implements [setting.Certificates].
func (c *certificates) Key(public crypto.PublicKey) crypto.Signer { return c.keys.Find(public) }

// Serve implements [setting.Certificates].
func (c *certificates) Serve(cert *tls.Certificate) {
	c.authority.Obtain(authority.Wish{})
	c.set.Store(cert)
	c.changed()
}

// Obtain implements [setting.Certificates].
func (c *certificates) Obtain(a setting.ACME, n setting.Network) {
	c.set.Store(nil)
	c.authority.Obtain(authority.Wish{ACME: a, Proxy: n.Proxy, NoProxy: n.NoProxy})
	c.changed()
}

// foreign is the certificate in use that is not the machine's own, or nil.
func (c *certificates) foreign() *tls.Certificate {
	if cert := c.set.Load(); cert != nil {
		return cert
	}
	return c.authority.Certificate()
}

func (c *certificates) inUse() *tls.Certificate {
	if cert := c.foreign(); cert != nil {
		return cert
	}
	return c.own.Certificate()
}

func (c *certificates) fingerprint() string { return identity.Fingerprint(c.inUse().Certificate[0]) }

// Certificate is the TLS certificate in use, for somebody who is greeted with it.
func (a *Agent) Certificate() *tls.Certificate {
	if cert := a.certificates.foreign(); cert != nil {
		return cert
	}
	return a.identity.Greet()
}

// openCertificates opens identity and keys where they are kept, and greets
// with what the settings say. The error is nil when there is no TLS key at all.
func (a *Agent) openCertificates() error {
	id, err := a.openIdentity()
	if id == nil {
		return err
	}
	if err != nil {
		a.warnings = append(a.warnings, err.Error())
	}
	a.identity = id
	a.certificates = &certificates{
		own: id, keys: identity.NewKeys(a.tlsDir("keys")), changed: a.cache.drop,
		authority: authority.New(a.authorityOptions()),
	}
	a.sys.Certificates = a.certificates
	revision, _ := a.engine.Current()
	for _, s := range setting.All() {
		if s.Key() == "tls" {
			// What fails is applied once more, and told, when the agent runs.
			_ = s.Apply(context.Background(), a.sys, a.environment, revision.Document, false)
		}
	}
	return nil
}

// names are what the machine's own certificate speaks for: the host's name and
// the addresses by which it is reached.
func (a *Agent) names() identity.Names {
	n := identity.Names{Host: a.hostName()}
	links, err := a.links()
	if err != nil {
		return n // the ones that it has stay
	}
	for _, l := range links {
		for _, p := range l.Addresses {
			if l.Carrier && !slices.Contains(n.Addresses, p.Addr()) {
				n.Addresses = append(n.Addresses, p.Addr())
			}
		}
	}
	return n
}

// renewOwn makes the machine's own certificate follow its names. While the
// appliance is being set up it stays as it is once it was shown: its pages
// would ask again in the middle of a form.
func (a *Agent) renewOwn() {
	revision, _ := a.engine.Current()
	renewed, err := a.identity.Renew(a.names(), !revision.Document.Setup.Complete)
	if err != nil {
		a.opts.Log("%v", err)
	}
	if renewed {
		a.opts.Log("made a new TLS certificate, SHA-256 %s", a.identity.Fingerprint())
		a.cache.drop()
	}
}

// TLS is the certificate in use, and how it goes with the one that is wanted.
func (a *Agent) TLS(context.Context) (wire.TLS, error) {
	revision, _ := a.engine.Current()
	d := revision.Document
	t := wire.TLS{Source: sourceOf(d), InUse: sourceOf(d), Chain: []wire.Certificate{}, Warnings: []string{}, Names: a.requestNames()}
	if a.certificates.foreign() == nil {
		t.InUse = setting.SelfSigned
	}
	for _, cert := range a.chainInUse() {
		t.Chain = append(t.Chain, wireCertificate(cert))
	}
	for _, n := range a.certificateNotices(d, time.Now()) {
		t.Warnings = append(t.Warnings, n.Text+". "+n.Hint)
	}
	if t.InUse == setting.Uploaded {
		t.Warnings = append(t.Warnings, a.chainInUse().Remarks(time.Now(), a.hostName())...)
	}
	if s := a.certificates.authority.State(); t.Source == setting.ByACME && !s.Next.IsZero() {
		next := s.Next.UTC().Truncate(time.Second)
		t.Next = &next
	}
	return t, nil
}

func sourceOf(d *setting.Document) string {
	if d.TLS.Source == "" {
		return setting.SelfSigned
	}
	return d.TLS.Source
}

// chainInUse is what browsers are greeted with.
func (a *Agent) chainInUse() tlspem.Chain {
	var chain tlspem.Chain
	for _, der := range a.certificates.inUse().Certificate {
		if cert, err := x509.ParseCertificate(der); err == nil { // it was parsed before
			chain = append(chain, cert)
		}
	}
	return chain
}

func wireCertificate(cert *x509.Certificate) wire.Certificate {
	return wire.Certificate{
		Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Names: tlspem.Chain{cert}.Names(),
		From: cert.NotBefore.UTC(), Until: cert.NotAfter.UTC(), Key: tlspem.KeyKind(cert.PublicKey),
		Fingerprint: identity.Fingerprint(cert.Raw),
	}
}

// certificateNotices say when the certificate in use ends, and what is amiss
// with the one that is wanted. The machine's own renews itself.
func (a *Agent) certificateNotices(d *setting.Document, now time.Time) []wire.Notice {
	var list []wire.Notice
	source, foreign := sourceOf(d), a.certificates.foreign() != nil
	if until := a.chainInUse().Until(); foreign && until.Sub(now) <= warnBefore {
		n := wire.Notice{ID: ofTLS, Level: wire.Warning, Text: "the certificate of the management port " + ends(until, now), Hint: "Upload a new one on the page Certificate"}
		if source == setting.ByACME {
			n.Hint = "It could not be renewed so far: see to what the authority says"
		}
		if until.Sub(now) <= alarmBefore {
			n.Level = wire.Critical
		}
		list = append(list, n)
	}
	if source == setting.Uploaded && !foreign {
		list = append(list, wire.Notice{ID: ofTLS, Level: wire.Warning, Text: "the uploaded certificate cannot be used, so the appliance's own is",
			Hint: "Upload it once more, with its key"})
	}
	if problem := a.certificates.authority.State().Problem; source == setting.ByACME && problem != "" {
		list = append(list, wire.Notice{ID: ofTLS + ":acme", Level: wire.Warning, Text: problem, Hint: "It is tried again by itself"})
	}
	return list
}

func ends(until, now time.Time) string {
	date := until.UTC().Format("2006-01-02")
	switch days := int(until.Sub(now).Hours() / 24); {
	case !until.After(now):
		return fmt.Sprintf("ended on %s, and browsers refuse it", date)
	case days < 1:
		return fmt.Sprintf("ends within a day, on %s", date)
	case days == 1:
		return fmt.Sprintf("ends in 1 day, on %s", date)
	default:
		return fmt.Sprintf("ends in %d days, on %s", days, date)
	}
}

// requestNames are those for which a certificate would be asked.
func (a *Agent) requestNames() []string {
	n := a.names()
	list := []string{}
	if nettext.CheckHostname(n.Host) == nil {
		list = append(list, n.Host)
	}
	for _, addr := range n.Addresses {
		list = append(list, addr.String())
	}
	return list
}

// maxRequestNames bounds a request: each name is sent with every greeting.
const maxRequestNames = 50

// Request makes a certificate request with a key that stays on the machine.
func (a *Agent) Request(_ context.Context, by config.By, r wire.NewRequest) (wire.Request, error) {
	if a.init.foreign() || a.init.DataReadOnly {
		return wire.Request{}, invalid("names", "the data disk cannot be written to: the key would be lost at the next restart", "see to the disk first")
	}
	names := r.Names
	if len(names) == 0 {
		names = a.requestNames()
	}
	if len(names) == 0 || len(names) > maxRequestNames {
		return wire.Request{}, invalid("names", fmt.Sprintf("a request is for 1 to %d names", maxRequestNames), "")
	}
	for i, n := range names {
		if err := checkRequestName(n); err != nil {
			return wire.Request{}, invalid(fmt.Sprintf("names[%d]", i), fmt.Sprintf("%q %v", n, err), "write host names such as web1.example.com, or addresses")
		}
	}
	key, err := a.certificates.keys.Pending(a.certificates.inUse().Leaf.PublicKey)
	if err != nil {
		return wire.Request{}, err
	}
	text, err := identity.Request(key, names)
	if err != nil {
		return wire.Request{}, err
	}
	a.opts.Log("%s makes a certificate request for %v", by.Who, names)
	return wire.Request{Names: names, PEM: text}, nil
}

func checkRequestName(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		_, err := nettext.ParseAddr(name)
		return err
	}
	return nettext.CheckDomain(strings.TrimPrefix(name, "*."))
}

// tlsDir is a folder beside the machine's own certificate.
func (a *Agent) tlsDir(name string) string {
	return filepath.Join(stateDir(a.opts, a.init), identityFolder, name)
}
