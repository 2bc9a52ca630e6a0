package appliance

import "testing"

// TestCompareVersions: each version is older than all that follow.
func TestCompareVersions(t *testing.T) {
	order := []string{
		"nonsense", "0.0.0", "0.9.10", "0.10.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1",
		"1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0",
		"2.0.0", "10.0.0",
	}
	for i, a := range order {
		for j, b := range order {
			got := CompareVersions(a, b)
			if want := i - j; got < 0 != (want < 0) || got > 0 != (want > 0) {
				t.Errorf("CompareVersions(%s, %s) = %d", a, b, got)
			}
		}
	}
	if CompareVersions("1.0", "v1.0.0") != 0 {
		t.Error("of two texts that are no versions one is newer")
	}
}
