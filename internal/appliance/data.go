package appliance

import (
	"reflect"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// Data is what of a service is kept on the data disk. It is written in YAML as
// `true` (one folder, ${data}), as a list of absolute folders of the service's
// packages, or as a mapping, which has the folder unless it has paths.
type Data struct {
	// Enabled gives the service the folder /data/app/NAME, ${data}. It is
	// false when there are Paths.
	Enabled bool `yaml:"-" json:"enabled,omitempty"`
	// Folders such as /var/lib/mysql, filled from the image when first used.
	// Without them it is one folder, ${data}.
	Paths []string `yaml:"paths,omitempty" json:"paths,omitempty"`
	// How the data is kept before an update, so that it can go back: copy
	// copies the files while the service stands still, hook has save and
	// restore do it, none keeps nothing. Default: copy.
	Snapshot string `yaml:"snapshot,omitempty" json:"snapshot,omitempty"`
	// A number that grows when versions before cannot read the data any more.
	Schema int `yaml:"schema,omitempty" json:"schema,omitempty"`
	// With hook, the command that writes what restore needs into ${snapshot}.
	// The service does not run then.
	Save *Hook `yaml:"save,omitempty" json:"save,omitempty"`
	// With hook, the command that makes the data of ${snapshot}, before the
	// service starts.
	Restore *Hook `yaml:"restore,omitempty" json:"restore,omitempty"`
	// The command that makes an earlier version's data this version's, before
	// the service starts: from INGOT_FROM to INGOT_TO. Cut off, it runs again.
	Migrate *Hook `yaml:"migrate,omitempty" json:"migrate,omitempty"`
}

// The ways in which a service's data is kept before an update.
const (
	// SnapshotCopy copies its files while the service stands still.
	SnapshotCopy = "copy"
	// SnapshotHook lets the service's own commands save and restore it.
	SnapshotHook = "hook"
	// SnapshotNone keeps nothing.
	SnapshotNone = "none"
)

// Hook is a command that does something to a service's data. It is written in
// YAML as a list of words, or as a mapping.
type Hook struct {
	// The command and its arguments: a path inside files, the name of the
	// binary, or, for packages, an absolute path.
	Command []string `yaml:"command" json:"command"`
	// How long it may take, at most 1h. Default: 5m.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout"`
}

const (
	defaultHookTimeout = 5 * time.Minute
	maxHookTimeout     = time.Hour
)

// Any says whether there is data at all.
func (d Data) Any() bool { return d.Enabled || len(d.Paths) > 0 }

// hooks are the commands that are given, by key.
func (d Data) hooks() map[string]*Hook {
	all := map[string]*Hook{"save": d.Save, "restore": d.Restore, "migrate": d.Migrate}
	for key, h := range all {
		if h == nil {
			delete(all, key)
		}
	}
	return all
}

// MarshalYAML writes a list of folders, or true or false, where that says all.
func (d Data) MarshalYAML() (any, error) {
	plain := d.Schema == 0 && len(d.hooks()) == 0 && (d.Snapshot == "" || d.Snapshot == SnapshotCopy)
	switch {
	case plain && len(d.Paths) > 0:
		return d.Paths, nil
	case plain:
		return d.Enabled, nil
	}
	type mapping Data
	return mapping(d), nil
}

func (d *Data) fillDefaults(kind Kind) {
	for i, p := range d.Paths {
		d.Paths[i] = cleanPath(p)
	}
	if d.Any() {
		orElse(&d.Snapshot, SnapshotCopy)
	}
	for _, h := range d.hooks() {
		orElse(&h.Timeout, Duration(defaultHookTimeout))
		if len(h.Command) > 0 && kind == KindFiles {
			h.Command[0] = cleanPath(h.Command[0])
		}
	}
}

func (c *checker) decodeData(n *yamltext.Node, data *Data, name string) {
	switch n.Kind {
	case yamltext.Bool:
		data.Enabled = isTrue(n.Text)
	case yamltext.List:
		c.decodeList(n, reflect.ValueOf(&data.Paths).Elem(), name)
	case yamltext.Mapping:
		c.decodeStruct(n, reflect.ValueOf(data).Elem(), name)
		data.Enabled = n.Get("paths") == nil
	default:
		c.problem(n.Mark, "write data: true, or a list such as data: [/var/lib/mysql]", "data must be true, false, a list of folders or a mapping, not %s", n.Kind)
	}
}

func (c *checker) decodeHook(n *yamltext.Node, hook **Hook, name string) {
	h := &Hook{}
	switch n.Kind {
	case yamltext.List:
		c.decodeList(n, reflect.ValueOf(&h.Command).Elem(), name)
	case yamltext.Mapping:
		c.decodeStruct(n, reflect.ValueOf(h).Elem(), name)
	default:
		c.problem(n.Mark, "write it as a list of words: [bin/app, "+name+"]", "%s must be a list of words or a mapping, not %s", name, n.Kind)
		return
	}
	*hook = h
}

func (c *checker) checkData(d *Definition, i int, s Service) {
	c.checkPaths(i, s)
	if c.root.KindAt("services", i, "data") != yamltext.Mapping {
		return
	}
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"services", i, "data"}, path...)...) }
	has := func(key string) bool { return c.root.Has("services", i, "data", key) }
	if has("paths") && c.root.KindAt("services", i, "data", "paths") == yamltext.List && len(s.Data.Paths) == 0 {
		c.problem(at("paths"), "name the folders, or remove it for the one folder ${data}", "paths is empty")
	}
	hook := s.Data.Snapshot == SnapshotHook
	if has("snapshot") && s.Data.Snapshot != "" && !slices.Contains([]string{SnapshotCopy, SnapshotHook, SnapshotNone}, s.Data.Snapshot) {
		c.problem(at("snapshot"), "write copy, hook or none", "%s is not a way to keep data", syntax.Quote(s.Data.Snapshot))
		return
	}
	for _, key := range []string{"save", "restore"} {
		if hook && !has(key) {
			c.problem(at("snapshot"), "add "+key+", a command such as [bin/app, "+key+", \"${snapshot}\"], or write snapshot: copy", "snapshot: hook needs %s", key)
		}
		if !hook && has(key) {
			c.problem(at(key), "write snapshot: hook, or remove it", "%s belongs to snapshot: hook", key)
		}
	}
	for _, key := range sortedKeys(s.Data.hooks()) {
		c.checkHook(d, i, s, key)
	}
}

// checkPaths checks the folders, which are a list of their own or in a mapping.
func (c *checker) checkPaths(i int, s Service) {
	path := []any{"services", i, "data"}
	if c.root.KindAt(path...) == yamltext.Mapping {
		path = append(path, "paths")
	}
	for j, p := range s.Data.Paths {
		item := append(slices.Clone(path), j)
		if c.root.KindAt(item...) == yamltext.Text && !syntax.IsDataPath(p) {
			c.problem(c.root.At(item...), "write an absolute path below /var or /srv, such as /var/lib/mysql", "%s cannot be kept on the data disk", syntax.Quote(p))
		}
		if p == "/var/log" || syntax.IsBelow(p, "/var/log/journal") || p == "/var/log/journal" {
			c.problem(c.root.At(item...), "leave it out", "%s: the journal is on the data disk already", p)
		}
	}
}

func (c *checker) checkHook(d *Definition, i int, s Service, key string) {
	h := s.Data.hooks()[key]
	path := []any{"services", i, "data", key}
	words := path
	if c.root.KindAt(path...) == yamltext.Mapping {
		words = append(slices.Clone(path), "command")
		if !c.root.Has(words...) {
			c.problem(c.root.At(path...), "write "+key+": [bin/app, "+key+"]", "%s has no command", key)
		}
	}
	if c.root.Has(words...) {
		c.checkWords(s, h.Command, key != "migrate", "the command of "+key, words...)
	}
	most := maxHookTimeout
	if within := d.Updates.within(); key == "migrate" && within > 0 {
		most = min(most, within)
	}
	if limit := time.Duration(h.Timeout); limit > most && limit > maxHookTimeout {
		c.problem(c.root.At(append(path, "timeout")...), "write at most 1h", "a timeout of %s is too long", h.Timeout)
	} else if limit > most {
		c.problem(c.root.At(path...), "raise within of updates: trial, or lower timeout", "%s may take %s, longer than the trial of an update, %s", key, h.Timeout, Duration(most))
	}
}

// SaveUnit is the systemd unit that runs the save command, if there is one.
func (s Service) SaveUnit() string { return "ingot-save-" + s.Name + ".service" }

// RestoreUnit is the one that runs the restore command.
func (s Service) RestoreUnit() string { return "ingot-restore-" + s.Name + ".service" }

// MigrateUnit is the one that runs the migrate command.
func (s Service) MigrateUnit() string { return "ingot-migrate-" + s.Name + ".service" }

// SnapshotDir is ${snapshot}, as the commands see it.
func (s Service) SnapshotDir() string { return "/run/ingot-snapshot/" + s.Name }

// SaveDir is the folder that is ${snapshot} of the save command.
func (s Service) SaveDir() string { return "/data/updates/save/" + s.Name }

// RestoreDir is the folder that is ${snapshot} of the restore command; it is
// there while that has yet to succeed.
func (s Service) RestoreDir() string { return "/data/updates/restore/" + s.Name }

// MigrateFile is the file with the versions for the migrate command; it is
// there while that has yet to succeed.
func (s Service) MigrateFile() string { return "/run/ingot/migrate/" + s.Name }
