package appliance

import "time"

// The comments of the fields below are also the descriptions in the JSON
// Schema (schema.json, held true by a test), so they speak of keys and values
// as the reader of an appliance.yaml knows them.

// Definition is one appliance.yaml, with defaults filled in.
//
// It is pure data: loading, checking and merging variants is done by [Load];
// nothing here reads a file or talks to a machine. The appliance carries its
// own resolved definition, so the same type is read by the agent.
type Definition struct {
	// Identifies the appliance and begins the names of its files: a letter,
	// then lower-case letters, digits and dashes, at most 63.
	Name string `yaml:"name" json:"name"`
	// What people read instead of the name. Default: the name.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// Who makes and supports the appliance.
	Vendor string `yaml:"vendor,omitempty" json:"vendor,omitempty"`
	// A semantic version without a leading v and without +build: 1.4.0, 2.0.0-rc.1.
	Version string `yaml:"version" json:"version"`
	// What the appliance is, at most 255 characters (vCloud Director refuses more).
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
	// The licence that the administrator accepts when importing: a text file,
	// or one per language as in {en: EULA.txt, de: EULA.de.txt}.
	EULA EULA `yaml:"eula,omitempty" json:"eula,omitempty"`
	// The vendor's picture, colour, links and pages in the management pages.
	Branding *Branding `yaml:"branding,omitempty" json:"branding,omitempty"`
	// How an administrator lets the vendor's support in; false, as without it,
	// is not at all.
	Support *Support `yaml:"support,omitempty" json:"support,omitempty"`
	// Whose updates the appliance takes, and from where. Without it, it takes none.
	Updates *Updates `yaml:"updates,omitempty" json:"updates,omitempty"`
	// The operating system below the services.
	Base Base `yaml:"base,omitempty" json:"base"`
	// What the appliance runs, started in the order of "after", not of this list.
	Services []Service `yaml:"services" json:"services"`
	// What the administrator may set of the application.
	Settings []Setting `yaml:"settings,omitempty" json:"settings,omitempty"`
	// The virtual machine that the appliance asks for.
	Hardware Hardware `yaml:"hardware,omitempty" json:"hardware"`
	// Requests that "ingot test" makes from outside, once all services are healthy.
	Tests []Test `yaml:"tests,omitempty" json:"tests,omitempty"`
	// Named overlays on everything above: a mapping is merged, a single value
	// or a list replaces.
	Variants map[string]Variant `yaml:"variants,omitempty" json:"-"`

	// Variant is the name of the overlay that was merged in, or "". A
	// resolved definition has no Variants.
	Variant string `yaml:"-" json:"variant,omitempty"`
}

// EULA maps a language tag to the path of a text file. A plain string in YAML
// means {"en": file}.
type EULA map[string]string

// Variant is an overlay as it was written. [Load] merges it and leaves none.
type Variant map[string]any

// Base names the distribution release and what of it is wanted.
type Base struct {
	// The Debian release. Default: trixie.
	Release string `yaml:"release,omitempty" json:"release"`
	// The processor architecture; amd64 is the only one for now.
	Architecture string `yaml:"architecture,omitempty" json:"architecture"`
	// Debian packages to install besides what every appliance needs.
	Packages []string `yaml:"packages,omitempty" json:"packages,omitempty"`
	// Packages to keep although the paring down would drop them, such as perl-base.
	Keep []string `yaml:"keep,omitempty" json:"keep,omitempty"`
	// The package mirror. Default: http://deb.debian.org/debian.
	Mirror string `yaml:"mirror,omitempty" json:"mirror,omitempty"`
}

// Service is one thing that the appliance runs. Exactly one of Binary, Files
// with Command, or Packages with Unit says what it is; Files may also
// accompany Packages and is then laid over the packages' own files.
type Service struct {
	// Unique in the appliance: a letter, then lower-case letters, digits and
	// dashes, at most 27.
	Name string `yaml:"name" json:"name"`
	// What people read instead of the name. Default: the name.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// A shell command that makes the files named here; it runs in the
	// definition's folder before anything else.
	Build string `yaml:"build,omitempty" json:"build,omitempty"`
	// One static executable.
	Binary string `yaml:"binary,omitempty" json:"binary,omitempty"`
	// A folder that becomes the service's own (${app}), or, with packages, is
	// laid over the root of the appliance.
	Files string `yaml:"files,omitempty" json:"files,omitempty"`
	// The executable to run, a path inside files.
	Command string `yaml:"command,omitempty" json:"command,omitempty"`
	// Debian packages that make up the service.
	Packages []string `yaml:"packages,omitempty" json:"packages,omitempty"`
	// The systemd unit of those packages that runs the service.
	Unit string `yaml:"unit,omitempty" json:"unit,omitempty"`
	// Arguments of the executable. ${data} is the service's folder on the data
	// disk, ${app} the folder of its files.
	Args []string `yaml:"args,omitempty" json:"args,omitempty"`
	// Environment variables of the service; ${data} and ${app} are known here too.
	Environment map[string]string `yaml:"environment,omitempty" json:"environment,omitempty"`
	// Services that are started first.
	After []string `yaml:"after,omitempty" json:"after,omitempty"`
	// The only ports on which the service may listen, other than on loopback.
	Ports []Port `yaml:"ports,omitempty" json:"ports,omitempty"`
	// What of the service lives on the data disk: true for one folder,
	// ${data}, a list of folders such as /var/lib/mysql, or a mapping that also
	// says how the data is kept before an update.
	Data Data `yaml:"data,omitempty" json:"data,omitzero"`
	// How to see that the service works. Without it a running process is healthy.
	Health *Health `yaml:"health,omitempty" json:"health,omitempty"`
	// Files that are made of the settings, with Go's text/template.
	Templates []Template `yaml:"templates,omitempty" json:"templates,omitempty"`
	// What happens to the service when a setting changed: restart, reload or
	// none. Default: restart.
	OnChange string `yaml:"on-change,omitempty" json:"on_change,omitempty"`
	// A command that tries new settings before they are kept.
	Check *Check `yaml:"check,omitempty" json:"check,omitempty"`
	// The service's share of the machine's memory, a formula: 40%, or
	// max(128MiB, memory - 512MiB). Worked out at every boot; the service finds
	// it in INGOT_MEMORY, in bytes.
	Memory string `yaml:"memory,omitempty" json:"memory,omitempty"`
	// Further numbers that follow the machine's size, by name: a formula each,
	// such as workers: cpus * 2, which the service finds in INGOT_WORKERS.
	Resources map[string]string `yaml:"resources,omitempty" json:"resources,omitempty"`
	// Run the service only while a setting, an enum or a bool, has a value.
	When *Condition `yaml:"when,omitempty" json:"when,omitempty"`
}

// Setting is one value of the application that the administrator may set.
type Setting struct {
	// Unique in the appliance: a letter, then lower-case letters, digits and
	// underscores, at most 40.
	Key string `yaml:"key" json:"key"`
	// What people read instead of the key. Default: the key.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// One or two sentences that explain it.
	Help string `yaml:"help,omitempty" json:"help,omitempty"`
	// The heading under which it stands. Default: Application.
	Group string `yaml:"group,omitempty" json:"group,omitempty"`
	// string, text, int, bool, enum, secret, host, port, url, email, duration,
	// size or certificate. Default: string.
	Type string `yaml:"type,omitempty" json:"type"`
	// The value when nobody has set one. Of a bool false; a secret has none.
	Default Scalar `yaml:"default,omitempty" json:"default,omitempty"`
	// A value that shows what is meant; tests set it where there is no default.
	Example Scalar `yaml:"example,omitempty" json:"example,omitempty"`
	// Whether it must have a value. Without a default it has to be asked for.
	Required bool `yaml:"required,omitempty" json:"required,omitempty"`
	// The values of an enum.
	Options []Option `yaml:"options,omitempty" json:"options,omitempty"`
	// The least int, port, size or duration; of a string, text or secret the
	// least number of characters.
	Minimum Scalar `yaml:"minimum,omitempty" json:"minimum,omitempty"`
	// The greatest, likewise.
	Maximum Scalar `yaml:"maximum,omitempty" json:"maximum,omitempty"`
	// A regular expression (RE2) that the whole text must match.
	Pattern string `yaml:"pattern,omitempty" json:"pattern,omitempty"`
	// What to write, said after "must be" when the pattern does not match.
	Hint string `yaml:"hint,omitempty" json:"hint,omitempty"`
	// firstboot asks for it in the first boot's wizard.
	Ask string `yaml:"ask,omitempty" json:"ask,omitempty"`
	// The environment variable that services find it in. Default: the key in
	// capitals.
	Variable string `yaml:"variable,omitempty" json:"variable,omitempty"`
	// Services that use it. Default: all.
	Services []string `yaml:"services,omitempty" json:"services,omitempty"`
	// It means something only while another setting, an enum or a bool, has a value.
	When *Condition `yaml:"when,omitempty" json:"when,omitempty"`
}

// Option is one value of an enum.
type Option struct {
	// The value: lower-case letters, digits, dashes and underscores.
	Value string `yaml:"value" json:"value"`
	// What people read instead of it. Default: the value.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
}

// Condition is true while a setting has a value.
type Condition struct {
	// The key of a setting.
	Setting string `yaml:"setting" json:"setting"`
	// Its value.
	Is Scalar `yaml:"is" json:"is"`
}

// Template is one file that is made of the settings.
type Template struct {
	// The template, a file in the definition's folder.
	Source string `yaml:"source" json:"source"`
	// Where the file is made: an absolute path below /etc or /run.
	Target string `yaml:"target" json:"target"`
	// The permission bits, in octal and in quotes: "0640". Default: "0600".
	Mode string `yaml:"mode,omitempty" json:"mode,omitempty"`
	// The user whose file it is. Default: the service's own user, for packages root.
	Owner string `yaml:"owner,omitempty" json:"owner,omitempty"`
}

// Check is a command that succeeds when a service could work with the
// settings in its environment.
type Check struct {
	// The command and its arguments: a path inside files, the name of the
	// binary, or, for packages, an absolute path.
	Command []string `yaml:"command" json:"command"`
	// How long it may take, at most 2m. Default: 20s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout"`
}

// Port is one port that a service offers to the network.
type Port struct {
	// The port's number. 5480 is the management page's own.
	Port int `yaml:"port" json:"port"`
	// tcp or udp. Default: tcp.
	Protocol string `yaml:"protocol,omitempty" json:"protocol"`
	// Makes the port a link on the console and the status page.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// Scheme of the link, http or https. Default: http, on port 443 https.
	Scheme string `yaml:"scheme,omitempty" json:"scheme,omitempty"`
	// Path of the link. Default: /.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// The agent serves the port on 443 over TLS, with the appliance's
	// certificate, and sends who asks on 80 there; the port itself stays closed.
	HTTPS bool `yaml:"https,omitempty" json:"https,omitempty"`
}

// Health is one check, run by the agent inside the appliance. Exactly one of
// HTTP and TCP is set.
type Health struct {
	// A URL that must answer with a status below 400.
	HTTP string `yaml:"http,omitempty" json:"http,omitempty"`
	// A host:port that must accept a connection.
	TCP string `yaml:"tcp,omitempty" json:"tcp,omitempty"`
	// The pause between checks, 1s to 1h. Default: 10s.
	Every Duration `yaml:"every,omitempty" json:"every"`
	// How long one check may take, at most 5m. Default: 5s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout"`
}

// Hardware is the virtual machine that the appliance asks for.
type Hardware struct {
	// The number of virtual CPUs. Default: 2.
	CPUs int `yaml:"cpus,omitempty" json:"cpus"`
	// The memory of the virtual machine.
	Memory Memory `yaml:"memory,omitempty" json:"memory"`
	// The virtual disks.
	Disks Disks `yaml:"disks,omitempty" json:"disks"`
}

// Memory in bytes, rounded up to whole 4 MiB: vSphere takes no other size.
type Memory struct {
	// The least with which the appliance still boots healthy. Default: 256MiB.
	Minimum Size `yaml:"minimum,omitempty" json:"minimum"`
	// What the virtual machine gets when it is imported. Default: 1GiB.
	Recommended Size `yaml:"recommended,omitempty" json:"recommended"`
}

// Disks are virtual capacities in bytes, rounded up to whole MiB: partitions
// are aligned to that.
type Disks struct {
	// The system disk, at least 1GiB. Default: 4GiB.
	System Size `yaml:"system,omitempty" json:"system"`
	// The data disk, at least 256MiB. Default: none; the rest of the system
	// disk serves.
	Data Size `yaml:"data,omitempty" json:"data,omitempty"`
}

// Test is one request made from outside.
type Test struct {
	// What reports call the test. Default: the URL.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// The URL to get. It begins with http://${appliance}/ for port 80 of the
	// appliance, https://${appliance}/ for port 443, or with another port:
	// http://${appliance:PORT}/ or https://${appliance:PORT}/.
	HTTP string `yaml:"http" json:"http"`
	// The status that must come back. Default: 200.
	Expect int `yaml:"expect,omitempty" json:"expect"`
	// A text that the answer must hold.
	Contains string `yaml:"contains,omitempty" json:"contains,omitempty"`
}

// Size is a number of bytes, written in YAML with a unit (192MiB, 1GiB) and in
// JSON as a number.
type Size int64

// Scalar is a text, a number, or true or false, kept as it was written.
type Scalar string

// Duration is written as Go writes durations: 10s, 1m30s.
type Duration time.Duration
