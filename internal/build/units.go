package build

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// serviceUnits are the units and drop-ins, by path below
// /run/systemd/system, that run the definition's services.
func serviceUnits(def *appliance.Definition) map[string]string {
	units := map[string]string{}
	var wants []string
	for _, svc := range def.Services {
		wants = append(wants, svc.RunUnit())
		if svc.Unit != "" {
			units[svc.Unit+".d/50-ingot.conf"] = packageDropIn(def, svc)
		} else {
			units[svc.RunUnit()] = serviceUnit(def, svc)
		}
		if svc.Check != nil {
			units[svc.CheckUnit()] = checkUnit(svc)
		}
		maps.Copy(units, dataUnits(svc))
	}
	units["multi-user.target.d/50-ingot.conf"] = "[Unit]\nWants=" + strings.Join(wants, " ") + "\n"
	return units
}

// serviceUnit runs a binary or a folder of files as a user of its own that
// sees the system read-only and of the data disk only its folder.
func serviceUnit(def *appliance.Definition, svc appliance.Service) string {
	var u strings.Builder
	fmt.Fprintf(&u, "[Unit]\nDescription=%s\n", unitText(svc.Title))
	after := append([]string{"network.target"}, unitsOf(def, svc.After)...)
	fmt.Fprintf(&u, "After=%s\n", strings.Join(after, " "))
	if len(svc.After) > 0 {
		fmt.Fprintf(&u, "Wants=%s\n", strings.Join(unitsOf(def, svc.After), " "))
	}
	u.WriteString(fence(svc) + dataFirst(svc))
	fmt.Fprintf(&u, "StartLimitIntervalSec=0\n\n[Service]\nType=exec\nUser=%s\n", svc.User())
	line := append([]string{program(svc)}, svc.Args...)
	fmt.Fprintf(&u, "ExecStart=%s\n", commandLine(svc, line))
	environment(&u, svc)
	u.WriteString("Restart=always\nRestartSec=1s\nRestartSteps=5\nRestartMaxDelaySec=30s\n")
	u.WriteString(confinement(svc))
	return u.String()
}

// fence keeps a service from starting before the appliance is set up, and
// while its condition does not hold: the agent makes the file when it may.
func fence(svc appliance.Service) string {
	return fmt.Sprintf("ConditionPathExists=%s/enabled\n", svc.SettingsDir())
}

// confinement is what a service of ours may see and do.
func confinement(svc appliance.Service) string {
	var u strings.Builder
	u.WriteString(sandbox)
	if svc.Data.Enabled {
		fmt.Fprintf(&u, "WorkingDirectory=%s\nTemporaryFileSystem=/data:ro\nBindPaths=%[1]s\n", svc.DataDir())
	} else {
		u.WriteString("InaccessiblePaths=/data\n")
	}
	capabilities := ""
	if slices.ContainsFunc(svc.Ports, func(p appliance.Port) bool { return p.Port < 1024 }) {
		capabilities = "CAP_NET_BIND_SERVICE"
	}
	fmt.Fprintf(&u, "CapabilityBoundingSet=%s\nAmbientCapabilities=%[1]s\n", capabilities)
	return u.String()
}

// checkUnit tries new settings, which the agent has put into
// check.environment: with the rights of a service of ours, or, for packages,
// whose own user nobody knows here, as root that can change nothing.
func checkUnit(svc appliance.Service) string {
	var u strings.Builder
	fmt.Fprintf(&u, "[Unit]\nDescription=Check of the settings of %s\nStartLimitIntervalSec=0\n\n[Service]\nType=oneshot\n", unitText(svc.Title))
	if svc.Unit == "" {
		fmt.Fprintf(&u, "User=%s\n", svc.User())
	}
	fmt.Fprintf(&u, "ExecStart=%s\n", commandLine(svc, append([]string{checkProgram(svc)}, svc.Check.Command[1:]...)))
	fmt.Fprintf(&u, "TimeoutStartSec=%dms\n", time.Duration(svc.Check.Timeout).Milliseconds())
	variables(&u, svc)
	fmt.Fprintf(&u, "EnvironmentFile=%s/check.environment\n", svc.SettingsDir())
	if svc.Unit == "" {
		u.WriteString(confinement(svc))
	} else {
		u.WriteString(sandbox)
	}
	return u.String()
}

// sandbox is what every service of ours gets; see systemd.exec(5).
const sandbox = `NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
UMask=0077
InaccessiblePaths=-/run/ingot
LimitNOFILE=65536
`

// packageDropIn adds order and restarts to a package's own unit, and leaves
// the rest as its maintainers made it.
func packageDropIn(def *appliance.Definition, svc appliance.Service) string {
	var u strings.Builder
	u.WriteString("[Unit]\n" + fence(svc) + dataFirst(svc) + "StartLimitIntervalSec=0\n")
	if len(svc.After) > 0 {
		names := strings.Join(unitsOf(def, svc.After), " ")
		fmt.Fprintf(&u, "After=%s\nWants=%s\n", names, names)
	}
	u.WriteString("\n[Service]\nRestart=on-failure\nRestartSec=2s\n")
	environment(&u, svc)
	return u.String()
}

// environment are the variables of the definition, and over them those that
// the agent makes of the settings.
func environment(u *strings.Builder, svc appliance.Service) {
	variables(u, svc)
	fmt.Fprintf(u, "EnvironmentFile=-%s/environment\n", svc.SettingsDir())
}

func variables(u *strings.Builder, svc appliance.Service) {
	for _, key := range sortedKeys(svc.Environment) {
		fmt.Fprintf(u, "Environment=%s\n", unitWord(key+"="+expand(svc, svc.Environment[key]), false))
	}
}

func unitsOf(def *appliance.Definition, names []string) []string {
	var units []string
	for _, svc := range def.Services {
		if slices.Contains(names, svc.Name) {
			units = append(units, svc.RunUnit())
		}
	}
	return units
}

// program is the path of the executable of a service of ours.
func program(svc appliance.Service) string {
	if svc.Binary != "" {
		return path.Join(svc.AppDir(), path.Base(svc.Binary))
	}
	return path.Join(svc.AppDir(), svc.Command)
}

// checkProgram is the path of the executable of a service's check.
func checkProgram(svc appliance.Service) string {
	if svc.Unit != "" {
		return svc.Check.Command[0]
	}
	return path.Join(svc.AppDir(), svc.Check.Command[0])
}

// commandLine is a program and its arguments for a unit file.
func commandLine(svc appliance.Service, words []string) string {
	line := make([]string, len(words))
	for i, word := range words {
		if i > 0 {
			word = expand(svc, word)
		}
		line[i] = unitWord(word, true)
	}
	return strings.Join(line, " ")
}

// expand replaces the definition's variables; others were refused by its check.
func expand(svc appliance.Service, s string) string {
	out, err := appliance.Expand(s, func(name string) (string, bool) {
		switch name {
		case "data":
			return svc.DataDir(), true
		case "app":
			return svc.AppDir(), true
		}
		return "", false
	})
	if err != nil {
		return s
	}
	return out
}

// unitWord quotes a word for a unit file so that systemd takes it literally:
// its quoting and specifiers, and in a command line its variables too.
func unitWord(s string, command bool) string {
	s = strings.ReplaceAll(s, "%", "%%")
	if command {
		s = strings.ReplaceAll(s, "$", "$$")
	}
	return strconv.Quote(s)
}

// unitText makes a text safe as the value of a line.
func unitText(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "%", "%%")
}
