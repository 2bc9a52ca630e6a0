// Package hosttest helps tests that need the machine: which host programs
// they cannot do without.
package hosttest

import (
	"os"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
)

// Need skips the test when one of the programs is not installed. With
// INGOT_TEST_ALL set, as `make test` does, it fails it instead, so that
// nothing is left out in silence.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := host.Find(p); err == nil {
			continue
		}
		if os.Getenv("INGOT_TEST_ALL") != "" {
			t.Fatalf("%s is not installed, and INGOT_TEST_ALL asks for every test", p)
		}
		t.Skipf("%s is not installed", p)
	}
}
