// Package identity keeps the appliance's own TLS key and certificate, and the
// keys of certificates that it asks others for.
//
// The key is made on the machine, at first boot, and never leaves it; the
// certificate is signed by the key itself and names the host and its
// addresses. When these change for longer than a moment, or the certificate
// nears its end, it is made anew with the same key. What browsers and people
// compare is the certificate's SHA-256, the fingerprint: it changes with the
// certificate, and the console shows the one in use. docs/adr/0012 says why.
//
// Files are replaced whole: after a crash there is the old key or the new,
// never half of one. A damaged file is replaced rather than an obstacle,
// because an appliance that cannot be managed is worse than a new fingerprint.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ingotvm/ingot/internal/host"
)

// Apple's platforms refuse server certificates that are valid for longer than
// 825 days (support.apple.com/HT210176); a certificate is made anew when less
// than renewBefore of that is left.
const (
	validity    = 825 * 24 * time.Hour
	renewBefore = 60 * 24 * time.Hour
	// The clock of a fresh virtual machine may run ahead of its clients'.
	clockSkew = 24 * time.Hour
)

// Steady is how long other names must last before a certificate that somebody
// may have accepted is replaced for them.
const Steady = 10 * time.Minute

// Names are what the certificate speaks for.
type Names struct {
	Host      string
	Addresses []netip.Addr
}

// same says whether two are the same, in whatever order.
func (n Names) same(other Names) bool {
	if n.Host != other.Host || len(n.Addresses) != len(other.Addresses) {
		return false
	}
	return !slices.ContainsFunc(n.Addresses, func(a netip.Addr) bool { return !slices.Contains(other.Addresses, a) })
}

// sane leaves out a host name that a certificate cannot hold: it must not
// keep the appliance from being managed.
func (n Names) sane() Names {
	if strings.ContainsFunc(n.Host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	}) {
		n.Host = ""
	}
	return n
}

// Identity is the key and certificate in use. Certificate and Fingerprint may
// be called from any goroutine; Renew from one at a time.
type Identity struct {
	dir     string
	now     func() time.Time
	key     *ecdsa.PrivateKey
	current atomic.Pointer[tls.Certificate]
	// shown says that the certificate in use may be known to somebody: it was
	// there before this start, or a connection was greeted with it.
	shown atomic.Bool

	renew sync.Mutex // guards what follows
	// wanted are names that the certificate does not have, since when.
	wanted Names
	since  time.Time
}

// Open reads the identity from dir, or makes what is missing there. It always
// returns a usable identity: when it could not be kept in dir, the error says
// so, and the identity lasts until the agent ends.
func Open(dir string, now func() time.Time, names Names) (*Identity, error) {
	id := &Identity{dir: dir, now: now}
	kept := id.load()
	if id.key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("cannot make a TLS key: %w", err)
		}
		id.key, kept = key, false
	}
	if kept && id.lasts() && id.speaksFor(names) {
		id.shown.Store(true)
		return id, nil
	}
	cert, err := id.issue(names)
	if err != nil {
		return nil, err
	}
	id.current.Store(cert)
	return id, id.save(cert)
}

// Certificate is the one in use.
func (id *Identity) Certificate() *tls.Certificate { return id.current.Load() }

// Greet is the one in use, for somebody who is then shown it.
func (id *Identity) Greet() *tls.Certificate {
	id.shown.Store(true)
	return id.current.Load()
}

// Fingerprint is that of the certificate in use.
func (id *Identity) Fingerprint() string { return Fingerprint(id.Certificate().Certificate[0]) }

// Fingerprint is the SHA-256 of a certificate in DER, as browsers show it:
// upper-case hex pairs with colons.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Renew makes a new certificate when the one in use nears its end, or does not
// speak for all of names, and reports whether it did. One that nobody was
// shown is replaced at once; any other when the names have been these for
// [Steady], and never on hold: each new certificate makes every browser ask
// again. An address that the machine no longer has does not cause a new one,
// for it may come back.
func (id *Identity) Renew(names Names, hold bool) (bool, error) {
	id.renew.Lock()
	defer id.renew.Unlock()
	if !id.due(names, hold) {
		return false, nil
	}
	cert, err := id.issue(names)
	if err != nil {
		return false, err
	}
	id.wanted, id.since = Names{}, time.Time{}
	id.current.Store(cert)
	id.shown.Store(false)
	return true, id.save(cert)
}

func (id *Identity) due(names Names, hold bool) bool {
	switch now := id.now(); {
	case !id.lasts():
		return true
	case id.speaksFor(names):
		id.since = time.Time{}
		return false
	case !id.shown.Load():
		return true
	case hold:
		return false
	case id.since.IsZero() || !id.wanted.same(names) || now.Before(id.since):
		id.wanted, id.since = names, now
		return false
	default:
		return now.Sub(id.since) >= Steady
	}
}

// lasts says that the certificate in use is valid, and will be for a while.
func (id *Identity) lasts() bool {
	leaf, now := id.Certificate().Leaf, id.now()
	return !now.Before(leaf.NotBefore) && !now.Add(renewBefore).After(leaf.NotAfter)
}

func (id *Identity) speaksFor(names Names) bool {
	names = names.sane()
	leaf := id.Certificate().Leaf
	if names.Host != "" && !slices.Contains(leaf.DNSNames, names.Host) {
		return false
	}
	return !slices.ContainsFunc(names.Addresses, func(a netip.Addr) bool {
		return !slices.ContainsFunc(leaf.IPAddresses, net.IP(a.AsSlice()).Equal)
	})
}

func (id *Identity) issue(names Names) (*tls.Certificate, error) {
	names = names.sane()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("cannot make a TLS certificate: %w", err)
	}
	now := id.now().UTC().Truncate(time.Second)
	common := names.Host
	if common == "" {
		common = "appliance"
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: common},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(validity - clockSkew),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if names.Host != "" {
		template.DNSNames = []string{names.Host}
	}
	for _, a := range names.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, id.key.Public(), id.key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a TLS certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot make a TLS certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: id.key, Leaf: leaf}, nil
}

func (id *Identity) keyFile() string  { return filepath.Join(id.dir, "key.pem") }
func (id *Identity) certFile() string { return filepath.Join(id.dir, "cert.pem") }

// load takes what is readable of the files and reports whether that is a key
// with its certificate.
func (id *Identity) load() bool {
	key, err := loadKey(id.keyFile())
	if err != nil {
		return false
	}
	id.key = key
	data, err := os.ReadFile(id.certFile())
	if err != nil {
		return false
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !key.PublicKey.Equal(leaf.PublicKey) {
		return false
	}
	id.current.Store(&tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key, Leaf: leaf})
	return true
}

func loadKey(file string) (*ecdsa.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	return key, nil
}

// save writes the key before the certificate: a certificate without its key
// would be of no use, a key without certificate gets one at the next start.
func (id *Identity) save(cert *tls.Certificate) error {
	if err := os.MkdirAll(id.dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep the TLS identity: %w", err)
	}
	if old, err := loadKey(id.keyFile()); err != nil || !old.Equal(id.key) {
		if err := writeKey(id.keyFile(), id.key); err != nil {
			return err
		}
	}
	return host.WriteFile(id.certFile(),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600)
}
