package seed

import (
	"fmt"
	"runtime"

	"github.com/vmware/vmw-guestinfo/rpcvmx"
	"github.com/vmware/vmw-guestinfo/vmcheck"
)

// backdoor is VMware's channel itself: an I/O port that its hypervisors serve.
type backdoor struct{}

// unset cannot be a variable's value.
const unset = "\x00"

// Get asks in a thread of its own, which ends with the privilege to use I/O
// ports that it takes. Without that privilege, under lockdown, VMware serves
// the port as well.
func (backdoor) Get(names []string) (got map[string]string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer func() {
			if p := recover(); p != nil { // the library trusts what it is answered
				got, err = nil, fmt.Errorf("the channel failed: %v", p)
			}
		}()
		got, err = variables(names)
	}()
	<-done
	return got, err
}

func variables(names []string) (map[string]string, error) {
	if !vmcheck.IsVirtualCPU() { // the firmware says VMware, the processor does not
		return nil, nil
	}
	if there, err := vmcheck.IsVirtualWorld(true); err != nil || !there {
		return nil, err
	}
	config := rpcvmx.NewConfig()
	got := map[string]string{}
	for _, name := range names {
		value, err := config.String(name, unset)
		if err != nil {
			return nil, err
		}
		if value != unset {
			got[name] = value
		}
	}
	return got, nil
}
