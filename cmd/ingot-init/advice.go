package main

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/verity"
)

// errNoSystem says that the system partition did not appear.
var errNoSystem = errors.New("the system disk did not appear")

// advice is what to do about an error, for somebody who knows the hypervisor
// and not this program.
func advice(err error) string {
	switch {
	case errors.Is(err, verity.ErrMismatch):
		return "The system disk is damaged or was changed. Deploy the appliance again; data on the data disk is kept."
	case errors.Is(err, errNoSystem):
		return "Check in the hypervisor that the first disk is attached and on a supported controller."
	case errors.Is(err, unix.EIO):
		return "The disk reports errors. Check the storage below this virtual machine."
	case errors.Is(err, unix.ENOSPC):
		return "The system disk is too small for this version. Deploy the appliance again, or enlarge the disk."
	case errors.Is(err, unix.ENOMEM):
		return "Give the virtual machine more memory."
	default:
		return "If it does not start after that, deploy the appliance again; data on the data disk is kept."
	}
}
