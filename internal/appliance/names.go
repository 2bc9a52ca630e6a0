package appliance

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// ManagementPort is where the agent serves the management page, over TLS.
const ManagementPort = 5480

// The ports on which the agent stands in front of an application.
const (
	HTTPSPort = 443
	HTTPPort  = 80
)

// Artifact is the name of a file that a build yields, with its extension
// given without a dot: NAME-VERSION.ova, or NAME-VERSION-VARIANT.ova.
func (d *Definition) Artifact(ext string) string {
	name := d.Name + "-" + d.Version
	if d.Variant != "" {
		name += "-" + d.Variant
	}
	return name + "." + ext
}

// Service is the service of that name, or nil.
func (d *Definition) Service(name string) *Service {
	for i := range d.Services {
		if d.Services[i].Name == name {
			return &d.Services[i]
		}
	}
	return nil
}

// Setting is the setting of that key, or nil.
func (d *Definition) Setting(key string) *Setting {
	for i := range d.Settings {
		if d.Settings[i].Key == key {
			return &d.Settings[i]
		}
	}
	return nil
}

// Holds says whether a condition is true when the settings have the values
// that value tells, canonical. No condition always is. A setting whose own
// condition does not hold has no value.
func (d *Definition) Holds(when *Condition, value func(key string) string) bool {
	for ; when != nil; when = d.Setting(when.Setting).When { // no circles: checked when it was loaded
		if d.Setting(when.Setting) == nil || value(when.Setting) != string(when.Is) {
			return false
		}
	}
	return true
}

// StartOrder is the services in an order in which each comes after those it
// names in After; otherwise they keep the order of the definition.
func (d *Definition) StartOrder() []Service {
	var order []Service
	placed := map[string]bool{}
	var place func(s Service)
	place = func(s Service) {
		if placed[s.Name] {
			return
		}
		placed[s.Name] = true
		for _, name := range s.After {
			if before := d.Service(name); before != nil {
				place(*before)
			}
		}
		order = append(order, s)
	}
	for _, s := range d.Services {
		place(s)
	}
	return order
}

// Link is an address that people open in a browser.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Links are the links of all services, with host as the address of the
// appliance: a name, an IPv4 or an IPv6 address, without a port.
func (d *Definition) Links(host string) []Link {
	var links []Link
	for _, s := range d.Services {
		links = append(links, s.Links(host)...)
	}
	return links
}

// ApplicationURL is the first link of the appliance, or "" when it has none.
func (d *Definition) ApplicationURL(host string) string {
	if links := d.Links(host); len(links) > 0 {
		return links[0].URL
	}
	return ""
}

// ManagementURL is the address of the management page.
func ManagementURL(host string) string {
	return Port{Scheme: "https", Path: "/"}.URL(host, ManagementPort)
}

// Links are the service's ports that have a title.
func (s Service) Links(host string) []Link {
	var links []Link
	for _, p := range s.Ports {
		if p.Title != "" {
			links = append(links, Link{Title: p.Title, URL: p.URL(host, p.Reached()[0])})
		}
	}
	return links
}

// URL is the address of the port's link when the port is reached at another
// number, as when a hypervisor forwards it. For the appliance itself give the
// first of p.Reached().
func (p Port) URL(host string, port int) string {
	authority := net.JoinHostPort(host, strconv.Itoa(port))
	if p.Scheme == "http" && port == 80 || p.Scheme == "https" && port == 443 {
		authority = strings.TrimSuffix(authority, ":"+strconv.Itoa(port))
	}
	return p.Scheme + "://" + authority + p.Path
}

// Reached are the numbers under which the network reaches the port, the link's
// first: its own, or those of the agent that stands in front of it.
func (p Port) Reached() []int {
	if p.HTTPS {
		return []int{HTTPSPort, HTTPPort}
	}
	return []int{p.Port}
}

// Front is the port that the agent stands in front of, if there is one.
func (d *Definition) Front() (p Port, ok bool) {
	for _, s := range d.Services {
		for _, p := range s.Ports {
			if p.HTTPS {
				return p, true
			}
		}
	}
	return Port{}, false
}

// Kind says how a service is run.
type Kind string

// The kinds of service.
const (
	// KindBinary is one static executable.
	KindBinary Kind = "binary"
	// KindFiles is a folder with a command in it.
	KindFiles Kind = "files"
	// KindPackages is a unit of Debian packages.
	KindPackages Kind = "packages"
)

// Kind says how the service is run.
func (s Service) Kind() Kind {
	switch {
	case s.Binary != "":
		return KindBinary
	case len(s.Packages) > 0:
		return KindPackages
	}
	return KindFiles
}

// User is the system user that a service of ours runs as.
func (s Service) User() string { return "app-" + s.Name }

// AppDir is where the service's files are on the appliance, ${app}. A service
// made of packages has none.
func (s Service) AppDir() string { return "/app/" + s.Name }

// DataDir is the service's folder on the data disk, ${data}.
func (s Service) DataDir() string { return "/data/app/" + s.Name }

// What may happen to a service when a setting changed, [Service.OnChange].
const (
	OnChangeRestart = "restart"
	OnChangeReload  = "reload"
	OnChangeNone    = "none"
)

// AskFirstboot is the value of [Setting.Ask] for settings that the first
// boot's wizard asks for.
const AskFirstboot = "firstboot"

// UsedBy says whether a service uses the setting.
func (s Setting) UsedBy(service string) bool {
	return len(s.Services) == 0 || slices.Contains(s.Services, service)
}

// SettingsDir is the folder with what the service is told: its settings, and
// the marker without which it does not run.
func (s Service) SettingsDir() string { return "/run/ingot-app/" + s.Name }

// RunUnit is the systemd unit that runs the service: its packages' own, or
// the one that the build writes.
func (s Service) RunUnit() string {
	if s.Unit != "" {
		return s.Unit
	}
	return "app-" + s.Name + ".service"
}

// CheckUnit is the systemd unit that tries new settings, if the service has a
// check.
func (s Service) CheckUnit() string { return "app-" + s.Name + "-check.service" }

// ResourceVariable is the environment variable in which a service finds the
// resource of that name: INGOT_ and the name in capitals.
func ResourceVariable(name string) string { return "INGOT_" + strings.ToUpper(name) }
