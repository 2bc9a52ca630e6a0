package scenario

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// check finds what is wrong between the parts of a scenario that was read
// without a problem.
func (r *reader) check(s *Scenario) {
	released := map[string]bool{}
	for i, step := range s.Steps {
		problem := func(hint, format string, args ...any) {
			r.Add(step.at, "", fmt.Sprintf(format, args...), hint)
		}
		for _, name := range []string{step.Version, step.Minimum, step.Expect.Version, strings.TrimSuffix(step.Expect.Offered, Nothing)} {
			if name != "" && s.Version(name) == nil {
				problem(s.nearVersion(name), "there is no version %s", syntax.Quote(name))
			}
		}
		switch {
		case step.Do == Boot && s.boots(i):
			problem("power: cycle switches it off and on again", "the machine was booted before")
		case step.Do != Boot && step.Do != Release && step.Do != Withdraw && !s.boots(i):
			problem("begin with boot: VERSION", "no machine was booted before")
		case step.Do == Boot && s.Version(step.Version) != nil && s.Version(step.Version).Break != "":
			problem("boot another one, and install this", "a broken version cannot be booted first")
		case step.Do == Release && released[step.Version]:
			problem("what was released is never changed", "it was released before")
		case (step.Do == Withdraw || step.How == "bundle") && !released[step.Version]:
			problem("add release: "+step.Version+" before", "it was not released before")
		}
		if step.Do == Release {
			released[step.Version] = true
		}
	}
}

// boots says whether a step before the one boots the machine.
func (s *Scenario) boots(before int) bool {
	for _, step := range s.Steps[:before] {
		if step.Do == Boot {
			return true
		}
	}
	return false
}

func (s *Scenario) nearVersion(name string) string {
	var names []string
	for _, v := range s.Versions {
		names = append(names, v.Name)
	}
	if near := syntax.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "the scenario has: " + strings.Join(names, ", ")
}

func (r *reader) unknownVersion(n *yamltext.Node, s *Scenario, name string) {
	r.Add(n.Mark, "", fmt.Sprintf("there is no version %s", syntax.Quote(name)), s.nearVersion(name))
}
