package config

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// Export is a document as YAML that [Import] takes: a seed for the next
// appliance. How far the first boot has come stays behind, but for who
// accepted the licence. Without secrets there are no hashes, keys or passwords
// in it, and it says which are missing.
func Export(env setting.Env, d *setting.Document, secrets bool) ([]byte, error) {
	d = d.Clone()
	w := &yamlWriter{}
	definition := &appliance.Definition{}
	if env.Boot != nil && env.Boot.Definition != nil {
		definition = env.Boot.Definition
		w.comment(fmt.Sprintf("The configuration of %s, version %s: a seed for another one.", definition.Title, definition.Version))
	}
	if !secrets {
		w.leaveOut = []string{"access.tokens", "access.accounts.hash", "access.accounts.totp", "access.accounts.recovery"} // without a hash a token is nothing
		if left := strip(env, d); len(left) > 0 {
			w.comment("Secrets are left out: " + strings.Join(left, ", "))
		}
	}
	if d.TLS.Source == setting.Uploaded && d.TLS.Key == "" {
		// Without its key a certificate is nothing, here and elsewhere: one that
		// a machine made stays with it.
		d.TLS = setting.TLS{Source: setting.SelfSigned, ACME: d.TLS.ACME}
		w.comment("The certificate is left out: its private key is not here")
	}
	w.line(0, "format: "+strconv.Itoa(d.Format))
	if definition.Name != "" {
		w.line(0, "appliance:")
		w.member(2, "name", reflect.ValueOf(definition.Name), "")
		w.member(2, "version", reflect.ValueOf(definition.Version), "")
	}
	value := reflect.ValueOf(*d)
	for i := range value.NumField() {
		switch key := fieldKey(value.Type(), i); key {
		case "format":
		case "setup":
			if d.Setup.EULA != nil {
				w.line(0, "setup:")
				w.member(2, "eula", reflect.ValueOf(*d.Setup.EULA), "setup.eula")
			}
		default:
			w.member(0, key, value.Field(i), key)
		}
	}
	return w.Bytes(), nil
}

// strip takes the secrets out of a document and says where they were.
func strip(env setting.Env, d *setting.Document) (paths []string) {
	for _, s := range secrets(d, isSecret(env)) {
		paths = append(paths, s.path)
		if key, ok := strings.CutPrefix(s.path, "application."); ok {
			delete(d.Application, key)
			continue
		}
		s.set("")
	}
	d.Network.Proxy = strings.Replace(d.Network.Proxy, ":@", "@", 1) // a user without a password
	return paths
}

// yamlWriter writes the YAML of a document: plain block style, and in quotes
// whatever a reader could take for something other than text. Empty values are
// written too, so that a seed overrides the defaults of another version.
type yamlWriter struct {
	bytes.Buffer
	leaveOut []string
}

func (w *yamlWriter) line(indent int, text string) {
	w.WriteString(strings.Repeat(" ", indent) + text + "\n")
}

func (w *yamlWriter) comment(text string) {
	w.line(0, "# "+strings.Join(strings.Fields(text), " "))
}

// member writes one key with its value.
func (w *yamlWriter) member(indent int, key string, v reflect.Value, path string) {
	if slices.Contains(w.leaveOut, path) {
		return
	}
	key = yamlText(key) + ":"
	switch v.Kind() {
	case reflect.Struct:
		w.line(indent, key)
		w.fields(indent+2, v, path)
	case reflect.Map:
		w.entries(indent, key, v, path)
	case reflect.Slice:
		w.list(indent, key, v, path)
	case reflect.String:
		w.text(indent, key, v.String())
	default: // numbers, true and false
		w.line(indent, fmt.Sprintf("%s %v", key, v.Interface()))
	}
}

func (w *yamlWriter) fields(indent int, v reflect.Value, path string) {
	for i := range v.NumField() {
		key := fieldKey(v.Type(), i)
		w.member(indent, key, v.Field(i), below(path, key))
	}
}

func (w *yamlWriter) entries(indent int, key string, v reflect.Value, path string) {
	if v.Len() == 0 {
		w.line(indent, key+" {}")
		return
	}
	w.line(indent, key)
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		w.member(indent+2, k.String(), v.MapIndex(k), below(path, k.String()))
	}
}

func (w *yamlWriter) list(indent int, key string, v reflect.Value, path string) {
	if v.Len() == 0 {
		w.line(indent, key+" []")
		return
	}
	w.line(indent, key)
	for i := range v.Len() {
		item := v.Index(i)
		if item.Kind() == reflect.String {
			w.line(indent+2, "- "+yamlText(item.String()))
			continue
		}
		start := w.Len()
		w.fields(indent+4, item, path)
		w.Bytes()[start+indent+2] = '-' // in the indentation of the first field
	}
}

// text writes a text, one of several lines as a block where that is exact.
func (w *yamlWriter) text(indent int, key, text string) {
	body, ended := strings.CutSuffix(text, "\n")
	if !isBlock(body) {
		w.line(indent, key+" "+yamlText(text))
		return
	}
	if ended {
		w.line(indent, key+" |")
	} else {
		w.line(indent, key+" |-")
	}
	for line := range strings.SplitSeq(body, "\n") {
		w.line(indent+2, line)
	}
}

// isBlock says whether a text is one of several lines that a literal block
// gives back as it is.
func isBlock(text string) bool {
	if !strings.Contains(text, "\n") {
		return false
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line != strings.TrimSpace(line) {
			return false
		}
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r > unicode.MaxASCII || !unicode.IsPrint(r)) })
}

// plain is text that every reader of YAML takes for that text.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// taken are the plain words that some reader takes for something else.
var taken = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"}

func yamlText(text string) string {
	if plain.MatchString(text) && !slices.Contains(taken, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text) // its escapes are among those of YAML
}

// fieldKey is the key of a struct's field in JSON.
func fieldKey(t reflect.Type, i int) string {
	key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
	return key
}
