package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Why says what a run would do about one stage, and for what reasons.
type Why struct {
	Stage string `json:"stage"`
	Key   string `json:"key"`
	// Cached: its outputs are in the cache. Runs: a run would make them. A
	// stage that is neither is not in the cache, nor does anything need it;
	// or nothing that runs needs it, so that nobody looked.
	Cached bool `json:"cached"`
	Runs   bool `json:"runs"`
	// Reasons why it runs: what differs from the project's last successful run.
	Reasons []string `json:"reasons,omitempty"`
}

// ExplainOptions says what to explain. Makers and Cache are required.
type ExplainOptions struct {
	Makers  map[string]Maker
	Cache   *Cache
	Targets []string // as in RunOptions
}

// Explain foretells what Run would do about each stage, in the plan's order.
// It compares sizes but reads no artifacts, so a damaged entry may still make
// a stage run that it takes for cached.
func Explain(plan *Plan, o ExplainOptions) ([]Why, error) {
	keys, err := Keys(plan, o.Makers)
	if err != nil {
		return nil, err
	}
	whys := make([]Why, len(plan.Stages))
	index := map[string]int{}
	for i, s := range plan.Stages {
		whys[i], index[s.Name] = Why{Stage: s.Name, Key: keys[s.Name]}, i
	}
	var visit func(name string)
	visit = func(name string) {
		w := &whys[index[name]]
		if w.Cached || w.Runs {
			return
		}
		if _, err := o.Cache.readMeta(keys[name]); err == nil {
			w.Cached = true
			return
		}
		s := plan.Stages[index[name]]
		w.Runs = true
		w.Reasons = o.Cache.reasons(plan.Name, s, newRecord(s, o.Makers[s.Kind].Version, keys))
		for _, need := range s.Needs {
			visit(need)
		}
	}
	for _, s := range plan.Stages {
		if o.Targets == nil || slices.Contains(o.Targets, s.Name) {
			visit(s.Name)
		}
	}
	return whys, nil
}

// lastRecord is last/<project>/<stage>.json.
type lastRecord struct {
	Record
	// Trees lists what file inputs that are folders held.
	Trees map[string]treeDigest `json:"trees,omitempty"`
}

// reasons compares a stage that would run with the project's last run of it.
func (c *Cache) reasons(project string, s Stage, now Record) []string {
	last, ok := c.readLast(project, s.Name)
	if !ok {
		return []string{"never built"}
	}
	if last.Key == now.Key {
		if _, err := os.Lstat(c.entryDir(now.Key)); err == nil {
			return []string{"its cache entry is damaged"}
		}
		return []string{"no longer in the cache"}
	}
	var reasons []string
	if last.Kind != now.Kind {
		reasons = append(reasons, fmt.Sprintf("kind: %s → %s", last.Kind, now.Kind))
	}
	if last.Version != now.Version {
		reasons = append(reasons, fmt.Sprintf("version of the maker: %d → %d", last.Version, now.Version))
	}
	reasons = append(reasons, diffMaps("input", last.Inputs, now.Inputs, showValue)...)
	for _, line := range diffMaps("file", last.Files, now.Files, shortDigest) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "file "), ":")
		reasons = append(reasons, line+c.changedBelow(s, name, last.Trees[name]))
	}
	reasons = append(reasons, diffNeeds(last.Needs, now.Needs)...)
	if !slices.Equal(last.Outputs, now.Outputs) {
		reasons = append(reasons, fmt.Sprintf("outputs: %s → %s", strings.Join(last.Outputs, ", "), strings.Join(now.Outputs, ", ")))
	}
	if reasons == nil {
		return []string{"the cache's format changed"}
	}
	return reasons
}

// diffMaps names what differs, sorted by name.
func diffMaps(what string, old, now map[string]string, show func(string) string) []string {
	names := maps.Clone(old)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, now)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, was := old[name]
		after, is := now[name]
		switch {
		case !was:
			lines = append(lines, fmt.Sprintf("%s %s: new, %s", what, name, show(after)))
		case !is:
			lines = append(lines, fmt.Sprintf("%s %s: gone, was %s", what, name, show(before)))
		case before != after:
			lines = append(lines, fmt.Sprintf("%s %s: %s → %s", what, name, show(before), show(after)))
		}
	}
	return lines
}

// diffNeeds names the needed stages that differ; keys say nothing to people.
func diffNeeds(old, now map[string]string) []string {
	var lines []string
	for _, line := range diffMaps("stage", old, now, shortDigest) {
		subject, what, _ := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(what, "new"):
			subject += " is needed now"
		case strings.HasPrefix(what, "gone"):
			subject += " is no longer needed"
		default:
			subject += " changed"
		}
		lines = append(lines, subject)
	}
	return lines
}

// changedBelow names the files that differ in a file input that is a folder.
func (c *Cache) changedBelow(s Stage, input string, old treeDigest) string {
	i := slices.IndexFunc(s.Files, func(f FileInput) bool { return f.Name == input })
	if i < 0 || old == nil {
		return ""
	}
	_, tree, err := digestPath(s.Files[i].Path)
	if err != nil || tree == nil {
		return ""
	}
	lines := diffMaps("", old.asMap(), tree.asMap(), func(string) string { return "" })
	const shown = 5 // enough to recognise the edit
	var names []string
	for _, line := range lines {
		name, what, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.HasPrefix(what, "new"):
			name = "+" + name
		case strings.HasPrefix(what, "gone"):
			name = "-" + name
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

func (t treeDigest) asMap() map[string]string {
	m := make(map[string]string, len(t))
	for _, e := range t {
		m[e.Path] = e.Digest
	}
	return m
}

// remember notes, for Explain, what the targets and all that they need are
// made of. Failing to is not worth failing a build: Explain then knows less.
func (r *run) remember(targets []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		s, _ := r.plan.Stage(name)
		for _, need := range s.Needs {
			visit(need)
		}
		now := lastRecord{Record: newRecord(s, r.makers[s.Kind].Version, r.keys), Trees: r.listed[name]}
		if last, ok := r.cache.readLast(r.plan.Name, name); ok && last.Key == now.Key {
			return
		}
		for _, f := range s.Files {
			if now.Trees[f.Name] != nil {
				continue
			}
			if _, tree, err := digestPath(f.Path); err == nil && tree != nil {
				if now.Trees == nil {
					now.Trees = map[string]treeDigest{}
				}
				now.Trees[f.Name] = tree
			}
		}
		_ = r.cache.writeLast(r.plan.Name, now)
	}
	for _, name := range targets {
		visit(name)
	}
}

func (c *Cache) lastPath(project, stage string) string {
	if !isFileName(project) || strings.HasPrefix(project, ".") {
		sum := sha256.Sum256([]byte(project))
		project = ".sha256-" + hex.EncodeToString(sum[:8])
	}
	return filepath.Join(c.dir, "last", project, stage+".json")
}

func (c *Cache) readLast(project, stage string) (lastRecord, bool) {
	var last lastRecord
	text, err := os.ReadFile(c.lastPath(project, stage))
	if err != nil || json.Unmarshal(text, &last) != nil {
		return last, false
	}
	return last, last.Key != ""
}

// writeLast replaces the record; two builds of a project at once each write a
// whole one.
func (c *Cache) writeLast(project string, record lastRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	temp, err := c.tempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	path := c.lastPath(project, record.Stage)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	draft := filepath.Join(temp, "last.json")
	if err := os.WriteFile(draft, text, 0o644); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// longValue is the length from which an input's value is shown as its digest.
const longValue = 80

// shortValue is the value of an input as records and printed plans hold it.
func shortValue(value string) string {
	if len(value) <= longValue && !strings.ContainsAny(value, "\n\r") {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return fmt.Sprintf("sha256:%s (%d bytes)", hex.EncodeToString(sum[:8]), len(value))
}

func showValue(value string) string {
	if value == "" {
		return `""`
	}
	return value
}
