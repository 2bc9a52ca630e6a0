package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
)

// Times of a trial that ends by itself: how long after the agent's own limit
// the machine restarts without the agent, and how long an orderly restart may
// take before it becomes one that is not.
const (
	deadlineSlack = 2 * time.Minute
	restartLimit  = 2 * time.Minute
)

// trialTimer is what the agent stops once the version has proved itself.
const trialTimer = "ingot-trial.timer"

// hurry restarts the machine when this program, of a version on trial, does not
// come to its end: the boot loader counts. The timer ends with the program, when
// systemd takes its place.
func (m *machine) hurry(after func(time.Duration, func()) *time.Timer) {
	after(within(m.what.Definition)+deadlineSlack, func() {
		m.halt(errors.New("it hangs"))
	})
}

// within is how long a version has to prove itself.
func within(d *appliance.Definition) time.Duration {
	if d != nil && d.Updates != nil && d.Updates.Trial.Within > 0 {
		return time.Duration(d.Updates.Trial.Within)
	}
	return 10 * time.Minute // of a version that takes no updates itself
}

// deadline are the units that restart the machine when a version on trial has
// not proved itself in time, whatever has become of the agent: they start no
// program. The boot loader then counts.
func deadline(d *appliance.Definition) map[string]string {
	const early = "DefaultDependencies=no\nConflicts=shutdown.target\nBefore=shutdown.target\n"
	return map[string]string{
		trialTimer: fmt.Sprintf("[Unit]\nDescription=Time in which version %s has to prove itself\n%s\n"+
			"[Timer]\nOnBootSec=%ds\nAccuracySec=1s\n", d.Version, early, int((within(d) + deadlineSlack).Seconds())),
		"ingot-trial.service": fmt.Sprintf("[Unit]\nDescription=Restart: version %s has not proved itself in time\n"+
			"DefaultDependencies=no\nSuccessAction=reboot\nFailureAction=reboot\n\n[Service]\nType=oneshot\n", d.Version),
		"sysinit.target.d/50-ingot-trial.conf": "[Unit]\nWants=" + trialTimer + "\n",
		"reboot.target.d/50-ingot-trial.conf":  fmt.Sprintf("[Unit]\nJobTimeoutSec=%ds\nJobTimeoutAction=reboot-force\n", int(restartLimit.Seconds())),
	}
}
