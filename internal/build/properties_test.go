package build

import (
	"reflect"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/ovf"
	"github.com/ingotvm/ingot/internal/release"
)

func TestOVFProperties(t *testing.T) {
	units := []setting.Option{{Value: "metric", Title: "Metric"}, {Value: "imperial"}}
	got := ovfProperties([]setting.Property{
		{Key: "language.units", Group: "Language", Title: "Units", Step: setting.StepLanguage, Type: setting.Enum, Options: units, Default: "metric"},
		{Key: "language.formats", Group: "Language", Step: setting.StepLanguage, Type: setting.Enum, Options: []setting.Option{{Value: "en-GB"}}, Default: "en-GB"},
		{Key: "network.address", Group: "Network", Title: "Address", Help: "Empty for DHCP.", Example: "192.0.2.7/24", Type: setting.Prefix},
		{Key: "access.administrator", Group: "Access", Step: setting.StepAdministrator, Type: setting.String, Default: "admin", Example: "admin"},
		{Key: "firewall.management", Group: "Network", Type: setting.Names},
		{Key: "firewall.other", Group: "Network", Type: setting.Names},
		{Key: "access.password", Group: "Access", Step: setting.StepAdministrator, Type: setting.Secret, Default: "admin", Required: true},
		{Key: "application.workers", Step: setting.StepApplication, Type: setting.Int, Default: "4"},
		{Key: "application.many", Step: setting.StepApplication, Type: setting.Int, Default: "9999999999"},
		{Key: "application.port", Step: setting.StepApplication, Type: setting.Port, Default: "8080"},
		{Key: "application.db_port", Step: setting.StepApplication, Type: setting.Port},
		{Key: "application.debug", Step: setting.StepApplication, Type: setting.Bool, Default: "true"},
		{Key: "application.mode", Step: setting.StepApplication, Type: setting.Enum, Options: units},
		{Key: "application.unasked", Type: setting.String},
	}, true)
	const yes = true
	want := []ovf.Property{
		{Key: "language_units", Category: "Language", Label: "Units", Description: "One of: metric (Metric), imperial.", Type: "string", Values: []string{"metric", "imperial"}, Value: "metric", UserConfigurable: yes},
		{Key: "language_formats", Category: "Language", Description: "Empty goes by the language. Example: en-GB.", Type: "string", UserConfigurable: yes},
		{Key: "network_address", Category: "Network", Label: "Address", Description: "Empty for DHCP. Example: 192.0.2.7/24.", Type: "string", UserConfigurable: yes},
		{Key: "firewall_management", Category: "Network", Type: "string", UserConfigurable: yes},
		{Key: "access_administrator", Category: "Access", Type: "string", Value: "admin", UserConfigurable: yes},
		{Key: "access_password", Category: "Access", Type: "string", Password: true, UserConfigurable: yes},
		{Key: "application_workers", Category: "Settings", Type: "sint32", Value: "4", UserConfigurable: yes},
		{Key: "application_many", Category: "Settings", Type: "string", Value: "9999999999", UserConfigurable: yes},
		{Key: "application_port", Category: "Settings", Type: "uint16", Value: "8080", UserConfigurable: yes},
		{Key: "application_db_port", Category: "Settings", Type: "string", UserConfigurable: yes},
		{Key: "application_debug", Category: "Settings", Type: "boolean", Value: "true", UserConfigurable: yes},
		{Key: "application_mode", Category: "Settings", Description: "One of: metric (Metric), imperial.", Type: "string", UserConfigurable: yes},
	}
	if n := len(want); len(got) < n || !reflect.DeepEqual(got[:n], want) {
		t.Errorf("got %+v,\nwant %+v", got, want)
	}
	var setup []string
	for _, p := range got[min(len(want), len(got)):] {
		setup = append(setup, p.Key+"="+p.Value)
	}
	if !reflect.DeepEqual(setup, []string{"setup_eula=false", "setup_adopt=false"}) {
		t.Errorf("setup: %v", setup)
	}
	if p := ovfProperties(nil, false); len(p) != 1 || p[0].Key != "setup_adopt" {
		t.Errorf("without a licence: %+v", p)
	}
	// The descriptor takes all of it.
	d := ovf.Descriptor{Name: "a", CPUs: 1, MemoryMiB: 256, Disks: []ovf.Disk{{Capacity: 1 << 30}}, Properties: got}
	if _, err := d.Marshal(); err != nil {
		t.Error(err)
	}
}

// TestExamplesProperties: nobody is sent into the world with a password, and
// every importer can be told what the appliance needs.
func TestExamplesProperties(t *testing.T) {
	for dir, def := range examples(t) {
		p := &planner{def: def, env: testEnv(t, dir)}
		d, err := p.descriptor()
		if err != nil {
			t.Fatal(err)
		}
		d.Disks[0].FileSize = 1
		if _, err := d.Marshal(); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		for _, p := range d.Properties {
			found, ok := setting.Find(setting.Env{Boot: &release.Boot{Definition: def}}, p.Key)
			if !ok && p.Category != setupCategory {
				t.Errorf("%s: no setting goes by the key %s", dir, p.Key)
			}
			if ok && found.Type == setting.Secret && (!p.Password || p.Value != "") {
				t.Errorf("%s: the secret %s is offered as %+v", dir, p.Key, p)
			}
		}
	}
}
