package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"os"

	"github.com/ingotvm/ingot/internal/disk"
	"github.com/ingotvm/ingot/internal/disk/vmdk"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// vmdk writes the system disk as the OVA carries it.
func (m makers) vmdk(ctx context.Context, job *pipeline.Job) error {
	id := sha256.Sum256([]byte(job.Input("disk-id")))
	return convertDisk(job, "disk.vmdk", func(out *os.File, image disk.Image) error {
		w := bufio.NewWriterSize(out, 1<<20)
		_, err := vmdk.Write(ctx, w, image, vmdk.Options{
			Options: disk.Options{Progress: job.Progress}, ContentID: [16]byte(id[:16]),
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}
