package authority

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"github.com/ingotvm/ingot/internal/agent/frontdoor"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// pebble is Let's Encrypt's test server, in this process and on loopback; all
// names are this machine's.
type pebble struct {
	directory string
	// trust is what its own server is trusted by, root signs certificates.
	trust string
	root  *x509.CertPool
	// port is where it asks, in place of 80.
	port string
}

func newPebble(t *testing.T) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	if err := store.AddBlockedDomain("bank.example.com"); err != nil {
		t.Fatal(err)
	}
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 90 * 24 * 3600}})
	l := listenLoopback(t, "127.0.0.1:0")
	l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	front := wfe.New(quiet, store, va.New(quiet, number, 1, false, resolver(t), store), issuer, false, false, 1, 1)
	server := httptest.NewUnstartedServer(front.Handler())
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	p := &pebble{directory: server.URL + wfe.DirectoryPath, port: port, root: x509.NewCertPool()}
	p.trust = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if !p.root.AppendCertsFromPEM(issuer.GetRootCert(0).PEM()) {
		t.Fatal("the test server has no root")
	}
	return p
}

func listenLoopback(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// resolver is a DNS server by which every name is 127.0.0.1.
func resolver(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	t.Cleanup(func() { _ = server.Shutdown() })
	return conn.LocalAddr().String()
}

// manager runs until the test ends.
func (p *pebble) manager(t *testing.T, dir, port string) *Manager {
	t.Helper()
	m := New(Options{Dir: dir, Listen: func(ctx context.Context) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+port)
	}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return m
}

func (p *pebble) wish(names ...string) Wish {
	return Wish{ACME: setting.ACME{Directory: p.directory, Email: "admin@example.com", Names: names, Authority: p.trust}}
}

func waitUntil(t *testing.T, m *Manager, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute; %+v", m.State())
		}
	}
}

func TestPebble(t *testing.T) {
	p := newPebble(t)
	dir := filepath.Join(t.TempDir(), "acme")
	m := p.manager(t, dir, p.port)
	m.Obtain(p.wish("web1.example.com", "web.example.com"))
	waitUntil(t, m, func() bool { return m.Certificate() != nil || m.State().Problem != "" })
	cert := m.Certificate()
	if cert == nil {
		t.Fatal(m.State().Problem)
	}
	middle := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		middle.AddCert(c)
	}
	for _, name := range []string{"web1.example.com", "web.example.com"} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: p.root, Intermediates: middle}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := time.Until(m.State().Next); left < 59*24*time.Hour || left > 61*24*time.Hour {
		t.Errorf("the next order is due in %v, of 90 days", left)
	}
	if conn, err := net.Dial("tcp", "127.0.0.1:"+p.port); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}

	// The same is there at once after a restart; for another name it is asked anew.
	again := p.manager(t, dir, p.port)
	again.Obtain(p.wish("web1.example.com", "web.example.com"))
	if c := again.Certificate(); c == nil || !c.Leaf.Equal(cert.Leaf) {
		t.Error("the certificate was not kept")
	}
	account, err := os.ReadFile(filepath.Join(dir, "account.pem"))
	if err != nil {
		t.Fatal(err)
	}
	again.Obtain(p.wish("web2.example.com"))
	if again.Certificate() != nil {
		t.Error("a certificate of other names is in use")
	}
	waitUntil(t, again, func() bool { return again.Certificate() != nil })
	if now, err := os.ReadFile(filepath.Join(dir, "account.pem")); err != nil || string(now) != string(account) {
		t.Errorf("the account is another one, %v", err)
	}
	for _, f := range []string{"account.pem", "certificate.json"} {
		if info, err := os.Stat(filepath.Join(dir, f)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}

// TestPebbleThroughDoor: on a machine where somebody answers on port 80
// already, the authority is answered there, beside the visitors.
func TestPebbleThroughDoor(t *testing.T) {
	p := newPebble(t)
	var m *Manager
	door := frontdoor.New(frontdoor.Options{Application: 1, Certificate: func() *tls.Certificate { return m.Certificate() }, HTTPS: "127.0.0.1:0", HTTP: "127.0.0.1:" + p.port})
	m = New(Options{Dir: t.TempDir(), Answer: door.Answer})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	m.Obtain(p.wish("web1.example.com"))
	wg.Go(func() { m.Run(ctx) }) // which comes before the door is open
	wg.Go(func() { door.Run(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
	waitUntil(t, m, func() bool { return m.Certificate() != nil || m.State().Problem != "" })
	if m.Certificate() == nil {
		t.Fatal(m.State().Problem)
	}
	if err := m.Certificate().Leaf.VerifyHostname("web1.example.com"); err != nil {
		t.Error(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get("http://127.0.0.1:" + p.port + "/.well-known/acme-challenge/other")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusPermanentRedirect || to != "https://127.0.0.1/.well-known/acme-challenge/other" {
		t.Errorf("afterwards port 80 answers %s, %s", resp.Status, to)
	}
}

// TestPebbleRefuses: the authority's own words come through.
func TestPebbleRefuses(t *testing.T) {
	p := newPebble(t)
	untrusted := p.wish("web1.example.com")
	untrusted.Authority = ""
	gone := p.wish("web1.example.com")
	gone.Directory = "https://127.0.0.1:1/dir"
	proxied := p.wish("web1.example.com")
	proxied.Proxy, proxied.Directory = "http://127.0.0.1:1", "https://acme.example.com/dir"
	taken := listenLoopback(t, "127.0.0.1:0")
	defer taken.Close()
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	for _, test := range []struct {
		name, port string
		wish       Wish
		want       []string
	}{
		{"a name that it does not certify", p.port, p.wish("bank.example.com"), []string{"bank.example.com", p.directory}},
		{"it asks elsewhere", "0", p.wish("web1.example.com"), []string{"does not believe", "web1.example.com", "connection refused"}},
		{"the port is taken", takenPort, p.wish("web1.example.com"), []string{"port 80", "address already in use"}},
		{"it is not trusted", p.port, untrusted, []string{"give its root certificate"}},
		{"it is not there", p.port, gone, []string{"cannot be reached", "connection refused"}},
		{"the proxy is not there", p.port, proxied, []string{"proxyconnect", "connection refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := p.manager(t, t.TempDir(), test.port)
			m.Obtain(test.wish)
			waitUntil(t, m, func() bool { return m.State().Problem != "" })
			state := m.State()
			for _, want := range test.want {
				if !strings.Contains(state.Problem, want) {
					t.Errorf("the problem is %q; want %q in it", state.Problem, want)
				}
			}
			if pause := time.Until(state.Next); m.Certificate() != nil || pause < firstPause-time.Minute || pause > firstPause {
				t.Errorf("the next order is due in %v", pause)
			}
			m.Obtain(Wish{})
			if s := m.State(); s.Problem != "" || !s.Next.IsZero() {
				t.Errorf("without a wish the state is %+v", s)
			}
		})
	}
}
