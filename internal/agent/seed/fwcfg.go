package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ingotvm/ingot/internal/config/seedtext"
)

// FwCfgName is the name under which QEMU hands a seed to its guest:
// -fw_cfg name=opt/org.ingotvm.seed,file=…
const FwCfgName = "opt/org.ingotvm.seed"

// fwCfg reads the text that QEMU was given.
type fwCfg struct{ Options }

func (fwCfg) Name() string { return "fw_cfg" }

const (
	// fwCfgPatience is how long the kernel's module may take to be loaded: on
	// a slow emulator udev comes to it two seconds after the agent's start.
	fwCfgPatience = 3 * time.Second
	fwCfgPause    = 100 * time.Millisecond
)

func (p fwCfg) Read(ctx context.Context) (Answers, error) {
	dir := filepath.Join(p.Root, "sys/firmware/qemu_fw_cfg")
	if vendor(p.Root, "QEMU", "KVM", "SeaBIOS", "Bochs") {
		p.wait(ctx, dir)
	}
	text, err := readLimited(filepath.Join(dir, "by_name", FwCfgName, "raw"), seedtext.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return Answers{}, nil
	}
	c := newCollector(p.Name(), p.Options)
	if err == nil {
		err = c.text(text)
	}
	if err != nil {
		return Answers{}, fmt.Errorf("cannot read the seed from fw_cfg %s: %w", FwCfgName, err)
	}
	return c.finish()
}

// wait waits for the module: the entry itself, or that the module has listed
// others and ours is not among them.
func (p fwCfg) wait(ctx context.Context, dir string) {
	ctx, cancel := context.WithTimeout(ctx, fwCfgPatience)
	defer cancel()
	for listed := 0; ; {
		if _, err := os.Stat(filepath.Join(dir, "by_name", FwCfgName, "raw")); err == nil {
			return
		}
		// The list may be growing just now: twice the same is all.
		entries, _ := os.ReadDir(filepath.Join(dir, "by_key"))
		if len(entries) > 0 && len(entries) == listed {
			return
		}
		listed = len(entries)
		select {
		case <-ctx.Done():
			return
		case <-time.After(fwCfgPause):
		}
	}
}

// readUpTo reads all of r, which may have at most so many bytes.
func readUpTo(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}
