package build

import (
	"maps"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// makers run stages; run is the door to the host's programs.
type makers struct{ run host.Runner }

// Makers is the table of stage kinds. Raise a version whenever the stage
// would make other bytes of the same inputs: cached outputs are then made anew.
func Makers(run host.Runner) map[string]pipeline.Maker {
	m := makers{run: run}
	return map[string]pipeline.Maker{
		"boot-files":  {Version: 1, Run: m.bootFiles},
		"base":        {Version: 2, Run: m.base},
		"tree":        {Version: 2, Run: m.tree},
		"os":          {Version: 6, Run: m.operatingSystem},
		"app":         {Version: 5, Run: m.app},
		"layer":       {Version: 5, Run: m.layer},
		"initrd-base": {Version: 2, Run: m.initrdBase},
		"initrd":      {Version: 2, Run: m.initrd},
		"sbom":        {Version: 1, Run: m.sbom},
		"slot":        {Version: 2, Run: m.slot},
		"esp":         {Version: 1, Run: m.esp},
		"system-disk": {Version: 2, Run: m.systemDisk},
		"qcow2":       {Version: 1, Run: m.qcow2},
		"vmdk":        {Version: 2, Run: m.vmdk},
		"ova":         {Version: 1, Run: m.ova},
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// blameKey groups paths: programs and libraries one by one, the rest by the
// first three folders.
func blameKey(name string) string {
	parts := strings.Split(name, "/")
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// initrdNeeds leaves out the indexes that only the target's own module tools
// read; ingot-init reads the text forms.
func initrdNeeds(name string) bool {
	return strings.HasSuffix(name, ".ko") || strings.HasSuffix(name, "/modules.dep") ||
		strings.HasSuffix(name, "/modules.alias") || strings.HasSuffix(name, "/modules.softdep")
}
