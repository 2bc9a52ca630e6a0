package appliance

import (
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// maxServices bounds the time that checks take; each service also costs an
// image and a loop device.
const maxServices = 64

// checkServices checks each service by itself, then what they share.
func (c *checker) checkServices(d *Definition) {
	services := d.Services
	if !c.require("services", "say what the appliance runs: services: [{name: web, binary: ./bin/web}]") {
		return
	}
	if e := c.root.Get("services"); e.Value.Kind == yamltext.List && len(e.Value.Items) == 0 {
		c.problem(e.Mark, "say what the appliance runs: services: [{name: web, binary: ./bin/web}]", "services is empty")
	}
	if len(services) > maxServices {
		c.problem(c.root.Get("services").Mark, "make several appliances", "%d services are more than an appliance takes (%d)", len(services), maxServices)
		return
	}
	for i, s := range services {
		if c.root.KindAt("services", i) == yamltext.Mapping {
			c.checkService(d, i, s)
			c.checkFollowing(d, i, s)
		}
	}
	c.checkUnique(services)
	c.checkFront(services)
	c.checkTargets(services)
	c.checkOrder(services)
}

func (c *checker) checkService(d *Definition, i int, s Service) {
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"services", i}, path...)...) }
	if c.require("name", "give each service a name of its own", "services", i) && s.Name != "" && !syntax.IsName(s.Name, syntax.MaxServiceName) {
		c.problem(at("name"), syntax.NameHint(syntax.MaxServiceName), "%s is not a name for a service", syntax.Quote(s.Name))
	}
	if c.root.Has("services", i, "title") {
		c.checkTitle(s.Title, "services", i, "title")
	}
	c.checkKind(i, s)
	c.checkInside(s.Binary, "the binary", "services", i, "binary")
	c.checkInside(s.Files, "the folder", "services", i, "files")
	if s.Command != "" && !syntax.IsInside(s.Command) {
		c.problem(at("command"), "write a path inside the folder given by files, such as bin/server", "the command %s is not inside of files", syntax.Quote(s.Command))
	}
	c.checkPackages(s.Packages, "services", i, "packages")
	if s.Unit != "" && !syntax.IsUnit(s.Unit) {
		c.problem(at("unit"), "write it as apache2.service", "%s is not the name of a systemd service", syntax.Quote(s.Unit))
	}
	c.checkVariables(i, s)
	for j, p := range s.Ports {
		if c.root.KindAt("services", i, "ports", j) == yamltext.Mapping {
			c.checkPort(i, j, p)
		}
	}
	c.checkData(d, i, s)
	if s.Health != nil && c.root.KindAt("services", i, "health") == yamltext.Mapping {
		c.checkHealth(i, *s.Health)
	}
}

// checkKind checks that exactly one way to run the service is given, whole.
func (c *checker) checkKind(i int, s Service) {
	has := func(key string) bool { return c.root.Has("services", i, key) }
	at := func(key string) yamltext.Mark { return c.root.At("services", i, key) }
	const ways = "give binary, or files and command, or packages and unit"
	binary, packages := has("binary"), has("packages") || has("unit")
	folder := has("command") || has("files") && !packages

	var given []string
	for _, key := range []string{"binary", "files", "command", "packages", "unit"} {
		if has(key) && !(key == "files" && packages) {
			given = append(given, key)
		}
	}
	switch {
	case !binary && !folder && !packages:
		c.problem(c.root.At("services", i), ways, "the service does not say what to run")
		return
	case binary && folder, binary && packages, folder && packages:
		c.problem(c.root.At("services", i), ways, "the service says more than one thing to run: %s", strings.Join(given, ", "))
		return
	case folder && !has("command"):
		c.problem(at("files"), "add the command, a path inside files", "files without a command")
	case folder && !has("files"):
		c.problem(at("command"), "add files, the folder that holds the command", "a command without files")
	case packages && !has("packages"):
		c.problem(at("unit"), "add packages, those that bring the unit", "a unit without packages")
	case packages && !has("unit"):
		c.problem(at("packages"), "add the unit of theirs to run, or list the packages in base", "packages without a unit")
	case has("packages") && c.root.KindAt("services", i, "packages") == yamltext.List && len(s.Packages) == 0:
		c.problem(at("packages"), "name those that bring the unit", "packages is empty")
	}
	if packages && has("args") {
		c.problem(at("args"), "change the unit with a drop-in, laid over the root by files", "args do not reach the unit of a package")
	}
}

// checkVariables checks arguments and environment, which end up in a unit.
func (c *checker) checkVariables(i int, s Service) {
	for j, arg := range s.Args {
		c.checkExpansion(s, arg, "services", i, "args", j)
	}
	for _, name := range sortedKeys(s.Environment) {
		if !syntax.IsVariable(name) {
			c.problem(c.root.At("services", i, "environment", name), "letters, digits and underscores only", "%s is not the name of an environment variable", syntax.Quote(name))
		}
		c.checkExpansion(s, s.Environment[name], "services", i, "environment", name)
	}
}

// checkExpansion checks a text in which a service's variables are replaced.
func (c *checker) checkExpansion(s Service, text string, path ...any) {
	known := map[string]bool{"data": s.Data.Enabled, "app": len(s.Packages) == 0 && s.Unit == ""}
	at := func() yamltext.Mark { return c.root.At(path...) }
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		c.problem(at(), "write it on one line", "%s holds a line break or control character", syntax.Quote(text))
	}
	_, err := Expand(text, func(name string) (string, bool) {
		ok, exists := known[name]
		if exists && !ok {
			hint := map[string]string{
				"data": "add data: true to the service",
				"app":  "the files of a service made of packages are in the root of the appliance",
			}[name]
			c.problem(at(), hint, "the service has no ${%s}", name)
		}
		return "", exists
	})
	if err != nil {
		c.problem(at(), "known here: ${data} and ${app}; write $${ for a literal ${", "%s", err)
	}
}

func (c *checker) checkPort(i, j int, p Port) {
	at := func(key string) yamltext.Mark { return c.root.At("services", i, "ports", j, key) }
	if c.require("port", "write ports: [{port: 80}]", "services", i, "ports", j) && p.Port > 65535 {
		c.problem(at("port"), "ports are 1 to 65535", "there is no port %d", p.Port)
	}
	if p.Port == ManagementPort {
		c.problem(at("port"), "choose another", "port %d is the management page's own", ManagementPort)
	}
	if p.Protocol != "tcp" && p.Protocol != "udp" {
		c.problem(at("protocol"), "write tcp or udp", "the protocol %s is not known", syntax.Quote(p.Protocol))
	}
	c.checkTitle(p.Title, "services", i, "ports", j, "title")
	c.checkHTTPS(p, at)
	if p.Title == "" {
		for _, key := range []string{"scheme", "path"} {
			if c.root.Has("services", i, "ports", j, key) {
				c.problem(at(key), "add a title, which makes the port a link", "%s belongs to a link, and this port is none", key)
			}
		}
		return
	}
	if p.Protocol == "udp" {
		c.problem(at("title"), "remove the title", "a udp port cannot be a link")
	}
	if p.Scheme != "http" && p.Scheme != "https" {
		c.problem(at("scheme"), "write http or https", "the scheme %s is not known", syntax.Quote(p.Scheme))
	}
	if !strings.HasPrefix(p.Path, "/") || syntax.CheckURL("http://appliance"+p.Path) != "" {
		c.problem(at("path"), "begin it with a slash", "%s is not the path of a URL", syntax.Quote(p.Path))
	}
}

func (c *checker) checkHealth(i int, h Health) {
	at := func(key string) yamltext.Mark { return c.root.At("services", i, "health", key) }
	has := func(key string) bool { return c.root.Has("services", i, "health", key) }
	const ways = `give http: "http://127.0.0.1/" or tcp: "127.0.0.1:5432"`
	switch {
	case has("http") && has("tcp"):
		c.problem(at("tcp"), ways, "the health check has both http and tcp")
	case !has("http") && !has("tcp"):
		c.problem(c.root.At("services", i, "health"), ways, "the health check has neither http nor tcp")
	}
	if h.HTTP != "" {
		if wrong := syntax.CheckURL(h.HTTP); wrong != "" {
			c.problem(at("http"), "write it as http://127.0.0.1:8080/health", "%s %s", syntax.Quote(h.HTTP), wrong)
		}
	}
	if h.TCP != "" {
		if host, port, err := net.SplitHostPort(h.TCP); err != nil || host == "" || !syntax.IsPort(port) || !syntax.Made(host, isHostByte) {
			c.problem(at("tcp"), "write it as 127.0.0.1:5432", "%s is not host:port", syntax.Quote(h.TCP))
		}
	}
	if d := time.Duration(h.Every); d < time.Second || d > time.Hour {
		c.problem(at("every"), "write 1s to 1h", "checks every %s are not possible", h.Every)
	}
	if d := time.Duration(h.Timeout); d > 5*time.Minute {
		c.problem(at("timeout"), "write at most 5m", "a timeout of %s is too long", h.Timeout)
	}
}

// isHostByte says whether c may stand in a host name or address.
func isHostByte(c byte) bool { return syntax.IsAlnum(c) || strings.IndexByte(".-:", c) >= 0 }

// checkUnique reports what two services cannot both have.
func (c *checker) checkUnique(services []Service) {
	type claim struct{ what, value string }
	owner := map[claim]int{}
	take := func(i int, what, value string, hint string, key ...any) {
		if value == "" {
			return
		}
		first, taken := owner[claim{what, value}]
		if !taken {
			owner[claim{what, value}] = i
			return
		}
		by := fmt.Sprintf("service %q", services[first].Name)
		if what == "name" {
			by = "another service"
		} else if first == i {
			by = "this service"
		}
		c.problem(c.root.At(append([]any{"services", i}, key...)...), hint, "the %s %s is taken by %s already", what, value, by)
	}
	for i, s := range services {
		take(i, "name", s.Name, "give each service a name of its own", "name")
		take(i, "unit", s.Unit, "one service runs a unit", "unit")
		for j, p := range s.Ports {
			if p.Port > 0 {
				take(i, "port", fmt.Sprintf("%d/%s", p.Port, p.Protocol), "change one of them: only one program can listen on a port", "ports", j, "port")
			}
		}
		for j, p := range s.Data.Paths {
			take(i, "folder", p, "name it once", "data", j)
		}
	}
	c.checkNested(services)
}

// checkNested reports data folders inside one another: the outer would hide
// the inner, depending on the order in which they are mounted.
func (c *checker) checkNested(services []Service) {
	all := map[string]bool{}
	for _, s := range services {
		for _, p := range s.Data.Paths {
			all[p] = syntax.IsDataPath(p)
		}
	}
	for i, s := range services {
		for j, p := range s.Data.Paths {
			for outer := path.Dir(p); len(outer) > 1; outer = path.Dir(outer) {
				if all[outer] {
					c.problem(c.root.At("services", i, "data", j), "name only the outer one", "the folder %s lies inside %s", syntax.Quote(p), syntax.Quote(outer))
				}
			}
		}
	}
}

// checkOrder checks that "after" can be followed.
func (c *checker) checkOrder(services []Service) {
	index := map[string]int{}
	for i, s := range services {
		if _, taken := index[s.Name]; !taken && s.Name != "" {
			index[s.Name] = i
		}
	}
	names := slices.Sorted(maps.Keys(index))
	for i, s := range services {
		for j, name := range s.After {
			if _, known := index[name]; !known && c.root.KindAt("services", i, "after", j) == yamltext.Text {
				c.unknownName("service", name, names, c.root.At("services", i, "after", j))
			}
		}
	}
	if cycle := findCycle(services, index); len(cycle) > 0 {
		words := make([]string, 0, len(cycle)+1)
		for _, i := range append(cycle, cycle[0]) {
			words = append(words, services[i].Name)
		}
		c.problem(c.root.At("services", cycle[0], "after"), "remove one of these", "the services wait for each other: %s", strings.Join(words, " after "))
	}
}

// findCycle is the first circle of services that wait for each other, from
// its first service in the list on, or nil.
func findCycle(services []Service, index map[string]int) []int {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]int, len(services))
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		state[i] = onPath
		path = append(path, i)
		for _, name := range services[i].After {
			next, known := index[name]
			if !known || state[next] == done {
				continue
			}
			if state[next] == onPath {
				return slices.Clone(path[slices.Index(path, next):])
			}
			if cycle := visit(next); cycle != nil {
				return cycle
			}
		}
		state[i] = done
		path = path[:len(path)-1]
		return nil
	}
	for i := range services {
		if state[i] == unseen {
			if cycle := visit(i); cycle != nil {
				return cycle
			}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
