package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// readingTime is how long the invitation can be read before the console
// covers it; a key shortens it.
const readingTime = 4 * time.Second

// invite says that the appliance waits to be set up, and where: on a terminal
// its console opens here.
func (v *vigil) invite(ctx context.Context) error {
	status, steps := *v.status.Load(), v.steps(ctx)
	if v.asJSON {
		report := v.report(status)
		report.Steps = steps
		if err := v.ui.json(report); err != nil {
			return err
		}
	} else {
		v.ui.notef("%s %s is up after %s and waits to be set up: %s", status.Title, status.Version, seconds(time.Since(v.start)), v.missing(steps))
		for _, w := range status.Warnings {
			v.ui.notef("  %s", oneLine(w))
		}
		v.printURLs(v.report(status).URLs)
	}
	if v.asJSON || !v.ui.interactive() {
		v.ui.notef("answer beforehand, with --seed KEY=VALUE or --seed FILE (docs/seeds.md), or in a terminal, where its console opens;\n" +
			"it waits until Ctrl-C")
		return nil
	}
	v.typed = typedKeys(v.ui.in)
	v.ui.notef("\nIts console opens here in a moment. Ctrl-] leaves it; the appliance runs on.")
	select {
	case <-time.After(readingTime):
	case <-v.typed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return v.answer(ctx)
}

// answer opens the console, until the user leaves it.
func (v *vigil) answer(ctx context.Context) error {
	v.ui.draw(nil)
	err := v.visit(ctx, v.m, v.typed, v.hint)
	if err != nil || !v.asks() || ctx.Err() != nil {
		return err
	}
	v.ui.notef("it still waits to be set up: %s. Enter opens its console again, Ctrl-C switches it off", v.missing(v.steps(ctx)))
	return nil
}

// hint is the line below the console.
func (v *vigil) hint() string {
	status := v.status.Load()
	var urls []string
	for _, u := range v.report(*status).URLs {
		urls = append(urls, u.Title+": "+u.URL)
	}
	lead := "From here, "
	if status.Setup == wire.SetupNeeded {
		lead = "Later, from here, "
	}
	return "Ctrl-] leaves this console.  " + lead + strings.Join(urls, "  ")
}

// steps are those of the first boot that wait for an answer; nil when the
// appliance does not say.
func (v *vigil) steps(ctx context.Context) []string {
	setup, err := acceptance.Setup(ctx, v.m)
	if err != nil {
		return nil
	}
	if setup.Adopt != nil {
		return []string{"adopt"}
	}
	var names []string
	for _, s := range setup.Steps {
		if s.Needed {
			names = append(names, s.Name)
		}
	}
	return names
}

// missing says in words what is asked.
func (v *vigil) missing(steps []string) string {
	switch len(steps) {
	case 0:
		return "it asks a few questions"
	case 1:
		return "it asks for one thing, " + stepTitle(steps[0])
	}
	titles := make([]string, len(steps))
	for i, s := range steps {
		titles[i] = stepTitle(s)
	}
	return fmt.Sprintf("it asks for %s and %s", strings.Join(titles[:len(titles)-1], ", "), titles[len(titles)-1])
}

func stepTitle(name string) string {
	switch name {
	case "eula":
		return "the licence"
	case "administrator":
		return "an administrator's password"
	case "application":
		return "the application's settings"
	case "adopt":
		return "whether to take over the data disk"
	}
	return name
}
