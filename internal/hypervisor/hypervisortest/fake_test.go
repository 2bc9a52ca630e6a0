package hypervisortest_test

import (
	"testing"

	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/hypervisor/hypervisortest"
)

func TestFake(t *testing.T) {
	hypervisortest.Run(t, func(*testing.T) hypervisor.Driver {
		return &hypervisortest.Fake{Guest: hypervisortest.EchoGuest}
	})
}
