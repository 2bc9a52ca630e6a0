package vm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/test/browser"
)

// TestNewAdministrator is the first hour of one, in a browser: the OVA's first
// boot, a changed network, an own certificate, and a second administrator.
func TestNewAdministrator(t *testing.T) {
	needAll(t)
	browser.Need(t)
	m := unseeded(t, built(t, "hello", "ova"), hypervisor.Spec{
		Hardware: hypervisor.Hardware{Bus: hypervisor.PVSCSI, NIC: hypervisor.VMXNET3}, Data: 1 << 30,
	})
	started := time.Now()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, m, "it asks", needsSetup)
	management, err := m.Address(acceptance.ManagementPort)
	if err != nil {
		t.Fatal(err)
	}
	b := window(t, management)
	setsUp(t, b, code(t, m))
	becomesHealthy(t, m, started)
	b.Login("admin", password).Sees("Healthy")
	b.Shot("vm-overview")
	if err := pageSays(t.Context(), address(t, m), "Moin"); err != nil {
		t.Error(err)
	}

	b.Open("/settings/network")
	b.Choose(`select[name="network.mode"]`, "static")
	b.Do(browser.WaitFor(`input[name="network.address"]`))
	for field, value := range map[string]string{
		"hostname": "shop1", "address": "10.0.2.15/24", "gateway": "10.0.2.2", "dns": "10.0.2.3",
	} {
		b.Fill(`input[name="network.`+field+`"]`, value)
	}
	b.Press("#ask button:not([name])")
	b.Sees("is undone in")
	b.Shot("vm-network-pending")
	b.Press(`form[action="/confirm"] button`)
	b.Sees("The change is confirmed")
	agrees(t, admin(t, m), "addresses of eth0=10.0.2.15/24", "gateway of eth0=10.0.2.2", "DNS servers=10.0.2.3")

	hasCertificate(t, b)
	second(t, b, m, management)
	b.Open("/history")
	b.Sees("set-up: language") // the whole story is there
	b.Shot("vm-history")
	b.Open("/power")
	b.Press(`button[name="action"][value="off"]`)
	b.Sees("is being switched off")
	ended(t, m)
}

// window is a browser that has patience with a slow machine.
func window(t *testing.T, management string) *browser.Browser {
	t.Helper()
	b := browser.Start(t, "https://"+management, 10*time.Minute)
	b.Patience = 2 * time.Minute
	return b
}

// setsUp answers what the first boot asks, on a telephone.
func setsUp(t *testing.T, b *browser.Browser, secret string) {
	t.Helper()
	b.Screen(browser.Narrow, browser.Dark)
	b.Open("/")
	b.Sees("This appliance waits to be set up")
	b.Press(`a[href="/setup"]`)
	b.Do(browser.WaitFor("#code"))
	b.Fill("#code", secret)
	b.Press("main button")
	for _, step := range []string{"language", "keyboard", "network", "time", "administrator", "application"} {
		b.Do(browser.WaitFor(`input[name=step][value="` + step + `"]`))
		switch step {
		case "administrator":
			b.Fill(`input[name="access.password"]`, password)
			b.Fill(`input[name="again:access.password"]`, password)
		case "application":
			b.Fill(`input[name="application.greeting"]`, "Moin")
		}
		b.Press("main button")
	}
	b.Sees("The appliance is set up")
	b.Screen(browser.Wide, browser.Light)
}

// hasCertificate uploads a bad and a good certificate, as files.
func hasCertificate(t *testing.T, b *browser.Browser) {
	t.Helper()
	dir := t.TempDir()
	key, other := newKey(t), newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "shop1.example.com"}, DNSNames: []string{"shop1.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	choose := func(field, kind string, der []byte) {
		t.Helper()
		file := filepath.Join(dir, field)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		b.Do(chromedp.SetUploadFiles(chromedp.CSS(`input[name="file:`+field+`"]`), []string{file}))
	}
	for _, try := range []struct {
		key  *ecdsa.PrivateKey
		sees string
	}{{other, "is not the key of the certificate"}, {key, "is undone in"}} {
		b.Open("/certificate")
		choose("tls.chain", "CERTIFICATE", der)
		secret, err := x509.MarshalECPrivateKey(try.key)
		if err != nil {
			t.Fatal(err)
		}
		choose("tls.key", "EC PRIVATE KEY", secret)
		b.Press(`form[action="/certificate"] button:not(.second)`)
		b.Sees(try.sees)
	}
	b.Shot("vm-certificate")
	b.Press(`form[action="/confirm"] button`)
	b.Sees("The change is confirmed")
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// second makes a second administrator, who logs in and changes something.
func second(t *testing.T, b *browser.Browser, m hypervisor.Machine, management string) {
	t.Helper()
	const secret = "another correct horse"
	b.Open("/access")
	b.Fill("#person", "anna")
	b.Choose("#person-role", "admin")
	b.Fill("#person-password", secret)
	b.Fill("#person-again", secret)
	b.Press(`form[action="/access/accounts"] button`)
	b.Sees("anna")
	anna := window(t, management)
	anna.Screen(browser.Narrow, browser.Light)
	anna.Login("anna", secret)
	anna.Open("/settings/application")
	anna.Fill(`input[name="application.greeting"]`, "Servus")
	anna.Press("#ask button:not([name])")
	anna.Sees("Saved.")
	if err := pageSays(t.Context(), address(t, m), "Servus"); err != nil {
		t.Error(err)
	}
}
