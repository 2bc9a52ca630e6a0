package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/host"
)

// The test binary plays the other builds: with roleEnv set it runs that role
// on the cache in cacheEnv instead of the tests.
const (
	roleEnv  = "INGOT_TEST_ROLE"
	cacheEnv = "INGOT_TEST_CACHE"
)

func TestMain(m *testing.M) {
	roles := map[string]func(dir string) error{"forever": buildForever, "once": buildOnce}
	role, ok := roles[os.Getenv(roleEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(cacheEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func startRole(t *testing.T, role, dir string, out *bytes.Buffer) *host.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Local{}.Start(t.Context(), host.Command{Name: exe, Stdout: out, Stderr: out,
		Env: []string{roleEnv + "=" + role, cacheEnv + "=" + dir}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// patternPlan has stages of a few hundred kilobytes, so that a kill finds them
// half written; seed varies the keys.
func patternPlan(seed int) (*Plan, map[string]Maker) {
	stage := func(name string, needs ...string) Stage {
		return Stage{Name: name, Kind: "pattern", Inputs: map[string]string{"seed": fmt.Sprint(seed), "name": name}, Needs: needs, Outputs: []string{"a", "b"}}
	}
	plan := &Plan{Name: "pattern", Stages: []Stage{stage("s1"), stage("s2"), stage("s3", "s1", "s2"), stage("s4", "s3")}}
	return plan, map[string]Maker{"pattern": {Run: func(ctx context.Context, job *Job) error {
		for _, o := range job.Stage.Outputs {
			f, err := os.Create(job.Output(o))
			if err != nil {
				return err
			}
			for range 20 {
				if _, err := f.Write(patternBlock(job.Input("name"), job.Input("seed"), o)); err != nil {
					return err
				}
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	}}}
}

func patternBlock(parts ...string) []byte {
	return bytes.Repeat([]byte(strings.Join(parts, "/")+"\n"), 2000)
}

// buildForever builds, trims and exports until it is killed.
func buildForever(dir string) error {
	for {
		c, err := OpenCache(dir, 0)
		if err != nil {
			return err
		}
		plan, makers := patternPlan(rand.IntN(3))
		res, err := Run(context.Background(), plan, RunOptions{Makers: makers, Cache: c})
		if err != nil {
			return err
		}
		if err := c.Export(context.Background(), res.Stage("s4").Key, "a", filepath.Join(dir, "exported")); err != nil {
			return err
		}
		c.Close()
		if c, err = OpenCache(dir, 0); err != nil {
			return err
		}
		if _, err := c.Trim(rand.Int64N(4 << 20)); err != nil {
			return err
		}
		c.Close()
	}
}

// TestKilledAnywhere kills two builds that share a cache, again and again; the
// cache then holds only whole entries and no leftovers.
func TestKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	for round := range 25 {
		var outs [2]bytes.Buffer
		builds := [2]*host.Process{startRole(t, "forever", dir, &outs[0]), startRole(t, "forever", dir, &outs[1])}
		time.Sleep(time.Duration(rand.Int64N(int64(80 * time.Millisecond))))
		for i, p := range builds {
			select {
			case <-p.Done():
				t.Fatalf("round %d: a build ended by itself: %s", round, outs[i].String())
			default:
				p.Kill()
			}
		}
	}
	c := openTestCache(t, dir)
	entries, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := c.verify(t.Context(), e.Key); err != nil {
			t.Errorf("%s: %v", e.Stage, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	for seed := range 3 {
		plan, makers := patternPlan(seed)
		res, err := Run(t.Context(), plan, RunOptions{Makers: makers, Cache: c})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range res.Stages {
			for name, path := range s.Outputs {
				want := bytes.Repeat(patternBlock(s.Stage, fmt.Sprint(seed), name), 20)
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
					t.Errorf("seed %d: output %s of %s is wrong (%v)", seed, name, s.Stage, err)
				}
			}
		}
	}
	if exported, err := os.ReadFile(filepath.Join(dir, "exported")); err == nil && len(exported)%len(patternBlock("s4", "0", "a")) != 0 {
		t.Errorf("a torn export of %d bytes", len(exported))
	}
	if err := c.Export(t.Context(), entries[0].Key, "a", filepath.Join(dir, "exported")); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".exported*")); len(left) > 0 {
		t.Errorf("left over of exports: %q", left)
	}
}

// slowPlan is one stage after another that notes each run in a file.
func slowPlan(dir string) (*Plan, map[string]Maker) {
	plan := &Plan{Name: "slow", Stages: []Stage{
		{Name: "first", Kind: "slow", Outputs: []string{"out"}},
		{Name: "second", Kind: "slow", Needs: []string{"first"}, Outputs: []string{"out"}},
	}}
	return plan, map[string]Maker{"slow": {Run: func(ctx context.Context, job *Job) error {
		runs, err := os.OpenFile(filepath.Join(dir, "runs"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer runs.Close()
		fmt.Fprintln(runs, job.Stage.Name)
		time.Sleep(300 * time.Millisecond) // long enough for the other process to come to wait
		return os.WriteFile(job.Output("out"), []byte(job.Stage.Name), 0o644)
	}}}
}

func buildOnce(dir string) error {
	c, err := OpenCache(dir, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	plan, makers := slowPlan(dir)
	rec := &recorder{}
	_, err = Run(context.Background(), plan, RunOptions{Makers: makers, Cache: c, Observer: rec})
	fmt.Println(strings.Join(rec.events, "\n"))
	return err
}

// TestTwoBuildsAtOnce: each stage is run by one of two processes; the other waits.
func TestTwoBuildsAtOnce(t *testing.T) {
	dir := t.TempDir()
	var outs [2]bytes.Buffer
	builds := [2]*host.Process{startRole(t, "once", dir, &outs[0]), startRole(t, "once", dir, &outs[1])}
	for i, p := range builds {
		<-p.Done()
		if err := p.Err(); err != nil {
			t.Fatalf("%v: %s", err, outs[i].String())
		}
	}
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil || string(runs) != "first\nsecond\n" {
		t.Errorf("the stages were run: %q, %v", runs, err)
	}
	if both := outs[0].String() + outs[1].String(); !strings.Contains(both, "waiting first") {
		t.Errorf("nobody said that it waits:\n%s", both)
	}
}

// TestNoSpace fills a real file system.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs root to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	c := openTestCache(t, dir)
	plan := &Plan{Stages: []Stage{{Name: "big", Kind: "big", Outputs: []string{"out"}}}}
	makers := map[string]Maker{"big": {Run: func(_ context.Context, job *Job) error {
		return os.WriteFile(job.Output("out"), make([]byte, 8<<20), 0o644)
	}}}
	_, err := Run(t.Context(), plan, RunOptions{Makers: makers, Cache: c})
	var storage *StorageError
	var stage *StageError
	if !errors.As(err, &storage) || !errors.As(err, &stage) {
		t.Fatalf("error is %v", err)
	}
	if hint := storage.Hint(); !strings.Contains(hint, "MiB is left") || !strings.Contains(hint, "ingot cache trim") {
		t.Errorf("hint is %q", hint)
	}
	if free := freeSpace(dir); free < 512<<10 {
		t.Errorf("the failed stage's files are still there: %d bytes free", free)
	}
	// Export into a full file system leaves nothing.
	c2 := openTestCache(t, t.TempDir())
	res, err := Run(t.Context(), plan, RunOptions{Makers: map[string]Maker{"big": {Run: func(_ context.Context, job *Job) error {
		return os.WriteFile(job.Output("out"), bytes.Repeat([]byte("x"), 8<<20), 0o644)
	}}}, Cache: c2})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.ova")
	if err := c2.Export(t.Context(), res.Stage("big").Key, "out", out); !errors.As(err, &storage) {
		t.Errorf("error is %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*out.ova*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
