package health

import (
	"context"
	"sync"
	"time"
)

// State is how a service is.
type State string

// The states of a service.
const (
	Starting State = "starting"
	Healthy  State = "healthy"
	Failing  State = "failing"
	// Off is a service that is not wanted at present.
	Off State = "off"
)

const (
	// Grace is how long a service may take to become healthy after the watch
	// began: a database that recovers after a power cut takes minutes on a
	// slow disk.
	Grace = 3 * time.Minute
	// settle is the pause between two looks at a service that is not healthy.
	settle = time.Second
	// unitTimeout bounds a question to the system manager.
	unitTimeout = 5 * time.Second
	// failuresToFail is how many looks in a row must fail before a healthy
	// service is called failing: one lost answer under load is no failure.
	failuresToFail = 2
	// restartsToFail is how often a unit may restart by itself while it is
	// starting before that is called failing.
	restartsToFail = 3
)

// Target is one service to watch.
type Target struct {
	Name string
	// Unit is the systemd unit that runs it.
	Unit string
	// Probe may be nil: then a running unit is healthy.
	Probe Probe
	// Off says why the service is not wanted at present, "" when it is. It
	// may be nil: the service is always wanted.
	Off func() string
	// Every is the pause between looks at a healthy service, Timeout the
	// limit of one; 0 means 10 s and 5 s.
	Every, Timeout time.Duration
}

// Unit is what the watcher wants to know of a unit.
type Unit struct {
	// Active is systemd's ActiveState, Sub its finer SubState.
	Active, Sub string
	// Missing says that there is no such unit.
	Missing bool
	// Failure says in a phrase how it ended when it is not running, or
	// how it ended the last time; "" when there is nothing to say.
	Failure string
	// Restarts is how often it was restarted by itself.
	Restarts int
}

// Units tells the state of units. Each call may take as long as ctx allows.
type Units interface {
	Unit(ctx context.Context, name string) (Unit, error)
}

// Result is what is known of a service.
type Result struct {
	Name   string
	State  State
	Detail string
	// Since is when State was entered.
	Since time.Time
}

// Watcher watches targets. Make it with [New], run it with Run; Results may
// be called at any time from any goroutine.
type Watcher struct {
	targets []Target
	units   Units
	changed func(Result)

	mu      sync.Mutex
	results []Result
	healthy time.Time
}

// New prepares a watch; all services are starting. changed, which may be nil,
// is called after each change of a service's state, from several goroutines.
func New(targets []Target, units Units, changed func(Result)) *Watcher {
	if changed == nil {
		changed = func(Result) {}
	}
	w := &Watcher{targets: targets, units: units, changed: changed}
	now := time.Now()
	for _, t := range targets {
		w.results = append(w.results, Result{Name: t.Name, State: Starting, Detail: "waiting for the first look", Since: now})
	}
	return w
}

// Results are the services in the order of the targets.
func (w *Watcher) Results() []Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Result(nil), w.results...)
}

// Healthy is when all services were healthy for the first time; zero before.
func (w *Watcher) Healthy() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.healthy
}

// Run looks at each service until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	var wg sync.WaitGroup
	w.noteHealthy() // an appliance without services is healthy as it is
	for i, t := range w.targets {
		wg.Go(func() { w.watch(ctx, i, t) })
	}
	wg.Wait()
}

func (w *Watcher) watch(ctx context.Context, index int, t Target) {
	if t.Every <= 0 {
		t.Every = defaultEvery
	}
	if t.Timeout <= 0 {
		t.Timeout = defaultTimeout
	}
	begin := time.Now()
	failures := 0
	for {
		var state State
		var detail string
		if t.Off != nil {
			detail = t.Off()
		}
		if detail != "" {
			state, begin, failures = Off, time.Now(), 0
		} else {
			state, detail = w.look(ctx, t)
		}
		if ctx.Err() != nil {
			return
		}
		pause := settle
		before := w.Results()[index].State
		switch failures++; {
		case state == Off:
		case before == Off && state == Starting:
			// It was just asked to start.
		case state == Healthy:
			failures, pause = 0, t.Every
		case state == Failing:
			// The unit itself failed: there is nothing to wait for.
		case before == Healthy && failures < failuresToFail:
			state, detail = Healthy, ""
		case before == Starting && time.Since(begin) < Grace:
			// It still has time.
		default:
			state = Failing
		}
		w.set(index, state, detail)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// look asks the system manager and the probe once. Starting means "not well,
// but may still be on its way".
func (w *Watcher) look(ctx context.Context, t Target) (State, string) {
	asking, cancel := context.WithTimeout(ctx, unitTimeout)
	unit, err := w.units.Unit(asking, t.Unit)
	cancel()
	if err == nil {
		if state, detail := judge(t.Unit, unit); state != Healthy {
			return state, detail
		}
	} else if t.Probe == nil {
		return Starting, err.Error()
	}
	if t.Probe == nil {
		return Healthy, ""
	}
	probing, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	if err := t.Probe.Probe(probing); err != nil {
		return Starting, err.Error()
	}
	return Healthy, ""
}

// judge reads a unit's state.
func judge(name string, u Unit) (State, string) {
	ended := func(text string) string {
		if u.Failure == "" {
			return text
		}
		return text + ": " + u.Failure
	}
	switch {
	case u.Missing:
		return Failing, "there is no unit " + name
	case u.Active == "active" || u.Active == "reloading":
		return Healthy, ""
	case u.Active == "failed":
		return Failing, ended("stopped")
	case u.Sub == "auto-restart" && u.Restarts >= restartsToFail:
		return Failing, ended("keeps stopping and is restarted")
	case u.Sub == "auto-restart":
		return Starting, ended("stopped and is being restarted")
	case u.Active == "activating":
		return Starting, "is being started"
	case u.Active == "deactivating":
		return Starting, "is being stopped"
	default:
		return Starting, ended("is not running")
	}
}

func (w *Watcher) set(index int, state State, detail string) {
	w.mu.Lock()
	r := &w.results[index]
	changed := r.State != state
	if changed {
		r.State, r.Since = state, time.Now()
	}
	r.Detail = detail
	copied := *r
	w.mu.Unlock()
	if changed {
		w.noteHealthy()
		w.changed(copied)
	}
}

func (w *Watcher) noteHealthy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.healthy.IsZero() {
		return
	}
	well := len(w.results) == 0
	for _, r := range w.results {
		if r.State != Healthy && r.State != Off {
			return
		}
		well = well || r.State == Healthy
	}
	if well { // services that are all off are not well, only quiet
		w.healthy = time.Now()
	}
}
