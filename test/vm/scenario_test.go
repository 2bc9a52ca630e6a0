package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScenarioBadAgent plays the scenario that shows what no other test would
// find: the timer that ends a version of which the agent never comes up.
func TestScenarioBadAgent(t *testing.T) {
	needAll(t)
	plays(t, filepath.Join(root, "examples", "hello", "scenarios", "bad-agent.yaml"))
}

// TestScenarios plays all scenarios of the smallest example: make scenarios.
func TestScenarios(t *testing.T) {
	if os.Getenv("INGOT_SCENARIOS") == "" {
		t.Skip("takes two hours: run make scenarios")
	}
	needAll(t)
	files, err := filepath.Glob(filepath.Join(root, "examples", "hello", "scenarios", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			plays(t, file)
		})
	}
}

// plays plays a scenario as a vendor does.
func plays(t *testing.T, file string) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	said, err := ingot(t, nil, "test", "examples/hello", "--scenario", path, "--timeout", bootLimit.String(), "--logs", logs)
	t.Logf("%s", said)
	if err != nil {
		t.Errorf("ingot test --scenario: %v%s", err, consoles(t, logs))
	}
}
