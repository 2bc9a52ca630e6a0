package ovf

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/vmdk"
	"github.com/ingotvm/ingot/internal/ovf/ovftest"
)

// TestVCenter imports a finished OVA into govmomi's vCenter simulator and
// powers the machine on, with some properties set as in the importer's form.
func TestVCenter(t *testing.T) {
	m := ovftest.PowerOn(t, finishedOVA(t), map[string]string{"network_address": "192.0.2.7/24", "access_password": "correct horse"})
	hw := m.Config.Hardware
	if m.Config.Version != "vmx-17" || m.Config.GuestId != "other4xLinux64Guest" || hw.NumCPU != 2 || hw.MemoryMB != 1024 {
		t.Errorf("hardware %s, guest %s, %d processors, %d MiB", m.Config.Version, m.Config.GuestId, hw.NumCPU, hw.MemoryMB)
	}
	devices := object.VirtualDeviceList(hw.Device)
	disks := devices.SelectByType((*types.VirtualDisk)(nil))
	if len(disks) != 2 || disks[0].(*types.VirtualDisk).CapacityInKB != 64<<10 || disks[1].(*types.VirtualDisk).CapacityInKB != 20<<20 {
		t.Errorf("disks %+v", disks)
	}
	for _, d := range disks {
		if _, ok := devices.FindByKey(d.GetVirtualDevice().ControllerKey).(*types.ParaVirtualSCSIController); !ok {
			t.Errorf("%s is not on the paravirtual controller", devices.Name(d))
		}
	}
	if nics := devices.SelectByType((*types.VirtualVmxnet3)(nil)); len(nics) != 1 {
		t.Errorf("%d vmxnet3 adapters", len(nics))
	}
	if drives := devices.SelectByType((*types.VirtualCdrom)(nil)); len(drives) != 1 {
		t.Errorf("%d drives for the properties' ISO", len(drives))
	}
	arrived := ovftest.Properties(m)
	if len(arrived) != len(sample().Properties) {
		t.Errorf("%d properties arrived: %+v", len(arrived), arrived)
	}
	for key, want := range map[string][2]string{ // what was set, and the default
		"network_address": {"192.0.2.7/24", ""}, "access_password": {"correct horse", ""},
		"network_mtu": {"", "1500"}, "units": {"", "metric"}, "setup_eula": {"", "false"},
	} {
		if p := arrived[key]; p.Value != want[0] || p.DefaultValue != want[1] || p.ClassId != "" || p.InstanceId != "" || !*p.UserConfigurable {
			t.Errorf("%s arrived as %+v", key, p)
		}
	}
}

// finishedOVA is an OVA with a real disk.
func finishedOVA(t *testing.T) string {
	t.Helper()
	img := disk.NewBuffer(64 << 20)
	if _, err := img.WriteAt(bytes.Repeat([]byte("system"), 100_000), 1<<20); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	size, err := vmdk.Write(t.Context(), &b, img, vmdk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := sample()
	d.Disks[0] = Disk{File: "pocketbase-1.4.0-disk1.vmdk", FileSize: size, Capacity: img.Size()}
	path := filepath.Join(t.TempDir(), "pocketbase-1.4.0.ova")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = WriteOVA(t.Context(), f, Package{Descriptor: d, Disks: []DiskFile{{
		Name: d.Disks[0].File, Size: size, SHA256: sha256.Sum256(b.Bytes()),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return path
}
