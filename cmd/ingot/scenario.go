package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
	"github.com/ingotvm/ingot/internal/build"
	"github.com/ingotvm/ingot/internal/hypervisor"
	"github.com/ingotvm/ingot/internal/pipeline"
	"github.com/ingotvm/ingot/internal/scenario"
)

// notWithScenario are flags of ingot test that say what a scenario says.
var notWithScenario = []string{"firmware", "memory", "cpus", "data", "seed", "no-restart", "offline"}

// runScenario plays a scenario of the definition that the arguments name.
func runScenario(cmd *cobra.Command, a *app, o testOptions, args []string) error {
	for _, name := range notWithScenario {
		if cmd.Flags().Changed(name) {
			return usagef("the scenario's keys machine and answers say it", "--%s does not go with --scenario", name)
		}
	}
	ctx := cmd.Context()
	data, err := readScenario(o.scenario)
	if err != nil {
		return usagef("name a YAML file; docs/scenarios.md says what is in it", "cannot read the scenario %s: %v", o.scenario, causeOf(err))
	}
	s, err := scenario.Parse(o.scenario, data)
	if err != nil {
		return &problemsOfError{"the scenario", err}
	}
	where, err := locate(args)
	if err != nil {
		return err
	}
	if o.logs != "" {
		if err := prepareOut(o.logs); err != nil {
			return err
		}
	}
	cache, err := a.openCache()
	if err != nil {
		return err
	}
	defer cache.Close()
	report, err := scenario.Run(ctx, scenario.Options{
		Scenario: s, Builder: versions{a, where, o.variant, cache}, Timeout: o.timeout, Log: a.progressLines(), Dir: o.logs,
		Driver: func(ctx context.Context) (hypervisor.Driver, error) { return a.driver(ctx, true) },
	})
	if err != nil {
		return withHint(err)
	}
	return a.reportTests(report, o)
}

func readScenario(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, yamltext.MaxBytes+1)) // one more is refused when it is read
}

// versions builds the versions of a scenario in the project's own folder: its
// build commands run there, as they always do.
type versions struct {
	a       *app
	where   location
	variant string
	cache   *pipeline.Cache
}

// scenarioRoot is the name by which definitions of a scenario call their root;
// there is no such file in the project.
const scenarioRoot = "ingot-scenario-root.json"

// Load implements scenario.Builder.
func (b versions) Load(s *scenario.Scenario, v *scenario.Version, root, url string) (*appliance.Definition, error) {
	data, err := os.ReadFile(root)
	if err != nil {
		return nil, err
	}
	def, err := appliance.Load(withFile{os.DirFS(b.where.folder), scenarioRoot, data}, b.where.file, appliance.Options{
		Variant: b.variant, Display: b.where.shown, Edit: s.Edit(v, scenarioRoot, url),
	})
	if err != nil {
		return nil, &problemsOfError{"the definition as version " + v.Name + " of the scenario", err}
	}
	// The builder reads it where it lies.
	folder, err := realPath(b.where.folder)
	if err != nil {
		return nil, err
	}
	if root, err = realPath(root); err != nil {
		return nil, err
	}
	def.Updates.Root, err = filepath.Rel(folder, root)
	return def, err
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// Disk implements scenario.Builder. The image is booted where it lies in the
// cache: no driver writes to it.
func (b versions) Disk(ctx context.Context, def *appliance.Definition) (hypervisor.Disk, error) {
	result, err := b.a.produce(ctx, production{where: b.where, def: def, formats: []string{"raw"}, cache: b.cache},
		func(*pipeline.Result) error { return nil })
	if err != nil {
		return hypervisor.Disk{}, err
	}
	return hypervisor.OpenDisk(rawDisk(result))
}

// Files implements scenario.Builder.
func (b versions) Files(ctx context.Context, def *appliance.Definition, agent, dir string) error {
	return b.a.exportRelease(ctx, production{where: b.where, def: def, stages: build.ReleaseStages, cache: b.cache, agent: agent}, dir)
}

// withFile is a folder with one file more.
type withFile struct {
	fs.FS
	name string
	data []byte
}

// Open implements fs.FS.
func (w withFile) Open(name string) (fs.File, error) {
	if name != w.name {
		return w.FS.Open(name)
	}
	return memoryFile{bytes.NewReader(w.data), w}, nil
}

// memoryFile is that file, opened.
type memoryFile struct {
	*bytes.Reader
	of withFile
}

// Stat implements fs.File.
func (f memoryFile) Stat() (fs.FileInfo, error) { return memoryInfo{f.of}, nil }

// Close implements fs.File.
func (memoryFile) Close() error { return nil }

// memoryInfo says that it is a regular file that everybody may read.
type memoryInfo struct{ of withFile }

func (i memoryInfo) Name() string     { return i.of.name }
func (i memoryInfo) Size() int64      { return int64(len(i.of.data)) }
func (memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }
