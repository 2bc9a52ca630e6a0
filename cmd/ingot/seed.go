package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/config/seedtext"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

// seedInput is what --seed gives.
type seedInput struct {
	texts [][]byte
	// properties of all texts that are no documents, and of the flags.
	keys  map[string]string // to what the user wrote them in
	pairs map[string]string
	// document says that one of the texts is a whole document.
	document bool
}

// pair is KEY=VALUE; anything else is the path of a file.
var pair = regexp.MustCompile(`(?s)^([A-Za-z][A-Za-z0-9_.-]*)=(.*)$`)

// readSeed reads the flags and the files that they name.
func readSeed(flags []string) (seedInput, error) {
	in := seedInput{keys: map[string]string{}, pairs: map[string]string{}}
	for _, flag := range flags {
		if m := pair.FindStringSubmatch(flag); m != nil {
			in.pairs[m[1]] = m[2]
			in.keys[m[1]] = "--seed"
			continue
		}
		text, err := readSeedFile(flag)
		if err != nil {
			return in, usagef("write KEY=VALUE, or name a YAML or JSON file", "--seed %s: %v", flag, causeOf(err))
		}
		tree, err := seedtext.Parse(text)
		if err != nil {
			return in, usagef("a seed is a mapping, such as network.hostname: web1", "--seed %s: %v", flag, err)
		}
		in.texts = append(in.texts, text)
		if _, document := tree["format"]; document {
			in.document = true
			continue
		}
		for key := range seedtext.Flatten(tree) {
			in.keys[key] = "--seed " + flag
		}
	}
	return in, nil
}

func readSeedFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, seedtext.MaxBytes+1)) // one more is refused when it is read
}

// check compares the keys with what the definition knows, so that a mistyped
// one does not end at the wizard.
func (in seedInput) check(def *appliance.Definition) error {
	known := []string{"setup.eula", "setup.adopt"}
	for _, p := range setting.Properties(buildEnv(def)) {
		known = append(known, p.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(in.keys)) {
		if slices.Contains(known, key) {
			continue
		}
		hint := "docs/seeds.md lists the keys; those of the application are application.KEY"
		if near := syntax.Nearest(key, known); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return usagef(hint, "%s: %s has no setting %s", in.keys[key], def.Name, key)
	}
	return nil
}

// buildEnv is what settings go by, as far as it is known before a boot.
func buildEnv(def *appliance.Definition) setting.Env {
	return setting.Env{
		Boot:   &release.Boot{Format: 1, Definition: def},
		Memory: int64(def.Hardware.Memory.Recommended), CPUs: def.Hardware.CPUs,
	}
}

// text is the seed for the machine, nil for none. What was given overrides
// the answers; a whole document is taken without them.
func (in seedInput) text(answers map[string]string) ([]byte, error) {
	if in.document {
		answers = nil
	}
	if len(in.texts) == 1 && len(in.pairs)+len(answers) == 0 {
		return in.texts[0], nil // as it was written: errors then name its lines
	}
	texts := in.texts
	if len(answers) > 0 {
		first, err := json.Marshal(answers)
		if err != nil {
			return nil, err
		}
		texts = slices.Concat([][]byte{first}, texts)
	}
	if len(texts)+len(in.pairs) == 0 {
		return nil, nil
	}
	text, err := seedtext.Compose(texts, in.pairs)
	if err != nil {
		return nil, fmt.Errorf("cannot make the seed: %w", err)
	}
	return text, nil
}

const seedHelp = `--seed answers the questions of the first boot: KEY=VALUE, or a YAML or JSON file,
any number of them; later files override earlier ones, and KEY=VALUE the files.
setup.eula=accept accepts the licence.`

// seedUsage is the flag's own line.
const seedUsage = "answer the first boot's questions: `KEY=VALUE` or a file; may be repeated"
