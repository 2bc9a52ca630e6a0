package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/ovf"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// ova plans the disk that the OVA carries, and the OVA.
func (b *planner) ova() {
	b.add(pipeline.Stage{
		Name: "vmdk", Kind: "vmdk",
		Inputs:  map[string]string{"disk-id": b.id("disk")},
		Needs:   []string{"system-disk"},
		Outputs: []string{"disk.vmdk"},
	})
	descriptor, err := b.descriptor()
	if err != nil && b.err == nil {
		b.err = err
	}
	data, err := json.Marshal(descriptor)
	if err != nil && b.err == nil {
		b.err = err
	}
	b.add(pipeline.Stage{
		Name: "ova", Kind: "ova",
		Inputs:  map[string]string{"descriptor": string(data)},
		Needs:   []string{"vmdk"},
		Outputs: []string{"image.ova"},
	})
}

// descriptor describes the machine, all but the size of the disk's file.
func (b *planner) descriptor() (ovf.Descriptor, error) {
	def := b.def
	name := strings.TrimSuffix(def.Artifact("ovf"), ".ovf")
	d := ovf.Descriptor{
		Name: name, Title: def.Title, Vendor: def.Vendor, Version: def.Version, Description: def.Description,
		CPUs:             def.Hardware.CPUs,
		MemoryMiB:        mebibytes(def.Hardware.Memory.Recommended),
		MinimumMemoryMiB: mebibytes(def.Hardware.Memory.Minimum),
		Disks:            []ovf.Disk{{File: name + "-disk1.vmdk", Capacity: int64(def.Hardware.Disks.System)}},
		Networks: []ovf.Network{{
			Name: ovf.DefaultNetwork, Description: "The network on which " + def.Title + " is used and managed",
		}},
	}
	if data := def.Hardware.Disks.Data; data > 0 {
		d.Disks = append(d.Disks, ovf.Disk{Capacity: int64(data)})
	}
	for _, language := range sortedKeys(def.EULA) {
		text, err := os.ReadFile(filepath.Join(b.env.Dir, def.EULA[language]))
		if err != nil {
			return d, fmt.Errorf("cannot read licence: %w", err)
		}
		d.EULAs = append(d.EULAs, ovf.EULA{Language: language, Text: string(text)})
	}
	d.Properties = b.properties()
	return d, nil
}

func mebibytes(size appliance.Size) int { return int((int64(size) + 1<<20 - 1) >> 20) }

// ova packs descriptor, manifest and disk.
func (m makers) ova(ctx context.Context, job *pipeline.Job) (err error) {
	var descriptor ovf.Descriptor
	if err := json.Unmarshal([]byte(job.Input("descriptor")), &descriptor); err != nil {
		return err
	}
	disk, err := diskFile(descriptor.Disks[0].File, job.Artifact("vmdk", "disk.vmdk"))
	if err != nil {
		return err
	}
	descriptor.Disks[0].FileSize = disk.Size
	out, err := os.Create(job.Output("image.ova"))
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	w := bufio.NewWriterSize(out, 1<<20)
	if err := ovf.WriteOVA(ctx, w, ovf.Package{Descriptor: descriptor, Disks: []ovf.DiskFile{disk}, Time: epoch}); err != nil {
		return err
	}
	return w.Flush()
}

func diskFile(name, path string) (ovf.DiskFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return ovf.DiskFile{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return ovf.DiskFile{}, err
	}
	return ovf.DiskFile{
		Name: name, Size: size, SHA256: [sha256.Size]byte(sum.Sum(nil)),
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}
