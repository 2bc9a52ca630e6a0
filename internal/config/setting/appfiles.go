package setting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/appliance"
)

// Modes of the files for services.
const (
	modeRoot  = 0o600
	modeOwner = 0o400
)

// Files are those of the services that run; the others get nothing, so that no
// secret lies about that nobody uses.
func (application) Files(env Env, d *Document) ([]File, error) {
	var files []File
	for _, service := range env.Definition().Services {
		if !ServiceEnabled(env, d, service) {
			continue
		}
		files = append(files, File{Path: service.SettingsDir() + "/enabled"})
		own, err := serviceFiles(env, d, service)
		if err != nil {
			return nil, err
		}
		files = append(files, own...)
	}
	return files, nil
}

// serviceFiles are what a service gets of the settings, whether it runs or not.
func serviceFiles(env Env, d *Document, service appliance.Service) ([]File, error) {
	folder := service.SettingsDir()
	resources, err := resourcesOf(env, service)
	if err != nil {
		return nil, err
	}
	values, err := settingsJSON(env, d, service)
	if err != nil {
		return nil, err
	}
	variables := append(settingVariables(env, d, service), variable{"INGOT_SETTINGS", folder + "/settings.json"})
	variables = append(variables, systemVariables(d, resources)...)
	asJSON := File{Path: folder + "/settings.json", Data: values, Mode: modeOwner, Owner: service.User()}
	if service.Kind() == appliance.KindPackages {
		asJSON.Mode, asJSON.Owner = modeRoot, packageOwner(service)
	}
	files := []File{{Path: folder + "/environment", Data: environmentFile(variables), Mode: modeRoot}, asJSON}
	for _, t := range service.Templates {
		file, err := render(env, d, service, t, resources)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// packageOwner is the user that reads the settings of a service made of
// packages: the one for whom its templates are made, otherwise root.
func packageOwner(service appliance.Service) string {
	for _, t := range service.Templates {
		if t.Owner != "" && t.Owner != "root" {
			return t.Owner
		}
	}
	return ""
}

// settingsJSON are the settings that a service uses by key, each in the JSON
// type of its own.
func settingsJSON(env Env, d *Document, service appliance.Service) ([]byte, error) {
	values := map[string]any{}
	for _, s := range env.Definition().Settings {
		if s.UsedBy(service.Name) {
			values[s.Key] = s.Typed(valueOf(env, d, s))
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(values); err != nil {
		return nil, fmt.Errorf("cannot encode the settings of the service %s: %w", service.Name, err)
	}
	return out.Bytes(), nil
}

// variable is one of a service's environment.
type variable struct{ name, value string }

// settingVariables are those of the settings that a service uses.
func settingVariables(env Env, d *Document, service appliance.Service) []variable {
	var list []variable
	for _, s := range env.Definition().Settings {
		if !s.UsedBy(service.Name) {
			continue
		}
		name := s.Variable
		if name == "" {
			name = strings.ToUpper(s.Key)
		}
		list = append(list, variable{name, valueOf(env, d, s)})
	}
	return list
}

// systemVariables are what every service is told of the appliance.
func systemVariables(d *Document, resources []Resource) []variable {
	var list []variable
	for _, r := range resources {
		list = append(list, variable{appliance.ResourceVariable(r.Name), strconv.FormatInt(r.Value, 10)})
	}
	list = append(list, variable{"INGOT_LANGUAGE", d.Language.Language}, variable{"TZ", d.Time.Zone})
	if d.Network.Proxy == "" {
		return list
	}
	// Programs look for one spelling or the other.
	none := strings.Join(append([]string{"localhost", "127.0.0.1", "::1"}, d.Network.NoProxy...), ",")
	for _, v := range []variable{{"HTTP_PROXY", d.Network.Proxy}, {"HTTPS_PROXY", d.Network.Proxy}, {"NO_PROXY", none}} {
		list = append(list, v, variable{strings.ToLower(v.name), v.value})
	}
	return list
}

// environmentFile writes variables for EnvironmentFile= of a unit, so that
// values arrive unchanged whatever they hold: systemd.exec(5) takes back
// slashes before these four characters inside double quotes, takes everything
// else literally, line ends too, and expands nothing.
func environmentFile(variables []variable) []byte {
	var b bytes.Buffer
	quoted := strings.NewReplacer(`"`, `\"`, `\`, `\\`, "`", "\\`", `$`, `\$`)
	for _, v := range variables {
		fmt.Fprintf(&b, "%s=\"%s\"\n", v.name, quoted.Replace(v.value))
	}
	return b.Bytes()
}
