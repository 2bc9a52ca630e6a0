package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ingotvm/ingot/internal/appliance"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

// TestMain lets the test binary play the command in scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ingot": main})
}

// TestScripts runs the sessions in testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			programs := filepath.Join(env.WorkDir, ".programs")
			env.Setenv("INGOT_PROGRAMS", programs)
			env.Setenv("INGOT_CACHE", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("HOME", env.WorkDir)
			return fakePrograms(programs)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":   status,
			"bigfile":  bigfile,
			"waitfor":  waitfor,
			"garbage":  garbage,
			"envsubst": envsubst,
		},
	})
}

// fakePrograms stand for what goes into appliances; a plan only digests them.
func fakePrograms(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"ingotd", "ingot-init"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// status N[,N…] COMMAND… runs a command that must end with one of those exit
// statuses.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("cannot run: %v", err)
		}
		got = fmt.Sprint(exit.ExitCode())
	}
	if !slices.Contains(strings.Split(args[0], ","), got) {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// bigfile FILE writes 100 MB of nested YAML aliases.
func bigfile(ts *testscript.TestScript, neg bool, args []string) {
	line := []byte("a: &a [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat(line, 100_000_000/len(line)), 0o644))
}

// waitfor FILE waits until the file exists.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not come", args[0])
		}
	}
}

// garbage starts a package mirror that answers everything with garbage, and
// sets MIRROR.
func garbage(ts *testscript.TestScript, neg bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<html>Please log in to this hotel's network.</html>")
	}))
	ts.Defer(server.Close)
	ts.Setenv("MIRROR", server.URL+"/debian")
}

// envsubst FILE replaces variables in a file.
func envsubst(ts *testscript.TestScript, neg bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// TestExamplePlans holds the plan of each example in its plan.txt, so that
// what a change does to appliances shows in its diff.
func TestExamplePlans(t *testing.T) {
	definitions, err := filepath.Glob("../../examples/*/" + appliance.FileName)
	if err != nil {
		t.Fatal(err)
	}
	if len(definitions) == 0 {
		t.Fatal("found no examples")
	}
	programs := filepath.Join(t.TempDir(), "programs")
	if err := fakePrograms(programs); err != nil {
		t.Fatal(err)
	}
	for _, file := range definitions {
		example := filepath.Dir(file)
		t.Run(filepath.Base(example), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
				t.Fatal(err)
			}
			makeUpFiles(t, dir)
			var out, errs bytes.Buffer
			a := &app{ui: &ui{out: &out, err: &errs}, getenv: func(name string) string {
				return map[string]string{"INGOT_PROGRAMS": programs}[name]
			}}
			if code := a.main(t.Context(), []string{"plan", dir, "--full", "--stable", "--format=ova,qcow2,raw"}); code != 0 {
				t.Fatalf("exit status %d: %s", code, errs.String())
			}
			golden := filepath.Join(example, "plan.txt")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("the plan differs from %s (go test ./cmd/ingot -run Plans -update writes it):\n%s", golden, out.String())
			}
		})
	}
}

// makeUpFiles puts empty files where build commands would make them.
func makeUpFiles(t *testing.T, dir string) {
	t.Helper()
	def, err := appliance.Load(os.DirFS(dir), appliance.FileName, appliance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, svc := range def.Services {
		path := filepath.Join(dir, svc.Binary)
		if svc.Binary == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
