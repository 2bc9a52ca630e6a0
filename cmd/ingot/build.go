package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/pipeline"
)

type buildOptions struct {
	formats []string
	variant string
	out     string
	jobs    int
	refresh bool
	json    bool
}

func newBuild(a *app) *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build an appliance",
		Long: `Build the definition in DIR (default: the current folder). Build commands of
services run first, in DIR. Then the stages run whose inputs changed since they
last ran; the results of all others come from the cache. The files are named
NAME-VERSION[-VARIANT].FORMAT; what was there before stays until they are whole.`,
		Example: `  ingot build
  ingot build myapp --format ova,qcow2 --out dist
  ingot build myapp --variant small`,
		Args: maxOneArg("folder"),
		RunE: func(cmd *cobra.Command, args []string) error { return runBuild(cmd.Context(), a, o, args) },
	}
	formatFlag(cmd, &o.formats)
	variantFlag(cmd, &o.variant)
	cmd.Flags().StringVarP(&o.out, "out", "o", "out", "`folder` for the files")
	cmd.Flags().IntVarP(&o.jobs, "jobs", "j", 0, "how many stages run at once (default: one per CPU)")
	cmd.Flags().BoolVar(&o.refresh, "refresh", false, "ask the package mirror for newer packages; without it those of the last build are used")
	jsonFlag(cmd, &o.json)
	return cmd
}

// buildReport is what --json prints.
type buildReport struct {
	Name      string                 `json:"name"`
	Version   string                 `json:"version"`
	Variant   string                 `json:"variant,omitempty"`
	Artifacts []artifact             `json:"artifacts"`
	Stages    []pipeline.StageResult `json:"stages"`
	Seconds   float64                `json:"seconds"`
}

// artifact is one file that a build delivered.
type artifact struct {
	Format string `json:"format"`
	Path   string `json:"path"`
	// Bytes is the length of the file, holes included.
	Bytes int64 `json:"bytes"`
}

func runBuild(ctx context.Context, a *app, o buildOptions, args []string) error {
	start := time.Now()
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
	if err := prepareOut(o.out); err != nil {
		return err
	}
	cache, err := a.openCache()
	if err != nil {
		return err
	}
	defer cache.Close()

	report := buildReport{Name: def.Name, Version: def.Version, Variant: def.Variant}
	result, err := a.produce(ctx, production{where: where, def: def, formats: formats, jobs: o.jobs, refresh: o.refresh, cache: cache},
		func(result *pipeline.Result) error {
			report.Artifacts, err = export(ctx, cache, result, def, formats, o.out)
			return err
		})
	if err != nil {
		return err
	}
	report.Stages, report.Seconds = result.Stages, time.Since(start).Seconds()
	if o.json {
		return a.ui.json(report)
	}
	for _, f := range report.Artifacts {
		a.ui.printf("%s\n", f.Path)
	}
	if !a.quiet {
		a.ui.notef("%s", summary(report, result))
	}
	return nil
}

func summary(r buildReport, result *pipeline.Result) string {
	var sizes []string
	for _, f := range r.Artifacts {
		sizes = append(sizes, f.Format+" "+size(f.Bytes))
	}
	ran := "nothing had changed"
	if n := len(result.Ran()); n > 0 {
		ran = count(n, "stage") + " ran"
	}
	return fmt.Sprintf("%s %s: %s; %s, %.1fs", r.Name, r.Version, strings.Join(sizes, ", "), ran, r.Seconds)
}

// production is what to produce.
type production struct {
	where   location
	def     *appliance.Definition
	formats []string
	stages  []string // to be made besides what the formats need
	jobs    int
	refresh bool   // ask the mirror for news
	agent   string // a program that takes the agent's place, or ""
	cache   *pipeline.Cache
}

// produce runs the build commands and the plan, then hands the result to use.
// When use finds the cache damaged, which only a disk does between the two,
// what was damaged is made again.
func (a *app) produce(ctx context.Context, p production, use func(*pipeline.Result) error) (*pipeline.Result, error) {
	watch := newProgress(a.ui, a.quiet)
	defer watch.close()
	if err := runBuildCommands(ctx, watch, host.Local{}, p.where.folder, p.def); err != nil {
		return nil, err
	}
	plan, err := a.makePlan(p.where, p.def, p.formats, p.agent, func() (string, error) {
		return build.MirrorState(ctx, http.DefaultClient, p.cache.Dir(), p.def.Base, p.refresh)
	})
	if err != nil {
		return nil, err
	}
	for again := true; ; again = false {
		result, err := pipeline.Run(ctx, plan, pipeline.RunOptions{
			Makers: build.Makers(host.Local{}), Cache: p.cache, Targets: append(targets(p.formats), p.stages...), Jobs: p.jobs, Observer: watch,
		})
		if err != nil {
			return nil, err
		}
		err = use(result)
		var corrupt *pipeline.CorruptError
		if errors.As(err, &corrupt) && again {
			watch.Notice("", fmt.Sprintf("%v; making it again", corrupt))
			continue
		}
		return result, err
	}
}

// runBuildCommands runs the services' own build commands, one after the other.
func runBuildCommands(ctx context.Context, watch pipeline.Observer, run host.Runner, folder string, def *appliance.Definition) error {
	for _, svc := range def.Services {
		if svc.Build == "" {
			continue
		}
		stage := "build " + svc.Name
		watch.StageStarted(stage)
		start := time.Now()
		var said bytes.Buffer
		err := run.Run(ctx, host.Command{Name: "sh", Args: []string{"-c", svc.Build}, Dir: folder, Stdout: &said, Stderr: &said})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			err = &pipeline.StageError{Stage: stage, Err: fmt.Errorf("%s: %w", svc.Build, err), LogTail: lastLines(said.String(), 20)}
			watch.StageFailed(stage, err)
			return err
		}
		watch.StageFinished(pipeline.StageResult{Stage: stage, State: pipeline.Ran, Duration: time.Since(start)})
	}
	return nil
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}

// prepareOut makes the output folder and sees that it can be written, before
// minutes are spent on what goes there.
func prepareOut(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = unix.Access(dir, unix.W_OK)
	}
	if err != nil {
		return &pipeline.StorageError{Path: dir, Free: -1, Err: fmt.Errorf("cannot write to the output folder %s: %w", dir, causeOf(err))}
	}
	return nil
}

// export copies the formats' files out of the cache.
func export(ctx context.Context, cache *pipeline.Cache, result *pipeline.Result, def *appliance.Definition, formats []string, out string) ([]artifact, error) {
	var files []artifact
	for _, format := range formats {
		stage, output := build.FormatStage(format)
		path := filepath.Join(out, def.Artifact(format))
		if err := cache.Export(ctx, result.Stage(stage).Key, output, path); err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files = append(files, artifact{Format: format, Path: path, Bytes: info.Size()})
	}
	return files, nil
}
