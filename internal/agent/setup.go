package agent

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/host"
)

// setUp says that the appliance is set up already.
type setUp struct{}

func (setUp) Error() string { return "the appliance is set up already" }

// Status and Hint are for the API.
func (setUp) Status() int  { return http.StatusConflict }
func (setUp) Hint() string { return "log in, and change the settings" }

// Setup is how far the first boot has come. Who is on the appliance itself is
// told the code and what is asked; others must give the code first.
func (a *Agent) Setup(_ context.Context, local bool) wire.Setup {
	s := a.setup(local)
	if local && !s.Complete {
		s.Code = a.code.String()
	}
	return s
}

func (a *Agent) setup(whole bool) wire.Setup {
	revision, _ := a.engine.Current()
	return a.setupOf(revision.Document, whole)
}

func (a *Agent) setupOf(d *setting.Document, whole bool) wire.Setup {
	env := a.env()
	// Without its data the appliance only seems new: nobody is to set it up.
	lost := a.init.Held && a.init.Adopt == nil
	s := wire.Setup{Complete: d.Setup.Complete || lost, Steps: []wire.Step{}, Adopt: a.adopt()}
	if whole {
		s.Seeds = a.seedReports()
	}
	for _, step := range firstboot.Steps(env, d) {
		w := wire.Step{Name: step.Name, Done: step.Done, Needed: step.Needed}
		if !whole {
			s.Steps = append(s.Steps, w)
			continue
		}
		for _, p := range step.Properties {
			w.Properties = append(w.Properties, wireProperty(p, d))
		}
		if step.Name == setting.StepEULA {
			w.Licence = licence(env, d)
		}
		s.Steps = append(s.Steps, w)
	}
	return s
}

func licence(env setting.Env, d *setting.Document) *wire.Licence {
	tag, text := firstboot.Licence(env, d.Language.Language)
	l := &wire.Licence{Language: tag, Text: text, Hash: firstboot.Hash(text)}
	for tag := range env.Boot.Licences {
		l.Languages = append(l.Languages, tag)
	}
	slices.Sort(l.Languages)
	return l
}

// adopt says whose the data disk is, when it is not this appliance's.
func (a *Agent) adopt() *wire.Adopt {
	switch {
	case a.init.Adopt != nil:
		return &wire.Adopt{Name: a.init.Adopt.Name, Version: a.init.Adopt.Version, Title: a.init.Adopt.Title}
	case a.init.Refused != "":
		return &wire.Adopt{Refused: a.init.Refused}
	}
	return nil
}

// Answer takes the answers of one step. The last one that was needed opens
// the application.
func (a *Agent) Answer(ctx context.Context, by config.By, local bool, w wire.Answer) (wire.Setup, error) {
	revision, _ := a.engine.Current()
	switch {
	case local:
	case revision.Document.Setup.Complete:
		return wire.Setup{}, setUp{}
	case !a.code.Matches(w.Code):
		return wire.Setup{}, access.ErrCode
	case w.Step == "" && w.Adopt == nil && !w.Preview:
		return a.setup(true), nil // the code alone asks what is asked
	}
	if w.Preview {
		return a.setupOf(a.asIf(w.Values), true), nil
	}
	if w.Adopt != nil {
		return a.setup(true), a.answerAdopt(ctx, *w.Adopt)
	}
	if a.init.foreign() { // what is answered now would be forgotten
		return wire.Setup{}, invalid("step", "the data disk is another appliance's", "take it over first, or attach another one")
	}
	env := a.env()
	_, _, err := a.engine.Commit(ctx, config.Change{
		By: by, Why: "set-up: " + w.Step, Trusted: true,
		Edit: func(d *setting.Document) error { return answer(env, d, by, w) },
	})
	a.cache.drop()
	if err != nil {
		return wire.Setup{}, err
	}
	return a.setup(true), nil
}

// answer puts the answers of one step into a document.
func answer(env setting.Env, d *setting.Document, by config.By, w wire.Answer) error {
	steps := firstboot.Steps(env, d)
	i := slices.IndexFunc(steps, func(s firstboot.Step) bool { return s.Name == w.Step })
	if i < 0 {
		return invalid("step", fmt.Sprintf("there is no step %q", w.Step), "")
	}
	if d.Setup.Complete && w.Step != setting.StepEULA {
		return setUp{}
	}
	for key := range w.Values {
		if !slices.ContainsFunc(steps[i].Properties, func(p setting.Property) bool { return p.Key == key }) {
			return invalid(key, "this step does not ask for it", "")
		}
	}
	if len(w.Values) > 0 {
		if err := config.EditValues(env, w.Values)(d); err != nil {
			return err
		}
	}
	switch w.Step {
	case setting.StepEULA:
		if err := accept(env, d, by, w.Accept); err != nil {
			return err
		}
	case setting.StepAdministrator:
		if !firstboot.HasAdministrator(d) {
			return invalid("access.password", "a password is needed", "")
		}
	default:
		if missing := firstboot.Unanswered(steps[i].Properties, d); len(missing) > 0 {
			return invalid(missing[0], "a value is needed", "")
		}
	}
	if !slices.Contains(d.Setup.Done, w.Step) {
		d.Setup.Done = append(d.Setup.Done, w.Step)
	}
	complete(env, d)
	return nil
}

// accept records who accepted which licence.
func accept(env setting.Env, d *setting.Document, by config.By, hash string) error {
	for tag, text := range env.Boot.Licences {
		if firstboot.Hash(text) == hash {
			d.Setup.EULA = &setting.Acceptance{Hash: hash, Language: tag, By: by.Who, When: time.Now().UTC().Format(time.RFC3339)}
			return nil
		}
	}
	return invalid("accept", "the licence must be accepted", "give the hash of the text that was read")
}

// complete opens the application once nothing is missing.
func complete(env setting.Env, d *setting.Document) {
	if len(firstboot.Missing(env, d)) == 0 {
		d.Setup.Complete = true
	}
}

// adoptFile asks ingot-init to take the data disk over at the next start.
const adoptFile = "identity/adopt"

func (a *Agent) answerAdopt(ctx context.Context, yes bool) error {
	if a.init.Adopt == nil {
		return invalid("adopt", "there is no data disk to take over", "")
	}
	if !yes {
		a.opts.Log("the data disk is not taken over: switching off")
		return a.manager.PowerOff(ctx)
	}
	file := filepath.Join(a.opts.DataDir, adoptFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("cannot take over the data disk: %w", err)
	}
	if err := host.WriteFile(file, []byte(a.init.Instance+"\n"), 0o600); err != nil {
		return err
	}
	a.opts.Log("the data disk is taken over: restarting")
	return a.manager.Reboot(ctx)
}
