// Package slapdtest runs a directory for tests: OpenLDAP's server on loopback,
// with a certificate of its own authority, and people and groups in it of both
// kinds, those of Unix and those that look like Active Directory's.
//
// Guarantees: everything lies in the test's folder, and the server ends with
// the test. Everybody's password is [Password].
package slapdtest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
)

// Password is everybody's, and that of the search account.
const Password = "correct-Horse-7-directory"

// SearchDN is the search account.
const SearchDN = "cn=appliance,ou=services,dc=example,dc=com"

//go:embed people.ldif
var people string

//go:embed ad.schema
var schema []byte

// Server is a running directory.
type Server struct {
	// URL and StartTLS are where it is: with TLS, and with STARTTLS.
	URL, StartTLS string
	// CA is the certificate of its authority, in PEM.
	CA string

	end  context.CancelFunc
	done chan struct{}
	log  lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// Log is what the server said so far.
func (s *Server) Log() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.b.String()
}

// Start runs a directory until the test ends, and waits until it answers.
func Start(t testing.TB) *Server {
	t.Helper()
	hosttest.Need(t, "slapd", "slapadd")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, cert, key := certificates(t)
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("ad.schema", schema)
	write("ca.pem", []byte(ca))
	write("cert.pem", cert)
	write("key.pem", key)
	config := write("slapd.conf", []byte(strings.ReplaceAll(configuration, "DIR", dir)))
	ldif := write("people.ldif", []byte(strings.ReplaceAll(people, "PASSWORD", Password)))
	if err := (host.Local{}).Run(t.Context(), host.Command{Name: "slapadd", Args: []string{"-f", config, "-l", ldif}}); err != nil {
		t.Fatal(err)
	}
	s := &Server{CA: ca}
	t.Cleanup(s.Stop)
	for range 5 { // another program may take a port that was free
		if s.run(t, config) {
			return s
		}
	}
	t.Fatalf("slapd does not run: %s", s.Log())
	return nil
}

// run runs the server on free ports; whether it answers.
func (s *Server) run(t testing.TB, config string) bool {
	tlsPort, plainPort := freePort(t), freePort(t)
	s.URL, s.StartTLS, s.done = "ldaps://localhost:"+tlsPort, "ldap://localhost:"+plainPort, make(chan struct{})
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	go func() {
		defer close(s.done)
		urls := "ldaps://127.0.0.1:" + tlsPort + "/ ldap://127.0.0.1:" + plainPort + "/"
		// It runs in the foreground only when it may debug; "stats" tells of
		// each operation.
		_ = host.Local{}.Run(ctx, host.Command{Name: "slapd", Args: []string{"-f", config, "-h", urls, "-d", "stats"}, Stdout: &s.log, Stderr: &s.log})
	}()
	return s.await(t, tlsPort)
}

// Stop ends the server; then nobody answers.
func (s *Server) Stop() {
	s.end()
	<-s.done
}

// Setting is how the directory is set up, with the people and groups of Unix.
func (s *Server) Setting() setting.LDAP {
	return setting.LDAP{
		Kind: setting.OtherDirectory, Servers: []string{s.URL}, Authority: s.CA, BindDN: SearchDN, BindPassword: Password,
		Base: "ou=people,dc=example,dc=com", GroupBase: "ou=groups,dc=example,dc=com",
		AdminGroups: []string{"appliance-admins"}, OperatorGroups: []string{"cn=operators,ou=groups,dc=example,dc=com"}, AuditorGroups: []string{"auditors", "unix-auditors"},
	}
}

// await waits until the server answers, or has ended.
func (s *Server) await(t testing.TB, port string) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-s.done:
			return false
		default:
		}
		if c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second); err == nil && strings.Contains(s.Log(), "slapd starting") {
			c.Close()
			return true
		}
	}
	t.Fatalf("slapd does not answer: %s", s.Log())
	return false
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

const configuration = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include DIR/ad.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/slapd.pid
TLSCACertificateFile DIR/ca.pem
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
allow bind_anon_dn bind_anon_cred
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=appliance,ou=services,dc=example,dc=com" read by self read by anonymous auth by * none
database mdb
suffix "dc=example,dc=com"
rootdn "cn=root,dc=example,dc=com"
directory DIR/db
maxsize 10485760
`

// certificates are those of an authority, and of a server called localhost.
func certificates(t testing.TB) (ca string, cert, key []byte) {
	t.Helper()
	authority, text := NewCA(t)
	leaf := authority.Issue(t, "localhost")
	der, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// CA is an authority that only tests trust.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes one, with its certificate in PEM.
func NewCA(t testing.TB) (ca CA, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return CA{cert, key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Issue makes a certificate of a server, that is also for 127.0.0.1.
func (ca CA) Issue(t testing.TB, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(fmt.Errorf("cannot issue a certificate: %w", err))
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
