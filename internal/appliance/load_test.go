package appliance

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata and schema.json")

// TestLoad walks testdata: each file holds an appliance.yaml, the files around
// it, and in want what comes out of it: the resolved definition, or the
// problems. A first line `variant: NAME` chooses a variant.
func TestLoad(t *testing.T) {
	for _, name := range testFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys, opts := fstest.MapFS{}, Options{}
			want := -1
			for i, f := range archive.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				fsys[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o755}
			}
			if line, _, _ := strings.Cut(string(archive.Comment), "\n"); strings.HasPrefix(line, "variant: ") {
				opts.Variant = strings.TrimPrefix(line, "variant: ")
			}
			if want < 0 {
				archive.Files = append(archive.Files, txtar.File{Name: "want"})
				want = len(archive.Files) - 1
			}
			got := outcome(t, fsys, opts)
			if *update {
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if w := string(archive.Files[want].Data); got != w {
				t.Errorf("got:\n%s\nwant:\n%s", got, w)
			}
		})
	}
}

func outcome(t *testing.T, fsys fs.FS, opts Options) string {
	t.Helper()
	d, err := Load(fsys, FileName, opts)
	if err != nil {
		if d != nil {
			t.Error("Load returned a definition and an error")
		}
		return err.Error() + "\n"
	}
	out, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func testFiles(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	return names
}
