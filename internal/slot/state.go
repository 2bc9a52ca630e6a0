package slot

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ingotvm/ingot/internal/disk/fat"
	"github.com/ingotvm/ingot/internal/release"
)

// State is what the boot loader goes by.
type State = release.BootState

var copies = []string{release.BootStateA, release.BootStateB}

// ReadState reads the boot state of an EFI system partition as GRUB does: the
// first copy that is whole. The error wraps [release.ErrTorn] when none is.
func ReadState(esp io.ReaderAt) (State, error) {
	var failed error
	for _, name := range copies {
		offset, err := place(esp, name)
		if err != nil {
			return State{}, fmt.Errorf("cannot read the boot state: %w", err)
		}
		block := make([]byte, release.BootStateSize)
		if _, err := esp.ReadAt(block, offset); err != nil {
			return State{}, fmt.Errorf("cannot read the boot state: %w", err)
		}
		s, err := release.ParseBootState(block)
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
	}
	return State{}, fmt.Errorf("cannot read the boot state: %w", failed)
}

// place is where a copy lies: one whole sector.
func place(esp io.ReaderAt, name string) (int64, error) {
	offset, size, err := fat.Locate(esp, name)
	if err != nil {
		return 0, err
	}
	if size != release.BootStateSize || offset%release.BootStateSize != 0 {
		return 0, fmt.Errorf("%s is not one sector", name)
	}
	return offset, nil
}

// partition is what the boot state is written to.
type partition interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// WriteState writes both copies, one after the other, each a sector that is on
// the disk before the next one is begun: at any instant one of them is whole,
// and says the old or the new.
func WriteState(esp partition, s State) error {
	block, err := s.Block()
	if err != nil {
		return err
	}
	// Both places before anything is written.
	var offsets []int64
	for _, name := range copies {
		offset, err := place(esp, name)
		if err != nil {
			return fmt.Errorf("cannot write the boot state: %w", err)
		}
		offsets = append(offsets, offset)
	}
	for i, offset := range offsets {
		if _, err := esp.WriteAt(block, offset); err != nil {
			return fmt.Errorf("cannot write the boot state %s: %w", copies[i], err)
		}
		if err := esp.Sync(); err != nil {
			return fmt.Errorf("cannot write the boot state %s: %w", copies[i], err)
		}
	}
	return nil
}

// State reads the boot state.
func (d *Disk) State() (State, error) {
	f, err := os.Open(d.ESP)
	if err != nil {
		return State{}, fmt.Errorf("cannot read the boot state: %w", err)
	}
	defer f.Close()
	return ReadState(f)
}

// SetState writes the boot state. It refuses a version that is not on the disk.
func (d *Disk) SetState(s State) error {
	for _, version := range []string{s.Good, s.Trial} {
		if version == "" && version == s.Trial {
			continue
		}
		if err := d.bootable(version); err != nil {
			return fmt.Errorf("cannot let the boot loader start version %s: %w", version, err)
		}
	}
	f, err := os.OpenFile(d.ESP, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot write the boot state: %w", err)
	}
	defer f.Close()
	if err := WriteState(f, s); err != nil {
		return err
	}
	return f.Close()
}
