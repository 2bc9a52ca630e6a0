package agent

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/agent/frontdoor"
	"github.com/ingotvm/ingot/internal/agent/health"
	"github.com/ingotvm/ingot/internal/agent/identity"
	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// doorAgent is an agent that stands in front of a port of loopback.
func doorAgent(t *testing.T, port int, https string) *Agent {
	t.Helper()
	root := t.TempDir()
	makeMachine(t, root, release.Boot{Format: 1, Definition: &appliance.Definition{
		Name: "shop", Title: "Shop", Version: "1.0.0",
		Services: []appliance.Service{{Name: "shop", Ports: []appliance.Port{{Port: port, Title: "Shop", Path: "/shop", HTTPS: true}}}},
	}}, demoInit)
	a, err := New(Options{Root: root, RunDir: filepath.Join(root, "run/ingot"), DataDir: filepath.Join(root, "data"), Runner: fakeRunner{},
		HTTPS: https, HTTP: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	m := &fakeManager{}
	a.manager = m
	a.watcher = health.New(a.targets(), unitStates{m}, nil)
	a.links = func() ([]machine.Link, error) {
		return []machine.Link{{Name: "eth0", Up: true, Carrier: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}}, nil
	}
	finishSetup(t, a)
	return a
}

func freeLoopback(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestDoorStatus: everybody is told where the application is, and not where it
// listens.
func TestDoorStatus(t *testing.T) {
	a := doorAgent(t, 8090, "127.0.0.1:0")
	s := a.Status(t.Context())
	if want := []wire.URL{{Title: "Shop", URL: "https://192.0.2.7/shop"}}; !reflect.DeepEqual(s.URLs, want) {
		t.Errorf("URLs %v, want %v", s.URLs, want)
	}
	if want := []wire.Port{{Port: 443, Protocol: "tcp", Title: "Shop"}, {Port: 80, Protocol: "tcp", Title: "Shop"}}; !reflect.DeepEqual(s.Services[0].Ports, want) {
		t.Errorf("ports %v, want %v", s.Services[0].Ports, want)
	}
	for port, want := range map[string]bool{"0.0.0.0:443": true, "0.0.0.0:80": true, "0.0.0.0:8090": true, "0.0.0.0:8091": false} {
		if got := a.declared(machine.Socket{Protocol: "tcp", Address: netip.MustParseAddrPort(port), Process: "ingotd"}); got != want {
			t.Errorf("%s is declared: %v", port, got)
		}
	}
	if a.Memory() != frontdoor.Memory || newTestAgent(t, &fakeManager{}).Memory() != ownMemory {
		t.Error("the agent has no memory for visitors, or has it where none come")
	}
}

// TestDoorGreetsAsManagement: with the machine's own certificate, and with
// another as soon as that one is served.
func TestDoorGreetsAsManagement(t *testing.T) {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-Proto"))
	}))
	defer application.Close()
	https := freeLoopback(t)
	a := doorAgent(t, application.Listener.Addr().(*net.TCPAddr).Port, https)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { a.door.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()

	greeted := func() string {
		var c *tls.Conn
		var err error
		for range 500 {
			if c, err = tls.Dial("tcp", https, &tls.Config{InsecureSkipVerify: true}); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), "https") {
			t.Errorf("answered %q, %v", answer, err)
		}
		return identity.Fingerprint(c.ConnectionState().PeerCertificates[0].Raw)
	}
	if got := greeted(); got != a.identity.Fingerprint() {
		t.Errorf("greeted with %s, the machine's own is %s", got, a.identity.Fingerprint())
	}
	other := newIdentityCertificate(t)
	a.certificates.Serve(other)
	if got, want := greeted(), identity.Fingerprint(other.Certificate[0]); got != want {
		t.Errorf("after an upload greeted with %s, want %s", got, want)
	}
	a.certificates.Serve(nil)
	if got := greeted(); got != a.identity.Fingerprint() {
		t.Errorf("without it greeted with %s", got)
	}
}

func newIdentityCertificate(t *testing.T) *tls.Certificate {
	t.Helper()
	id, err := identity.Open(t.TempDir(), time.Now, identity.Names{Host: "uploaded.example"})
	if err != nil {
		t.Fatal(err)
	}
	return id.Certificate()
}

// TestDoorIsShut: a port that somebody else has is told where everybody looks.
func TestDoorIsShut(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	a := doorAgent(t, 8090, taken.Addr().String())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { a.door.Run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	for range 500 {
		if a.door.Problem() != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	var found bool
	for _, n := range a.Status(t.Context()).Notices {
		found = found || n.ID == ofDoor && n.Level == wire.Critical && strings.Contains(n.Text, "address already in use") && n.Hint != ""
	}
	if !found {
		t.Errorf("nobody is told: %+v", a.Status(t.Context()).Notices)
	}
}
