package appliance

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
)

// Expand replaces each ${name} in s by what lookup says. $${ stands for a
// literal ${, and a $ before anything else for itself. The error says which
// variable is not known, or that one is not closed.
func Expand(s string, lookup func(name string) (value string, ok bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String(), nil
		}
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "${")
			s = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("${ is not closed by }")
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("unknown variable ${%s}", syntax.Printable(name))
		}
		b.WriteString(before + value)
		s = after
	}
}
