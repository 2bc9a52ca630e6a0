package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/release"
	"github.com/ingotvm/ingot/internal/release/x86"
	"github.com/ingotvm/ingot/internal/rootfs"
	"github.com/ingotvm/ingot/internal/verity"
)

// imageOutput is one verified EROFS image to be written.
type imageOutput struct {
	release.Image
	tree   *rootfs.Tree
	encode release.Encoder
	// owners are the packages that brought the files, where there are any.
	owners ownership
}

// writeImage writes <name>.erofs.zst, image.json with the verity root, and
// blame.json, which says what takes the room.
func writeImage(ctx context.Context, job *pipeline.Job, out imageOutput) error {
	raw, err := os.Create(filepath.Join(job.Temp, out.Name+".erofs"))
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := out.tree.WriteEROFS(raw, job.Temp, epoch); err != nil {
		return err
	}
	if out.Size, err = padToBlock(raw); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := compressImage(ctx, job, raw, &out); err != nil {
		return err
	}
	if err := writeJSON(job.Output("image.json"), out.Image); err != nil {
		return err
	}
	return writeJSON(job.Output("blame.json"), blame(out.tree, out.owners))
}

// padToBlock makes the image whole blocks, as dm-verity wants it.
func padToBlock(f *os.File) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	size = (size + verity.BlockSize - 1) / verity.BlockSize * verity.BlockSize
	return size, f.Truncate(size)
}

// compressImage reads the image once, for the hash tree and the frames.
func compressImage(ctx context.Context, job *pipeline.Job, raw *os.File, out *imageOutput) (err error) {
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return err
	}
	packed, err := os.Create(job.Output(out.Name + ".erofs.zst"))
	if err != nil {
		return err
	}
	defer func() {
		if e := packed.Close(); err == nil {
			err = e
		}
	}()
	tree, sum := verity.NewTree(nil), sha256.New()
	buffered := bufio.NewWriterSize(packed, 1<<20)
	out.Filter = release.FilterX86
	err = release.Compress(buffered, x86.Encode(io.TeeReader(raw, io.MultiWriter(tree, sum))), out.encode, func(done int64) {
		job.Progress(min(done, out.Size), out.Size)
	})
	if err != nil {
		return fmt.Errorf("cannot compress image %s: %w", out.Name, err)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	root, err := tree.Sum()
	if err != nil {
		return err
	}
	out.Verity.Root = hex.EncodeToString(root)
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return ctx.Err()
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("cannot read %s: %w", file, err)
	}
	return nil
}

// blame sums the bytes of an image by package, and what no package brought by
// top folders: what to look at first when an appliance grows.
func blame(t *rootfs.Tree, owners ownership) map[string]int64 {
	sums := map[string]int64{}
	for _, name := range t.Paths() {
		e := t.Get(name)
		if !e.Mode.IsRegular() {
			continue
		}
		key := blameKey(name)
		if owner := owners[name]; owner != "" {
			key = "package " + owner
		}
		sums[key] += e.Size
	}
	return sums
}
