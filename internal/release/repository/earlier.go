package repository

import (
	"slices"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// earlier are the last versions below a release, the newest first.
func (r *Repository) earlier(s *state, rel *release.Release, count int) []string {
	var list []string
	for target := range s.targets.Signed.Targets {
		product, kind, version := productOf(target)
		if product == rel.Product && kind == "releases" && appliance.IsVersion(version) &&
			appliance.CompareVersions(version, rel.Manifest.Version) < 0 {
			list = append(list, version)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return appliance.CompareVersions(b, a) })
	return list[:min(len(list), max(0, count))]
}
