package appliance

import (
	"cmp"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// IsVersion says whether a text is a version as a definition has one.
func IsVersion(s string) bool { return syntax.IsVersion(s) }

// CompareVersions is negative when a is older than b, zero when they are the
// same, positive when a is newer, by the precedence of semver.org 2.0.0, 11.
// A text that is no version is older than every version.
func CompareVersions(a, b string) int {
	if !syntax.IsVersion(a) || !syntax.IsVersion(b) {
		return boolInt(syntax.IsVersion(a)) - boolInt(syntax.IsVersion(b))
	}
	coreA, preA, hasA := strings.Cut(a, "-")
	coreB, preB, hasB := strings.Cut(b, "-")
	if c := compareIdentifiers(coreA, coreB); c != 0 {
		return c
	}
	if !hasA || !hasB { // 1.0.0-rc.1 comes before 1.0.0
		return boolInt(!hasA) - boolInt(!hasB)
	}
	return compareIdentifiers(preA, preB)
}

// compareIdentifiers compares what dots separate, one by one; of two that
// agree as far as the shorter goes, the longer is newer.
func compareIdentifiers(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if c := compareIdentifier(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// compareIdentifier: numbers by value, words by their bytes, numbers before
// words. Numbers have no leading zeros, so that the longer is the greater.
func compareIdentifier(a, b string) int {
	numberA, numberB := syntax.Made(a, syntax.IsDigit), syntax.Made(b, syntax.IsDigit)
	switch {
	case numberA && numberB && len(a) != len(b):
		return cmp.Compare(len(a), len(b))
	case numberA == numberB:
		return strings.Compare(a, b)
	default:
		return boolInt(numberB) - boolInt(numberA)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
