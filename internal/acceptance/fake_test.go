package acceptance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/hypervisortest"
)

// fakeAppliance is a guest that plays an appliance: status on 5480 by TLS,
// facts on the channel, and an application on 80.
type fakeAppliance struct {
	t *testing.T
	// The zero values of what follows are those of an appliance that is well.
	needs        int64  // bytes of memory to become healthy
	says         string // on the console, at the start of boot number saysAt (default 1)
	saysAt       int
	asks         bool // its set-up is needed until a seed says otherwise
	stuckAt      int  // this boot does not get beyond starting
	dead         bool
	forgets      bool // makes a new identity at each boot
	renews       bool // its certificate, as it becomes healthy, with the same key
	otherCert    bool // serves another certificate than its status tells
	noChannel    bool
	ignoresPower bool
	offAtOnce    bool
	fails        error
	change       func(*wire.Status, *wire.Checks)
}

func (a *fakeAppliance) driver() *hypervisortest.Fake {
	return &hypervisortest.Fake{Guest: a.run}
}

func (a *fakeAppliance) run(ctx context.Context, g *hypervisortest.Guest) {
	boot := 1
	fmt.Sscan(g.Disk["boots"], &boot)
	g.Disk["boots"] = fmt.Sprint(boot + 1)
	fmt.Fprintf(g, "\x1b[2Jboot %d\r\n", boot)
	if a.says != "" && boot == max(a.saysAt, 1) {
		fmt.Fprintf(g, "%s\r\n", a.says)
	}
	if a.fails != nil {
		g.Fail(a.fails)
		return
	}
	if a.offAtOnce {
		return
	}
	if !a.dead {
		defer a.serve(g, boot)()
	}
	if a.ignoresPower {
		<-ctx.Done()
		return
	}
	select {
	case <-ctx.Done():
	case <-g.Button:
	}
}

// serve starts the appliance's servers and returns what stops them.
func (a *fakeAppliance) serve(g *hypervisortest.Guest, boot int) (stop func()) {
	if g.Disk["key"] == "" || a.forgets {
		g.Disk["key"] = string(makeCertificate(a.t))
	}
	cert := parseCertificate(a.t, []byte(g.Disk["key"]))
	if a.otherCert {
		cert.Leaf = parseCertificate(a.t, makeCertificate(a.t)).Leaf
	}
	renewed := renewCertificate(a.t, cert)
	status := wire.Status{Name: "hello", Title: "Hello", Version: "1.0.0", State: wire.Healthy, Fingerprint: client.Fingerprint(cert.Leaf),
		Services: []wire.Service{{Name: "web", State: wire.Healthy}}}
	facts := wire.Checks{
		Processes: []wire.Process{{PID: 1, Name: "systemd"}},
		Writable:  []wire.Mount{{MountPoint: "/run", Place: wire.PlaceMemory}, {MountPoint: "/data", Place: wire.PlaceData}},
		Listening: []wire.Listening{
			{Protocol: "tcp", Address: "::", Port: 5480, Declared: true},
			{Protocol: "tcp", Address: "0.0.0.0", Port: 80, Declared: true},
			{Protocol: "udp", Address: "10.0.2.15", Port: 68, Declared: true},
			{Protocol: "tcp", Address: "127.0.0.1", Port: 3306, Loopback: true},
		},
		Memory:    wire.Memory{Total: 256 << 20, Available: 160 << 20, Agent: 20 << 20},
		BootTimes: wire.BootTimes{Kernel: 3200, Init: 200, Userspace: 4000, AgentReady: 5000},
	}
	if a.change != nil {
		a.change(&status, &facts)
	}
	if a.asks {
		status.Setup = wire.SetupNeeded
		if strings.Contains(string(g.Spec.Seed), "access.password") {
			status.Setup = wire.SetupComplete
		}
	}
	if a.stuckAt == boot || g.Spec.Memory < a.needs {
		status.State = wire.Starting
		status.Services[0] = wire.Service{Name: "web", State: wire.Starting, Detail: "connection refused"}
	}

	const renewAt = 3
	var asked atomic.Int32
	management := http.NewServeMux()
	management.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		s := status
		// Nobody is healthy at once; and a new certificate comes while the
		// asker holds a connection that shows the old one.
		n := asked.Add(1)
		if n == 1 || a.renews && n < renewAt {
			s.State = wire.Starting
		} else if a.renews {
			s.Fingerprint = client.Fingerprint(renewed.Leaf)
		}
		_ = json.NewEncoder(w).Encode(s)
	})
	channel := http.NewServeMux()
	channel.HandleFunc("GET /v1/checks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(facts) })
	web := http.NewServeMux()
	web.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Hello, world") })
	web.HandleFunc("GET /old", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://10.0.2.15/", http.StatusFound)
	})

	var servers []*http.Server
	start := func(l net.Listener, err error, h http.Handler) {
		if err != nil {
			a.t.Error(err)
			return
		}
		s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
		servers = append(servers, s)
		go s.Serve(l)
	}
	l, err := g.Listen(ManagementPort)
	start(tls.NewListener(l, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if a.renews && asked.Load() >= renewAt {
			return &renewed, nil
		}
		return &cert, nil
	}}), err, management)
	l, err = g.Listen(80)
	start(l, err, web)
	if !a.noChannel {
		start(g.Channel, nil, channel)
	}
	return func() {
		for _, s := range servers {
			s.Close()
		}
	}
}

// makeCertificate is a certificate and its key, as text.
func makeCertificate(t *testing.T) []byte {
	key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	cert, err2 := signCertificate(key)
	der, err3 := x509.MarshalPKCS8PrivateKey(key)
	both, err4 := json.Marshal([2][]byte{cert, der})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Error(err)
	}
	return both
}

func signCertificate(key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial, NotAfter: time.Now().Add(time.Hour)}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// renewCertificate is another certificate of the same key.
func renewCertificate(t *testing.T, c tls.Certificate) tls.Certificate {
	der, err1 := signCertificate(c.PrivateKey.(*ecdsa.PrivateKey))
	leaf, err2 := x509.ParseCertificate(der)
	if err := errors.Join(err1, err2); err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: c.PrivateKey, Leaf: leaf}
}

func parseCertificate(t *testing.T, data []byte) tls.Certificate {
	var both [2][]byte
	if err := json.Unmarshal(data, &both); err != nil {
		t.Error(err)
		return tls.Certificate{}
	}
	leaf, err1 := x509.ParseCertificate(both[0])
	key, err2 := x509.ParsePKCS8PrivateKey(both[1])
	if err1 != nil || err2 != nil {
		t.Error(err1, err2)
	}
	return tls.Certificate{Certificate: both[:1], PrivateKey: key, Leaf: leaf}
}

func helloDefinition() *appliance.Definition {
	return &appliance.Definition{
		Name: "hello", Title: "Hello", Version: "1.0.0",
		Services: []appliance.Service{{Name: "web", Ports: []appliance.Port{{Port: 80, Protocol: "tcp"}}}},
		Hardware: appliance.Hardware{CPUs: 2, Memory: appliance.Memory{Recommended: 256 << 20}, Disks: appliance.Disks{Data: 1 << 30}},
		Tests: []appliance.Test{
			{HTTP: "http://${appliance}/", Expect: 200, Contains: "Hello"},
			{Name: "old page", HTTP: "http://${appliance:80}/old", Expect: 302},
		},
	}
}

func options(t *testing.T, a *fakeAppliance) Options {
	t.Helper()
	a.t = t
	disk := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(disk, make([]byte, 512), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{
		Driver: a.driver(), Disk: hypervisor.Disk{Path: disk, Format: hypervisor.Raw},
		Definition: helloDefinition(), Firmwares: []hypervisor.Firmware{hypervisor.BIOS},
		Dir: filepath.Join(t.TempDir(), "kept"), Timeout: 5 * time.Second,
	}
}
