package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
)

// Plan is what a build will do: stages in an order in which each comes after
// those that it needs. It is pure data; printing, hashing and comparing it
// runs nothing.
type Plan struct {
	// Name tells one project's builds from another's, so that [Explain] can
	// compare a plan with the project's previous one. It is in no key.
	Name   string  `json:"name"`
	Stages []Stage `json:"stages"`
}

// Stage is the stage of that name.
func (p *Plan) Stage(name string) (Stage, bool) {
	i := slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Name == name })
	if i < 0 {
		return Stage{}, false
	}
	return p.Stages[i], true
}

// Stage is one cached step of a plan.
type Stage struct {
	// Name is unique in the plan. It is not in the key: a maker whose outputs
	// depend on it must be given it as an input.
	Name string `json:"name"`
	// Kind selects the Maker that runs the stage.
	Kind string `json:"kind"`
	// Inputs is everything that the outputs depend on besides other stages:
	// parameter to value. A value longer than a line is kept whole, so that
	// the stage can read it; plans print its digest.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Files are host files or folders that the stage reads.
	Files []FileInput `json:"files,omitempty"`
	// Needs are the names of stages whose outputs this one reads.
	Needs []string `json:"needs,omitempty"`
	// Outputs are the names of the artifacts that the stage yields: regular
	// files, sparse or not.
	Outputs []string `json:"outputs"`
}

// FileInput is a file or folder of the host that a stage reads. Only Name and
// Digest go into the key: the same content elsewhere is the same input.
type FileInput struct {
	Name string `json:"name"`
	Path string `json:"-"`
	// Digest is what [DigestPath] says of Path. It is taken again after the
	// stage has run, so that a file edited meanwhile does not end up in the
	// cache under the key of its former content.
	Digest string `json:"digest"`
}

// Maker runs the stages of one kind.
type Maker struct {
	// Version is raised when the code would make other bytes of the same
	// inputs; it is part of the key.
	Version int
	Run     func(ctx context.Context, job *Job) error
}

// Job is one stage being run. Makers write each output to Output(name) and
// may use Temp freely; both are removed if the stage fails.
//
// A name that the stage did not declare is a mistake in the program: the
// method then returns a path that does not exist, and the stage fails with an
// error that says so, whatever the maker returns.
type Job struct {
	Stage Stage
	// Temp is an empty folder on the cache's file system.
	Temp string
	// Log is the stage's log; its end is shown when the stage fails. It may be
	// written from several goroutines.
	Log io.Writer
	// Progress reports work done, in bytes; total is 0 when not known. It may
	// be called from several goroutines, and as often as one likes.
	Progress func(done, total int64)

	dir    string                              // where outputs go
	needed func(stage, artifact string) string // path of another stage's artifact, "" when unknown

	mu     sync.Mutex
	misuse error // the first undeclared name that was asked for
}

// Input is the value of a parameter, "" when it is not set.
func (j *Job) Input(name string) string { return j.Stage.Inputs[name] }

// Output is the path at which the maker writes the output of that name.
func (j *Job) Output(name string) string {
	if !slices.Contains(j.Stage.Outputs, name) {
		return j.unknown("output %q", name)
	}
	return filepath.Join(j.dir, name)
}

// Artifact is the path of an output of a stage that this one needs, complete
// and verified. It is shared with other builds: open it for reading only.
func (j *Job) Artifact(stage, name string) string {
	if slices.Contains(j.Stage.Needs, stage) {
		if path := j.needed(stage, name); path != "" {
			return path
		}
	}
	return j.unknown("artifact %q of stage %q", name, stage)
}

// File is the path on this machine of the file input of that name.
func (j *Job) File(name string) string {
	for _, f := range j.Stage.Files {
		if f.Name == name {
			return f.Path
		}
	}
	return j.unknown("file %q", name)
}

func (j *Job) unknown(format string, args ...any) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.misuse == nil {
		j.misuse = fmt.Errorf("stage %q asked for an undeclared %s", j.Stage.Name, fmt.Sprintf(format, args...))
	}
	return filepath.Join(j.Temp, "undeclared", "name")
}

func (j *Job) firstMisuse() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.misuse
}
