package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/identity"
	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
	"github.com/ingotvm/ingot/internal/release"
)

// certificateFor is one in PEM for a key, for some days.
func certificateFor(t *testing.T, public any, by *ecdsa.PrivateKey, days int) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"box"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(days)*24*time.Hour + time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return tlspem.PEM(der)
}

func ownKey(t *testing.T) (key *ecdsa.PrivateKey, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		text, err = tlspem.KeyPEM(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

// upload puts a certificate in force, without a confirmation; none is the
// machine's own.
func upload(t *testing.T, a *Agent, chain, key string) {
	t.Helper()
	_, _, err := a.engine.Commit(t.Context(), config.Change{Trusted: true, Edit: func(d *setting.Document) error {
		d.TLS = setting.TLS{Source: setting.Uploaded, Chain: chain, Key: key}
		if chain == "" {
			d.TLS = setting.TLS{}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	a.cache.drop()
}

// The certificate names host and addresses, follows them, and yet stays while
// somebody sets the appliance up.
func TestOwnCertificateFollowsItsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		makeMachine(t, root, release.Boot{Format: 1, Definition: demo}, demoInit)
		a := startAgent(t, root, &fakeManager{})
		addresses := func(list ...string) {
			l := machine.Link{Name: "eth0", Carrier: true}
			for _, text := range list {
				l.Addresses = append(l.Addresses, netip.MustParsePrefix(text))
			}
			a.links = func() ([]machine.Link, error) { return []machine.Link{l}, nil }
		}
		names := func() string { return strings.Join(a.chainInUse().Names(), " ") }
		minutes := func(n int) {
			for range n {
				time.Sleep(namesEvery)
				a.renewOwn()
			}
		}
		addresses()
		a.renewOwn()
		addresses("192.0.2.7/24")
		a.renewOwn()
		if names() != "box 192.0.2.7" { // nobody has seen the one before
			t.Errorf("it names %s", names())
		}
		a.Certificate() // a browser
		shown := a.Status(t.Context()).Fingerprint
		addresses("192.0.2.7/24", "2001:db8::7/64")
		minutes(60)
		if got := a.Status(t.Context()).Fingerprint; got != shown {
			t.Error("the fingerprint changed during the set-up")
		}
		commitSetup(t, a)
		a.sys.Kernel = &named{name: "box"} // the set-up gives another one
		minutes(5)
		addresses("192.0.2.7/24")
		minutes(60)
		if got := a.Status(t.Context()).Fingerprint; got != shown {
			t.Error("the fingerprint changed by a blip")
		}
		a.sys.Kernel = &named{name: "other"}
		minutes(int(identity.Steady/namesEvery) + 1)
		if names() != "other 192.0.2.7" || a.Status(t.Context()).Fingerprint == shown {
			t.Errorf("it names %s", names())
		}
		a.links = func() ([]machine.Link, error) { return nil, os.ErrPermission }
		minutes(60)
		if names() != "other 192.0.2.7" {
			t.Errorf("it names %s", names())
		}
	})
}

// TestCertificateEnds: it is said weeks before, and within a week is critical.
func TestCertificateEnds(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	for _, test := range []struct {
		days  int
		want  string // "" is no notice
		level wire.Level
	}{
		{22, "", ""},
		{20, "the certificate of the management port ends in 20 days, on ", wire.Warning},
		{8, "ends in 8 days", wire.Warning},
		{6, "ends in 6 days", wire.Critical},
		{1, "ends in 1 day, on ", wire.Critical},
		{0, "ends within a day, on ", wire.Critical},
	} {
		key, keyText := ownKey(t)
		upload(t, a, certificateFor(t, key.Public(), key, test.days), keyText)
		s := a.Status(t.Context())
		at := slices.IndexFunc(s.Notices, func(n wire.Notice) bool { return n.ID == ofTLS })
		switch {
		case test.want == "" && at < 0:
		case at < 0 || !strings.Contains(s.Notices[at].Text, test.want) || s.Notices[at].Level != test.level || s.Notices[at].Hint == "":
			t.Errorf("%d days: %+v", test.days, s.Notices)
		case !slices.Contains(s.Warnings, s.Notices[at].Text):
			t.Errorf("%d days: the console is told %q", test.days, s.Warnings)
		}
		if s.Fingerprint != identity.Fingerprint(a.Certificate().Certificate[0]) || a.Certificate().Leaf.SerialNumber.Int64() != 7 {
			t.Errorf("%d days: the fingerprint is %s", test.days, s.Fingerprint)
		}
	}
	revision, _ := a.engine.Current()
	late := a.certificateNotices(revision.Document, time.Now().Add(30*24*time.Hour))
	if len(late) != 1 || !strings.Contains(late[0].Text, "ended on ") || late[0].Level != wire.Critical {
		t.Errorf("after its end: %+v", late)
	}
	upload(t, a, "", "")
	if list := a.certificateNotices(revision.Document, time.Now()); len(list) != 1 || list[0].Level != wire.Warning || a.Certificate() != a.identity.Certificate() {
		t.Errorf("a wanted certificate that is not in use: %+v", list)
	}
}

// TestRequestAndRestart: the key of a request stays here, its certificate needs
// no other, and both are there after a restart; without the key the machine's
// own certificate is.
func TestRequestAndRestart(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: demo}, demoInit)
	a := startAgent(t, root, &fakeManager{})
	finishSetup(t, a)
	by := config.By{Who: "admin"}
	for _, bad := range [][]string{{"a b"}, {"0.0.0.0"}, {"x."}, {"-"}, make([]string, 51)} {
		if _, err := a.Request(t.Context(), by, wire.NewRequest{Names: bad}); err == nil {
			t.Errorf("a request for %q", bad)
		}
	}
	r, err := a.Request(t.Context(), by, wire.NewRequest{})
	if err != nil || strings.Join(r.Names, " ") != "demo 192.0.2.7" {
		t.Fatalf("the request is %+v, %v", r, err)
	}
	if _, err := a.Request(t.Context(), by, wire.NewRequest{Names: []string{"*.example.com", "2001:db8::7"}}); err != nil {
		t.Error(err)
	}
	block, _ := pem.Decode([]byte(r.PEM))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ca, _ := ownKey(t)
	cert := certificateFor(t, request.PublicKey, ca, 90)
	upload(t, a, cert, "")

	again := startAgent(t, root, &fakeManager{}) // greets with it from the first connection on
	if got := tlspem.PEM(again.Certificate().Certificate[0]); got != cert {
		t.Error("after a restart another certificate is in use")
	}
	if w, err := again.TLS(t.Context()); err != nil || w.Source != setting.Uploaded || w.InUse != setting.Uploaded || w.Chain[0].Names[0] != "box" {
		t.Errorf("it is told as %+v, %v", w, err)
	}

	if err := os.RemoveAll(filepath.Join(root, "data/identity/tls/keys")); err != nil {
		t.Fatal(err)
	}
	without := startAgent(t, root, &fakeManager{})
	without.applyAll(t.Context())
	w, err := without.TLS(t.Context())
	if err != nil || w.InUse != setting.SelfSigned || !strings.Contains(strings.Join(w.Warnings, " "), "cannot be used") {
		t.Errorf("without its key it is told as %+v, %v", w, err)
	}
	if s := without.Status(t.Context()); s.Fingerprint != without.identity.Fingerprint() {
		t.Error("the console shows the fingerprint of a certificate that is not in use")
	}
}

// TestRequestNeedsADisk: a key that would be lost is not made.
func TestRequestNeedsADisk(t *testing.T) {
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: demo}, `{"data_read_only":true}`)
	a := startAgent(t, root, &fakeManager{})
	if _, err := a.Request(t.Context(), config.By{}, wire.NewRequest{}); err == nil {
		t.Error("a request whose key will be lost")
	}
}
