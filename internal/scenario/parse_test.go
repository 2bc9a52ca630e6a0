package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

const whole = `scenario: All there is
project: {updates: {trial: {healthy: 10s, within: 80s}}}
versions:
  1.0.0:
  1.1.0: {services: {hello: {args: ["-listen=:81"]}}}
break: {1.1.0: agent}
answers: {application.greeting: Good day, application.count: 3}
machine: {firmware: uefi, memory: 512MiB, data: 1GiB, cpus: 2, clock: 1970-01-01}
repository: {rate: 200KiB, proxy: true}
steps:
  - boot: 1.0.0
  - release: {version: 1.1.0, patches: 0, floor: true, minimum: 1.0.0}
  - install: {version: 1.1.0, how: whole, until: download}
  - withdraw: 1.1.0
  - set: {updates.channel: stable}
  - power: cut
    expect: {version: 1.0.0, outcome: failed, reason: withdrawn, offered: nothing, page: Good day}
  - back: {version: 1.0.0, data: restore}
    expect: {refused: runs}
  - expect: {offered: 1.1.0}
`

func TestParse(t *testing.T) {
	s, err := Parse("all.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if s.Title != "All there is" || len(s.Versions) != 2 || s.Version("1.1.0").Break != BreakAgent || s.Answers["application.count"] != "3" {
		t.Errorf("%+v", s)
	}
	if m := s.Machine; m.Firmware != "uefi" || m.Memory != 512<<20 || m.Data != 1<<30 || m.CPUs != 2 || !m.Clock.Equal(time.Unix(0, 0)) {
		t.Errorf("machine %+v", m)
	}
	if s.Repository != (Repository{Rate: 200 << 10, Proxy: true}) {
		t.Errorf("repository %+v", s.Repository)
	}
	var names []string
	for _, step := range s.Steps {
		names = append(names, step.Name())
	}
	if got := strings.Join(names, "; "); got != "boot 1.0.0; release 1.1.0; install 1.1.0 by whole until download; withdraw 1.1.0; set; power cut; back 1.0.0; expect" {
		t.Errorf("steps: %s", got)
	}
	if r := s.Steps[1]; r.Patches != 0 || !r.Floor || r.Minimum != "1.0.0" {
		t.Errorf("release %+v", r)
	}
	if !s.Steps[6].Restore || s.Steps[6].Expect.Refused != "runs" || s.Steps[5].Expect.Offered != Nothing {
		t.Errorf("expectations %+v %+v", s.Steps[6], s.Steps[5].Expect)
	}
}

// TestParseProblems holds the place, the words and the advice of what is wrong.
func TestParseProblems(t *testing.T) {
	const head = "scenario: x\nversions: {1.0.0: {}, 1.1.0: {}}\nsteps:\n  - boot: 1.0.0\n"
	for _, c := range []struct{ text, want string }{
		{"", "s.yaml: is empty\n  hint: docs/scenarios.md has one to begin with"},
		{"- a\n", "s.yaml:1:1: a definition is a mapping"},
		{"scenario: x\n", "a scenario needs steps"},
		{head + "  - instal: 1.1.0\n", "s.yaml:5:5: unknown key \"instal\"\n    - instal: 1.1.0\n      ^\n  hint: did you mean \"install\"?"},
		{head + "  - install: 1.1\n", "s.yaml:5:14: \"1.1\" is not a version"},
		{head + "  - install: 1.2.0\n", "s.yaml:5:5: there is no version \"1.2.0\"\n    - install: 1.2.0\n      ^\n  hint: did you mean"},
		{head + "  - install: {how: patch}\n", "install needs a version"},
		{head + "  - install: {version: 1.1.0, how: patsh}\n", "hint: did you mean \"patch\"?"},
		{head + "  - install: {version: 1.1.0, how: bundle}\n", "it was not released before\n    - install: {version: 1.1.0, how: bundle}\n      ^\n  hint: add release: 1.1.0 before"},
		{head + "  - boot: 1.0.0\n", "the machine was booted before"},
		{head + "  - release: 1.1.0\n  - release: 1.1.0\n", "s.yaml:6:5: it was released before"},
		{head + "  - release: 1.1.0\n    install: 1.1.0\n", "one step cannot both release and install"},
		{head + "  - power: of\n", "power cannot be \"of\""},
		{head + "  - expect: {outcome: instaled}\n", "hint: did you mean \"installed\"?"},
		{head + "  - set: {network: {proxy: x}}\n", "must be a single value, not a mapping"},
		{head + "break: {1.3.0: agent}\n", "there is no version \"1.3.0\""},
		{head + "break: {1.0.0: agent}\n", "a broken version cannot be booted first"},
		{head + "machine: {data: 5}\n", "data must be text, not a number"},
		{head + "machine: {clock: 1969-12-31}\n", "clock must be a day from 1970 to 2037"},
		{head + "repository: {proxy: maybe}\n", "proxy must be true or false, not text"},
		{"scenario: x\nversions: {1.0.0: {version: 2.0.0}}\nsteps: [{boot: 1.0.0}]\n", "a scenario cannot change version"},
		{"scenario: x\nversions: {one: {}}\nsteps: [{boot: 1.0.0}]\n", "\"one\" is not a version"},
		{"scenario: x\nversions: {1.0.0: {}}\nsteps: [{install: 1.0.0}]\n", "no machine was booted before"},
		{"scenario: x\nversions: 1\nsteps: 2\n", "steps must be a list, not a number"},
	} {
		s, err := Parse("s.yaml", []byte(c.text))
		var problems yamltext.Problems
		if !errors.As(err, &problems) || s != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n%v\nwant\n%s", c.text, err, c.want)
		}
	}
}

// TestExamples: the scenarios of the examples can be read.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(file, data); err != nil {
			t.Error(err)
		}
	}
}

// FuzzParse: whatever the bytes, there is a scenario or there are problems.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("scenario: x\nversions: {1.0.0: {}}\nsteps: [{boot: 1.0.0}, {expect: {}}]\n"))
	f.Add([]byte("steps: [[], {release: {}}, {set: {a: null}}]\nbreak: []\n"))
	base := mapping("services", &yamltext.Node{Kind: yamltext.List, Items: []*yamltext.Node{mapping("name", text("hello"))}})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("s.yaml", data)
		var problems yamltext.Problems
		switch {
		case err == nil && s == nil, err != nil && (s != nil || !errors.As(err, &problems) || len(problems) == 0):
			t.Fatalf("%+v, %v", s, err)
		case err != nil:
			return
		}
		if len(s.Versions) == 0 && len(s.Steps) > 0 {
			for _, step := range s.Steps {
				if step.Version != "" {
					t.Fatalf("a step of version %q, and there is none", step.Version)
				}
			}
		}
		for _, v := range s.Versions {
			if got := s.Edit(v, "root.json", "http://10.0.2.2/")(base).Get("version"); got == nil || got.Value.Text != v.Name {
				t.Fatalf("version %s is edited to %+v", v.Name, got)
			}
		}
	})
}
