package appliance

import (
	"bytes"
	_ "embed"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

//go:embed template.yaml
var startingPoint []byte

// StartingPoint is a commented starting point for a definition. The name may be
// anything, such as that of a folder; a name for an appliance is made of it.
func StartingPoint(name string) []byte {
	return bytes.ReplaceAll(startingPoint, []byte("APPLIANCE"), []byte(nameFrom(name)))
}

// nameFrom makes a name for an appliance of any text: "My App_2" is my-app-2.
func nameFrom(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r > 'z' || !syntax.IsAlnum(byte(r)) {
			r = '-'
		}
		if r == '-' && strings.HasSuffix(b.String(), "-") {
			continue
		}
		b.WriteRune(r)
	}
	name := strings.TrimLeft(b.String(), "-0123456789")
	name = strings.Trim(name[:min(len(name), syntax.MaxServiceName)], "-")
	if name == "" {
		return "appliance"
	}
	return name
}
