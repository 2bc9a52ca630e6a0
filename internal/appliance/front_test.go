package appliance

import (
	"fmt"
	"testing"
)

func TestFront(t *testing.T) {
	d := &Definition{Services: []Service{
		{Name: "queue", Ports: []Port{{Port: 5672, Protocol: "tcp"}}},
		{Name: "shop", Ports: []Port{{Port: 8090, Protocol: "tcp", Title: "Shop", Scheme: "https", Path: "/shop", HTTPS: true}}},
	}}
	if p, ok := d.Front(); !ok || p.Port != 8090 {
		t.Errorf("in front of %+v, %v", p, ok)
	}
	if got, want := fmt.Sprint(d.Services[0].Ports[0].Reached(), d.Services[1].Ports[0].Reached()), "[5672] [443 80]"; got != want {
		t.Errorf("reached at %s, want %s", got, want)
	}
	if got, want := d.ApplicationURL("fd00::1"), "https://[fd00::1]/shop"; got != want {
		t.Errorf("the application is at %s, want %s", got, want)
	}
	if !d.listens(443) || !d.listens(80) || d.listens(8090) {
		t.Error("the network does not reach 443 and 80, or it does reach the port behind")
	}
	d.Services[1].Ports[0].HTTPS = false
	if _, ok := d.Front(); ok {
		t.Error("in front of a port that does not ask for it")
	}
}
