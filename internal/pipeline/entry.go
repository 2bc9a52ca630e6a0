package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// metaName is the description of an entry, beside its artifacts.
const metaName = "meta.json"

// Record says what a stage was made of.
type Record struct {
	Stage   string `json:"stage"`
	Kind    string `json:"kind"`
	Version int    `json:"version"`
	Key     string `json:"key"`
	// Inputs holds short values as they are and long ones as a digest.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Files maps the name of a file input to its digest.
	Files map[string]string `json:"files,omitempty"`
	// Needs maps the name of a needed stage to its key.
	Needs   map[string]string `json:"needs,omitempty"`
	Outputs []string          `json:"outputs"`
}

func newRecord(s Stage, version int, keys map[string]string) Record {
	r := Record{Stage: s.Name, Kind: s.Kind, Version: version, Key: keys[s.Name], Outputs: s.Outputs,
		Inputs: map[string]string{}, Files: map[string]string{}, Needs: map[string]string{}}
	for name, value := range s.Inputs {
		r.Inputs[name] = shortValue(value)
	}
	for _, f := range s.Files {
		r.Files[f.Name] = f.Digest
	}
	for _, need := range s.Needs {
		r.Needs[need] = keys[need]
	}
	return r
}

// meta is meta.json.
type meta struct {
	Record
	Artifacts map[string]artifactMeta `json:"artifacts"`
	Created   time.Time               `json:"created"`
	Duration  time.Duration           `json:"duration_ns"`
}

// artifactMeta is the length of an artifact in bytes and its contentDigest.
type artifactMeta struct {
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
}

func (m *meta) bytes() (n int64) {
	for _, a := range m.Artifacts {
		n += a.Size
	}
	return n
}

// readMeta reads the description of an entry and compares the sizes of its
// artifacts. The error is a *MissingError, a *CorruptError, or one of reading.
func (c *Cache) readMeta(key string) (*meta, error) {
	dir := c.entryDir(key)
	corrupt := func(format string, args ...any) error {
		return &CorruptError{Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	text, err := os.ReadFile(filepath.Join(dir, metaName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(dir); err == nil {
			return nil, corrupt("%s is missing", metaName)
		}
		return nil, &MissingError{key}
	}
	if err != nil {
		return nil, corrupt("%v", err)
	}
	var m meta
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, corrupt("%s: %v", metaName, err)
	}
	if m.Key != key || len(m.Artifacts) == 0 {
		return nil, corrupt("%s is of another entry", metaName)
	}
	for name, a := range m.Artifacts {
		info, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case !isFileName(name):
			return nil, corrupt("%s names %q", metaName, name)
		case err != nil:
			return nil, corrupt("%s is missing", name)
		case !info.Mode().IsRegular():
			return nil, corrupt("%s is not a file", name)
		case info.Size() != a.Size:
			return nil, corrupt("%s has %d bytes instead of %d", name, info.Size(), a.Size)
		}
	}
	return &m, nil
}

// verify reads the entry and compares every artifact with its digest, once per
// process. Its errors are those of readMeta.
func (c *Cache) verify(ctx context.Context, key string) (*meta, error) {
	m, err := c.readMeta(key)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	done := c.verified[key]
	c.mu.Unlock()
	if !done {
		for name, a := range m.Artifacts {
			if err := verifyFile(ctx, key, filepath.Join(c.entryDir(key), name), a); err != nil {
				return nil, err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified[key] = true
	now := time.Now()
	_ = os.Chtimes(filepath.Join(c.entryDir(key), metaName), now, now) // last use; a cache of someone else's may refuse
	return m, nil
}

func verifyFile(ctx context.Context, key, path string, want artifactMeta) error {
	f, err := os.Open(path)
	if err != nil {
		return &CorruptError{Key: key, Reason: err.Error()}
	}
	defer f.Close()
	digest, err := contentDigest(ctx, f, want.Size)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &CorruptError{Key: key, Reason: err.Error()}
	case digest != want.Digest:
		return &CorruptError{Key: key, Reason: filepath.Base(path) + " has other content than when it was made"}
	}
	return nil
}

// commit turns the folder of outputs into the entry of m.Key. The caller holds
// the entry's build lock and has seen that there is no such entry.
//
// Nothing is forced to the disk: a kill cannot tear a rename, and what a power
// cut tears is found by verify.
func (c *Cache) commit(ctx context.Context, dir string, m *meta) error {
	m.Artifacts = map[string]artifactMeta{}
	for _, name := range m.Outputs {
		a, err := finishOutput(ctx, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		m.Artifacts[name] = a
	}
	if err := onlyOutputs(dir, m.Outputs); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, metaName), append(text, '\n'), 0o644); err != nil {
		return c.failure("write cache entry", err)
	}
	entry := c.entryDir(m.Key)
	if err := os.MkdirAll(filepath.Dir(entry), 0o755); err != nil {
		return c.failure("write cache entry", err)
	}
	if err := os.Rename(dir, entry); err != nil {
		return c.failure("write cache entry", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified[m.Key] = true
	return nil
}

// finishOutput makes an output read-only and describes it.
func finishOutput(ctx context.Context, path string) (artifactMeta, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return artifactMeta{}, fmt.Errorf("the stage did not make its output %s", filepath.Base(path))
	}
	if !info.Mode().IsRegular() {
		return artifactMeta{}, fmt.Errorf("output %s is not a file", filepath.Base(path))
	}
	if err := os.Chmod(path, 0o444); err != nil {
		return artifactMeta{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return artifactMeta{}, err
	}
	defer f.Close()
	digest, err := contentDigest(ctx, f, info.Size())
	return artifactMeta{Size: info.Size(), Digest: digest}, err
}

// onlyOutputs refuses files that the stage made beside its outputs.
func onlyOutputs(dir string, outputs []string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !slices.Contains(outputs, f.Name()) {
			return fmt.Errorf("the stage made %s, which is not one of its outputs", f.Name())
		}
	}
	return nil
}

// Artifact is an artifact in the cache.
type Artifact struct {
	// Path is for reading, until the cache is closed.
	Path string `json:"-"`
	// Bytes is its length.
	Bytes int64 `json:"bytes"`
}

// Artifacts looks up the artifacts of a key without running anything. Their
// sizes have been compared, their content has not. The error is a
// *MissingError or a *CorruptError.
func (c *Cache) Artifacts(ctx context.Context, key string) (map[string]Artifact, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := c.use(ctx, key); err != nil {
		return nil, err
	}
	m, err := c.readMeta(key)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Artifact, len(m.Artifacts))
	for name, a := range m.Artifacts {
		found[name] = Artifact{Path: filepath.Join(c.entryDir(key), name), Bytes: a.Size}
	}
	return found, nil
}

func checkKey(key string) error {
	if len(key) != hex.EncodedLen(sha256.Size) {
		return &MissingError{key}
	}
	return nil
}
