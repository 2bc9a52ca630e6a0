package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/update/record"
	"github.com/ingotvm/ingot/internal/update/snapshot"
)

func TestDone(t *testing.T) {
	data, runDir := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	done := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		run(t.Context(), append([]string{"done", "--data-dir", data, "--run-dir", runDir}, args...), &out, &errs)
		return errs.String()
	}
	waiting := snapshot.RestoreDir(data, "web")
	must(os.MkdirAll(waiting, 0o700))
	must(os.WriteFile(filepath.Join(waiting, "dump"), nil, 0o600))
	for range 2 {
		if got := done("restore", "web"); got != "" {
			t.Errorf("restore: %s", got)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(waiting)); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}

	if got := done("migrate", "web"); !strings.Contains(got, "boot description") {
		t.Errorf("without a boot description: %q", got)
	}
	must(os.WriteFile(filepath.Join(runDir, "boot.json"), []byte(`{"definition": {"version": "1.1.0"}}`), 0o600))
	must(os.MkdirAll(filepath.Join(runDir, "migrate"), 0o755))
	must(os.WriteFile(filepath.Join(runDir, "migrate", "web"), nil, 0o600))
	must(record.WriteVersion(data, "web", "1.0.0"))
	for range 2 {
		if got := done("migrate", "web"); got != "" {
			t.Errorf("migrate: %s", got)
		}
	}
	if got := record.ReadVersion(data, "web"); got != "1.1.0" {
		t.Errorf("the data is of %s", got)
	}
	if _, err := os.Stat(filepath.Join(runDir, "migrate", "web")); err == nil {
		t.Error("it would migrate again")
	}
	for _, wrong := range [][]string{{"migrate", "../x"}, {"restore", ".."}, {"other", "web"}} {
		if got := done(wrong...); got == "" {
			t.Errorf("took %q", wrong)
		}
	}
}
