package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ingotvm/ingot/internal/acceptance"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

const (
	// patient is how long a boot may take before the console's log is named:
	// emulated first boots take less than one minute.
	patient = 3 * time.Minute
	// seedGrace is how long an appliance with a seed may say that it waits to
	// be set up before it is believed: it takes the seed meanwhile.
	seedGrace = 20 * time.Second
)

// vigil is the wait for an appliance that boots: until it is healthy, however
// long that takes, for the user watches, and has Ctrl-C.
type vigil struct {
	*app
	m      hypervisor.Machine
	spec   hypervisor.Spec
	asJSON bool
	start  time.Time
	grace  time.Duration // see seedGrace

	status atomic.Pointer[wire.Status] // the last one; nil before
	done   chan outcome
	typed  <-chan []byte // nil unless somebody was asked to answer here

	asked   time.Time // since when the set-up waits
	invited bool
	warned  bool
}

type outcome struct {
	up  acceptance.Up
	err error
}

func newVigil(a *app, m hypervisor.Machine, spec hypervisor.Spec, asJSON bool) *vigil {
	return &vigil{app: a, m: m, spec: spec, asJSON: asJSON, start: time.Now(), grace: seedGrace}
}

// wait returns when the appliance is healthy.
func (v *vigil) wait(ctx context.Context) (acceptance.Up, error) {
	v.done = make(chan outcome, 1)
	go func() {
		up, err := acceptance.Watch(ctx, v.m, v.start, func(s wire.Status) { v.status.Store(&s) })
		v.done <- outcome{up, err}
	}()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	defer v.ui.draw(nil)
	for {
		select {
		case o := <-v.done:
			if ctx.Err() != nil {
				return o.up, context.Cause(ctx)
			}
			return o.up, o.err
		case keys, more := <-v.typed:
			if !more {
				v.typed = nil
			}
			if bytes.ContainsAny(keys, "\r\n") {
				if err := v.answer(ctx); err != nil {
					return acceptance.Up{}, err
				}
			}
			continue
		case <-tick.C:
		}
		if err := v.look(ctx); err != nil {
			return acceptance.Up{}, err
		}
	}
}

// look shows what the appliance is doing, and invites to answer its questions
// when it asks any.
func (v *vigil) look(ctx context.Context) error {
	if !v.quiet {
		v.ui.draw([]string{fmt.Sprintf("  %-14s %s", v.doing(), seconds(time.Since(v.start)))})
	}
	if !v.asks() {
		v.asked = time.Time{}
		if !v.warned && !v.invited && time.Since(v.start) > patient {
			v.warned = true
			v.ui.notef("not healthy yet; the console's log is %s", v.m.ConsoleLog())
		}
		return nil
	}
	if v.asked.IsZero() {
		v.asked = time.Now()
	}
	if v.invited || len(v.spec.Seed) > 0 && time.Since(v.asked) < v.grace {
		return nil
	}
	v.invited = true
	return v.invite(ctx)
}

func (v *vigil) asks() bool {
	s := v.status.Load()
	return s != nil && s.Setup == wire.SetupNeeded
}

func (v *vigil) doing() string {
	switch {
	case v.status.Load() == nil:
		return "booting"
	case v.asks():
		return "being set up"
	}
	return "starting"
}

// consoleTail is the end of the machine's console log, as an error to join.
func consoleTail(m hypervisor.Machine) error {
	text, err := os.ReadFile(m.ConsoleLog())
	if err != nil || len(text) == 0 {
		return nil
	}
	lines := lastLines(string(text), 5)
	return errors.New("the console ends with: " + strings.Join(lines, " / "))
}
