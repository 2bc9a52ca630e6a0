package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// keyFormat is raised when the way keys are made or entries are laid out
// changes; all older entries are then simply never found again.
const keyFormat = 1

// Keys checks the plan and returns the key of each stage by the stage's name.
// Faults of a plan are mistakes in the program that made it; all are reported.
func Keys(plan *Plan, makers map[string]Maker) (map[string]string, error) {
	keys := make(map[string]string, len(plan.Stages))
	var faults []error
	for _, s := range plan.Stages {
		if err := checkStage(s, keys, makers); err != nil {
			faults = append(faults, fmt.Errorf("stage %q: %w", s.Name, err))
		}
		keys[s.Name] = stageKey(s, makers[s.Kind].Version, keys)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("invalid plan: %w", errors.Join(faults...))
	}
	return keys, nil
}

// checkStage reports the faults of one stage; earlier holds the stages before it.
func checkStage(s Stage, earlier map[string]string, makers map[string]Maker) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if s.Name == "" || !isFileName(s.Name) {
		fault("the name is not usable as a file name")
	}
	if _, twice := earlier[s.Name]; twice {
		fault("there is another stage of this name")
	}
	if _, known := makers[s.Kind]; !known {
		fault("unknown kind %q", s.Kind)
	}
	if len(s.Outputs) == 0 {
		fault("no outputs")
	}
	seen := map[string]bool{metaName: true}
	for _, name := range s.Outputs {
		if !isFileName(name) || seen[name] {
			fault("output %q is repeated or not usable as a file name", name)
		}
		seen[name] = true
	}
	seen = map[string]bool{}
	for _, f := range s.Files {
		if f.Name == "" || f.Digest == "" || seen[f.Name] {
			fault("file input %q is repeated or has no name or no digest", f.Name)
		}
		seen[f.Name] = true
	}
	seen = map[string]bool{}
	for _, need := range s.Needs {
		if _, ok := earlier[need]; !ok || seen[need] {
			fault("need %q is repeated, or no earlier stage", need)
		}
		seen[need] = true
	}
	return errors.Join(faults...)
}

func isFileName(name string) bool {
	return name != "" && name != "." && name != ".." && name == filepath.Base(name) && !strings.ContainsAny(name, "/\x00\n")
}

type needKey struct{ Name, Key string }

// stageKey hashes all that the outputs depend on. JSON of maps is sorted by
// key, so the text is the same for the same stage.
func stageKey(s Stage, version int, keys map[string]string) string {
	type file struct{ Name, Digest string }
	subject := struct {
		Format  int
		Kind    string
		Version int
		Inputs  map[string]string
		Files   []file
		Needs   []needKey
		Outputs []string
	}{Format: keyFormat, Kind: s.Kind, Version: version, Inputs: s.Inputs, Outputs: s.Outputs}
	if len(s.Inputs) == 0 {
		subject.Inputs = nil // nil and empty are the same input
	}
	for _, f := range s.Files {
		subject.Files = append(subject.Files, file{f.Name, f.Digest})
	}
	for _, need := range s.Needs {
		subject.Needs = append(subject.Needs, needKey{need, keys[need]})
	}
	text, err := json.Marshal(subject)
	if err != nil {
		panic(err) // strings and numbers only: cannot happen
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// shortDigest is as much of a digest or key as people need to tell two apart.
func shortDigest(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
