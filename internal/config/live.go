package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ingotvm/ingot/internal/config/setting"
)

// manifestFile lists the files that the documents became, so that those of a
// transaction which a kill cut short are found again. Like them it lies in
// memory, and is gone after a restart of the machine, as they are.
const manifestFile = "/run/ingot/config-files.json"

// live is the files below the root that documents become.
type live struct {
	root string
	disk disk
}

// manifest is what manifestFile holds.
type manifest struct {
	// Busy says that files are being written: some that are listed may be
	// missing, and temporary ones lie beside them.
	Busy bool `json:"busy,omitempty"`
	// Files are paths with the key of the setting that each is of.
	Files map[string]string `json:"files"`
}

// part is what one setting has of the files.
type part struct {
	key   string
	files []setting.File
	// err says that they are not known: those it has stay as they are.
	err error
}

// sync makes the files those of the parts: it writes what differs, removes
// what an earlier document had, and leaves the rest untouched. changed has the
// keys of settings of which some file was other than before. A failure does
// not keep the other files from being written.
func (l *live) sync(parts []part) (changed map[string]bool, failures []*ApplyError) {
	fail := func(key string, err error) { failures = append(failures, &ApplyError{Setting: key, Err: err}) }
	changed = map[string]bool{}
	before := l.readManifest()
	l.clean(before)
	wanted := l.wanted(parts, before, fail)
	if err := l.writeManifest(before, manifest{Busy: true, Files: union(before.Files, wanted.Files)}); err != nil {
		fail("", err)
	}
	owners := l.owners()
	for _, p := range parts {
		for _, f := range p.files {
			if wanted.Files[f.Path] != p.key {
				continue // refused above
			}
			wrote, err := l.put(f, owners)
			if err != nil {
				fail(p.key, err)
			}
			changed[p.key] = changed[p.key] || wrote
		}
	}
	for _, name := range sortedKeys(before.Files) {
		if _, keep := wanted.Files[name]; keep || !allowed(name) {
			continue
		}
		changed[before.Files[name]] = true
		if err := l.disk.Remove(l.abs(name)); err != nil {
			fail(before.Files[name], fmt.Errorf("cannot remove %s: %w", name, err))
			wanted.Files[name] = before.Files[name]
		}
	}
	if err := l.writeManifest(manifest{Busy: true}, wanted); err != nil {
		fail("", err)
	}
	return changed, failures
}

// wanted is the manifest of the parts. Files in forbidden places, or that two
// settings claim, are refused.
func (l *live) wanted(parts []part, before manifest, fail func(string, error)) manifest {
	m := manifest{Files: map[string]string{}}
	for _, p := range parts {
		if p.err != nil {
			fail(p.key, p.err)
			for name, key := range before.Files {
				if key == p.key {
					m.Files[name] = key
				}
			}
		}
		for _, f := range p.files {
			other, taken := m.Files[f.Path]
			switch {
			case !allowed(f.Path):
				fail(p.key, fmt.Errorf("cannot write %q: settings write below /etc and /run only", f.Path))
			case taken:
				fail(p.key, fmt.Errorf("cannot write %s: it is a file of %s already", f.Path, other))
			default:
				m.Files[f.Path] = p.key
			}
		}
	}
	return m
}

// allowed says whether a setting may have a file at a path.
func allowed(name string) bool {
	return path.Clean(name) == name && name != manifestFile && !strings.ContainsRune(name, 0) &&
		(strings.HasPrefix(name, "/etc/") || strings.HasPrefix(name, "/run/"))
}

func (l *live) abs(name string) string { return filepath.Join(l.root, filepath.FromSlash(name)) }

// put writes one file unless it is as it should be.
func (l *live) put(f setting.File, owners map[string][2]int) (wrote bool, err error) {
	name, mode := l.abs(f.Path), os.FileMode(f.Mode&0o777)
	if f.Mode == 0 {
		mode = 0o644
	}
	uid, gid := -1, -1
	if f.Owner != "" && f.Link == "" {
		ids, ok := owners[f.Owner]
		if !ok {
			return false, fmt.Errorf("cannot write %s: there is no user %s", f.Path, f.Owner)
		}
		uid, gid = ids[0], ids[1]
	}
	if isAlready(name, f, mode, uid, gid) {
		return false, nil
	}
	if err := l.disk.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, fmt.Errorf("cannot write %s: %w", f.Path, err)
	}
	if f.Link != "" {
		return true, l.disk.Link(name, f.Link)
	}
	return true, l.disk.Write(name, f.Data, mode, uid, gid)
}

// isAlready says whether a file is on the disk as it should be.
func isAlready(name string, f setting.File, mode os.FileMode, uid, gid int) bool {
	info, err := os.Lstat(name)
	if err != nil {
		return false
	}
	if f.Link != "" {
		target, err := os.Readlink(name)
		return err == nil && target == f.Link
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || info.Mode().Perm() != mode || info.Size() != int64(len(f.Data)) {
		return false
	}
	if uid == -1 { // ours
		uid, gid = os.Geteuid(), int(owner.Gid)
	}
	if int(owner.Uid) != uid || int(owner.Gid) != gid {
		return false
	}
	data, err := os.ReadFile(name)
	return err == nil && bytes.Equal(data, f.Data)
}

// owners are the users of the appliance with their numeric IDs and groups'.
func (l *live) owners() map[string][2]int {
	owners := map[string][2]int{}
	data, err := os.ReadFile(l.abs("/etc/passwd"))
	if err != nil {
		return owners // whoever has an owner says that there is none
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) < 4 {
			continue
		}
		uid, errUser := strconv.Atoi(fields[2])
		gid, errGroup := strconv.Atoi(fields[3])
		if errUser == nil && errGroup == nil && uid >= 0 && gid >= 0 {
			owners[fields[0]] = [2]int{uid, gid}
		}
	}
	return owners
}

// readManifest is empty when there is none: then nothing was written since the
// machine started.
func (l *live) readManifest() manifest {
	m := manifest{}
	data, err := os.ReadFile(l.abs(manifestFile))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return manifest{Files: map[string]string{}}
	}
	if m.Files == nil {
		m.Files = map[string]string{}
	}
	return m
}

// writeManifest replaces the manifest; it need not when it says the same.
func (l *live) writeManifest(before, m manifest) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if same, err := json.Marshal(before); err == nil && bytes.Equal(same, data) {
		return nil
	}
	name := l.abs(manifestFile)
	return errors.Join(l.disk.MkdirAll(filepath.Dir(name), 0o755), l.disk.Write(name, data, 0o600, -1, -1))
}

// clean removes what a kill left: beside the manifest, and, when files were
// being written, beside them.
func (l *live) clean(m manifest) {
	folders := map[string]bool{path.Dir(manifestFile): true}
	if m.Busy {
		for name := range m.Files {
			if allowed(name) {
				folders[path.Dir(name)] = true
			}
		}
	}
	for _, folder := range sortedKeys(folders) {
		entries, err := os.ReadDir(l.abs(folder))
		if err != nil {
			continue // there is none yet
		}
		for _, e := range entries {
			if m.isTemporary(folder, e.Name()) {
				_ = l.disk.Remove(l.abs(path.Join(folder, e.Name()))) // litter, and no more
			}
		}
	}
}

// isTemporary says whether a name in a folder is that of a temporary file of
// package host, ".NAME.NUMBER", for one that is listed.
func (m manifest) isTemporary(folder, name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 || name[0] != '.' || strings.Trim(name[dot+1:], "0123456789") != "" {
		return false
	}
	full := path.Join(folder, name[1:dot])
	_, listed := m.Files[full]
	return listed || full == manifestFile
}

func union(a, b map[string]string) map[string]string {
	u := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			u[k] = v
		}
	}
	return u
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
