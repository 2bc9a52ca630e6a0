package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/agent/firstboot"
	"github.com/ingotvm/ingot/internal/agent/seed"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// seeds is what came in from outside.
type seeds struct {
	mu      sync.Mutex
	reports []wire.Seed
	// lost are the problems of what was given and not taken. Unlike a
	// property that came empty, they matter after the set-up too.
	lost []string
}

// The pauses between two looks for answers while the appliance waits to be set
// up: somebody may attach a disk with them, and a service's check may fail
// only because the network is not there yet. They get longer while what is
// there cannot be taken.
const (
	seedPause       = 10 * time.Second
	seedPauseAtMost = time.Minute
)

// takeSeeds takes the answers that providers hold, until the appliance is set
// up. What is wrong with them is reported, and left for the wizard to ask.
func (a *Agent) takeSeeds(ctx context.Context) {
	t := seedTaker{Agent: a}
	pause := seedPause
	if len(a.providers) > 0 && a.wantsSeeds() {
		a.devicesSettle(ctx)
	}
	for len(a.providers) > 0 && a.wantsSeeds() {
		all := seed.ReadAll(ctx, a.providers)
		if ctx.Err() != nil {
			return
		}
		t.take(ctx, all)
		pause = min(2*pause, seedPauseAtMost)
		if !t.failed {
			pause = seedPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// wantsSeeds says whether there is something left for a seed to answer.
func (a *Agent) wantsSeeds() bool {
	revision, _ := a.engine.Current()
	return a.init.Refused == "" && (a.init.Adopt != nil || !revision.Document.Setup.Complete)
}

// seedTaker takes answers, and what is tried again of them.
type seedTaker struct {
	*Agent
	// said is the digest of the answers that were taken last: they may hold
	// passwords. failed says that not all of them could be, and revision is
	// what was in force then.
	said     [sha256.Size]byte
	failed   bool
	revision int
}

// take takes answers that are new. Those of which something could not be taken
// are tried again while nobody has changed anything: what people say at the
// wizard is not overridden.
func (t *seedTaker) take(ctx context.Context, all []seed.Answers) {
	text, _ := json.Marshal(all) // plain data: cannot fail
	said := sha256.Sum256(text)
	revision, _ := t.engine.Current()
	again := said == t.said
	if again && !(t.failed && revision.Number == t.revision) {
		t.failed = false
		return
	}
	t.said, t.failed = said, false
	o := newOffer(t.env(), all)
	if t.init.Adopt != nil {
		t.takeAdopt(ctx, o)
		return
	}
	err := t.commitOffer(ctx, o)
	t.failed = err != nil && ctx.Err() == nil
	if t.failed && !again { // what is right is taken without what is not
		var bad *config.InvalidError
		for errors.As(err, &bad) && o.leaveOut(t.env(), bad.Problems) {
			err = t.commitOffer(ctx, o)
			bad = nil
		}
	}
	switch {
	case again && err != nil:
		return // the report says why already, and better than that time has run out
	case err != nil:
		o.refuse(err)
	}
	t.report(o)
	revision, _ = t.engine.Current()
	t.revision = revision.Number
}

// takeAdopt takes the answer to the only question there is while the data disk
// is another appliance's.
func (t *seedTaker) takeAdopt(ctx context.Context, o *offer) {
	if isYes(o.extra["setup.adopt"]) {
		if err := t.answerAdopt(ctx, true); err != nil {
			o.lose(setting.Problem{Path: "setup.adopt", Message: err.Error()})
		}
	}
	for i := range o.reports {
		o.reports[i].Keys = nil // nothing else was looked at
	}
	t.report(o)
}

// commitOffer makes the configuration say what all providers say, in their
// order. Nothing is taken once the appliance is set up.
func (a *Agent) commitOffer(ctx context.Context, o *offer) error {
	env := a.env()
	by := config.By{Who: "seed", From: strings.Join(o.providers(), ", ")}
	late := false
	_, _, err := a.engine.Commit(ctx, config.Change{By: by, Why: "first boot", Trusted: true, Edit: func(d *setting.Document) error {
		if late = d.Setup.Complete; late {
			return nil
		}
		for _, part := range o.parts {
			if err := part.Edit(d); err != nil {
				return err
			}
		}
		if isYes(o.extra["setup.eula"]) && len(env.Boot.Licences) > 0 {
			_, text := firstboot.Licence(env, d.Language.Language)
			if err := accept(env, d, by, firstboot.Hash(text)); err != nil {
				return err
			}
		}
		firstboot.FromSeed(env, d, o.unclear)
		complete(env, d)
		return nil
	}})
	if late || err != nil {
		o.forget()
	}
	return err
}

// isYes reads an answer; hypervisors write what is true in several ways.
func isYes(text string) bool {
	return slices.Contains([]string{"yes", "true", "accept", "accepted", "1"}, strings.ToLower(strings.TrimSpace(text)))
}

// report tells what became of answers, and logs what is new of it.
func (a *Agent) report(o *offer) {
	a.seeds.mu.Lock()
	same := reflect.DeepEqual(a.seeds.reports, o.reports)
	a.seeds.reports, a.seeds.lost = o.reports, o.lost
	a.seeds.mu.Unlock()
	a.cache.drop()
	if same {
		return
	}
	for _, r := range o.reports {
		a.opts.Log("seed of %s: %d settings taken", r.Provider, len(r.Keys))
		for _, p := range r.Problems {
			a.opts.Log("%s", seedProblem(r.Provider, setting.Problem(p)))
		}
	}
}

func (a *Agent) seedReports() []wire.Seed {
	a.seeds.mu.Lock()
	defer a.seeds.mu.Unlock()
	return slices.Clone(a.seeds.reports)
}

// seedWarnings are what was wrong with the answers: all of it while somebody
// can still mend them, then what was lost.
func (a *Agent) seedWarnings() []string {
	revision, _ := a.engine.Current()
	a.seeds.mu.Lock()
	defer a.seeds.mu.Unlock()
	if revision.Document.Setup.Complete {
		return a.seeds.lost
	}
	var list []string
	for _, r := range a.seeds.reports {
		for _, p := range r.Problems {
			list = append(list, seedProblem(r.Provider, setting.Problem(p)))
		}
	}
	return list
}

func seedProblem(provider string, p setting.Problem) string {
	return strings.TrimSpace("seed (" + provider + "): " + strings.TrimSpace(p.Path+" "+p.Message))
}
