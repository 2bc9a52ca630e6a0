package qemu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/hypervisor"
)

// pair is a firmware: its code, and the variables it starts out with.
type pair struct{ code, vars string }

// firmwares are where the package ovmf puts what we need, the better first:
// Debian 12 and 13 and Ubuntu 24.04 have the 4 MiB builds, the others are of
// Debian 11 and Ubuntu 22.04. The secboot code trusts nothing unless Secure
// Boot's keys are in the variables: .ms has Microsoft's, and boots without a
// question.
func firmwares(f hypervisor.Firmware) []pair {
	if f == hypervisor.UEFISecure {
		return []pair{
			{"OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"},
			{"OVMF_CODE.secboot.fd", "OVMF_VARS.ms.fd"},
		}
	}
	return []pair{
		{"OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"},
		{"OVMF_CODE.fd", "OVMF_VARS.fd"},
	}
}

// findFirmware is the first complete pair below dir, usually /usr/share/OVMF.
func findFirmware(dir string, f hypervisor.Firmware) (pair, error) {
	for _, p := range firmwares(f) {
		found := pair{filepath.Join(dir, p.code), filepath.Join(dir, p.vars)}
		_, codeErr := os.Stat(found.code)
		_, varsErr := os.Stat(found.vars)
		err := errors.Join(codeErr, varsErr)
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return pair{}, fmt.Errorf("cannot use the UEFI firmware: %w", err)
		}
	}
	return pair{}, fmt.Errorf("cannot find the UEFI firmware in %s: install the package ovmf", dir)
}
