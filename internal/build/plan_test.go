package build

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host/hosttest"
	"github.com/ingotvm/ingot/internal/pipeline"
)

// examples are the definitions that come with Ingot, by folder.
func examples(t *testing.T) map[string]*appliance.Definition {
	t.Helper()
	files, err := filepath.Glob("../../examples/*/appliance.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d examples: %v", len(files), err)
	}
	defs := map[string]*appliance.Definition{}
	for _, file := range files {
		def, err := appliance.Load(os.DirFS(filepath.Dir(file)), appliance.FileName, appliance.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defs[filepath.Dir(file)] = def
	}
	return defs
}

// testEnv stands in programs for what `make build` makes.
func testEnv(t *testing.T, dir string) Env {
	t.Helper()
	programs := t.TempDir()
	env := Env{Dir: dir, Agent: filepath.Join(programs, "ingotd"), Init: filepath.Join(programs, "ingot-init"), MirrorState: "test"}
	for _, file := range []string{env.Agent, env.Init} {
		if err := os.WriteFile(file, []byte("program"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

// standIn makes the definition's folder again elsewhere, with a file for each
// binary that a build command would make.
func standIn(t *testing.T, def *appliance.Definition, dir string) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, svc := range def.Services {
		if svc.Binary == "" {
			continue
		}
		file := filepath.Join(copied, svc.Binary)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("binary"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// TestOnlyTheAppIsRebuilt is the budget of a rebuild: an application change
// leaves the distribution, the kernel and the operating system image alone.
func TestOnlyTheAppIsRebuilt(t *testing.T) {
	for dir, def := range examples(t) {
		if def.Services[0].Binary == "" {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			folder := standIn(t, def, dir)
			env := testEnv(t, folder)
			before := keysOf(t, def, env)
			if err := os.WriteFile(filepath.Join(folder, def.Services[0].Binary), []byte("changed"), 0o755); err != nil {
				t.Fatal(err)
			}
			after := keysOf(t, def, env)
			for stage, key := range after {
				changed := key != before[stage]
				want := map[string]bool{
					"app-" + def.Services[0].Name: true, "initrd": true, "slot": true, "system-disk": true,
					"vmdk": true, "ova": true, "qcow2": true, "sbom": true,
				}[stage]
				if changed != want {
					t.Errorf("stage %s: changed is %t, want %t", stage, changed, want)
				}
			}
		})
	}
}

func keysOf(t *testing.T, def *appliance.Definition, env Env) map[string]string {
	t.Helper()
	plan, err := NewPlan(def, env, Formats)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pipeline.Keys(plan, Makers(&hosttest.Runner{}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestUnknownFormatIsRefused(t *testing.T) {
	for dir, def := range examples(t) {
		if _, err := NewPlan(def, testEnv(t, standIn(t, def, dir)), []string{"vhdx9"}); err == nil {
			t.Error("a plan for the format vhdx9 was made")
		}
		return
	}
}
