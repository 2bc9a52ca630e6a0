package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

// TestExplain tells a project's story, change after change, and holds what
// Explain says of each in testdata/explain.txt.
func TestExplain(t *testing.T) {
	src := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("index.html", "hello")
	write("style.css", "body {}")
	unit := strings.Repeat("[Service]\n", 20)
	version := 1
	suite := "bookworm"
	plan := func() *Plan {
		digest, err := DigestPath(src)
		if err != nil {
			t.Fatal(err)
		}
		return &Plan{Name: "story", Stages: []Stage{
			{Name: "base", Kind: "concat", Inputs: map[string]string{"suite": suite}, Outputs: []string{"out"}},
			{Name: "os", Kind: "concat", Inputs: map[string]string{"unit": unit}, Needs: []string{"base"}, Outputs: []string{"out"}},
			{Name: "app", Kind: "list", Files: []FileInput{{Name: "files", Path: src, Digest: digest}}, Outputs: []string{"out"}},
			{Name: "disk", Kind: "concat", Needs: []string{"os", "app"}, Outputs: []string{"out"}},
		}}
	}
	makers := func() map[string]Maker {
		m := testMakers()
		m["list"] = Maker{Version: version, Run: listFolder}
		return m
	}
	c := openTestCache(t, t.TempDir())
	var story bytes.Buffer
	tell := func(title string) {
		t.Helper()
		whys, err := Explain(plan(), ExplainOptions{Makers: makers(), Cache: c, Targets: []string{"disk"}})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&story, "# %s\n", title)
		for _, w := range whys {
			state := map[bool]string{true: "cached"}[w.Cached] + map[bool]string{true: "runs"}[w.Runs]
			fmt.Fprintf(&story, "%s: %s\n", w.Stage, cmp.Or(state, "not needed"))
			for _, r := range w.Reasons {
				fmt.Fprintf(&story, "    %s\n", r)
			}
		}
		// What Explain foretold is what Run does.
		var foretold []string
		for _, w := range whys {
			if w.Runs {
				foretold = append(foretold, w.Stage)
			}
		}
		res, err := Run(t.Context(), plan(), RunOptions{Makers: makers(), Cache: c, Targets: []string{"disk"}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(res.Ran()), fmt.Sprint(foretold); got != want {
			t.Errorf("%s: ran %s, foretold %s", title, got, want)
		}
	}

	tell("the first build")
	tell("nothing changed")
	write("index.html", "hello world")
	write("new.js", "1")
	if err := os.Remove(filepath.Join(src, "style.css")); err != nil {
		t.Fatal(err)
	}
	tell("files of the application changed")
	suite = "trixie"
	unit += "[Install]\n"
	tell("suite and unit changed")
	version = 2
	tell("the maker of the application's image changed")
	keys, err := Keys(plan(), makers())
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range []string{"base", "disk"} {
		if err := c.discard(keys[stage]); err != nil {
			t.Fatal(err)
		}
	}
	tell("base and disk were trimmed away")
	if err := os.Remove(filepath.Join(c.entryDir(keys["disk"]), metaName)); err != nil {
		t.Fatal(err)
	}
	tell("the disk's entry was damaged")
	suite = "bookworm"
	tell("back to the former suite, whose base was trimmed away or not")

	golden(t, "testdata/explain.txt", story.Bytes())
}

// listFolder writes the names in its folder.
func listFolder(_ context.Context, job *Job) error {
	names, err := os.ReadDir(job.File("files"))
	if err != nil {
		return err
	}
	return os.WriteFile(job.Output("out"), fmt.Append(nil, names), 0o644)
}

func TestPrintPlan(t *testing.T) {
	plan := chain()
	plan.Stages[1].Inputs["unit"] = "[Service]\nExecStart=/bin/true\n"
	plan.Stages[2].Files = []FileInput{{Name: "bin", Path: "/x", Digest: strings.Repeat("ab", 32)}}
	keys, err := Keys(plan, testMakers())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, o := range []PrintOptions{{Full: true}, {Keys: keys}} {
		fmt.Fprintf(&b, "# full %v, keys %v\n", o.Full, o.Keys != nil)
		if err := plan.Print(&b, o); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "testdata/plan.txt", b.Bytes())
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (go test -update writes it):\n%s", path, got)
	}
}
