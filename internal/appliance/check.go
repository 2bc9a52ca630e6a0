package appliance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// check reports all that is wrong with a decoded definition, files apart.
// What decoding has reported is not reported again: a check of presence asks
// the text, not the value.
func (c *checker) check(d *Definition) {
	c.checkIdentity(d)
	c.checkBranding(d.Branding)
	c.checkSupport(d)
	c.checkUpdates(d)
	c.checkBase(d.Base)
	c.checkServices(d)
	c.checkSettings(d)
	c.checkHardware(d.Hardware)
	c.checkTests(d)
}

func (c *checker) checkIdentity(d *Definition) {
	if c.require("name", "add a line such as `name: my-appliance`") && d.Name != "" && !syntax.IsName(d.Name, syntax.MaxName) {
		c.problem(c.root.At("name"), syntax.NameHint(syntax.MaxName), "%s is not a name for an appliance", syntax.Quote(d.Name))
	}
	if c.require("version", "add a line such as `version: 1.0.0`") && d.Version != "" && !syntax.IsVersion(d.Version) {
		c.problem(c.root.At("version"), versionHint(d.Version), "%s is not a version", syntax.Quote(d.Version))
	}
	if c.root.Has("title") {
		c.checkTitle(d.Title, "title")
	}
	c.checkTitle(d.Vendor, "vendor")
	if n := utf8.RuneCountInString(d.Description); n > syntax.MaxDescription {
		c.problem(c.root.At("description"), "vCloud Director refuses more; say it shorter", "the description has %d characters, at most %d are allowed", n, syntax.MaxDescription)
	}
	for _, r := range d.Description {
		if r != '\n' && !unicode.IsGraphic(r) {
			c.problem(c.root.At("description"), "remove it", "the description holds the character %U, which cannot be shown", r)
			break
		}
	}
	for _, language := range sortedKeys(d.EULA) {
		if !syntax.IsLanguage(language) {
			c.problem(c.root.At("eula", language), "write a language tag: en, de, pt-BR", "%s is not a language", syntax.Quote(language))
		}
		if d.EULA[language] == "" && c.root.KindAt("eula", language) == yamltext.Text {
			c.problem(c.root.At("eula", language), "name the file with the licence", "%s is empty", language)
		}
		c.checkInside(d.EULA[language], "the EULA", "eula", language)
	}
}

func versionHint(v string) string {
	switch {
	case strings.HasPrefix(v, "v"):
		return "leave out the v: " + syntax.Quote(v[1:])
	case strings.Contains(v, "+"):
		return "leave out what follows the +: versions that differ only there count as equal"
	case len(v) > syntax.MaxVersion:
		return fmt.Sprintf("at most %d characters", syntax.MaxVersion)
	}
	return "write three numbers and, if you like, a pre-release: 1.4.0, 2.0.0-rc.1"
}

// require reports a key that is missing from the definition, or from the item
// of a list that the path leads to.
func (c *checker) require(key, hint string, parent ...any) bool {
	if c.root.Has(append(slices.Clone(parent), key)...) {
		return true
	}
	message := key + " is missing"
	if len(parent) > 0 {
		// The parent is an item, the list before it is called by the plural.
		message = fmt.Sprintf("the %s has no %s", strings.TrimSuffix(parent[len(parent)-2].(string), "s"), key)
	}
	c.problem(c.root.At(parent...), hint, "%s", message)
	return false
}

// checkTitle checks a short text that is shown on screens.
func (c *checker) checkTitle(s string, path ...any) {
	name := path[len(path)-1]
	if n := utf8.RuneCountInString(s); n > syntax.MaxTitle {
		c.problem(c.root.At(path...), "say it shorter", "the %s has %d characters, at most %d are allowed", name, n, syntax.MaxTitle)
	}
	if !syntax.IsLine(s) {
		c.problem(c.root.At(path...), "write plain text on one line", "the %s holds a character that cannot be shown", name)
	}
}

// checkInside checks the path of a file of the definition's folder.
func (c *checker) checkInside(p, what string, at ...any) {
	if p != "" && !syntax.IsInside(p) {
		c.problem(c.root.At(at...), "write a path below the folder of the definition, such as ./bin/server", "%s %s is not inside the folder of the definition", what, syntax.Quote(p))
	}
}

// releases are the Debian releases that an appliance can be made of.
func releases() []string { return []string{"trixie", "bookworm"} }

func (c *checker) checkBase(b Base) {
	if !slices.Contains(releases(), b.Release) {
		hint := "use one of: " + strings.Join(releases(), ", ")
		c.problem(c.root.At("base", "release"), hint, "the release %s is not supported", syntax.Quote(b.Release))
	}
	if b.Architecture != "amd64" {
		c.problem(c.root.At("base", "architecture"), "amd64 is the only one for now", "the architecture %s is not supported", syntax.Quote(b.Architecture))
	}
	c.checkPackages(b.Packages, "base", "packages")
	c.checkPackages(b.Keep, "base", "keep")
	if wrong := syntax.CheckURL(b.Mirror); wrong != "" {
		c.problem(c.root.At("base", "mirror"), "write it as http://deb.debian.org/debian", "the mirror %s %s", syntax.Quote(b.Mirror), wrong)
	} else if strings.ContainsAny(b.Mirror, "?#[]$") {
		// They have meanings of their own in a sources.list line.
		c.problem(c.root.At("base", "mirror"), "write it as http://deb.debian.org/debian", "the mirror %s holds one of the characters ? # [ ] $", syntax.Quote(b.Mirror))
	}
}

func (c *checker) checkPackages(names []string, path ...any) {
	for i, name := range names {
		at := append(slices.Clone(path), i)
		if c.root.Has(at...) && c.root.KindAt(at...) == yamltext.Text && !syntax.IsPackage(name) {
			hint := "lower-case letters, digits and + - . only"
			if strings.ContainsAny(name, "=/:") {
				hint = "write the name alone; the release decides the version"
			}
			c.problem(c.root.At(at...), hint, "%s is not the name of a Debian package", syntax.Quote(name))
		}
	}
}

// Bounds of what a virtual machine can have: vSphere 8's maxima, and what is
// surely a slip at the other end.
const (
	maxCPUs   = 768
	minMemory = 64 * MiB
	maxMemory = 24 * TiB
	minSystem = GiB
	minData   = 256 * MiB
	maxDisk   = 62 * TiB
)

func (c *checker) checkHardware(h Hardware) {
	if h.CPUs > maxCPUs {
		c.problem(c.root.At("hardware", "cpus"), "", "%d CPUs are more than a hypervisor gives (%d)", h.CPUs, maxCPUs)
	}
	minimum := c.root.At("hardware", "memory", "minimum")
	c.between(h.Memory.Minimum, minMemory, maxMemory, minimum, "the minimum of memory")
	c.between(h.Memory.Recommended, minMemory, maxMemory, c.root.At("hardware", "memory", "recommended"), "the recommended memory")
	if h.Memory.Minimum > h.Memory.Recommended {
		c.problem(minimum, "raise recommended or lower minimum", "the minimum of memory, %s, is more than the recommended %s", h.Memory.Minimum, h.Memory.Recommended)
	}
	c.between(h.Disks.System, minSystem, maxDisk, c.root.At("hardware", "disks", "system"), "the system disk")
	if h.Disks.Data != 0 {
		c.between(h.Disks.Data, minData, maxDisk, c.root.At("hardware", "disks", "data"), "the data disk")
	}
}

func (c *checker) between(s, least, most Size, at yamltext.Mark, name string) {
	if s < least {
		c.problem(at, fmt.Sprintf("give it at least %s", least), "%s is too small: %s", name, s)
	}
	if s > most {
		c.problem(at, fmt.Sprintf("give it at most %s", most), "%s is too large: %s", name, s)
	}
}

func (c *checker) checkTests(d *Definition) {
	for i, t := range d.Tests {
		if c.root.KindAt("tests", i) != yamltext.Mapping {
			continue
		}
		if c.root.Has("tests", i, "name") {
			c.checkTitle(t.Name, "tests", i, "name")
		}
		if t.Expect < 100 || t.Expect > 599 {
			c.problem(c.root.At("tests", i, "expect"), "write a status such as 200", "%d is not an HTTP status", t.Expect)
		}
		if c.require("http", "add a line such as `http: \"http://${appliance}/\"`", "tests", i) && t.HTTP != "" {
			c.checkTestURL(d, t.HTTP, c.root.At("tests", i, "http"))
		}
	}
}

// checkTestURL checks that a test asks the appliance, on a port that it has.
func (c *checker) checkTestURL(d *Definition, address string, at yamltext.Mark) {
	const hint = "begin it with http://${appliance}/ or http://${appliance:PORT}/"
	scheme, rest, _ := strings.Cut(address, "://")
	var ports []string
	expanded, err := Expand(address, func(name string) (string, bool) {
		port, ok := strings.CutPrefix(name, "appliance:")
		if name == "appliance" {
			port, ok = strconv.Itoa(HTTPPort), true
			if scheme == "https" {
				port = strconv.Itoa(HTTPSPort)
			}
		}
		ports = append(ports, port)
		return "appliance:" + port, ok
	})
	if err != nil {
		c.problem(at, "known here: ${appliance} and ${appliance:PORT}", "%s", err)
		return
	}
	if !strings.HasPrefix(rest, "${appliance") || len(ports) != 1 {
		c.problem(at, hint, "a test asks the appliance, which %s does not", syntax.Quote(address))
		return
	}
	if wrong := syntax.CheckURL(expanded); wrong != "" {
		c.problem(at, hint, "%s %s", syntax.Quote(address), wrong)
		return
	}
	port, _ := strconv.Atoi(ports[0])
	if port != ManagementPort && !d.listens(port) {
		c.problem(at, "add it to the ports of a service, or ask another", "no service has port %d/tcp", port)
	}
}

// listens says whether the network reaches a service on the TCP port.
func (d *Definition) listens(port int) bool {
	for _, s := range d.Services {
		if slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Protocol == "tcp" && slices.Contains(p.Reached(), port) }) {
			return true
		}
	}
	return false
}
