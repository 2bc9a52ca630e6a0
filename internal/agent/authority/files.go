package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
	"github.com/ingotvm/ingot/internal/host"
)

// kept is the file of a certificate: whole with its key and of whom it is.
type kept struct {
	Directory string   `json:"directory"`
	Names     []string `json:"names"`
	Chain     string   `json:"chain"`
	Key       string   `json:"key"`
}

func (m *Manager) certificateFile() string { return filepath.Join(m.opts.Dir, "certificate.json") }
func (m *Manager) accountFile() string     { return filepath.Join(m.opts.Dir, "account.pem") }

// load is the certificate that is kept, when it is what is wished for. What
// cannot be read is not there: there will be another one.
func (m *Manager) load(w Wish) *tls.Certificate {
	var k kept
	data, err := os.ReadFile(m.certificateFile())
	if err != nil || json.Unmarshal(data, &k) != nil || k.Directory != w.Directory || !slices.Equal(k.Names, w.Names) {
		return nil
	}
	chain, err := tlspem.ParseChain(k.Chain)
	if err != nil {
		return nil
	}
	key, err := tlspem.ParseKey(k.Key)
	if err != nil || tlspem.Pair(chain, key) != nil {
		return nil
	}
	return &tls.Certificate{Certificate: chain.DER(), PrivateKey: key, Leaf: chain.Leaf()}
}

func (m *Manager) save(w Wish, cert *tls.Certificate) error {
	chain := ""
	for _, der := range cert.Certificate {
		chain += tlspem.PEM(der)
	}
	key, err := tlspem.KeyPEM(cert.PrivateKey.(crypto.Signer))
	if err != nil {
		return err
	}
	data, err := json.Marshal(kept{Directory: w.Directory, Names: w.Names, Chain: chain, Key: key})
	if err != nil {
		return fmt.Errorf("cannot keep a certificate: %w", err)
	}
	return m.write(m.certificateFile(), data)
}

func (m *Manager) write(file string, data []byte) error {
	if err := os.MkdirAll(m.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep a certificate: %w", err)
	}
	return host.WriteFile(file, data, 0o600)
}

// accountKey is the key by which authorities know this appliance.
func (m *Manager) accountKey() (crypto.Signer, error) {
	if data, err := os.ReadFile(m.accountFile()); err == nil {
		if key, err := tlspem.ParseKey(string(data)); err == nil {
			return key, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make an account's key: %w", err)
	}
	text, err := tlspem.KeyPEM(key)
	if err != nil {
		return nil, err
	}
	return key, m.write(m.accountFile(), []byte(text))
}
