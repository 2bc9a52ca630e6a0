package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/initrd/modules"
)

// TestInitrdLoadsWhatTheRootLacks: what is left out of the root on the promise
// that ingot-init has loaded it is what ingot-init loads.
func TestInitrdLoadsWhatTheRootLacks(t *testing.T) {
	always := slices.Concat(modules.Media(), modules.PowerButton())
	for _, name := range alwaysModules {
		if !slices.Contains(always, strings.ReplaceAll(name, "-", "_")) {
			t.Errorf("%s is in no root, and ingot-init does not always load it", name)
		}
	}
	for _, name := range modules.Emulated() {
		if !slices.Contains(initrdModules, name) {
			t.Errorf("the initrd has no %s", name)
		}
	}
}
