package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// reader turns nodes into values, and reports those that are none.
type reader struct{ *yamltext.Report }

// fields read the values of a mapping, by key.
type fields map[string]func(*yamltext.Node)

func (r *reader) want(n *yamltext.Node, kind yamltext.Kind, name, hint string) bool {
	if n.Kind == yamltext.Invalid {
		return false
	}
	if n.Kind != kind {
		r.Add(n.Mark, "", fmt.Sprintf("%s must be %s, not %s", name, kind, n.Kind), hint)
	}
	return n.Kind == kind
}

// mapping reads a mapping whose keys are known.
func (r *reader) mapping(n *yamltext.Node, name string, known fields) {
	if !r.want(n, yamltext.Mapping, name, "write its keys below it, indented") {
		return
	}
	for _, e := range n.Entries {
		read, ok := known[e.Key]
		if !ok {
			keys := slices.Sorted(maps.Keys(known))
			hint := "known here: " + strings.Join(keys, ", ")
			if near := syntax.Nearest(e.Key, keys); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			r.Add(e.Mark, "", fmt.Sprintf("unknown key %s", syntax.Quote(e.Key)), hint)
			continue
		}
		read(e.Value)
	}
}

// orMapping reads a mapping that may be written as the version alone.
func (r *reader) orMapping(n *yamltext.Node, name string, version *string, known fields) {
	if n.Kind != yamltext.Mapping {
		*version = r.version(n)
		return
	}
	r.mapping(n, name, known)
	if n.Get("version") == nil {
		r.Add(n.Mark, "", name+" needs a version", "write "+name+": {version: 1.1.0, …}")
	}
}

// each reads a mapping with any keys.
func (r *reader) each(n *yamltext.Node, name string, read func(key string, value *yamltext.Node)) {
	if r.want(n, yamltext.Mapping, name, "write its keys below it, indented") {
		for _, e := range n.Entries {
			read(e.Key, e.Value)
		}
	}
}

// texts reads a mapping of any keys to single values.
func (r *reader) texts(n *yamltext.Node, name string) map[string]string {
	texts := map[string]string{}
	r.each(n, name, func(key string, v *yamltext.Node) {
		switch v.Kind {
		case yamltext.Text, yamltext.Number, yamltext.Bool:
			texts[key] = v.Text
		case yamltext.Invalid:
		default:
			r.Add(v.Mark, "", fmt.Sprintf("%s must be a single value, not %s", syntax.Quote(key), v.Kind), "write the whole key, such as network.hostname: web1")
		}
	})
	return texts
}

func (r *reader) text(n *yamltext.Node, name string) string {
	if n.Kind == yamltext.Number || n.Kind == yamltext.Bool {
		return n.Text
	}
	if r.want(n, yamltext.Text, name, "") && strings.TrimSpace(n.Text) == "" {
		r.Add(n.Mark, "", name+" is empty", "give it a value or remove it")
	}
	return n.Text
}

func (r *reader) version(n *yamltext.Node) string {
	text := r.text(n, "a version")
	if n.Kind != yamltext.Invalid && text != "" && !appliance.IsVersion(text) {
		r.Add(n.Mark, "", fmt.Sprintf("%s is not a version", syntax.Quote(text)), "write three numbers, such as 1.1.0")
	}
	return text
}

func (r *reader) choice(n *yamltext.Node, name string, known ...string) string {
	if !r.want(n, yamltext.Text, name, "write one of "+strings.Join(known, ", ")) || slices.Contains(known, n.Text) {
		return n.Text
	}
	hint := "write one of " + strings.Join(known, ", ")
	if near := syntax.Nearest(n.Text, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.Add(n.Mark, "", fmt.Sprintf("%s cannot be %s", name, syntax.Quote(n.Text)), hint)
	return n.Text
}

func (r *reader) bool(n *yamltext.Node, name string) bool {
	return r.want(n, yamltext.Bool, name, "write true or false") && strings.EqualFold(n.Text, "true")
}

func (r *reader) number(n *yamltext.Node, name string, least, most int) int {
	i, err := strconv.Atoi(n.Text)
	if r.want(n, yamltext.Number, name, "") && (err != nil || i < least || i > most) {
		r.Add(n.Mark, "", fmt.Sprintf("%s must be a number from %d to %d", name, least, most), "")
	}
	return i
}

func (r *reader) size(n *yamltext.Node, name string) int64 {
	const hint = "write a whole number and a unit: 512MiB, 4GiB"
	if !r.want(n, yamltext.Text, name, hint) {
		return 0
	}
	size, err := appliance.ParseSize(n.Text)
	if err == nil && size == 0 {
		err = fmt.Errorf("must be more than nothing")
	}
	if err != nil {
		r.Add(n.Mark, "", fmt.Sprintf("%s: %v", name, err), hint)
	}
	return int64(size)
}

func (r *reader) date(n *yamltext.Node, name string) time.Time {
	t, err := time.Parse(time.DateOnly, n.Text)
	if n.Kind != yamltext.Invalid && (err != nil || t.Year() < 1970 || t.Year() > 2037) {
		r.Add(n.Mark, "", fmt.Sprintf("%s must be a day from 1970 to 2037", name), "write it as 1970-01-01")
	}
	return t
}
