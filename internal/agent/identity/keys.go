package identity

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ingotvm/ingot/internal/host"
)

// maxKeys bounds the keys that are kept: those of older certificates let an
// older configuration be brought back.
const maxKeys = 8

// Keys are the keys that the machine made for certificates of others. They lie
// in a folder and never leave it. Methods may be called from any goroutine.
type Keys struct {
	dir string
	mu  sync.Mutex
}

// NewKeys are the keys in a folder, which need not be there yet.
func NewKeys(dir string) *Keys { return &Keys{dir: dir} }

// pendingFile names the key of the request that was made last.
const pendingFile = "pending"

// Find is the private key of a public one, or nil.
func (k *Keys) Find(public crypto.PublicKey) crypto.Signer {
	id, err := keyID(public)
	if err != nil {
		return nil
	}
	key, err := loadKey(k.file(id))
	if err != nil || !key.PublicKey.Equal(public) {
		return nil
	}
	return key
}

// Pending is the key of the request that waits for a certificate: the last
// one, unless a certificate in use has it, or else a new one.
func (k *Keys) Pending(inUse crypto.PublicKey) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id, err := os.ReadFile(filepath.Join(k.dir, pendingFile)); err == nil {
		key, err := loadKey(k.file(strings.TrimSpace(string(id))))
		if err == nil && !key.PublicKey.Equal(inUse) {
			return key, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	return key, k.keep(key, inUse)
}

// keep writes a key, then that it is the pending one, and then makes room.
func (k *Keys) keep(key *ecdsa.PrivateKey, inUse crypto.PublicKey) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep a key: %w", err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writeKey(k.file(id), key); err != nil {
		return err
	}
	if err := host.WriteFile(filepath.Join(k.dir, pendingFile), []byte(id+"\n"), 0o600); err != nil {
		return err
	}
	used, _ := keyID(inUse) // none is in use otherwise
	k.prune(id, used)
	return nil
}

// prune removes the oldest keys but these. What cannot be removed stays.
func (k *Keys) prune(keep ...string) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return
	}
	type old struct {
		name string
		at   int64
	}
	var list []old
	for _, e := range entries {
		id, isKey := strings.CutSuffix(e.Name(), ".pem")
		if info, err := e.Info(); err == nil && isKey && !slices.Contains(keep, id) {
			list = append(list, old{e.Name(), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(list, func(a, b old) int { return cmp.Compare(b.at, a.at) })
	for _, e := range list[min(maxKeys, len(list)):] {
		_ = os.Remove(filepath.Join(k.dir, e.name))
	}
}

func (k *Keys) file(id string) string { return filepath.Join(k.dir, filepath.Base(id)+".pem") }

// keyID names a key: the SHA-256 of its public half, in hex.
func keyID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("cannot name a key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot keep a key: %w", err)
	}
	return host.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// Request is a certificate request (PKCS #10) in PEM for host names and
// addresses, the first of which is its common name.
func Request(key crypto.Signer, names []string) (string, error) {
	template := &x509.CertificateRequest{}
	for _, n := range names {
		if a, err := netip.ParseAddr(n); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	if len(names) > 0 && len(names[0]) <= maxCommonName {
		template.Subject = pkix.Name{CommonName: names[0]}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return "", fmt.Errorf("cannot make a certificate request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}

// maxCommonName is ub-common-name of RFC 5280.
const maxCommonName = 64
