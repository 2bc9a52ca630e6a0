package appliance

import (
	"errors"
	"fmt"
	gopath "path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/formula"
	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// checkFollowing checks how a service follows the settings and the machine.
func (c *checker) checkFollowing(d *Definition, i int, s Service) {
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"services", i}, path...)...) }
	if !slices.Contains([]string{OnChangeRestart, OnChangeReload, OnChangeNone}, s.OnChange) {
		c.problem(at("on-change"), "write restart, reload or none", "%s is not what can happen on a change", syntax.Quote(s.OnChange))
	}
	for j, t := range s.Templates {
		if c.root.KindAt("services", i, "templates", j) == yamltext.Mapping {
			c.checkTemplate(i, j, t)
		}
	}
	if s.Check != nil && c.root.KindAt("services", i, "check") == yamltext.Mapping {
		c.checkCheck(i, s)
	}
	if s.Memory != "" {
		c.checkFormula(d, s.Memory, true, at("memory"))
	}
	for _, name := range sortedKeys(s.Resources) {
		switch {
		case !isKey(name):
			c.problem(at("resources", name), keyHint(), "%s is not a name for a resource", syntax.Quote(name))
		case name == "memory" || name == "settings" || name == "language": // variables that every service gets
			c.problem(at("resources", name), "choose another name", "INGOT_%s means something else", strings.ToUpper(name))
		}
		if text := s.Resources[name]; c.root.KindAt("services", i, "resources", name) == yamltext.Text {
			c.checkFormula(d, text, false, at("resources", name))
		}
	}
}

// checkFormula reads a formula, and works it out for the smallest machine that
// the definition allows, and for the one that it asks for.
func (c *checker) checkFormula(d *Definition, text string, size bool, at yamltext.Mark) {
	parsed, err := ParseFormula(text)
	var wrong *formula.Error
	if errors.As(err, &wrong) {
		c.problem(at, "write it as 40%, or max(128MiB, memory - 512MiB)", "the formula %s cannot be read %s", syntax.Quote(text), wrong)
		return
	}
	if size && !parsed.Bytes() {
		c.problem(at, "write it as 40%, or max(128MiB, memory - 512MiB)", "the formula %s yields a number, not a size", syntax.Quote(text))
		return
	}
	for _, machine := range []struct {
		memory Size
		cpus   int
	}{{d.Hardware.Memory.Minimum, 1}, {d.Hardware.Memory.Recommended, d.Hardware.CPUs}} {
		n, err := parsed.Eval(int64(machine.memory), machine.cpus)
		where := fmt.Sprintf("with %s of memory and %d CPUs", machine.memory, machine.cpus)
		if machine.cpus == 1 {
			where = strings.TrimSuffix(where, "s")
		}
		if err != nil {
			c.problem(at, "", "the formula %s cannot be worked out %s: %s", syntax.Quote(text), where, err)
			return
		}
		if size && n == 0 {
			c.problem(at, "give it a least value: max(128MiB, …)", "the formula %s comes to nothing %s", syntax.Quote(text), where)
			return
		}
	}
}

// Permissions are the file's permission bits.
func (t Template) Permissions() uint32 {
	mode, _ := strconv.ParseUint(t.Mode, 8, 32) // checked when it was loaded
	return uint32(mode)
}

// isMode says whether s is the permission bits of a file, in octal.
func isMode(s string) bool {
	mode, err := strconv.ParseUint(s, 8, 32)
	return err == nil && mode <= 0o777 && (len(s) == 3 || len(s) == 4)
}

// isUser says whether s is the name of a system user (useradd(8)).
func isUser(s string) bool {
	return len(s) <= 31 && syntax.Made(s, func(c byte) bool { return syntax.IsLower(c) || syntax.IsDigit(c) || c == '-' || c == '_' }) && !syntax.IsDigit(s[0]) && s[0] != '-'
}

func (c *checker) checkTemplate(i, j int, t Template) {
	at := func(key string) yamltext.Mark { return c.root.At("services", i, "templates", j, key) }
	c.require("source", "name the template, a file such as templates/app.conf", "services", i, "templates", j)
	c.checkInside(t.Source, "the template", "services", i, "templates", j, "source")
	if c.require("target", "say where the file is made, such as /etc/app/app.conf", "services", i, "templates", j) && t.Target != "" {
		switch {
		case !isTarget(t.Target):
			c.problem(at("target"), "write an absolute path below /etc or /run, such as /etc/app/app.conf", "no file can be made at %s", syntax.Quote(t.Target))
		case isTaken(t.Target):
			c.problem(at("target"), "choose another place", "%s is the appliance's own", t.Target)
		}
	}
	if !isMode(t.Mode) {
		c.problem(at("mode"), `write it as "0640"`, "%s is not the permission bits of a file", syntax.Quote(t.Mode))
	}
	if !isUser(t.Owner) && c.root.Has("services", i, "templates", j, "owner") {
		c.problem(at("owner"), "write root, or the user of a package such as www-data", "%s is not the name of a user", syntax.Quote(t.Owner))
	}
}

// isTarget says whether p, cleaned, is a place for a file made of settings.
func isTarget(p string) bool {
	return syntax.Made(p, func(c byte) bool { return syntax.IsAlnum(c) || strings.IndexByte("/._-+@", c) >= 0 }) &&
		(syntax.IsBelow(p, "/etc") || syntax.IsBelow(p, "/run"))
}

// isTaken says whether a path is one that the system itself writes or lives by.
func isTaken(p string) bool {
	for _, own := range []string{
		"/run/ingot", "/run/ingot-app", "/run/systemd", "/run/udev", "/run/credentials", "/run/lock",
		"/etc/systemd", "/etc/udev", "/etc/ssl/certs", "/etc/ld.so.conf.d",
		"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
		"/etc/localtime", "/etc/timezone", "/etc/locale.conf", "/etc/default/locale", "/etc/vconsole.conf", "/etc/machine-id",
		"/etc/os-release", "/etc/fstab", "/etc/nsswitch.conf", "/etc/environment", "/etc/ld.so.conf", "/etc/ld.so.cache", "/etc/ld.so.preload",
	} {
		if p == own || syntax.IsBelow(p, own) {
			return true
		}
	}
	return false
}

// checkTargets reports two templates that make the same file, or a file and a
// folder of the same name.
func (c *checker) checkTargets(services []Service) {
	owner := map[string]string{}
	for _, s := range services {
		for _, t := range s.Templates {
			if _, taken := owner[t.Target]; !taken && isTarget(t.Target) {
				owner[t.Target] = s.Name
			}
		}
	}
	seen := map[string]bool{}
	for i, s := range services {
		for j, t := range s.Templates {
			at := c.root.At("services", i, "templates", j, "target")
			if seen[t.Target] {
				c.problem(at, "one template makes a file", "the file %s is made by service %q already", syntax.Quote(t.Target), owner[t.Target])
			}
			seen[t.Target] = isTarget(t.Target)
			for folder := gopath.Dir(t.Target); len(folder) > 1; folder = gopath.Dir(folder) {
				if by, made := owner[folder]; made {
					c.problem(at, "choose another place", "%s is a file that service %q makes, not a folder", folder, by)
				}
			}
		}
	}
}

// maxCheck is how long an administrator waits for an answer.
const maxCheck = 2 * time.Minute

func (c *checker) checkCheck(i int, s Service) {
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"services", i, "check"}, path...)...) }
	if d := time.Duration(s.Check.Timeout); d > maxCheck {
		c.problem(at("timeout"), "write at most 2m", "a timeout of %s is too long", s.Check.Timeout)
	}
	const hint = "write command: [bin/check-settings]"
	command := s.Check.Command
	if !c.root.Has("services", i, "check", "command") || len(command) == 0 && c.root.KindAt("services", i, "check", "command") == yamltext.List {
		c.problem(at(), hint, "the check has no command")
		return
	}
	c.checkWords(s, command, false, "the command", "services", i, "check", "command")
}

// checkWords checks a command that is run for a service: what its first word
// may be depends on the service's kind. With snapshot it may name that.
func (c *checker) checkWords(s Service, command []string, snapshot bool, what string, path ...any) {
	word := func(j int) []any { return append(slices.Clone(path), j) }
	if c.root.KindAt(path...) == yamltext.List && len(command) == 0 {
		c.problem(c.root.At(path...), "write the program and its arguments", "%s is empty", what)
	}
	if len(command) == 0 || c.root.KindAt(word(0)...) != yamltext.Text {
		return // reported
	}
	for j, text := range command {
		if snapshot {
			text = strings.ReplaceAll(text, "${snapshot}", "")
		}
		c.checkExpansion(s, text, word(j)...)
	}
	program, at := command[0], c.root.At(word(0)...)
	switch s.Kind() {
	case KindBinary:
		if program != gopath.Base(s.Binary) {
			c.problem(at, fmt.Sprintf("write [%s, …]", gopath.Base(s.Binary)), "the service has only its binary to run, not %s", syntax.Quote(program))
		}
	case KindPackages:
		if !gopath.IsAbs(program) || gopath.Clean(program) != program || !syntax.IsLine(program) || program == "/" {
			c.problem(at, "write an absolute path, such as /usr/bin/php", "%s %s cannot be found", what, syntax.Quote(program))
		}
	default:
		if !syntax.IsInside(program) {
			c.problem(at, "write a path inside files, such as bin/check-settings", "%s %s is not inside of files", what, syntax.Quote(program))
		}
	}
}
