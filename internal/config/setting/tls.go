package setting

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting/nettext"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

// TLS is the certificate with which the management port greets browsers.
type TLS struct {
	// self-signed, uploaded or acme; "" is self-signed.
	Source string `json:"source,omitempty"`
	// An uploaded certificate in PEM, with those that lead to its authority.
	Chain string `json:"chain,omitempty"`
	// Its private key in PEM; "" is one that the appliance made and keeps.
	Key string `json:"key,omitempty"`
	// Where and for what to ask for a certificate by ACME (RFC 8555).
	ACME ACME `json:"acme,omitempty,omitzero"`
}

// ACME is an authority that certifies by itself whoever answers under a name.
type ACME struct {
	// The URL of the authority's directory.
	Directory string `json:"directory,omitempty"`
	// Whom the authority tells of problems.
	Email string `json:"email,omitempty"`
	// The host names, the first first.
	Names []string `json:"names,omitempty"`
	// The certificates, in PEM, that the authority's own server is trusted by;
	// "" is those that the system trusts.
	Authority string `json:"authority,omitempty"`
}

// IsZero says that no authority is wanted; the document then has no such part.
func (a ACME) IsZero() bool {
	return a.Directory == "" && a.Email == "" && len(a.Names) == 0 && a.Authority == ""
}

// Sources of the certificate.
const (
	SelfSigned = "self-signed"
	Uploaded   = "uploaded"
	ByACME     = "acme"
)

// ACMEPort is where an authority asks whether a name is ours (RFC 8555, 8.3).
const ACMEPort = 80

// maxACMENames is what Let's Encrypt takes, four times less: each is asked for.
const maxACMENames = 25

// Certificates is what the setting wants of whoever greets browsers.
type Certificates interface {
	// Key is the private key that the machine made and keeps for a public one;
	// nil when it has none.
	Key(public crypto.PublicKey) crypto.Signer
	// Serve greets new connections with a certificate; with nil by the
	// machine's own.
	Serve(cert *tls.Certificate)
	// Obtain gets certificates from an authority, through the network's proxy,
	// and greets with them; until there is one, with the machine's own.
	Obtain(a ACME, n Network)
}

type tlsSetting struct{}

func (tlsSetting) Key() string { return "tls" }

// Default is the machine's own certificate, signed by itself.
func (tlsSetting) Default(env Env, d *Document) { d.TLS = TLS{Source: SelfSigned} }

func (t TLS) source() string {
	if t.Source == "" {
		return SelfSigned
	}
	return t.Source
}

func (tlsSetting) Properties(env Env) []Property {
	when := func(source string) func(d *Document) bool {
		return func(d *Document) bool { return d.TLS.source() == source }
	}
	const group = "Certificate"
	return []Property{
		{
			Key: "tls.source", Title: "Certificate", Group: group, Type: Enum, Default: SelfSigned,
			Help: "Where the certificate of the management pages comes from.",
			Options: []Option{
				{SelfSigned, "Made by the appliance, signed by itself"}, {Uploaded, "Uploaded"}, {ByACME, "From an authority, automatically (ACME)"},
			},
			Get: func(d *Document) string { return d.TLS.source() },
			Set: setSource,
		},
		{
			Key: "tls.chain", Title: "Certificate and chain", Group: group, Type: Certificate, When: when(Uploaded),
			Help: "The certificate in PEM, with those that lead to its authority, in any order.",
			Get:  func(d *Document) string { return d.TLS.Chain },
			Set:  setChain,
		},
		{
			Key: "tls.key", Title: "Private key", Group: group, Type: Secret, When: when(Uploaded),
			Help: "The certificate's key in PEM, without a password. Empty when the request was made on the appliance.",
			Get: func(d *Document) string {
				if d.TLS.Key != "" {
					return Hidden
				}
				return ""
			},
			Set: setKey,
		},
		{
			Key: "tls.directory", Title: "Directory", Group: group, Type: URL, When: when(ByACME), Example: "https://acme.example.com/directory",
			Help: "The URL of the authority's ACME directory. By using it you accept the authority's terms.",
			Get:  func(d *Document) string { return d.TLS.ACME.Directory },
			Set: func(_ Env, d *Document, text string) error {
				return setText(&d.TLS.ACME.Directory, text, checkDirectory)
			},
		},
		{
			Key: "tls.names", Title: "Names", Group: group, Type: Names, When: when(ByACME), Example: "web1.example.com",
			Help: "The host names of the certificate. The authority must reach port 80 of this appliance under each of them.",
			Get:  func(d *Document) string { return strings.Join(d.TLS.ACME.Names, ", ") },
			Set: func(_ Env, d *Document, text string) error {
				names := fields(strings.ToLower(text))
				for _, n := range names {
					if err := checkACMEName(n); err != nil {
						return fmt.Errorf("has %q, which %w", n, err)
					}
				}
				d.TLS.ACME.Names = names
				return nil
			},
		},
		{
			Key: "tls.email", Title: "E-mail", Group: group, Type: Email, When: when(ByACME), Example: "admin@example.com",
			Help: "Whom the authority tells of problems. May be empty.",
			Get:  func(d *Document) string { return d.TLS.ACME.Email },
			Set:  func(_ Env, d *Document, text string) error { return setText(&d.TLS.ACME.Email, text, checkEmail) },
		},
		{
			Key: "tls.authority", Title: "Root of the authority", Group: group, Type: Certificate, When: when(ByACME),
			Help: "The root certificate, in PEM, of the authority's own server. Empty when it is one that the system trusts.",
			Get:  func(d *Document) string { return d.TLS.ACME.Authority },
			Set:  func(_ Env, d *Document, text string) error { return setText(&d.TLS.ACME.Authority, text, checkRoots) },
		},
	}
}

// setText puts a text in its place if it is empty or good.
func setText(place *string, text string, check func(string) error) error {
	text = strings.TrimSpace(text)
	if text != "" {
		if err := check(text); err != nil {
			return err
		}
	}
	*place = text
	return nil
}

// setSource also forgets an uploaded certificate that is no longer wanted: a
// key that is not used is only there to be stolen.
func setSource(_ Env, d *Document, text string) error {
	switch text {
	case SelfSigned, ByACME:
		d.TLS.Chain, d.TLS.Key = "", ""
	case Uploaded:
	default:
		return fmt.Errorf("must be %s, %s or %s", SelfSigned, Uploaded, ByACME)
	}
	d.TLS.Source = text
	return nil
}

// setChain takes a key that was pasted along. The key so far stays with its
// certificate: with another one it is gone.
func setChain(_ Env, d *Document, text string) error {
	if strings.TrimSpace(text) == "" {
		d.TLS.Chain, d.TLS.Key = "", ""
		return nil
	}
	chain, key, err := tlspem.Parse(text)
	if err != nil {
		return err
	}
	pasted := ""
	if key != nil {
		if err := tlspem.Pair(chain, key); err != nil {
			return errors.New("holds a private key that " + err.Error())
		}
		if pasted, err = tlspem.KeyPEM(key); err != nil {
			return err
		}
	}
	d.TLS.Source, d.TLS.Chain = Uploaded, chain.PEM()
	if old, err := tlspem.ParseKey(d.TLS.Key); pasted != "" || err != nil || tlspem.Pair(chain, old) != nil {
		d.TLS.Key = pasted
	}
	return nil
}

func setKey(_ Env, d *Document, text string) error {
	if strings.TrimSpace(text) == "" {
		d.TLS.Key = ""
		return nil
	}
	if text == Hidden {
		if d.TLS.Key == "" {
			return errors.New("is missing")
		}
		return nil
	}
	key, err := tlspem.ParseKey(text)
	if err != nil {
		return err
	}
	canonical, err := tlspem.KeyPEM(key)
	if err != nil {
		return err
	}
	d.TLS.Key = canonical
	return nil
}

func checkDirectory(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("is not a URL that begins with https://")
	}
	return nil
}

func checkEmail(text string) error {
	_, err := appliance.Setting{Type: appliance.TypeEmail}.Parse(text)
	return err
}

func checkACMEName(name string) error {
	if !strings.Contains(name, ".") {
		return errors.New("is not a full host name: an authority certifies names such as web1.example.com")
	}
	if strings.HasPrefix(name, "*.") {
		return errors.New("is not one host: an authority certifies it only by DNS, which the appliance cannot answer")
	}
	return nettext.CheckDomain(name)
}

func checkRoots(text string) error {
	_, err := tlspem.Roots(text)
	return err
}

func (tlsSetting) Validate(env Env, d *Document) []Problem {
	var found problems
	t := d.TLS
	switch t.source() {
	case SelfSigned:
	case Uploaded:
		t.validateUpload(&found)
	case ByACME:
		t.ACME.validate(env, &found)
	default:
		found.add("tls.source", fmt.Sprintf("%q is not a source", t.Source), "it must be self-signed, uploaded or acme")
	}
	if t.source() != Uploaded && t.Chain+t.Key != "" {
		found.add("tls.chain", "a certificate is given, but not used", "write the source uploaded, or leave it out")
	}
	return found
}

func (t TLS) validateUpload(found *problems) {
	if t.Chain == "" {
		found.add("tls.chain", "the certificate is missing", "give it in PEM, or use another source")
		return
	}
	chain, err := tlspem.ParseChain(t.Chain)
	if err != nil {
		found.add("tls.chain", "the certificate "+err.Error(), "")
	}
	if t.Key == "" {
		return
	}
	key, errKey := tlspem.ParseKey(t.Key)
	if errKey == nil && err == nil {
		errKey = tlspem.Pair(chain, key)
	}
	if errKey != nil {
		found.add("tls.key", "the private key "+errKey.Error(), "")
	}
}

func (a ACME) validate(env Env, found *problems) {
	add := func(property, message string) {
		*found = append(*found, Problem{Path: "tls.acme." + property, Property: "tls." + property, Message: message})
	}
	check := func(property, title, text string, check func(string) error) {
		if text == "" {
			return
		}
		if err := check(text); err != nil {
			add(property, title+" "+err.Error())
		}
	}
	if a.Directory == "" {
		add("directory", "the authority's directory is missing")
	}
	if len(a.Names) == 0 {
		add("names", "the names are missing")
	}
	if len(a.Names) > maxACMENames {
		add("names", fmt.Sprintf("there are more than %d names", maxACMENames))
	}
	check("directory", "the authority's directory", a.Directory, checkDirectory)
	for _, n := range a.Names {
		if err := checkACMEName(n); err != nil {
			add("names", fmt.Sprintf("the name %q %v", n, err))
		}
	}
	check("email", "the e-mail address", a.Email, checkEmail)
	check("authority", "the authority's root", a.Authority, checkRoots)
	for _, s := range env.Definition().Services {
		for _, p := range s.Ports {
			if p.Port == ACMEPort && (p.Protocol == "" || p.Protocol == "tcp") {
				found.add("tls.source", fmt.Sprintf("the authority asks on port %d, which is that of the service %s", ACMEPort, s.Name),
					"upload a certificate instead")
			}
		}
	}
}

// Check sees to what is not the document's own: dates, and keys that the
// machine keeps. What was in force already may end without being in the way of
// another change.
func (tlsSetting) Check(_ context.Context, sys *System, _ Env, old, new *Document) []Problem {
	t := new.TLS
	if t.source() != Uploaded || sameCertificate(old.TLS, t) {
		return nil
	}
	var found problems
	chain, err := tlspem.ParseChain(t.Chain)
	if err == nil {
		err = chain.CheckDates(sys.now())
	}
	if err != nil {
		found.add("tls.chain", "the certificate "+err.Error(), "")
		return found
	}
	if _, err := t.certificate(sys); err != nil {
		found.add("tls.key", err.Error(), "")
	}
	return found
}

func sameCertificate(a, b TLS) bool {
	return a.source() == b.source() && a.Chain == b.Chain && a.Key == b.Key
}

// certificate is what is uploaded, with its key.
func (t TLS) certificate(sys *System) (*tls.Certificate, error) {
	chain, err := tlspem.ParseChain(t.Chain)
	if err != nil {
		return nil, fmt.Errorf("the certificate %w", err)
	}
	var key crypto.Signer
	if t.Key != "" {
		if key, err = tlspem.ParseKey(t.Key); err != nil {
			return nil, fmt.Errorf("the private key %w", err)
		}
	} else if sys.Certificates != nil {
		key = sys.Certificates.Key(chain.Leaf().PublicKey)
	}
	if key == nil {
		return nil, errors.New("the private key is missing: the certificate is of no request that was made on this appliance. Give its key, too")
	}
	if err := tlspem.Pair(chain, key); err != nil {
		return nil, fmt.Errorf("the private key %w", err)
	}
	return &tls.Certificate{Certificate: chain.DER(), PrivateKey: key, Leaf: chain.Leaf()}, nil
}

// Guards says whether browsers are greeted by another certificate: one that
// they do not trust may keep the administrator out.
func (tlsSetting) Guards(old, new *Document) bool { return !sameCertificate(old.TLS, new.TLS) }

// Files are none: the key is for the agent alone.
func (tlsSetting) Files(env Env, d *Document) ([]File, error) { return nil, nil }

// Apply greets new connections with what the document says; connections that
// are open stay. What cannot be used is replaced by the machine's own: an
// appliance that cannot be managed is worse.
func (tlsSetting) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	if sys.Certificates == nil {
		return nil // nobody is greeted yet
	}
	switch d.TLS.source() {
	case Uploaded:
		cert, err := d.TLS.certificate(sys)
		sys.Certificates.Serve(cert)
		return err
	case ByACME:
		kept := d.Clone() // d is the caller's
		sys.Certificates.Obtain(kept.TLS.ACME, kept.Network)
	default:
		sys.Certificates.Serve(nil)
	}
	return nil
}

// Verify has nothing to wait for: the next connection is greeted anew.
func (tlsSetting) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (tlsSetting) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
