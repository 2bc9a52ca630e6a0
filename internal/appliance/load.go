package appliance

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// FileName is what a definition is called in its folder.
const FileName = "appliance.yaml"

// Options say how to load a definition. The zero value loads it without a
// variant.
type Options struct {
	// Variant is the overlay to merge in, or "".
	Variant string
	// Display is what problems call the file; default the name that is loaded.
	Display string
	// Edit changes what was read, with the variant merged in, before it is
	// checked; nil changes nothing. Other variants are not edited.
	Edit func(*yamltext.Node) *yamltext.Node
}

// Load reads the definition called name in the folder fsys (os.DirFS), merges
// the variant, fills in defaults and checks everything. The error is always
// [yamltext.Problems].
//
// Every variant of the definition is checked, whichever is loaded, but only
// the files that the loaded one names must exist. A file that a service's
// build command makes need not.
func Load(fsys fs.FS, name string, opts Options) (*Definition, error) {
	r, root := open(fsys, name, opts)
	if root == nil {
		return nil, r.Err()
	}
	base := root.Without("variants")
	overlays, names := variants(r, root)
	if _, ok := overlays[opts.Variant]; !ok && opts.Variant != "" {
		hint := "the definition has no variants"
		if len(names) > 0 {
			hint = "it has: " + strings.Join(names, ", ")
		}
		if near := syntax.Nearest(opts.Variant, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		r.Add(yamltext.Mark{}, "", fmt.Sprintf("there is no variant %s", syntax.Quote(opts.Variant)), hint)
	}

	var loaded *Definition
	for _, variant := range append([]string{""}, names...) {
		c := &checker{Report: r, root: base, variant: variant}
		if variant != "" {
			c.root = yamltext.Overlay(base, overlays[variant])
		}
		if opts.Edit != nil && variant == opts.Variant {
			c.root = opts.Edit(c.root)
		}
		d := &Definition{Variant: variant}
		c.decode(c.root, reflect.ValueOf(d).Elem(), "the definition")
		d.fillDefaults()
		c.check(d)
		if variant == opts.Variant {
			c.checkFiles(fsys, d)
			loaded = d
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return loaded, nil
}

// VariantNames lists the variants of a definition, sorted. It fails only when
// the file cannot be read as YAML; the error is [yamltext.Problems] then.
func VariantNames(fsys fs.FS, name string) ([]string, error) {
	r, root := open(fsys, name, Options{})
	if root == nil {
		return nil, r.Err()
	}
	_, names := variants(r, root)
	return names, nil
}

// open reads and parses the file. The node is nil when there is nothing to go
// on with; the report has the reason.
func open(fsys fs.FS, name string, opts Options) (*yamltext.Report, *yamltext.Node) {
	display := opts.Display
	if display == "" {
		display = name
	}
	data, message, hint := read(fsys, name)
	if message != "" {
		r := yamltext.NewReport(display, "")
		r.Add(yamltext.Mark{}, "", message, hint)
		return r, nil
	}
	text := yamltext.Normal(data)
	r := yamltext.NewReport(display, text)
	return r, r.Parse(text)
}

// read reads the file, or says what is wrong with it and what to do. It opens
// only a regular file and reads no more than [yamltext.MaxBytes] of it.
func read(fsys fs.FS, name string) (data []byte, message, hint string) {
	info, err := fs.Stat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "there is no such file", "run `ingot init` to write one"
	case err != nil:
		return nil, "cannot be read: " + reason(err), ""
	case info.IsDir():
		return nil, "is a folder, not a file", "move the folder away and run `ingot init` to write a definition"
	case !info.Mode().IsRegular():
		return nil, "is not a regular file", ""
	case info.Size() > yamltext.MaxBytes:
		return nil, tooLarge(), "a definition is a page or two; is this the right file?"
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, "cannot be read: " + reason(err), ""
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, yamltext.MaxBytes+1))
	switch {
	case err != nil:
		return nil, "cannot be read: " + reason(err), ""
	case len(data) > yamltext.MaxBytes:
		return nil, tooLarge(), "a definition is a page or two; is this the right file?"
	case strings.TrimSpace(yamltext.Normal(data)) == "":
		return nil, "is empty", "run `ingot init` for a starting point"
	}
	return data, "", ""
}

func tooLarge() string { return fmt.Sprintf("is larger than %s", Size(yamltext.MaxBytes)) }

// reason is the error without the path, which the problem already has.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// maxVariants bounds the time that checks take: each variant is checked whole.
const maxVariants = 64

// variants finds the overlays that can be merged, and reports the others.
func variants(r *yamltext.Report, root *yamltext.Node) (overlays map[string]*yamltext.Node, names []string) {
	overlays = map[string]*yamltext.Node{}
	e := root.Get("variants")
	if e == nil || e.Value.Kind == yamltext.Invalid {
		return overlays, nil
	}
	if e.Value.Kind != yamltext.Mapping {
		r.Add(e.Value.Mark, "", fmt.Sprintf("variants must be a mapping of names to overlays, not %s", e.Value.Kind), "write variants: {small: {hardware: {cpus: 1}}}")
		return overlays, nil
	}
	if n := len(e.Value.Entries); n > maxVariants {
		r.Add(e.Mark, "", fmt.Sprintf("%d variants are more than a definition takes (%d)", n, maxVariants), "")
		return overlays, nil
	}
	for _, v := range e.Value.Entries {
		switch {
		case !syntax.IsName(v.Key, syntax.MaxName):
			r.Add(v.Mark, "", fmt.Sprintf("%s is not a name for a variant", syntax.Quote(v.Key)), syntax.NameHint(syntax.MaxName))
		case v.Value.Kind == yamltext.Invalid:
		case v.Value.Kind != yamltext.Mapping:
			r.Add(v.Mark, "", fmt.Sprintf("variant %q must be a mapping, not %s", v.Key, v.Value.Kind), "write the keys that differ below it, indented")
		case v.Value.Get("variants") != nil:
			r.Add(v.Value.Get("variants").Mark, "", "a variant cannot have variants", "write all variants side by side")
		default:
			v.Value.BelongTo(v.Key)
			overlays[v.Key] = v.Value
			names = append(names, v.Key)
		}
	}
	slices.Sort(names)
	return overlays, names
}
