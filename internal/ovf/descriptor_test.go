package ovf

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/ingotvm/ingot/internal/host/hosttest"
)

func sample() Descriptor {
	return Descriptor{
		Name: "pocketbase-1.4.0", Title: "PocketBase <small> & \"fast\"", Vendor: "Ingot's Öfen", Version: "1.4.0",
		Description: "A backend in one file.", ProductURL: "https://pocketbase.io/?a=1&b=2",
		EULAs: []EULA{{"en", "You may.\n\n  <Always> & ever.\n"}, {"de", "Sie dürfen.\n"}},
		Properties: []Property{
			{Key: "network_address", Category: "Network", Label: "Address", Description: "192.0.2.7/24 & <nothing> for DHCP", Type: "string", UserConfigurable: true},
			{Key: "network_mtu", Category: "Network", Type: "uint16", Value: "1500", UserConfigurable: true},
			{Key: "units", Category: "Language", Label: "Units", Type: "string", Values: []string{"metric", "imperial, as in ValueMap MinLen(7)"}, Value: "metric", UserConfigurable: true},
			{Key: "access_password", Category: "Access", Label: "Password", Type: "string", MinLen: 1, MaxLen: 128, Password: true, UserConfigurable: true},
			{Key: "setup_eula", Category: "Access", Type: "boolean", Value: "false", UserConfigurable: true},
			{Key: "factor", Category: "Access", Type: "real32"},
		},
		CPUs: 2, MemoryMiB: 1024, MinimumMemoryMiB: 192,
		Disks: []Disk{
			{File: "pocketbase-1.4.0-disk1.vmdk", FileSize: 38_123_008, Capacity: 4 << 30, Populated: 77 << 20},
			{Capacity: 20 << 30},
		},
		Networks: []Network{{"VM Network", "Where the appliance serves"}},
		Firmware: EFI, HardwareVersion: DefaultHardwareVersion, GuestID: DefaultGuestID,
	}
}

func marshal(t testing.TB, d Descriptor) []byte {
	t.Helper()
	b, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden shows in a diff whatever changes in the descriptor.
func TestGolden(t *testing.T) {
	got := marshal(t, sample())
	golden := filepath.Join("testdata", "sample.ovf")
	if os.Getenv("INGOT_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the descriptor is not %s (INGOT_UPDATE_GOLDEN=1 writes it):\n%s", golden, got)
	}
}

func TestRoundTrip(t *testing.T) {
	bios := sample()
	bios.Firmware, bios.MinimumMemoryMiB, bios.Description, bios.EULAs = BIOS, 0, "", nil
	secure := sample()
	secure.SecureBoot, secure.EULAs, secure.Properties = true, []EULA{{"fr-CA", "Oui"}}, nil
	for _, want := range []Descriptor{sample(), bios, secure} {
		got, err := ParseDescriptor(marshal(t, want))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v,\nwant %+v", got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	small := Descriptor{Name: "a", CPUs: 1, MemoryMiB: 256, Disks: []Disk{{Capacity: 1 << 30}}}
	got, err := ParseDescriptor(marshal(t, small))
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "a" || got.Firmware != EFI || got.HardwareVersion != "vmx-17" || got.GuestID != "other4xLinux64Guest" ||
		len(got.Networks) != 1 || got.Networks[0].Name != "VM Network" {
		t.Errorf("read %+v", got)
	}
}

func TestWellFormed(t *testing.T) {
	hosttest.Need(t, "xmllint")
	path := filepath.Join(t.TempDir(), "a.ovf")
	if err := os.WriteFile(path, marshal(t, sample()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("xmllint", "--noout", "--nonet", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("xmllint: %v\n%s", err, out)
	}
}

// TestGovmomi has the descriptor read by VMware's own library, strictly.
func TestGovmomi(t *testing.T) {
	e, err := ovf.Unmarshal(bytes.NewReader(marshal(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if len(e.References) != 1 || e.References[0].Size != 38_123_008 || len(e.Disk.Disks) != 2 || e.Disk.Disks[1].FileRef != nil {
		t.Errorf("references %+v, disks %+v", e.References, e.Disk.Disks)
	}
	s := e.VirtualSystem
	if s.Eula[0].License != "You may.\n\n  <Always> & ever.\n" || s.Product[0].Vendor != "Ingot's Öfen" ||
		*s.Name != `PocketBase <small> & "fast"` || s.OperatingSystem.ID != 96 {
		t.Errorf("system %+v", s)
	}
	spec, err := e.ToConfigSpecWithOptions(ovf.ToConfigSpecOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if spec.Version != "vmx-17" || spec.GuestId != "other4xLinux64Guest" || spec.Firmware != "efi" || spec.NumCPUs != 2 || spec.MemoryMB != 1024 ||
		*spec.BootOptions.EfiSecureBootEnabled || spec.PowerOpInfo.PowerOffType != "soft" || spec.PowerOpInfo.ResetType != "soft" ||
		*spec.Tools.SyncTimeWithHost || s.Annotation.Annotation != "A backend in one file.\n\nNeeds at least 192 MiB of memory." {
		t.Errorf("machine %+v", spec)
	}
	extra := map[string]any{}
	for _, o := range spec.ExtraConfig {
		extra[o.GetOptionValue().Key] = o.GetOptionValue().Value
	}
	for _, key := range []string{"isolation.tools.copy.disable", "isolation.tools.paste.disable", "isolation.tools.dnd.disable", "isolation.tools.hgfs.disable"} {
		if extra[key] != "TRUE" {
			t.Errorf("%s is %v", key, extra[key])
		}
	}
	var asked []string
	for _, p := range spec.VAppConfig.GetVmConfigSpec().Property {
		asked = append(asked, fmt.Sprintf("%s/%s %s=%s %v", p.Info.Category, p.Info.Id, p.Info.Type, p.Info.DefaultValue, *p.Info.UserConfigurable))
	}
	if want := []string{
		"Network/network_address string= true", "Network/network_mtu int=1500 true",
		`Language/units string["metric", "imperial, as in ValueMap MinLen(7)"]=metric true`,
		"Access/access_password password(1..128)= true", "Access/setup_eula boolean=False true", "Access/factor real= false",
	}; !reflect.DeepEqual(asked, want) {
		t.Errorf("properties\n%s", strings.Join(asked, "\n"))
	}
	var disks []int64
	for _, change := range spec.DeviceChange {
		switch d := change.GetVirtualDeviceConfigSpec().Device.(type) {
		case *types.ParaVirtualSCSIController, *types.VirtualVmxnet3, *types.VirtualIDEController, *types.VirtualCdrom:
		case *types.VirtualDisk:
			disks = append(disks, d.CapacityInBytes)
			if *d.UnitNumber != int32(len(disks)-1) {
				t.Errorf("disk %d has the address %d", len(disks), *d.UnitNumber)
			}
		default:
			t.Errorf("the machine has a %T, which nobody asked for", d)
		}
	}
	if !reflect.DeepEqual(disks, []int64{4 << 30, 20 << 30}) {
		t.Errorf("disks of %v bytes", disks)
	}
	for _, c := range append(s.VirtualHardware[0].Config, s.VirtualHardware[0].ExtraConfig...) {
		if c.Required == nil || *c.Required {
			t.Errorf("%s is required: who does not know it must refuse the package", c.Key)
		}
	}
}

func TestManyDisksAvoidTheController(t *testing.T) {
	d := sample()
	for len(d.Disks) < maxDisks {
		d.Disks = append(d.Disks, Disk{Capacity: 1 << 30})
	}
	text := string(marshal(t, d))
	e, err := ovf.Unmarshal(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"7": true}
	for _, it := range e.VirtualSystem.VirtualHardware[0].Item {
		if *it.ResourceType == typeDisk {
			if seen[*it.AddressOnParent] {
				t.Errorf("two disks or the controller have the address %s", *it.AddressOnParent)
			}
			seen[*it.AddressOnParent] = true
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d addresses", len(seen))
	}
}

func TestLongDescription(t *testing.T) {
	d := sample()
	d.Description = strings.Repeat("ä", maxDescription)
	e, err := ovf.Unmarshal(bytes.NewReader(marshal(t, d)))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.VirtualSystem.Annotation.Annotation; got != d.Description {
		t.Errorf("the annotation is %q, want it as long as may be", got)
	}
}

func TestMarshalRefuses(t *testing.T) {
	tests := map[string]func(*Descriptor){
		"no name":            func(d *Descriptor) { d.Name = "" },
		"slash in name":      func(d *Descriptor) { d.Name = "a/b" },
		"long description":   func(d *Descriptor) { d.Description = strings.Repeat("x", 256) },
		"no processor":       func(d *Descriptor) { d.CPUs = 0 },
		"odd memory":         func(d *Descriptor) { d.MemoryMiB = 1023 },
		"minimum above":      func(d *Descriptor) { d.MinimumMemoryMiB = 2048 },
		"no disk":            func(d *Descriptor) { d.Disks = nil },
		"too many disks":     func(d *Descriptor) { d.Disks = make([]Disk, 16) },
		"disk of nothing":    func(d *Descriptor) { d.Disks[1].Capacity = 0 },
		"disk of MiB":        func(d *Descriptor) { d.Disks[1].Capacity = 20480 << 40 },
		"file without size":  func(d *Descriptor) { d.Disks[0].FileSize = 0 },
		"size without file":  func(d *Descriptor) { d.Disks[1].FileSize = 1 },
		"file with a folder": func(d *Descriptor) { d.Disks[0].File = "../disk.vmdk" },
		"one file twice":     func(d *Descriptor) { d.Disks[1] = d.Disks[0] },
		"too full":           func(d *Descriptor) { d.Disks[0].Populated = 5 << 30 },
		"network twice":      func(d *Descriptor) { d.Networks = append(d.Networks, d.Networks[0]) },
		"nameless network":   func(d *Descriptor) { d.Networks[0].Name = "" },
		"firmware":           func(d *Descriptor) { d.Firmware = "uefi" },
		"secure BIOS":        func(d *Descriptor) { d.Firmware, d.SecureBoot = BIOS, true },
		"control character":  func(d *Descriptor) { d.Vendor = "a\x00b" },
		"not UTF-8":          func(d *Descriptor) { d.Vendor = "a\xffb" },
		"escape in licence":  func(d *Descriptor) { d.EULAs[1].Text = "\x1b[31m" },
		"empty licence":      func(d *Descriptor) { d.EULAs[0].Text = " \n" },
		"licence twice":      func(d *Descriptor) { d.EULAs[1].Language = "EN" },
		"language":           func(d *Descriptor) { d.EULAs[1].Language = `de"` },
		"guest":              func(d *Descriptor) { d.GuestID = "a b" },
	}
	for name, change := range tests {
		d := sample()
		change(&d)
		if b, err := d.Marshal(); err == nil || b != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseOthers(t *testing.T) {
	const doc = `<?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:o="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="x">
<References><File o:href="d.vmdk" o:id="f"/></References>
<DiskSection><Info/><Disk o:capacity="40000" o:capacityAllocationUnits="byte * 2^20" o:diskId="d" o:fileRef="f"/></DiskSection>
<VirtualSystem o:id="vm"><Info/><VirtualHardwareSection><Info/>
<Item><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>4</rasd:VirtualQuantity></Item>
<Item><rasd:AllocationUnits>GigaBytes</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item o:bound="min"><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:HostResource>/disk/d</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>`
	got, err := ParseDescriptor([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	want := Descriptor{Name: "vm", CPUs: 4, MemoryMiB: 2048, Disks: []Disk{{File: "d.vmdk", Capacity: 40000 << 20}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	ours := string(marshal(t, sample()))
	tests := map[string]string{
		"nothing":        "",
		"text":           "hello",
		"cut":            ours[:len(ours)/2],
		"other document": "<html></html>",
		"entities":       strings.Replace(ours, "<Envelope", "<!DOCTYPE Envelope [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<Envelope", 1),
		"unknown entity": strings.Replace(ours, "A virtual appliance", "&x;", 1),
		"two systems":    strings.Replace(ours, "</Envelope>", "<VirtualSystem/></Envelope>", 1),
		"deep":           strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
		"too long":       ours + strings.Repeat(" ", maxDescriptor),
		"folder":         strings.Replace(ours, `href="pocketbase`, `href="../pocketbase`, 1),
		"capacity":       strings.Replace(ours, `capacity="21474836480"`, `capacity="99999999999999999999"`, 1),
		"overflow":       strings.Replace(ours, `capacityAllocationUnits="byte"`, `capacityAllocationUnits="byte * 2^60"`, 1),
		"units":          strings.Replace(ours, `capacityAllocationUnits="byte"`, `capacityAllocationUnits="furlong"`, 1),
		"no such disk":   strings.Replace(ours, `ovf:/disk/vmdisk2`, `ovf:/disk/vmdisk3`, 1),
		"no such file":   strings.Replace(ours, `fileRef="file1"`, `fileRef="file9"`, 1),
		"negative":       strings.Replace(ours, `vmw:value="192"`, `vmw:value="-1"`, 1),
	}
	for name, doc := range tests {
		if doc == ours {
			t.Fatalf("%s: nothing was changed", name)
		}
		if d, err := ParseDescriptor([]byte(doc)); err == nil || !reflect.DeepEqual(d, Descriptor{}) {
			t.Errorf("%s: read %+v, %v", name, d, err)
		}
	}
}

func FuzzParseDescriptor(f *testing.F) {
	f.Add(marshal(f, sample()))
	f.Add(marshal(f, Descriptor{Name: "a", CPUs: 1, MemoryMiB: 256, Disks: []Disk{{Capacity: 1 << 30}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDescriptor(data)
		if err != nil {
			return
		}
		for _, disk := range d.Disks {
			if disk.Capacity < 0 || disk.FileSize < 0 || disk.Populated < 0 || disk.File != "" && checkFileName(disk.File) != nil {
				t.Errorf("disk %+v", disk)
			}
		}
		// What can be written is read back as it was.
		b, err := d.Marshal()
		if err != nil {
			return
		}
		again, err := ParseDescriptor(b)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := again.Marshal(); err != nil || !bytes.Equal(b, b2) {
			t.Errorf("%+v is written, read and written again as another: %v\n%s\n%s", d, err, b, b2)
		}
	})
}
