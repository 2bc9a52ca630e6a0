package build

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// dataUnits are the units that run a service's commands for its data: save is
// started by the agent, restore and migrate by the service when it starts, and
// only while there is something to do.
func dataUnits(svc appliance.Service) map[string]string {
	units := map[string]string{}
	d := svc.Data
	if d.Save != nil {
		units[svc.SaveUnit()] = dataUnit(svc, "Keeping the data of "+svc.Title, "", *d.Save, svc.SaveDir(), "")
	}
	if d.Restore != nil {
		when := "Before=" + svc.RunUnit() + "\n" + fence(svc) + "ConditionPathExists=" + svc.RestoreDir() + "\n"
		units[svc.RestoreUnit()] = dataUnit(svc, "Taking back the data of "+svc.Title, when, *d.Restore, svc.RestoreDir(), "restore")
	}
	if d.Migrate != nil {
		when := "Before=" + svc.RunUnit() + "\n" + fence(svc) + "ConditionPathExists=" + svc.MigrateFile() + "\n"
		if d.Restore != nil {
			when += "After=" + svc.RestoreUnit() + "\n"
		}
		units[svc.MigrateUnit()] = dataUnit(svc, "Bringing the data of "+svc.Title+" to this version", when, *d.Migrate, "", "migrate")
	}
	return units
}

// dataUnit runs one command, as the service runs: a service of ours as its
// user, one of packages as root, and neither can change anything but the
// service's folders and ${snapshot}, which is the folder from. When it has
// succeeded, the agent's program writes that down.
//
// That program needs the data disk as it is, and systemd takes bind mounts and
// temporary file systems from no command: so here, unlike in a service's own
// unit, nothing is laid over /data, and what is there is closed one by one.
func dataUnit(svc appliance.Service, description, when string, h appliance.Hook, from, done string) string {
	var u strings.Builder
	fmt.Fprintf(&u, "[Unit]\nDescription=%s\n%sStartLimitIntervalSec=0\n\n[Service]\nType=oneshot\n", unitText(description), when)
	if svc.Unit == "" {
		fmt.Fprintf(&u, "User=%s\nCapabilityBoundingSet=\n", svc.User())
	}
	line := []string{dataProgram(svc, h)}
	for _, word := range h.Command[1:] {
		if from != "" {
			word = strings.ReplaceAll(word, "${snapshot}", svc.SnapshotDir())
		}
		line = append(line, word)
	}
	fmt.Fprintf(&u, "ExecStart=%s\n", commandLine(svc, line))
	if done != "" {
		fmt.Fprintf(&u, "ExecStartPost=+/usr/bin/ingotd done %s %s\n", done, svc.Name)
	}
	fmt.Fprintf(&u, "TimeoutStartSec=%dms\n", time.Duration(h.Timeout).Milliseconds())
	environment(&u, svc)
	if done == "migrate" {
		fmt.Fprintf(&u, "EnvironmentFile=%s\n", svc.MigrateFile())
	}
	u.WriteString(sandbox + "InaccessiblePaths=-/data/config -/data/identity -/data/cache -/data/log\n")
	if from != "" {
		fmt.Fprintf(&u, "BindPaths=%s:%s\n", from, svc.SnapshotDir())
	}
	if svc.Data.Enabled {
		fmt.Fprintf(&u, "WorkingDirectory=%s\nReadWritePaths=%[1]s\n", svc.DataDir())
	}
	if len(svc.Data.Paths) > 0 {
		fmt.Fprintf(&u, "ReadWritePaths=%s\n", strings.Join(svc.Data.Paths, " "))
	}
	return u.String()
}

// dataProgram is the path of a command's executable.
func dataProgram(svc appliance.Service, h appliance.Hook) string {
	if svc.Unit != "" {
		return h.Command[0]
	}
	return path.Join(svc.AppDir(), h.Command[0])
}

// dataFirst are the lines that make a service wait until its data is ready,
// and not start when that fails.
func dataFirst(svc appliance.Service) string {
	var units []string
	if svc.Data.Restore != nil {
		units = append(units, svc.RestoreUnit())
	}
	if svc.Data.Migrate != nil {
		units = append(units, svc.MigrateUnit())
	}
	if len(units) == 0 {
		return ""
	}
	names := strings.Join(units, " ")
	return fmt.Sprintf("Requires=%s\nAfter=%[1]s\n", names)
}
