package setting_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

var tlsNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func tlsKey(t testing.TB) (key *ecdsa.PrivateKey, text string) {
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

// tlsCertificate is one in PEM, signed by itself, that ends after some time.
func tlsCertificate(t testing.TB, key crypto.Signer, life time.Duration) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "box"}, DNSNames: []string{"box"},
		NotBefore: tlsNow.Add(-time.Hour), NotAfter: tlsNow.Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tlspem.PEM(der)
}

// greeter notes what it is told to greet with.
type greeter struct {
	key    crypto.Signer
	served *tls.Certificate
	asked  setting.ACME
	proxy  string
	calls  int
}

func (g *greeter) Key(public crypto.PublicKey) crypto.Signer {
	if g.key != nil && g.key.Public().(*ecdsa.PublicKey).Equal(public) {
		return g.key
	}
	return nil
}
func (g *greeter) Serve(c *tls.Certificate) {
	g.served, g.asked, g.calls = c, setting.ACME{}, g.calls+1
}
func (g *greeter) Obtain(a setting.ACME, n setting.Network) {
	g.served, g.asked, g.proxy, g.calls = nil, a, n.Proxy, g.calls+1
}

func TestTLSProperties(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	key, keyText := tlsKey(t)
	other, otherText := tlsKey(t)
	cert, otherCert := tlsCertificate(t, key, time.Hour), tlsCertificate(t, other, time.Hour)
	expect := func(source, chain, key string) {
		t.Helper()
		if d.TLS.Source != source || d.TLS.Chain != chain || d.TLS.Key != key {
			t.Errorf("the part is %+v", d.TLS)
		}
	}
	set := func(property, text, problem string) {
		t.Helper()
		err := setProperty(t, env, d, property, text)
		if got := errorText(err); problem == "" && err != nil || !strings.Contains(got, problem) {
			t.Errorf("%s: %v, want %q", property, err, problem)
		}
	}
	expect(setting.SelfSigned, "", "")
	set("tls.key", setting.Hidden, "is missing")
	set("tls.chain", "x", "is not a certificate in PEM")
	set("tls.chain", cert+otherText, "holds a private key that is not the key of the certificate")
	set("tls.source", "bought", "must be self-signed, uploaded or acme")
	expect(setting.SelfSigned, "", "")
	set("tls.chain", "a title\n"+cert+keyText, "")
	expect(setting.Uploaded, cert, keyText)
	if got := propertyValue(t, env, d, "tls.key"); got != setting.Hidden {
		t.Errorf("the key is shown as %q", got)
	}
	set("tls.key", setting.Hidden, "")
	set("tls.chain", cert, "") // renewed with the same key
	expect(setting.Uploaded, cert, keyText)
	set("tls.chain", otherCert, "") // the old key is not its
	expect(setting.Uploaded, otherCert, "")
	set("tls.key", otherText, "")
	expect(setting.Uploaded, otherCert, otherText)
	set("tls.source", setting.SelfSigned, "") // a key that is not used is not kept
	expect(setting.SelfSigned, "", "")
	set("tls.directory", "http://ca.example.com/", "begins with https://")
	set("tls.names", "WEB1.example.com, web", `has "web", which is not a full host name`)
	set("tls.names", "*.example.com", "not one host")
	set("tls.names", "WEB1.example.com web.example.com", "")
	set("tls.email", "Anna <anna@example.com>", "must be an e-mail address")
	set("tls.authority", keyText, "give certificates alone")
	if got := propertyValue(t, env, d, "tls.names"); got != "web1.example.com, web.example.com" {
		t.Errorf("the names are %q", got)
	}
}

func TestTLSValidate(t *testing.T) {
	env := settingtest.Env() // whose service web has port 80
	free := settingtest.Env()
	free.Definition().Services = []appliance.Service{{Name: "logs", Ports: []appliance.Port{{Port: 80, Protocol: "udp"}, {Port: 8080}}}}
	key, keyText := tlsKey(t)
	_, otherText := tlsKey(t)
	cert := tlsCertificate(t, key, -time.Minute) // that it has ended makes no document wrong
	acme := setting.ACME{Directory: "https://ca.example.com/dir", Names: []string{"web1.example.com"}}
	for _, test := range []struct {
		name string
		env  setting.Env
		tls  setting.TLS
		want string
	}{
		{"of an older document", env, setting.TLS{}, ""},
		{"self-signed", env, setting.TLS{Source: "self-signed"}, ""},
		{"self-signed, ACME prepared", env, setting.TLS{Source: "self-signed", ACME: setting.ACME{Names: []string{"x"}}}, ""},
		{"uploaded", env, setting.TLS{Source: "uploaded", Chain: cert, Key: keyText}, ""},
		{"uploaded, with a key of the machine", env, setting.TLS{Source: "uploaded", Chain: cert}, ""},
		{"unknown", env, setting.TLS{Source: "bought"}, `tls.source: "bought" is not a source`},
		{"not used", env, setting.TLS{Source: "self-signed", Key: keyText}, "tls.chain: a certificate is given, but not used"},
		{"nothing", env, setting.TLS{Source: "uploaded"}, "tls.chain: the certificate is missing"},
		{"a key where all can read it", env, setting.TLS{Source: "uploaded", Chain: cert + keyText}, "tls.chain: the certificate must not hold the private key"},
		{"another key", env, setting.TLS{Source: "uploaded", Chain: cert, Key: otherText}, "tls.key: the private key is not the key of the certificate"},
		{"no key", env, setting.TLS{Source: "uploaded", Chain: cert, Key: "x"}, "tls.key: the private key is not a private key in PEM"},
		{"ACME", free, setting.TLS{Source: "acme", ACME: acme}, ""},
		{"ACME without anything", free, setting.TLS{Source: "acme"}, "tls.acme.directory: the authority's directory is missing\ntls.acme.names: the names are missing"},
		{"ACME on the application's port", env, setting.TLS{Source: "acme", ACME: acme}, "tls.source: the authority asks on port 80, which is that of the service web (upload"},
		{"ACME for a short name", free, setting.TLS{Source: "acme", ACME: setting.ACME{Directory: acme.Directory, Names: []string{"a.b", "web1"}}}, `tls.acme.names: the name "web1" is not a full host name`},
		{"ACME, all wrong", free, setting.TLS{Source: "acme", ACME: setting.ACME{Directory: "x", Names: make([]string, 26), Email: "x", Authority: "x"}}, "there are more than 25 names"},
	} {
		d := setting.Default(test.env)
		d.TLS = test.tls
		got := problemLines(settingOf(t, "tls").Validate(test.env, d))
		if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%s: %s; want %s", test.name, got, test.want)
		}
		if strings.Contains(got, strings.Split(keyText, "\n")[1]) {
			t.Errorf("%s: the problem tells the key", test.name)
		}
	}
}

func TestTLSCheckAndApply(t *testing.T) {
	env := settingtest.Env()
	m := settingtest.New(t)
	key, keyText := tlsKey(t)
	g := &greeter{}
	sys := m.System()
	sys.Now = func() time.Time { return tlsNow }
	s := settingOf(t, "tls")
	old := setting.Default(env)
	check := func(tls setting.TLS, old *setting.Document) string {
		d := old.Clone()
		d.TLS = tls
		return problemLines(s.(setting.Checker).Check(t.Context(), sys, env, old, d))
	}
	good := tlsCertificate(t, key, time.Hour)
	ended := tlsCertificate(t, key, -time.Minute)
	sys.Certificates = g
	for _, test := range []struct {
		tls  setting.TLS
		want string
	}{
		{setting.TLS{Source: "uploaded", Chain: good, Key: keyText}, ""},
		{setting.TLS{Source: "uploaded", Chain: ended, Key: keyText}, "tls.chain: the certificate has expired"},
		{setting.TLS{Source: "uploaded", Chain: good}, "tls.key: the private key is missing: the certificate is of no request that was made on this appliance"},
		{setting.TLS{Source: "self-signed"}, ""},
	} {
		if got := check(test.tls, old); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%s; want %s", got, test.want)
		}
	}
	g.key = key
	if got := check(setting.TLS{Source: "uploaded", Chain: good}, old); got != "" {
		t.Errorf("with a key of the machine: %s", got)
	}
	inForce := old.Clone()
	inForce.TLS = setting.TLS{Source: "uploaded", Chain: ended, Key: keyText}
	if got := check(inForce.TLS, inForce); got != "" {
		t.Errorf("what has ended meanwhile keeps something else from being changed: %s", got)
	}

	apply := func(tls setting.TLS) error {
		d := old.Clone()
		d.TLS, d.Network.Proxy = tls, "http://proxy:3128"
		return s.Apply(t.Context(), sys, env, d, false)
	}
	if err := apply(setting.TLS{Source: "uploaded", Chain: good}); err != nil || g.served == nil || g.served.PrivateKey != crypto.Signer(key) {
		t.Errorf("%v, greets with %+v", err, g.served)
	}
	if err := apply(setting.TLS{Source: "acme", ACME: setting.ACME{Directory: "d", Names: []string{"n"}}}); err != nil || g.asked.Directory != "d" || g.proxy != "http://proxy:3128" {
		t.Errorf("%v, asks %+v", err, g.asked)
	}
	if err := apply(setting.TLS{}); err != nil || g.served != nil || g.asked.Directory != "" {
		t.Errorf("%v, greets with %+v, asks %+v", err, g.served, g.asked)
	}
	g.key = nil
	if err := apply(setting.TLS{Source: "uploaded", Chain: good}); err == nil || g.served != nil || g.calls != 4 {
		t.Errorf("without the key: %v, greets with %+v", err, g.served)
	}
	sys.Certificates = nil
	if err := apply(setting.TLS{Source: "uploaded", Chain: good, Key: keyText}); err != nil {
		t.Errorf("before the agent runs: %v", err)
	}
}

func TestTLSGuards(t *testing.T) {
	env := settingtest.Env()
	base := setting.Default(env)
	base.TLS = setting.TLS{Source: "uploaded", Chain: "a", Key: "b"}
	for name, test := range map[string]struct {
		edit func(d *setting.Document)
		want bool
	}{
		"nothing":       {func(d *setting.Document) {}, false},
		"a chain":       {func(d *setting.Document) { d.TLS.Chain = "c" }, true},
		"a key":         {func(d *setting.Document) { d.TLS.Key = "c" }, true},
		"its own":       {func(d *setting.Document) { d.TLS = setting.TLS{} }, true},
		"an authority":  {func(d *setting.Document) { d.TLS = setting.TLS{Source: "acme"} }, true},
		"ACME prepared": {func(d *setting.Document) { d.TLS.ACME.Email = "a@example.com" }, false},
	} {
		d := base.Clone()
		test.edit(d)
		if got := settingOf(t, "tls").(setting.Guard).Guards(base, d); got != test.want {
			t.Errorf("%s: guarded %v, want %v", name, got, test.want)
		}
	}
	older, newer := setting.Default(env), setting.Default(env)
	older.TLS.Source = ""
	if settingOf(t, "tls").(setting.Guard).Guards(older, newer) {
		t.Error("a document of before there was this part differs")
	}
}

func TestTLSOpensPort80(t *testing.T) {
	env := settingtest.Env()
	env.Definition().Services = nil
	has := func(d *setting.Document) bool {
		for _, r := range setting.FirewallRules(env, d) {
			if r.Protocol == "tcp" && r.FirstPort <= 80 && r.LastPort >= 80 && r.Action == "accept" {
				return true
			}
		}
		return false
	}
	d := setting.Default(env)
	if has(d) {
		t.Error("port 80 is open without ACME")
	}
	d.TLS.Source = setting.ByACME
	if !has(d) {
		t.Error("port 80 is closed with ACME")
	}
}

// TestFrontOpensItsPorts: where the agent stands in front of a service, its
// ports are open while the service runs, and the service's own is not; an
// authority may ask on port 80 then.
func TestFrontOpensItsPorts(t *testing.T) {
	env := settingtest.Env()
	env.Definition().Services = []appliance.Service{{Name: "shop", Ports: []appliance.Port{{Port: 8090, Protocol: "tcp", Title: "Shop", HTTPS: true}}}}
	open := func(d *setting.Document) []int {
		var ports []int
		for _, r := range setting.FirewallRules(env, d) {
			if r.Origin == "shop" && r.Action == "accept" && r.Protocol == "tcp" && r.Comment == "Shop" && r.FirstPort == r.LastPort {
				ports = append(ports, r.FirstPort)
			} else if r.FirstPort <= 8090 && r.LastPort >= 8090 {
				t.Errorf("there is a rule %s", r)
			}
		}
		return ports
	}
	d := setting.Default(env)
	d.Setup.Complete = false
	if got := open(d); len(got) != 0 {
		t.Errorf("open before the set-up: %v", got)
	}
	d.Setup.Complete = true
	if got := open(d); !slices.Equal(got, []int{443, 80}) {
		t.Errorf("open are %v, want 443 and 80", got)
	}
	d.TLS = setting.TLS{Source: setting.ByACME, ACME: setting.ACME{Directory: "https://ca.example.com/dir", Names: []string{"shop.example.com"}}}
	for _, p := range setting.Validate(env, d) {
		if strings.HasPrefix(p.Path, "tls") {
			t.Errorf("with ACME: %+v", p)
		}
	}
}
