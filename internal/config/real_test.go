package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

// TestRealSettings: the settings of the appliance go through the engine, from
// the first start to a change that is undone.
func TestRealSettings(t *testing.T) {
	m := newMachine(t)
	real := settingtest.New(t)
	o := m.options()
	o.Settings, o.System = nil, real.System()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.ApplyEarly(); err != nil {
		t.Fatal(err)
	}
	if err := e.ApplyAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	change := func(d *setting.Document) error {
		d.Network.Hostname, d.Time.Zone, d.Application["title"] = "web1.example.com", "Europe/Berlin", "Hi"
		d.Network.DNS = []string{"192.0.2.53"} // a name alone cuts nobody off
		return nil
	}
	_, p := m.commit(e, Change{By: By{Who: "anna", Connection: 1}, Edit: change})
	if p == nil || real.Kernel.Name != "web1.example.com" {
		t.Errorf("pending %v, the machine is called %s", p, real.Kernel.Name)
	}
	file := func(name string) string {
		data, err := os.ReadFile(filepath.Join(real.Root, name))
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	if got := file("etc/hostname"); strings.TrimSpace(got) != "web1.example.com" {
		t.Errorf("/etc/hostname says %q", got)
	}
	if _, _, err := e.RevertTo(t.Context(), By{Who: "anna"}, 2, 1, ""); err != nil {
		t.Fatal(err)
	}
	if r, p := e.Current(); p != nil || real.Kernel.Name != r.Document.Network.Hostname || strings.Contains(file("etc/hostname"), "web1") {
		t.Errorf("pending %v, the machine is called %s", p, real.Kernel.Name)
	}
	if e.get().behind != nil {
		t.Errorf("the system does not follow: %q", real.Logs())
	}
}
