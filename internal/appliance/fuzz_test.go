package appliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// everywhere is a folder in which every file exists, but for the definition,
// which is the one given. What is called like a folder of testdata is one.
type everywhere struct{ definition []byte }

func (e everywhere) Open(name string) (fs.File, error) {
	file := fstest.MapFS{name: {Data: []byte("text")}}
	switch name {
	case FileName:
		file[name].Data = e.definition
	case "web", "site", "worker", "overlay", "folder":
		file[name].Mode = fs.ModeDir
	}
	if path.Ext(name) == ".pub" { // another key in each
		sum := sha256.Sum256([]byte(name))
		blob := slices.Concat([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), sum[:])
		file[name].Data = []byte("ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob))
	}
	if path.Ext(name) == ".json" {
		file[name].Data = []byte(testRoot)
	}
	return file.Open(name)
}

// testRoot has what the root of a repository's keys must have.
const testRoot = `{"signed": {"_type": "root", "keys": {"a": {}, "b": {}}, "roles": {
	"root": {"keyids": ["a", "b"], "threshold": 2}, "timestamp": {"keyids": ["b"], "threshold": 1},
	"snapshot": {"keyids": ["b"], "threshold": 1}, "targets": {"keyids": ["a"], "threshold": 1}}},
	"signatures": [{"keyid": "a", "sig": "00"}, {"keyid": "b", "sig": "00"}]}`

// FuzzLoad holds what the package guarantees for any bytes: no panic; either
// problems, with places inside the file, or a definition that comes back equal
// after it was written as YAML or as JSON.
func FuzzLoad(f *testing.F) {
	for _, name := range testFiles(f) {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == FileName {
				f.Add(file.Data, "")
				f.Add(file.Data, "small")
			}
		}
	}
	f.Add(StartingPoint("x"), "")
	f.Add([]byte("services:\n  web\n  -\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, variant string) {
		d, err := Load(everywhere{data}, FileName, Options{Variant: variant})
		if err != nil {
			checkProblems(t, data, d, err)
			return
		}
		again := throughJSON(t, d)
		if !reflect.DeepEqual(d, again) {
			t.Errorf("JSON gives back %+v, want %+v", again, d)
		}
		text, err := yaml.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err = Load(everywhere{text}, FileName, Options{})
		if err != nil {
			t.Fatalf("YAML is refused: %v\n%s", err, text)
		}
		again.Variant = d.Variant
		if !reflect.DeepEqual(d, again) {
			t.Errorf("YAML gives back %+v, want %+v\n%s", again, d, text)
		}
		// What comes after must be able to use it.
		d.Artifact("ova")
		d.Links("::1")
		if n := len(d.StartOrder()); n != len(d.Services) {
			t.Errorf("%d services in order, want %d", n, len(d.Services))
		}
	})
}

// throughJSON is the definition after it was written and read as JSON.
func throughJSON(t *testing.T, d *Definition) *Definition {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again := new(Definition)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(again); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return again
}

func checkProblems(t *testing.T, data []byte, d *Definition, err error) {
	t.Helper()
	if d != nil {
		t.Error("a definition and problems")
	}
	var problems yamltext.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("%T is not Problems", err)
	}
	lines := strings.Split(yamltext.Normal(data), "\n")
	for _, p := range problems {
		if p.Line > len(lines) || (p.Line > 0) != (p.Column > 0) {
			t.Errorf("line %d of %d, column %d: %s", p.Line, len(lines), p.Column, p.Message)
		}
		if p.Message == "" || p.File != FileName {
			t.Errorf("incomplete: %+v", p)
		}
		if strings.ContainsFunc(p.Source+p.Message+p.Hint, func(r rune) bool { return r < ' ' && r != '\t' }) {
			t.Errorf("not fit for a terminal: %q", p.Error())
		}
		if strings.Contains(p.Hint, "gave up") {
			t.Errorf("the parser panicked: %s", p.Hint)
		}
	}
}
