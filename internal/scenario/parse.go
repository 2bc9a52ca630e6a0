package scenario

import (
	"fmt"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/release/repository"
)

// Bounds: a scenario is a page, and each version of it is built.
const (
	maxVersions = 20
	maxSteps    = 200
)

// Parse reads a scenario; file is what problems call it. The error is
// [yamltext.Problems].
func Parse(file string, data []byte) (*Scenario, error) {
	if len(data) > yamltext.MaxBytes {
		r := yamltext.NewReport(file, "")
		r.Add(yamltext.Mark{}, "", "is larger than a scenario", "a scenario is a page; is this the right file?")
		return nil, r.Err()
	}
	text := yamltext.Normal(data)
	r := &reader{Report: yamltext.NewReport(file, text)}
	if strings.TrimSpace(text) == "" {
		r.Add(yamltext.Mark{}, "", "is empty", "docs/scenarios.md has one to begin with")
		return nil, r.Err()
	}
	root := r.Parse(text)
	if root == nil {
		return nil, r.Err()
	}
	s := &Scenario{Answers: map[string]string{}}
	r.scenario(s, root)
	if len(r.Problems) == 0 {
		r.check(s)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *reader) scenario(s *Scenario, root *yamltext.Node) {
	breaks := map[string]*yamltext.Node{}
	r.mapping(root, "a scenario", fields{
		"scenario":   func(n *yamltext.Node) { s.Title = r.text(n, "scenario") },
		"project":    func(n *yamltext.Node) { s.project = r.changes(n, "project") },
		"versions":   func(n *yamltext.Node) { r.versions(s, n) },
		"break":      func(n *yamltext.Node) { r.each(n, "break", func(key string, v *yamltext.Node) { breaks[key] = v }) },
		"answers":    func(n *yamltext.Node) { s.Answers = r.texts(n, "answers") },
		"machine":    func(n *yamltext.Node) { r.machine(&s.Machine, n) },
		"repository": func(n *yamltext.Node) { r.repository(&s.Repository, n) },
		"steps":      func(n *yamltext.Node) { r.steps(s, n) },
	})
	for name, n := range breaks {
		if v := s.Version(name); v != nil {
			v.Break = Break(r.choice(n, "what is broken", string(BreakKernel), string(BreakInitrd), string(BreakAgent)))
		} else {
			r.unknownVersion(n, s, name)
		}
	}
	for key, missing := range map[string]bool{"scenario": s.Title == "", "versions": len(s.Versions) == 0, "steps": len(s.Steps) == 0} {
		if missing && root.Get(key) == nil {
			r.Add(root.Mark, "", "a scenario needs "+key, "docs/scenarios.md has one to begin with")
		}
	}
}

func (r *reader) versions(s *Scenario, n *yamltext.Node) {
	r.each(n, "versions", func(key string, v *yamltext.Node) {
		switch {
		case !appliance.IsVersion(key):
			r.Add(v.Mark, "", fmt.Sprintf("%s is not a version", syntax.Quote(key)), "write three numbers, such as 1.1.0")
		case len(s.Versions) == maxVersions:
			r.Add(v.Mark, "", fmt.Sprintf("more than %d versions", maxVersions), "each is built: write several scenarios")
		default:
			s.Versions = append(s.Versions, &Version{Name: key, changes: r.changes(v, "version "+key)})
		}
	})
}

// changes are laid over the definition; nothing is no change.
func (r *reader) changes(n *yamltext.Node, name string) *yamltext.Node {
	if n.Kind == yamltext.Null || !r.want(n, yamltext.Mapping, name, "write the keys of appliance.yaml that differ below it, or {}") {
		return nil
	}
	for _, key := range []string{"name", "version", "variants"} {
		if e := n.Get(key); e != nil {
			r.Add(e.Mark, "", fmt.Sprintf("a scenario cannot change %s", key), "remove it")
		}
	}
	return n
}

func (r *reader) machine(m *Machine, n *yamltext.Node) {
	r.mapping(n, "machine", fields{
		"firmware": func(n *yamltext.Node) {
			m.Firmware = hypervisor.Firmware(r.choice(n, "firmware", string(hypervisor.BIOS), string(hypervisor.UEFI), string(hypervisor.UEFISecure)))
		},
		"memory": func(n *yamltext.Node) { m.Memory = r.size(n, "memory") },
		"data":   func(n *yamltext.Node) { m.Data = r.size(n, "data") },
		"cpus":   func(n *yamltext.Node) { m.CPUs = r.number(n, "cpus", 1, 64) },
		"clock":  func(n *yamltext.Node) { m.Clock = r.date(n, "clock") },
	})
}

func (r *reader) repository(p *Repository, n *yamltext.Node) {
	r.mapping(n, "repository", fields{
		"rate":  func(n *yamltext.Node) { p.Rate = r.size(n, "rate") },
		"proxy": func(n *yamltext.Node) { p.Proxy = r.bool(n, "proxy") },
	})
}

func (r *reader) steps(s *Scenario, n *yamltext.Node) {
	if !r.want(n, yamltext.List, "steps", "begin each step with a dash") {
		return
	}
	if len(n.Items) > maxSteps {
		r.Add(n.Mark, "", fmt.Sprintf("more than %d steps", maxSteps), "write several scenarios")
		return
	}
	for _, item := range n.Items {
		s.Steps = append(s.Steps, r.step(item))
	}
}

// step reads a verb and what is expected after it.
func (r *reader) step(n *yamltext.Node) Step {
	step := Step{Patches: repository.DefaultPatches, Expect: &Expect{}, at: n.Mark}
	do := func(verb Verb, read func(*yamltext.Node, *Step)) func(*yamltext.Node) {
		return func(n *yamltext.Node) {
			if step.Do != "" {
				r.Add(n.Mark, "", fmt.Sprintf("one step cannot both %s and %s", step.Do, verb), "begin another step with a dash")
				return
			}
			step.Do = verb
			read(n, &step)
		}
	}
	version := func(n *yamltext.Node, s *Step) { s.Version = r.version(n) }
	r.mapping(n, "a step", fields{
		string(Boot):     do(Boot, version),
		string(Release):  do(Release, r.release),
		string(Withdraw): do(Withdraw, version),
		string(Install):  do(Install, r.install),
		string(Back):     do(Back, r.back),
		string(Power):    do(Power, func(n *yamltext.Node, s *Step) { s.Cut = r.choice(n, "power", "cycle", "cut") == "cut" }),
		string(Set):      do(Set, func(n *yamltext.Node, s *Step) { s.Settings = r.texts(n, "set") }),
		string(Look):     func(n *yamltext.Node) { r.expect(n, step.Expect) },
	})
	if step.Do == "" {
		step.Do = Look
	}
	return step
}

func (r *reader) release(n *yamltext.Node, s *Step) {
	r.orMapping(n, "release", &s.Version, fields{
		"version": func(n *yamltext.Node) { s.Version = r.version(n) },
		"patches": func(n *yamltext.Node) { s.Patches = r.number(n, "patches", 0, 20) },
		"floor":   func(n *yamltext.Node) { s.Floor = r.bool(n, "floor") },
		"minimum": func(n *yamltext.Node) { s.Minimum = r.version(n) },
	})
}

func (r *reader) install(n *yamltext.Node, s *Step) {
	r.orMapping(n, "install", &s.Version, fields{
		"version": func(n *yamltext.Node) { s.Version = r.version(n) },
		"how":     func(n *yamltext.Node) { s.How = r.choice(n, "how", "patch", "blocks", "whole", "bundle") },
		"most":    func(n *yamltext.Node) { s.Most = r.size(n, "most") },
		"until": func(n *yamltext.Node) {
			s.Until = r.choice(n, "until", wire.StepDownload, wire.StepWrite, wire.StepVerify, wire.StepSnapshot, wire.StepRestart)
		},
	})
}

func (r *reader) back(n *yamltext.Node, s *Step) {
	r.orMapping(n, "back", &s.Version, fields{
		"version": func(n *yamltext.Node) { s.Version = r.version(n) },
		"data":    func(n *yamltext.Node) { s.Restore = r.choice(n, "data", "keep", "restore") == "restore" },
	})
}

func (r *reader) expect(n *yamltext.Node, e *Expect) {
	r.mapping(n, "expect", fields{
		"version": func(n *yamltext.Node) { e.Version = r.version(n) },
		"outcome": func(n *yamltext.Node) {
			e.Outcome = r.choice(n, "outcome", wire.OutcomeInstalled, wire.OutcomeRolledBack, wire.OutcomeWentBack, wire.OutcomeFailed, wire.OutcomeCancelled)
		},
		"reason":  func(n *yamltext.Node) { e.Reason = r.text(n, "reason") },
		"refused": func(n *yamltext.Node) { e.Refused = r.text(n, "refused") },
		"page":    func(n *yamltext.Node) { e.Page = r.text(n, "page") },
		"offered": func(n *yamltext.Node) {
			if e.Offered = Nothing; n.Text != Nothing {
				e.Offered = r.version(n)
			}
		},
	})
}
