package acceptance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

func frontDefinition() *appliance.Definition {
	return &appliance.Definition{Name: "shop", Version: "1.0.0",
		Services: []appliance.Service{{Name: "shop", Ports: []appliance.Port{{Port: 8090, HTTPS: true}}}},
		Tests:    []appliance.Test{{HTTP: "https://${appliance}/"}, {HTTP: "http://${appliance}/", Expect: 308}},
	}
}

// TestRequestsOfScheme: ${appliance} is the port of the scheme before it.
func TestRequestsOfScheme(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "over https: ", r.TLS != nil) })
	secure := httptest.NewTLSServer(page)
	defer secure.Close()
	plain := httptest.NewServer(http.RedirectHandler("https://appliance.invalid/", http.StatusPermanentRedirect))
	defer plain.Close()
	address := func(port int) (string, error) {
		server, ok := map[int]*httptest.Server{443: secure, 80: plain}[port]
		if !ok {
			return "", fmt.Errorf("port %d is not forwarded", port)
		}
		return server.Listener.Addr().String(), nil
	}
	for _, test := range []struct {
		appliance.Test
		fails bool
	}{
		{Test: appliance.Test{HTTP: "https://${appliance}/", Contains: "over https: true"}},
		{Test: appliance.Test{HTTP: "https://${appliance:443}/", Contains: "over https: true"}},
		{Test: appliance.Test{HTTP: "http://${appliance}/", Expect: 308}},
		{Test: appliance.Test{HTTP: "http://${appliance}/", Expect: 200}, fails: true},
		{Test: appliance.Test{HTTP: "https://${appliance:80}/"}, fails: true},
		{Test: appliance.Test{HTTP: "http://${appliance:8090}/"}, fails: true},
	} {
		if seen, err := runTest(t.Context(), test.Test, address, 10*time.Second); (err != nil) != test.fails {
			t.Errorf("%+v: %s, %v", test.Test, seen, err)
		}
	}
}

// TestFrontIsForwarded: the agent's ports are, the service's own is not, and
// the agent may listen on its own.
func TestFrontIsForwarded(t *testing.T) {
	spec, err := Options{Definition: frontDefinition()}.spec(hypervisor.BIOS)
	if err != nil {
		t.Fatal(err)
	}
	var guests []int
	for _, f := range spec.Forwards {
		guests = append(guests, f.Guest)
	}
	if !slices.Equal(guests, []int{80, 443, ManagementPort}) {
		t.Errorf("forwarded are %v", guests)
	}
	for port, declared := range map[int]bool{443: true, 80: true, 8090: true, 8091: false} {
		c := wire.Checks{Listening: []wire.Listening{{Protocol: "tcp", Address: "::", Port: port, Declared: true}}}
		if f := noUndeclaredPort(c, frontDefinition()); (len(f.wrong) == 0) != declared {
			t.Errorf("port %d: %v", port, f.wrong)
		}
	}
}
