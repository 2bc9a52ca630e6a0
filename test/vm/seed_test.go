package vm

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// comesUpSeeded boots the smallest example with nobody to ask, and looks
// whether it took what the seeds say: a greeting, which the application shows,
// and parts of the document. from are the providers, as the history names them.
func comesUpSeeded(t *testing.T, spec hypervisor.Spec, greeting, from string, want setting.Document) {
	t.Helper()
	spec.Data = 1 << 30
	m := machine(t, built(t, "hello", "qcow2"), spec)
	up := boots(t, m)
	if up.Status.Hostname != want.Network.Hostname || len(up.Status.Warnings) > 0 {
		t.Errorf("the appliance is called %q, and warns of %q", up.Status.Hostname, up.Status.Warnings)
	}
	if err := pageSays(t.Context(), address(t, m), greeting); err != nil {
		t.Error(err)
	}
	c := admin(t, m)
	got := document(t, c)
	if got.Time.Zone != want.Time.Zone || got.Language.Language != want.Language.Language || !reflect.DeepEqual(got.Network.Interfaces, want.Network.Interfaces) {
		t.Errorf("the settings are %+v, want %+v", got, want)
	}
	list, err := c.Revisions(t.Context())
	if err != nil || len(list) == 0 || list[0].Who != "seed" || list[0].From != from {
		t.Errorf("the history is %+v, %v; want that of the seeds from %s", list, err, from)
	}
	turnOff(t, m)
}

// document is the configuration in force.
func document(t *testing.T, c *client.Client) (d setting.Document) {
	t.Helper()
	now, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(now.Document, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSeedsOfTheHypervisor: what it says over the firmware, and on the CD that
// vSphere makes. Each says something, and of what several say the later wins.
func TestSeedsOfTheHypervisor(t *testing.T) {
	needAll(t)
	comesUpSeeded(t, hypervisor.Spec{
		CDs: []string{environment(t, map[string]string{"network_hostname": "one", "time_zone": "Asia/Tokyo", "application_greeting": "Ohayo", "network_proxy": ""})},
		SMBIOS: []string{
			"ingot.seed.base64=" + base64.StdEncoding.EncodeToString([]byte("access: {password: "+password+"}\nlanguage: {language: ja}\n")),
			"ingot.seed:network.hostname=two",
		},
		Seed: []byte("language.language: de\n"),
	}, "Ohayo", "ovf, smbios, fw_cfg", setting.Document{
		Network: setting.Network{Hostname: "two"}, Time: setting.Time{Zone: "Asia/Tokyo"}, Language: setting.Language{Language: "de"},
	})
}

// TestSeedsOnDisks: what somebody attached.
func TestSeedsOnDisks(t *testing.T) {
	needAll(t)
	comesUpSeeded(t, hypervisor.Spec{
		CDs: []string{disc(t, "cidata", map[string]string{
			"meta-data":      "instance-id: 1\nlocal-hostname: one\n",
			"user-data":      "#cloud-config\ntimezone: Europe/Berlin\ningot: {access.password: " + password + "}\n",
			"network-config": "version: 2\nethernets: {eth0: {addresses: [10.0.2.15/24], gateway4: 10.0.2.2}}\n", // as QEMU's DHCP gives it
		})},
		Disks: []string{floppy(t, "INGOT-SEED", map[string]string{"seed.yaml": "network: {hostname: two}\napplication.greeting: Servus\n"})},
	}, "Servus", "nocloud, disk", setting.Document{
		Time: setting.Time{Zone: "Europe/Berlin"}, Language: setting.Language{Language: "en"},
		Network: setting.Network{Hostname: "two", Interfaces: []setting.Interface{{
			Name: "eth0", IPv4: "static", IPv6: "auto", Addresses: []string{"10.0.2.15/24"}, Gateways: []string{"10.0.2.2"},
		}}},
	})
}

// environment makes the CD by which OVF properties come.
func environment(t *testing.T, properties map[string]string) string {
	t.Helper()
	var list strings.Builder
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&list, "    <Property oe:key=%q oe:value=%q/>\n", key, properties[key])
	}
	return disc(t, "OVF ENV", map[string]string{"ovf-env.xml": `<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PropertySection>
` + list.String() + `  </PropertySection>
</Environment>
`})
}

// files writes files into a new folder.
func files(t *testing.T, list map[string]string) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range list {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return dir, paths
}

// tool runs a program of the host's.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	hosttest.Need(t, name)
	if err := (host.Local{}).Run(t.Context(), host.Command{Name: name, Args: args}); err != nil {
		t.Fatal(err)
	}
}

// disc makes an ISO image.
func disc(t *testing.T, label string, list map[string]string) string {
	t.Helper()
	dir, _ := files(t, list)
	image := filepath.Join(t.TempDir(), "disc.iso")
	tool(t, "genisoimage", "-quiet", "-J", "-r", "-V", label, "-o", image, dir)
	return image
}

// floppy makes a FAT image.
func floppy(t *testing.T, label string, list map[string]string) string {
	t.Helper()
	_, paths := files(t, list)
	image := filepath.Join(t.TempDir(), "floppy.img")
	tool(t, "truncate", "-s", "32M", image)
	tool(t, "mkfs.vfat", "-n", label, image)
	tool(t, "mcopy", append([]string{"-i", image}, append(paths, "::")...)...)
	return image
}
