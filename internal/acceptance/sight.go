package acceptance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/ingotvm/ingot/internal/api/client"
)

// sight trusts the key that an appliance's management port shows first, and
// from then on only that. The certificate around it may change: the appliance
// makes a new one when it is given another address.
type sight struct {
	address string

	mu          sync.Mutex
	key         []byte // public, as in the certificate; nil before the first sight
	fingerprint string // of the certificate seen last
}

// client asks the agent over connections that show the key.
func (s *sight) client() *client.Client {
	d := &tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, // there is no authority to ask: look compares the key itself
		VerifyConnection:   s.look,
	}}
	return client.New(func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", s.address) })
}

func (s *sight) look(c tls.ConnectionState) error {
	cert := c.PeerCertificates[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil {
		s.key = cert.RawSubjectPublicKeyInfo
	}
	if !bytes.Equal(s.key, cert.RawSubjectPublicKeyInfo) {
		return errors.New("the appliance's TLS key has changed")
	}
	s.fingerprint = client.Fingerprint(cert)
	return nil
}

// tells holds the fingerprint that the status tells, and so the console,
// against the certificate that was shown.
func (s *sight) tells(fingerprint string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fingerprint == s.fingerprint {
		return nil
	}
	return fmt.Errorf("the status tells the fingerprint %q, but the certificate's is %s", fingerprint, s.fingerprint)
}

// identity is the SHA-256 of the key, in hex.
func (s *sight) identity() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(s.key)
	return hex.EncodeToString(sum[:])
}
