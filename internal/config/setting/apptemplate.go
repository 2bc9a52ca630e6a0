package setting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"github.com/ingotvm/ingot/internal/appliance"
)

// maxRendered is how large a file made of a template may be.
const maxRendered = 1 << 20

// templateFunctions are those of [appliance.TemplateFunctions]. They take what
// [appliance.Setting.Typed] gives.
func templateFunctions() template.FuncMap {
	return template.FuncMap{"quote": quoteText, "php": phpText, "json": jsonText, "mib": wholeMiB}
}

// plainText is a value as text, "" of none.
func plainText(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// quoteText puts a value between double quotes, so that a shell takes it
// literally. Several lines are refused: in an ini file the second one would be
// an entry of its own.
func quoteText(value any) (string, error) {
	text := plainText(value)
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", errors.New("it holds several lines or a control character, which quote cannot write; json and php can")
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(text) + `"`, nil
}

// phpText is a value as a string of PHP in single quotes, in which only these
// two characters mean something.
func phpText(value any) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(plainText(value)) + "'"
}

// jsonText is a value as JSON that can also stand in a page.
func jsonText(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// wholeMiB is a number of bytes in whole MiB.
func wholeMiB(value any) (int64, error) {
	switch n := value.(type) {
	case int64:
		return n >> 20, nil
	case int:
		return int64(n) >> 20, nil
	}
	return 0, fmt.Errorf("%v is not a number of bytes", value)
}

// render makes one file of a template.
func render(env Env, d *Document, service appliance.Service, t appliance.Template, resources []Resource) (File, error) {
	text, ok := env.Boot.Templates[t.Source]
	if !ok {
		return File{}, fmt.Errorf("cannot make %s: the template %s is missing", t.Target, t.Source)
	}
	parsed, err := template.New(t.Source).Option("missingkey=error").Funcs(templateFunctions()).Parse(text)
	if err != nil {
		return File{}, fmt.Errorf("cannot read the template %s: %w", t.Source, err)
	}
	out := limited{left: maxRendered}
	if err := parsed.Execute(&out, templateData(env, d, service, resources)); err != nil {
		return File{}, fmt.Errorf("cannot make %s: %w", t.Target, err)
	}
	file := File{Path: t.Target, Data: out.Bytes(), Mode: modeRoot, Owner: t.Owner}
	if t.Mode != "" {
		mode, err := strconv.ParseUint(t.Mode, 8, 9)
		if err != nil {
			return File{}, fmt.Errorf("cannot make %s: %q are no permission bits", t.Target, t.Mode)
		}
		file.Mode = uint32(mode)
	}
	if file.Owner == "" && service.Kind() != appliance.KindPackages {
		file.Owner = service.User()
	}
	return file, nil
}

// templateData is what a template knows: [appliance.TemplateData].
func templateData(env Env, d *Document, service appliance.Service, resources []Resource) map[string]any {
	settings, numbers, memory := map[string]any{}, map[string]int64{}, env.Memory
	for _, s := range env.Definition().Settings {
		settings[s.Key] = s.Typed(valueOf(env, d, s))
	}
	for _, r := range resources {
		if r.Name == memoryResource {
			memory = r.Value
		} else {
			numbers[r.Name] = r.Value
		}
	}
	return map[string]any{
		"settings": settings, "resources": numbers, "memory": memory, "hostname": d.Network.Hostname,
		"data": service.DataDir(), "language": d.Language.Language, "timezone": d.Time.Zone, "proxy": d.Network.Proxy,
	}
}

// limited takes so many bytes and no more.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("the file would be larger than " + strconv.Itoa(maxRendered>>20) + " MiB")
	}
	return l.Buffer.Write(p)
}
