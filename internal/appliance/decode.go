package appliance

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// checker turns one merged tree of nodes into a definition and checks it.
type checker struct {
	*yamltext.Report
	root *yamltext.Node
	// variant is the overlay that was merged in, or "".
	variant string
}

// problem reports what is wrong at a place.
func (c *checker) problem(at yamltext.Mark, hint, format string, args ...any) {
	c.Add(at, c.variant, fmt.Sprintf(format, args...), hint)
}

// decode fills v, which can be set, from a node. The name is what messages
// call the value.
func (c *checker) decode(n *yamltext.Node, v reflect.Value, name string) {
	switch n.Kind {
	case yamltext.Invalid:
		return
	case yamltext.Null:
		c.problem(n.Mark, "give it a value or remove it", "%s has no value", name)
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Size:
		c.decodeSize(n, p, name)
		return
	case *Duration:
		c.decodeDuration(n, p, name)
		return
	case *EULA:
		c.decodeEULA(n, p, name)
		return
	case *Scalar:
		c.decodeScalar(n, p, name)
		return
	case **Support:
		c.decodeSupport(n, p, name)
		return
	case *KeyFiles:
		c.decodeKeyFiles(n, p, name)
		return
	case *Data:
		c.decodeData(n, p, name)
		return
	case **Hook:
		c.decodeHook(n, p, name)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if c.want(n, yamltext.Bool, name, "write true or false") {
			v.SetBool(isTrue(n.Text))
		}
	case reflect.String:
		c.decodeText(n, v, name)
	case reflect.Int:
		c.decodeInt(n, v, name)
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		c.decode(n, target.Elem(), name)
		v.Set(target)
	case reflect.Slice:
		c.decodeList(n, v, name)
	case reflect.Map:
		c.decodeMap(n, v, name)
	case reflect.Struct:
		c.decodeStruct(n, v, name)
	}
}

func (c *checker) decodeStruct(n *yamltext.Node, v reflect.Value, name string) {
	if !c.want(n, yamltext.Mapping, name, "write its keys below it, indented") {
		return
	}
	fields := map[string]int{}
	for i := range v.NumField() {
		if key := yamlKey(v.Type().Field(i)); key != "" {
			fields[key] = i
		}
	}
	for _, e := range n.Entries {
		i, known := fields[e.Key]
		if !known {
			c.unknownKey(e, v.Type(), fields)
			continue
		}
		c.decode(e.Value, v.Field(i), e.Key)
	}
}

// yamlKey is the key of a field, or "" for one that is not in the YAML text.
func yamlKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return strings.Trim(key, "-")
}

func (c *checker) unknownKey(e yamltext.Entry, parent reflect.Type, fields map[string]int) {
	known := make([]string, 0, len(fields))
	for key := range fields {
		known = append(known, key)
	}
	slices.Sort(known)
	hint := "known here: " + strings.Join(known, ", ")
	if near := syntax.Nearest(e.Key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if parent == reflect.TypeFor[Definition]() {
		if home := keyHomes()[e.Key]; home != "" {
			hint = "it belongs in " + home
		}
	}
	c.problem(e.Mark, hint, "unknown key %s", syntax.Quote(e.Key))
}

// keyHomes says where keys belong that people write at the top.
func keyHomes() map[string]string {
	return map[string]string{
		"release": "base", "architecture": "base", "packages": "base or a service", "mirror": "base",
		"cpus": "hardware", "memory": "hardware", "disks": "hardware", "disk": "hardware: {disks: …}",
		"ports": "a service", "data": "a service", "health": "a service", "binary": "a service", "build": "a service",
		"command": "a service", "args": "a service", "environment": "a service", "unit": "a service", "files": "a service",
		"templates": "a service", "check": "a service", "resources": "a service", "on-change": "a service",
		"snapshot": "the data of a service", "migrate": "the data of a service", "root": "updates", "channel": "updates",
	}
}

func (c *checker) decodeText(n *yamltext.Node, v reflect.Value, name string) {
	if c.wantText(n, name) {
		if strings.TrimSpace(n.Text) == "" {
			c.problem(n.Mark, "give it a value or remove it", "%s is empty", name)
			return
		}
		v.SetString(n.Text)
	}
}

// wantText checks that a node is text. Items and variables may be empty, so
// that is not checked here.
func (c *checker) wantText(n *yamltext.Node, name string) bool {
	hint := ""
	if n.Kind == yamltext.Number || n.Kind == yamltext.Bool {
		hint = fmt.Sprintf("put it in quotes: %q", n.Text)
	}
	return c.want(n, yamltext.Text, name, hint)
}

func (c *checker) decodeInt(n *yamltext.Node, v reflect.Value, name string) {
	hint := ""
	if _, err := strconv.Atoi(n.Text); err == nil && n.Kind == yamltext.Text {
		hint = "remove the quotes: " + n.Text
	}
	if !c.want(n, yamltext.Number, name, hint) {
		return
	}
	i, err := strconv.Atoi(n.Text)
	if err != nil || strconv.Itoa(i) != n.Text {
		c.problem(n.Mark, "write it with digits only, such as 80", "%s must be a whole number", name)
		return
	}
	if i < 1 {
		c.problem(n.Mark, "", "%s must be at least 1", name)
		return
	}
	v.SetInt(int64(i))
}

func (c *checker) decodeList(n *yamltext.Node, v reflect.Value, name string) {
	hint := fmt.Sprintf("write %s: [%s]", name, n.Text)
	if n.Text == "" || !syntax.IsLine(n.Text) {
		hint = "begin each item with a dash"
	}
	if !c.want(n, yamltext.List, name, hint) || len(n.Items) == 0 {
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		element := "an item of " + name
		if list.Index(i).Kind() != reflect.String {
			c.decode(item, list.Index(i), element)
			continue
		}
		if item.Kind != yamltext.Invalid && c.wantText(item, element) {
			list.Index(i).SetString(item.Text)
		}
	}
	v.Set(list)
}

// decodeMap fills a map of text to text, the only kind there is besides
// variants.
func (c *checker) decodeMap(n *yamltext.Node, v reflect.Value, name string) {
	if !c.want(n, yamltext.Mapping, name, "write it as `name: value`") || len(n.Entries) == 0 {
		return
	}
	m := make(map[string]string, len(n.Entries))
	for _, e := range n.Entries {
		if e.Value.Kind != yamltext.Invalid && c.wantText(e.Value, e.Key) {
			m[e.Key] = e.Value.Text
		}
	}
	v.Set(reflect.ValueOf(m).Convert(v.Type()))
}

func (c *checker) decodeSize(n *yamltext.Node, size *Size, name string) {
	const hint = "write a whole number and a unit: 512MiB, 4GiB"
	if n.Kind == yamltext.Number {
		c.problem(n.Mark, fmt.Sprintf("add a unit: %sMiB or %sGiB", n.Text, n.Text), "%s needs a unit", name)
		return
	}
	if !c.want(n, yamltext.Text, name, hint) {
		return
	}
	parsed, err := ParseSize(n.Text)
	if err != nil {
		c.problem(n.Mark, hint, "%s: %s", name, err)
		return
	}
	// Only the data disk may be left out; elsewhere nothing is a slip, and
	// must not silently become the default.
	if parsed == 0 && name != "data" {
		c.problem(n.Mark, hint, "%s must be more than nothing", name)
	}
	*size = parsed
}

func (c *checker) decodeDuration(n *yamltext.Node, duration *Duration, name string) {
	const hint = "write a number and a unit: 10s, 1m30s"
	if n.Kind == yamltext.Number {
		c.problem(n.Mark, fmt.Sprintf("add a unit: %ss", n.Text), "%s needs a unit", name)
		return
	}
	if !c.want(n, yamltext.Text, name, hint) {
		return
	}
	parsed, err := ParseDuration(n.Text)
	if err != nil {
		c.problem(n.Mark, hint, "%s: %s", name, err)
		return
	}
	if parsed <= 0 {
		c.problem(n.Mark, hint, "%s must be more than nothing", name)
		return
	}
	*duration = parsed
}

func (c *checker) decodeEULA(n *yamltext.Node, eula *EULA, name string) {
	if n.Kind == yamltext.Text {
		*eula = EULA{"en": n.Text}
		return
	}
	if n.Kind != yamltext.Mapping {
		c.problem(n.Mark, "write eula: FILE, or eula: {en: FILE, de: FILE}", "eula must be a file name or a mapping of languages to files, not %s", n.Kind)
		return
	}
	c.decodeMap(n, reflect.ValueOf(eula).Elem(), name)
}

// decodeScalar keeps the text of a single value; "" is one, too.
func (c *checker) decodeScalar(n *yamltext.Node, scalar *Scalar, name string) {
	switch n.Kind {
	case yamltext.Bool:
		*scalar = Scalar(strings.ToLower(n.Text))
	case yamltext.Text, yamltext.Number:
		*scalar = Scalar(n.Text)
	default:
		c.problem(n.Mark, "write a single value", "%s must be text, a number, true or false, not %s", name, n.Kind)
	}
}

// isTrue by YAML 1.2's core schema.
func isTrue(text string) bool { return strings.EqualFold(text, "true") }

// want checks the kind of a node.
func (c *checker) want(n *yamltext.Node, want yamltext.Kind, name, hint string) bool {
	if n.Kind == want {
		return true
	}
	c.problem(n.Mark, hint, "%s must be %s, not %s", name, want, n.Kind)
	return false
}
