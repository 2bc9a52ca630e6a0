package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

type planOptions struct {
	formats []string
	variant string
	why     bool
	full    bool
	stable  bool
	json    bool
}

func newPlan(a *app) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Print what a build would do",
		Long: `Print the plan of building the definition in DIR: its stages, what each is made
of, the key under which its results are cached, and their names. Nothing is
built: files that build commands make must be there already.`,
		Example: `  ingot plan myapp
  ingot plan myapp --why        name what changed since the last build
  ingot plan myapp --full --stable > plan.txt`,
		Args: maxOneArg("folder"),
		RunE: func(cmd *cobra.Command, args []string) error { return runPlan(cmd.Context(), a, o, args) },
	}
	formatFlag(cmd, &o.formats)
	variantFlag(cmd, &o.variant)
	cmd.Flags().BoolVar(&o.why, "why", false, "say which stages would run, and which input of each changed")
	cmd.Flags().BoolVar(&o.full, "full", false, "print long values whole, not their digests")
	cmd.Flags().BoolVar(&o.stable, "stable", false, "print neither keys nor digests of files: the text then changes only with the definition and with ingot")
	jsonFlag(cmd, &o.json)
	return cmd
}

func runPlan(ctx context.Context, a *app, o planOptions, args []string) error {
	formats, err := checkFormats(o.formats)
	if err != nil {
		return err
	}
	where, err := locate(args)
	if err != nil {
		return err
	}
	def, err := where.load(o.variant)
	if err != nil {
		return err
	}
	cache, err := a.openCache()
	if err != nil {
		return err
	}
	defer cache.Close()
	plan, err := a.makePlan(where, def, formats, "", func() (string, error) {
		if o.stable {
			return "", nil
		}
		return knownMirrorState(ctx, cache.Dir(), def)
	})
	if err != nil {
		return err
	}
	makers := build.Makers(host.Local{})
	if o.why {
		return a.explain(plan, makers, cache, formats, o.json)
	}
	keys, err := pipeline.Keys(plan, makers)
	if err != nil {
		return err
	}
	if o.json {
		return a.ui.json(planReport{Name: plan.Name, Stages: keyed(plan, keys)})
	}
	if o.stable {
		keys = nil
	}
	var text strings.Builder
	if err := plan.Print(&text, pipeline.PrintOptions{Keys: keys, Full: o.full}); err != nil {
		return err
	}
	a.ui.printf("%s", text.String())
	return nil
}

// planReport is what --json prints of a plan.
type planReport struct {
	Name   string       `json:"name"`
	Stages []keyedStage `json:"stages"`
}

type keyedStage struct {
	pipeline.Stage
	Key string `json:"key"`
}

func keyed(plan *pipeline.Plan, keys map[string]string) []keyedStage {
	stages := make([]keyedStage, len(plan.Stages))
	for i, s := range plan.Stages {
		stages[i] = keyedStage{s, keys[s.Name]}
	}
	return stages
}

// explain says what a build would run, and why.
func (a *app) explain(plan *pipeline.Plan, makers map[string]pipeline.Maker, cache *pipeline.Cache, formats []string, asJSON bool) error {
	whys, err := pipeline.Explain(plan, pipeline.ExplainOptions{Makers: makers, Cache: cache, Targets: targets(formats)})
	if err != nil {
		return err
	}
	if asJSON {
		return a.ui.json(whys)
	}
	runs := 0
	for _, w := range whys {
		if !w.Runs {
			continue
		}
		runs++
		a.ui.printf("%s\n", w.Stage)
		for _, reason := range w.Reasons {
			a.ui.printf("  %s\n", reason)
		}
	}
	if runs == 0 {
		a.ui.printf("nothing would run: all that is asked for is in the cache\n")
	}
	return nil
}

// targets are the stages that yield the formats.
func targets(formats []string) []string {
	stages := make([]string, len(formats))
	for i, f := range formats {
		stages[i], _ = build.FormatStage(f)
	}
	return stages
}

// makePlan makes the plan that yields the formats. agent is the program that
// is the agent, "" for our own. mirror says in which state the package mirror
// is, see build.MirrorState.
func (a *app) makePlan(where location, def *appliance.Definition, formats []string, agent string, mirror func() (string, error)) (*pipeline.Plan, error) {
	env := build.Env{Dir: where.folder, Agent: agent}
	var err error
	if agent == "" {
		if env.Agent, err = a.program("ingotd"); err != nil {
			return nil, err
		}
	}
	if env.Init, err = a.program("ingot-init"); err != nil {
		return nil, err
	}
	if env.MirrorState, err = mirror(); err != nil {
		return nil, err
	}
	plan, err := build.NewPlan(def, env, formats)
	var path *fs.PathError
	if errors.As(err, &path) && errors.Is(err, fs.ErrNotExist) {
		return nil, &missingFileError{path: path.Path, err: err}
	}
	return plan, err
}

// knownMirrorState is the mirror's state as the last build saw it, "" before
// the first one: a plan asks nobody.
func knownMirrorState(ctx context.Context, cacheDir string, def *appliance.Definition) (string, error) {
	state, err := build.MirrorState(ctx, &http.Client{Transport: offline{}}, cacheDir, def.Base, false)
	if errors.Is(err, errOffline) {
		return "", nil
	}
	return state, err
}

// offline is a network that is not there.
type offline struct{}

var errOffline = errors.New("not asked")

// RoundTrip implements http.RoundTripper.
func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errOffline }

// program finds one of the programs that go into appliances: beside this one,
// or in $INGOT_PROGRAMS.
func (a *app) program(name string) (string, error) {
	dir := a.getenv("INGOT_PROGRAMS")
	if dir == "" {
		exe, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find %s: %w", name, err)
		}
		if exe, err = filepath.EvalSymlinks(exe); err != nil {
			return "", fmt.Errorf("cannot find %s: %w", name, err)
		}
		dir = filepath.Dir(exe)
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", &lackError{
			message: fmt.Sprintf("cannot find the program %s in %s", name, dir),
			hint:    "make build puts ingot, ingotd and ingot-init side by side; keep them together",
		}
	}
	return path, nil
}

// missingFileError says that a file which the definition names is not there.
type missingFileError struct {
	path string
	err  error
}

func (e *missingFileError) Error() string { return fmt.Sprintf("cannot find %s", e.path) }
func (e *missingFileError) Unwrap() error { return e.err }

// Hint says how files come to be.
func (e *missingFileError) Hint() string {
	return "if a service's build command makes it, run that first: ingot build does"
}
