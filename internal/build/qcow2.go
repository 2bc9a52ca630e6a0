package build

import (
	"context"
	"os"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/qcow2"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// qcow2 writes the system disk for QEMU, libvirt and Proxmox.
func (m makers) qcow2(ctx context.Context, job *pipeline.Job) error {
	return convertDisk(job, "image.qcow2", func(out *os.File, image disk.Image) error {
		_, err := qcow2.Write(ctx, out, image, disk.Options{Progress: job.Progress})
		return err
	})
}

// convertDisk hands the system disk and a new output file to write.
func convertDisk(job *pipeline.Job, output string, write func(out *os.File, image disk.Image) error) (err error) {
	in, err := os.Open(job.Artifact("system-disk", "system.raw"))
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(job.Output(output))
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	return write(out, disk.Sparse(in, info.Size()))
}
