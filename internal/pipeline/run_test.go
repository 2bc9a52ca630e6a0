package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// concat writes its inputs, files and needs' artifacts to each of its outputs.
func concat(_ context.Context, job *Job) error {
	fmt.Fprintf(job.Log, "running %s\n", job.Stage.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "text=%s\n", job.Input("text"))
	for _, f := range job.Stage.Files {
		content, err := os.ReadFile(job.File(f.Name))
		if err != nil {
			return err
		}
		b.Write(content)
	}
	for _, need := range job.Stage.Needs {
		content, err := os.ReadFile(job.Artifact(need, "out"))
		if err != nil {
			return err
		}
		b.Write(content)
	}
	for _, o := range job.Stage.Outputs {
		if err := os.WriteFile(job.Output(o), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	job.Progress(int64(b.Len()), int64(b.Len()))
	return nil
}

// fail logs thirty lines and fails.
func fail(_ context.Context, job *Job) error {
	for i := range 30 {
		fmt.Fprintf(job.Log, "line %d\n", i)
	}
	return errors.New("it broke")
}

// testMakers are the kinds of stage that tests use.
func testMakers() map[string]Maker {
	return map[string]Maker{
		"concat": {Version: 1, Run: concat},
		"fail":   {Version: 1, Run: fail},
		"hang": {Version: 1, Run: func(ctx context.Context, job *Job) error {
			<-ctx.Done()
			return ctx.Err()
		}},
	}
}

// chain is base → os → disk, and app → disk.
func chain() *Plan {
	stage := func(name, text string, needs ...string) Stage {
		return Stage{Name: name, Kind: "concat", Inputs: map[string]string{"text": text}, Needs: needs, Outputs: []string{"out"}}
	}
	return &Plan{Name: "chain", Stages: []Stage{
		stage("base", "b"), stage("os", "o", "base"), stage("app", "a"), stage("disk", "d", "os", "app"),
	}}
}

// recorder is an Observer that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []string
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
}
func (r *recorder) StageStarted(s string)              { r.add("started %s", s) }
func (r *recorder) StageProgress(s string, d, t int64) {}
func (r *recorder) StageFinished(res StageResult)      { r.add("%s %s", res.State, res.Stage) }
func (r *recorder) StageFailed(s string, err error)    { r.add("failed %s", s) }
func (r *recorder) StageWaiting(s string)              { r.add("waiting %s", s) }
func (r *recorder) Notice(s, message string)           { r.add("notice %s: %s", s, message) }
func (r *recorder) has(prefix string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.events, func(e string) bool { return strings.HasPrefix(e, prefix) })
}

func openTestCache(t *testing.T, dir string) *Cache {
	t.Helper()
	c, err := OpenCache(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustRun(t *testing.T, c *Cache, plan *Plan, targets ...string) *Result {
	t.Helper()
	res, err := Run(t.Context(), plan, RunOptions{Makers: testMakers(), Cache: c, Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRunOnlyWhatIsNeeded(t *testing.T) {
	dir := t.TempDir()
	c := openTestCache(t, dir)
	plan := chain()
	res := mustRun(t, c, plan, "disk")
	if got := strings.Join(res.Ran(), " "); got != "base os app disk" {
		t.Fatalf("the first run ran %q", got)
	}
	out, err := os.ReadFile(res.Stage("disk").Outputs["out"])
	if want := "text=d\ntext=o\ntext=b\ntext=a\n"; err != nil || string(out) != want {
		t.Fatalf("disk = %q, %v; want %q", out, err, want)
	}
	c.Close()

	// The base was trimmed away; a changed app must not bring it back.
	c = openTestCache(t, dir)
	if err := c.discard(res.Stage("base").Key); err != nil {
		t.Fatal(err)
	}
	plan.Stages[2].Inputs["text"] = "changed"
	res = mustRun(t, c, plan, "disk")
	if got := strings.Join(res.Ran(), " "); got != "app disk" {
		t.Errorf("the second run ran %q", got)
	}
	if got := res.Stage("base").State; got != Skipped {
		t.Errorf("base was %s", got)
	}
	if got := res.Stage("os").State; got != Cached {
		t.Errorf("os was %s", got)
	}
}

func TestRunFailure(t *testing.T) {
	c := openTestCache(t, t.TempDir())
	plan := &Plan{Stages: []Stage{
		{Name: "slow", Kind: "hang", Outputs: []string{"out"}},
		{Name: "bad", Kind: "fail", Outputs: []string{"out"}},
	}}
	rec := &recorder{}
	_, err := Run(t.Context(), plan, RunOptions{Makers: testMakers(), Cache: c, Jobs: 2, Observer: rec})
	var stage *StageError
	if !errors.As(err, &stage) {
		t.Fatalf("error is %v, want a StageError", err)
	}
	if stage.Stage != "bad" || len(stage.LogTail) != 20 || stage.LogTail[19] != "line 29" {
		t.Errorf("got stage %s with the log's end %q", stage.Stage, stage.LogTail)
	}
	whole, err := os.ReadFile(stage.LogPath)
	if err != nil || !strings.HasPrefix(string(whole), "line 0\n") {
		t.Errorf("log = %q, %v", whole, err)
	}
	if !rec.has("failed bad") || rec.has("failed slow") {
		t.Errorf("observer heard %q", rec.events)
	}
	if left, _ := filepath.Glob(filepath.Join(c.dir, "tmp", "*", "*")); len(left) > 0 {
		t.Errorf("temporary files left: %q", left)
	}
}

func TestRunCancelled(t *testing.T) {
	c := openTestCache(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	plan := &Plan{Stages: []Stage{{Name: "slow", Kind: "hang", Outputs: []string{"out"}}}}
	rec := &recorder{}
	go func() {
		for !rec.has("started slow") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := Run(ctx, plan, RunOptions{Makers: testMakers(), Cache: c, Observer: rec})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	if rec.has("failed") {
		t.Errorf("cancelling was reported as a failure: %q", rec.events)
	}
}

// TestRunMisbehavingMakers holds the mistakes that makers can make.
func TestRunMisbehavingMakers(t *testing.T) {
	edited := filepath.Join(t.TempDir(), "edited")
	if err := os.WriteFile(edited, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	digest, err := DigestPath(edited)
	if err != nil {
		t.Fatal(err)
	}
	writeOut := func(job *Job) error { return os.WriteFile(job.Output("out"), nil, 0o644) }
	cases := []struct {
		name string
		run  func(ctx context.Context, job *Job) error
		want string
	}{
		{"no output", func(context.Context, *Job) error { return nil }, "did not make its output out"},
		{"output is a folder", func(_ context.Context, job *Job) error { return os.Mkdir(job.Output("out"), 0o755) }, "out is not a file"},
		{"undeclared output", func(_ context.Context, job *Job) error {
			_ = job.Output("other")
			return writeOut(job)
		}, `undeclared output "other"`},
		{"undeclared need", func(_ context.Context, job *Job) error {
			_, err := os.Open(job.Artifact("stranger", "out"))
			return err
		}, `undeclared artifact "out" of stage "stranger"`},
		{"undeclared file", func(_ context.Context, job *Job) error {
			_ = job.File("other")
			return writeOut(job)
		}, `undeclared file "other"`},
		{"more than outputs", func(_ context.Context, job *Job) error {
			if err := os.WriteFile(job.Output("out")+"2", nil, 0o644); err != nil {
				return err
			}
			return writeOut(job)
		}, "made out2, which is not one of its outputs"},
		{"input edited meanwhile", func(_ context.Context, job *Job) error {
			if err := os.WriteFile(job.File("src"), []byte("after"), 0o644); err != nil {
				return err
			}
			return writeOut(job)
		}, "changed while the build was reading it"},
		{"full disk", func(context.Context, *Job) error { return &os.PathError{Op: "write", Path: "x", Err: unix.ENOSPC} }, "no space left"},
		{"full disk, says a program", func(_ context.Context, job *Job) error {
			io.WriteString(job.Log, "mke2fs: No space left on device while writing\n")
			return errors.New("exit status 1")
		}, "no space left"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := openTestCache(t, t.TempDir())
			plan := &Plan{Stages: []Stage{{Name: "x", Kind: "x", Outputs: []string{"out"},
				Files: []FileInput{{Name: "src", Path: edited, Digest: digest}}}}}
			_, err := Run(t.Context(), plan, RunOptions{Makers: map[string]Maker{"x": {Run: tc.run}}, Cache: c})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error is %v, want %q", err, tc.want)
			}
			var storage *StorageError
			if isStorage := errors.As(err, &storage); isStorage != strings.HasPrefix(tc.name, "full disk") {
				t.Errorf("is a StorageError: %v", isStorage)
			} else if isStorage && !strings.Contains(storage.Hint(), "ingot cache trim") {
				t.Errorf("hint is %q", storage.Hint())
			}
			if entries, _ := c.List(); len(entries) > 0 {
				t.Errorf("the cache kept %v", entries)
			}
		})
	}
}
