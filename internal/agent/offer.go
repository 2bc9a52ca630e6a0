package agent

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// offer is what the answers of all providers come to: what can be taken, and
// the report of what cannot.
type offer struct {
	answers []seed.Answers
	// parts are the answers as changes, extra those that are no settings; what
	// a later provider says overrides.
	parts []config.Seed
	extra map[string]string
	// reports have the place of their answers.
	reports []wire.Seed
	// lost are the problems of what was given, for people.
	lost []string
	// left are the parts of the document that were left out, or of which
	// something was; unread says that some provider could not be understood.
	left   map[string]bool
	unread bool
}

// newOffer imports answers.
func newOffer(env setting.Env, all []seed.Answers) *offer {
	o := &offer{answers: all, left: map[string]bool{}, reports: make([]wire.Seed, len(all))}
	for i, answers := range all {
		o.reports[i].Provider = answers.Provider
		o.unread = o.unread || answers.Unread
		for _, p := range answers.Problems {
			if isPart(p.Path) { // something was given
				o.problem(i, p)
				continue
			}
			o.reports[i].Problems = append(o.reports[i].Problems, wire.Problem(p))
		}
	}
	o.read(env, func(i int, p setting.Problem) { o.problem(i, p) })
	return o
}

// read imports the answers; problem is told of each one that cannot be taken.
func (o *offer) read(env setting.Env, problem func(i int, p setting.Problem)) {
	o.parts, o.extra = nil, map[string]string{}
	for i, answers := range o.answers {
		o.reports[i].Keys = nil
		take := func(data []byte) {
			part, err := config.Import(env, data)
			if err != nil {
				problem(i, setting.Problem{Path: "seed", Message: err.Error()})
				o.unread = true
				return
			}
			for _, p := range part.Problems {
				problem(i, p)
			}
			o.parts = append(o.parts, part)
			maps.Copy(o.extra, part.Extra)
			o.reports[i].Keys = append(o.reports[i].Keys, part.Keys...)
		}
		if len(answers.Text) > 0 {
			take(answers.Text)
		}
		if len(answers.Values) > 0 {
			data, _ := json.Marshal(answers.Values) // text by text: cannot fail
			take(data)
		}
	}
}

// problem notes one of something that was given.
func (o *offer) problem(i int, p setting.Problem) {
	o.reports[i].Problems = append(o.reports[i].Problems, wire.Problem(p))
	o.lost = append(o.lost, seedProblem(o.reports[i].Provider, p))
	o.left[partOf(p.Path)] = true
}

// lose notes a problem of the answers together: with those that say something
// of that part of the document, or else with the last, which overrides.
func (o *offer) lose(p setting.Problem) {
	at := len(o.answers) - 1
	for i, answers := range o.answers {
		if _, says := without(answers, partOf(p.Path)); says {
			at = i
		}
	}
	if at >= 0 {
		o.problem(at, p)
	}
}

// refuse notes why the answers could not be taken.
func (o *offer) refuse(err error) {
	for _, p := range problemsOf(err) {
		o.lose(p)
	}
}

// problemsOf is an error of a commit as problems.
func problemsOf(err error) []setting.Problem {
	var bad *config.InvalidError
	if errors.As(err, &bad) {
		return bad.Problems
	}
	return []setting.Problem{{Path: "seed", Message: err.Error()}}
}

// leaveOut takes the parts of the document out of the answers with which there
// are problems, and notes these. It says whether there was something to take
// out.
func (o *offer) leaveOut(env setting.Env, problems []setting.Problem) bool {
	some := false
	less := slices.Clone(o.answers)
	for i := range less {
		for _, p := range problems {
			var said bool
			less[i], said = without(less[i], partOf(p.Path))
			some = some || said
		}
	}
	if !some {
		return false
	}
	for _, p := range problems {
		o.lose(p)
	}
	o.answers = less
	o.read(env, func(int, setting.Problem) {}) // they were told before
	return true
}

// forget says that nothing was taken.
func (o *offer) forget() {
	for i := range o.reports {
		o.reports[i].Keys = nil
	}
}

// unclear says whether something was given of a step that could not be taken:
// then its defaults are not what was meant.
func (o *offer) unclear(step firstboot.Step) bool {
	return o.unread || slices.ContainsFunc(step.Properties, func(p setting.Property) bool { return o.left[partOf(p.Key)] })
}

func (o *offer) providers() []string {
	var names []string
	for _, answers := range o.answers {
		names = append(names, answers.Provider)
	}
	return names
}

// partOf is the part of the document that a path leads into.
func partOf(path string) string {
	part, _, _ := strings.Cut(path, ".")
	return part
}

// isPart says whether a path is that of a whole part of the document.
func isPart(path string) bool {
	return slices.ContainsFunc(setting.All(), func(s setting.Setting) bool { return s.Key() == path })
}

// without is answers but for those about a part of the document, and whether
// there were any.
func without(answers seed.Answers, part string) (less seed.Answers, said bool) {
	isAbout := func(key string) bool {
		return partOf(key) == part || strings.HasPrefix(key, setting.OVFKey(part+"."))
	}
	values := maps.Clone(answers.Values)
	maps.DeleteFunc(values, func(key, _ string) bool { return isAbout(key) })
	said = len(values) < len(answers.Values)
	answers.Values = values
	tree, err := seedtext.Parse(answers.Text)
	if err != nil {
		return answers, said
	}
	before := len(tree)
	maps.DeleteFunc(tree, func(key string, _ any) bool { return isAbout(key) })
	if len(tree) < before {
		answers.Text, _ = json.Marshal(tree) // it was read from such text
		said = true
	}
	return answers, said
}
