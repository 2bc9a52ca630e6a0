package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// RunOptions says how to run a plan. Makers and Cache are required.
type RunOptions struct {
	Makers map[string]Maker
	Cache  *Cache
	// Targets are the stages whose outputs are wanted; nil means all.
	Targets []string
	// Jobs is how many stages may run at once; 0 means one per CPU.
	Jobs int
	// Observer is told what happens; may be nil.
	Observer Observer
}

// Observer is told of the progress of a run. Calls never overlap.
type Observer interface {
	// StageStarted: the stage's maker runs now.
	StageStarted(stage string)
	// StageProgress: bytes done so far; total is 0 when not known.
	StageProgress(stage string, done, total int64)
	// StageFinished: the outputs are in the cache; see StageResult.State.
	StageFinished(result StageResult)
	// StageFailed is called once per failed stage. A stage that was cancelled
	// because another failed is not reported.
	StageFailed(stage string, err error)
	// StageWaiting: another build is making the same outputs.
	StageWaiting(stage string)
	// Notice: something worth saying that is no failure, such as a damaged
	// cache entry that is made again.
	Notice(stage, message string)
}

// State says how the outputs of a stage came to be there.
type State string

// The states of a stage after a run.
const (
	// Cached: its outputs were in the cache.
	Cached State = "cached"
	// Ran: it was run.
	Ran State = "ran"
	// Skipped: nothing that ran needed it, so nobody looked whether it is cached.
	Skipped State = "skipped"
)

// Result is what a run did, stage by stage in the plan's order.
type Result struct {
	Stages []StageResult `json:"stages"`
}

// StageResult is what a run did about one stage.
type StageResult struct {
	Stage string `json:"stage"`
	Key   string `json:"key"`
	State State  `json:"state"`
	// Duration of the maker's run, in this build or in the one that filled the cache.
	Duration time.Duration `json:"duration_ns"`
	// Bytes is the length of all outputs together.
	Bytes int64 `json:"bytes"`
	// Outputs maps an output's name to its path in the cache, for reading
	// until the cache is closed. Use Cache.Export to hand one out.
	Outputs map[string]string `json:"outputs,omitempty"`
}

// Stage is the result of one stage; its State is "" when there is no such stage.
func (r *Result) Stage(name string) StageResult {
	for _, s := range r.Stages {
		if s.Stage == name {
			return s
		}
	}
	return StageResult{}
}

// Ran lists the stages that were run, in the plan's order.
func (r *Result) Ran() []string {
	var names []string
	for _, s := range r.Stages {
		if s.State == Ran {
			names = append(names, s.Stage)
		}
	}
	return names
}

// Run makes the targets' outputs present in the cache and holds them there
// until the cache is closed. The error is a *StageError when a stage failed, a
// *StorageError when the cache cannot be used, and the context's cause when it
// ended first. Nothing of a failed or cancelled stage stays but its log.
func Run(ctx context.Context, plan *Plan, o RunOptions) (*Result, error) {
	keys, err := Keys(plan, o.Makers)
	if err != nil {
		return nil, err
	}
	targets := o.Targets
	if targets == nil {
		for _, s := range plan.Stages {
			targets = append(targets, s.Name)
		}
	}
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{
		plan: plan, keys: keys, makers: o.Makers, cache: o.Cache, cancel: cancel,
		slots:   make(chan struct{}, jobs),
		watch:   &watcher{observer: o.Observer},
		pending: map[string]*pending{},
		listed:  map[string]map[string]treeDigest{},
	}
	for _, name := range targets {
		if _, ok := plan.Stage(name); !ok {
			return nil, fmt.Errorf("cannot run stage %q: the plan has no such stage", name)
		}
	}
	err = r.ensureAll(ctx, targets)
	if err == nil {
		r.remember(targets)
	}
	if trimErr := o.Cache.trimQuietly(); trimErr != nil && err == nil {
		r.watch.notice("", fmt.Sprintf("cannot trim the cache: %v", trimErr))
	}
	if err != nil {
		return nil, err
	}
	return r.result(), nil
}

// run is one call of Run.
type run struct {
	plan   *Plan
	keys   map[string]string
	makers map[string]Maker
	cache  *Cache
	cancel context.CancelCauseFunc
	slots  chan struct{} // as many as stages may run at once
	watch  *watcher

	mu      sync.Mutex
	pending map[string]*pending              // by stage name
	listed  map[string]map[string]treeDigest // stage, file input: what a folder held
}

// pending is a stage that somebody asked for.
type pending struct {
	done   chan struct{}
	result StageResult // when done
	err    error       // when done
}

// ensureAll makes the stages' outputs present, side by side.
func (r *run) ensureAll(ctx context.Context, names []string) error {
	all := make([]*pending, len(names))
	for i, name := range names {
		all[i] = r.start(ctx, name)
	}
	var first error
	for _, p := range all {
		<-p.done
		if p.err != nil && (first == nil || isCancel(first)) {
			first = p.err
		}
	}
	return first
}

// start makes the stage's outputs present, once however often it is called.
func (r *run) start(ctx context.Context, name string) *pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pending[name]
	if p != nil {
		return p
	}
	p = &pending{done: make(chan struct{})}
	r.pending[name] = p
	go func() {
		defer close(p.done)
		stage, _ := r.plan.Stage(name)
		p.result, p.err = r.ensure(ctx, stage)
		if p.err != nil {
			r.cancel(p.err)
			return
		}
		r.watch.finished(p.result)
	}()
	return p
}

// ensure makes the stage's outputs present: from the cache when they are there
// and whole, else by running the stage once its needs are present.
func (r *run) ensure(ctx context.Context, s Stage) (StageResult, error) {
	key := r.keys[s.Name]
	if err := r.cache.use(ctx, key); err != nil {
		return StageResult{}, err
	}
	m, err := r.cached(ctx, s, key, r.watch.notice)
	if m != nil || err != nil {
		return r.stageResult(s, m, Cached), err
	}
	if err := r.ensureAll(ctx, s.Needs); err != nil {
		return StageResult{}, err
	}
	build, err := waitLock(ctx, r.cache.lockPath(key, "build"), unix.LOCK_EX, func() { r.watch.waiting(s.Name) })
	if err != nil {
		return StageResult{}, r.cache.failure("lock cache entry", err)
	}
	defer build.release()
	// Another build may have made it while this one waited for needs or lock.
	m, err = r.cached(ctx, s, key, nil)
	if m != nil || err != nil {
		return r.stageResult(s, m, Cached), err
	}
	if err := r.cache.discard(key); err != nil { // a damaged entry, if any
		return StageResult{}, err
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return StageResult{}, context.Cause(ctx)
	}
	defer func() { <-r.slots }()
	m, err = r.execute(ctx, s)
	return r.stageResult(s, m, Ran), err
}

// cached returns the description of the stage's entry, or nil when it must be run.
func (r *run) cached(ctx context.Context, s Stage, key string, notice func(stage, message string)) (*meta, error) {
	m, err := r.cache.verify(ctx, key)
	var missing *MissingError
	var corrupt *CorruptError
	switch {
	case err == nil:
		return m, nil
	case errors.As(err, &missing):
		return nil, nil
	case errors.As(err, &corrupt):
		if notice != nil {
			notice(s.Name, fmt.Sprintf("%v; making it again", err))
		}
		return nil, nil
	}
	return nil, err
}

func (r *run) stageResult(s Stage, m *meta, state State) StageResult {
	res := StageResult{Stage: s.Name, Key: r.keys[s.Name], State: state}
	if m == nil {
		return res
	}
	res.Duration, res.Bytes, res.Outputs = m.Duration, m.bytes(), map[string]string{}
	for name := range m.Artifacts {
		res.Outputs[name] = filepath.Join(r.cache.entryDir(res.Key), name)
	}
	return res
}

func (r *run) result() *Result {
	res := &Result{}
	for _, s := range r.plan.Stages {
		if p := r.pending[s.Name]; p != nil {
			res.Stages = append(res.Stages, p.result)
		} else {
			res.Stages = append(res.Stages, StageResult{Stage: s.Name, Key: r.keys[s.Name], State: Skipped})
		}
	}
	return res
}

func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// watcher hands events to the observer one at a time.
type watcher struct {
	mu       sync.Mutex
	observer Observer
}

func (w *watcher) tell(f func(Observer)) {
	if w.observer == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.observer)
}

func (w *watcher) started(stage string)         { w.tell(func(o Observer) { o.StageStarted(stage) }) }
func (w *watcher) finished(res StageResult)     { w.tell(func(o Observer) { o.StageFinished(res) }) }
func (w *watcher) failed(stage string, e error) { w.tell(func(o Observer) { o.StageFailed(stage, e) }) }
func (w *watcher) waiting(stage string)         { w.tell(func(o Observer) { o.StageWaiting(stage) }) }
func (w *watcher) notice(stage, message string) {
	w.tell(func(o Observer) { o.Notice(stage, message) })
}
func (w *watcher) progress(stage string, d, t int64) {
	w.tell(func(o Observer) { o.StageProgress(stage, d, t) })
}
