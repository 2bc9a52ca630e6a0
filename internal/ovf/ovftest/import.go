// Package ovftest imports a finished OVA into govmomi's vCenter simulator, as
// an administrator would into the real one.
package ovftest

import (
	"archive/tar"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf/importer"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// emptyDisks is the simulator's importer, which as of v0.56.0 crashes on a
// disk without a file, which the specification allows (DSP0243, 9.1). It is
// given an empty reference instead, which means the same to it; nothing else
// changes.
type emptyDisks struct{ *simulator.OvfManager }

func (m *emptyDisks) CreateImportSpec(ctx *simulator.Context, req *types.CreateImportSpec) soap.HasFault {
	var out strings.Builder
	for line := range strings.Lines(req.OvfDescriptor) {
		if strings.Contains(line, "<Disk ") && !strings.Contains(line, "ovf:fileRef=") {
			line = strings.Replace(line, "<Disk ", `<Disk ovf:fileRef="" `, 1)
		}
		out.WriteString(line)
	}
	req.OvfDescriptor = out.String()
	return m.OvfManager.CreateImportSpec(ctx, req)
}

// PowerOn imports the OVA as govc does, with values for some of its
// properties, powers the machine on, and returns it as the simulator then
// describes it.
func PowerOn(t testing.TB, ova string, properties map[string]string) mo.VirtualMachine {
	t.Helper()
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	registry := model.Service.Context.Map
	ref := *registry.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.OvfManager
	registry.Put(&emptyDisks{registry.Get(ref).(*simulator.OvfManager)})

	var m mo.VirtualMachine
	err := model.Run(func(ctx context.Context, c *vim25.Client) error {
		vm, err := importOVA(ctx, c, ova, properties)
		if err != nil {
			return err
		}
		task, err := vm.PowerOn(ctx)
		if err != nil {
			return err
		}
		if err := task.Wait(ctx); err != nil {
			return err
		}
		return property.DefaultCollector(c).RetrieveOne(ctx, vm.Reference(), nil, &m)
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("the machine is %s", m.Runtime.PowerState)
	}
	return m
}

func importOVA(ctx context.Context, c *vim25.Client, ova string, properties map[string]string) (*object.VirtualMachine, error) {
	finder := find.NewFinder(c)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return nil, err
	}
	finder.SetDatacenter(dc)
	imp := importer.Importer{
		Client: c, Finder: finder, Datacenter: dc,
		Archive: &importer.TapeArchive{Path: ova, Opener: importer.Opener{Client: c}},
		Log:     func(string) (int, error) { return 0, nil },
	}
	if imp.Datastore, err = finder.DefaultDatastore(ctx); err != nil {
		return nil, err
	}
	if imp.ResourcePool, err = finder.ResourcePool(ctx, "DC0_C0/Resources"); err != nil {
		return nil, err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return nil, err
	}
	imp.Folder = folders.VmFolder
	opts := importer.Options{NetworkMapping: []importer.Network{{Name: "VM Network", Network: "VM Network"}}}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		opts.PropertyMapping = append(opts.PropertyMapping, importer.Property{KeyValue: importer.KeyValue{Key: key, Value: properties[key]}})
	}
	info, lease, err := imp.ImportVApp(ctx, "*.ovf", opts)
	if err != nil {
		return nil, err
	}
	for _, item := range info.Items {
		if err := imp.Upload(ctx, lease, item); err != nil {
			return nil, err
		}
	}
	// What arrived is the disk, whole. The simulator keeps only its digest.
	arrived, err := lease.GetManifest(ctx)
	if err != nil {
		return nil, err
	}
	sum, size, err := diskOf(ova)
	if err != nil {
		return nil, err
	}
	if len(arrived) != 1 || arrived[0].Sha1 != sum || arrived[0].Size != size {
		return nil, fmt.Errorf("other files arrived than were sent: %+v", arrived)
	}
	return object.NewVirtualMachine(c, info.Entity), lease.Complete(ctx)
}

// Properties are those of a machine in the simulator, by key.
func Properties(m mo.VirtualMachine) map[string]types.VAppPropertyInfo {
	found := map[string]types.VAppPropertyInfo{}
	if m.Config == nil || m.Config.VAppConfig == nil {
		return found
	}
	for _, p := range m.Config.VAppConfig.GetVmConfigInfo().Property {
		found[p.Id] = p
	}
	return found
}

// diskOf is the SHA-1 and the length of the disk in an OVA.
func diskOf(ova string) (sum string, size int64, err error) {
	f, err := os.Open(ova)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if err != nil {
			return "", 0, fmt.Errorf("no disk in %s: %w", ova, err)
		}
		if strings.HasSuffix(h.Name, ".vmdk") {
			hash := sha1.New()
			size, err := io.Copy(hash, r)
			return hex.EncodeToString(hash.Sum(nil)), size, err
		}
	}
}
