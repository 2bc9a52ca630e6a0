package release

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
)

// BootState is what the boot loader goes by. It lies in two copies on the EFI
// system partition, an environment block of GRUB's each, of one sector: to
// write one is all or nothing on any disk.
type BootState struct {
	// Good is the version known to boot healthy.
	Good string
	// Trial is a version to be tried, or "", and Tries how often it may still
	// be booted, 0 to 3.
	Trial string
	Tries int
}

// BootStateSize is the length of a copy in bytes.
const BootStateSize = 512

// MaxTries is how often a version is tried at most.
const MaxTries = 3

// The copies on the EFI system partition, in the order in which they are
// written and read.
const (
	BootStateA = "ingot/state.a"
	BootStateB = "ingot/state.b"
)

const bootStateHead = "# GRUB Environment Block\n"

// ErrTorn says that a copy of the boot state is not whole.
var ErrTorn = errors.New("the boot state is torn")

// Block is the copy's content: a signature, lines, and '#' up to its size. The
// line whole=yes is the last, so that a torn block is without it.
func (s BootState) Block() ([]byte, error) {
	if !appliance.IsVersion(s.Good) || s.Trial != "" && !appliance.IsVersion(s.Trial) || s.Tries < 0 || s.Tries > MaxTries {
		return nil, fmt.Errorf("cannot write a boot state of good=%q, trial=%q and %d tries", s.Good, s.Trial, s.Tries)
	}
	block := fmt.Sprintf("%sgood=%s\ntrial=%s\ntries=%d\nwhole=yes\n", bootStateHead, s.Good, s.Trial, s.Tries)
	if len(block) > BootStateSize {
		return nil, fmt.Errorf("cannot write a boot state of %d bytes", len(block))
	}
	return []byte(block + strings.Repeat("#", BootStateSize-len(block))), nil
}

// ParseBootState reads a copy, which GRUB may have written too. The error
// wraps [ErrTorn].
func ParseBootState(block []byte) (BootState, error) {
	if len(block) != BootStateSize || !bytes.HasPrefix(block, []byte(bootStateHead)) {
		return BootState{}, fmt.Errorf("%w: it is no environment block", ErrTorn)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(block[len(bootStateHead):])) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok && !strings.HasPrefix(line, "#") {
			values[name] = value
		}
	}
	s := BootState{Good: values["good"], Trial: values["trial"]}
	if values["whole"] != "yes" {
		return BootState{}, fmt.Errorf("%w: its last line is missing", ErrTorn)
	}
	// A sector of which a half is old reads so; no disk should do that.
	if !appliance.IsVersion(s.Good) || s.Trial != "" && !appliance.IsVersion(s.Trial) {
		return BootState{}, fmt.Errorf("%w: it names what is no version", ErrTorn)
	}
	var err error
	if s.Tries, err = strconv.Atoi(values["tries"]); err != nil || s.Tries < 0 || s.Tries > MaxTries {
		s.Tries = 0 // as GRUB takes it: it compares with 3, 2 and 1
	}
	return s, nil
}
