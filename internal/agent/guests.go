package agent

import (
	"context"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/support"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/host"
)

// ownUnit runs the agent.
const ownUnit = "ingotd.service"

// guestUnits is how the units begin in which people of a support session work.
// That one of them fails is for nobody to attend to.
const guestUnits = "ingot-support-"

// unitShells runs the programs of support sessions as units: each has a
// control group, so that nothing of it escapes its end; the agent's own
// confinement and bound of memory are not theirs; and the system manager ends
// them with their time, and with the agent.
type unitShells struct {
	manager *systemd.Manager
	log     func(format string, args ...any)
}

// How long the system manager may take, and the pause between looks whether a
// program has ended.
const (
	guestStart = 20 * time.Second
	guestLook  = 200 * time.Millisecond
)

// Start implements [support.Shells].
func (u unitShells) Start(p support.Program) (support.Process, error) {
	ctx, cancel := context.WithTimeout(context.Background(), guestStart)
	defer cancel()
	name := p.Name + ".service"
	err := u.manager.StartTransient(ctx, systemd.Transient{
		Name: name, Description: "Support session: " + p.Name[strings.LastIndexByte(p.Name, '-')+1:], Args: p.Args, Env: p.Env,
		Files: p.Files, Terminal: p.Terminal, BoundTo: ownUnit, Longest: max(p.Left, time.Second),
	})
	if err != nil {
		return nil, err
	}
	process := &unitProcess{u, name, make(chan struct{}), 0}
	go process.watch()
	return process, nil
}

// unitProcess is a program of a unit.
type unitProcess struct {
	unitShells
	name   string
	done   chan struct{}
	status int
}

// watch looks until the unit has ended. A manager that does not answer is no
// end: it ends the unit by its time.
func (p *unitProcess) watch() {
	defer close(p.done)
	for ; ; time.Sleep(guestLook) {
		ctx, cancel := context.WithTimeout(context.Background(), guestStart)
		status, over, err := p.manager.Finished(ctx, p.name)
		cancel()
		if err != nil {
			p.log("support: %v", err)
		}
		if over {
			p.status = status
			return
		}
	}
}

// Wait implements [support.Process].
func (p *unitProcess) Wait() int {
	<-p.done
	return p.status
}

// Kill implements [support.Process].
func (p *unitProcess) Kill() {
	select {
	case <-p.done:
		return // with all that was in its control group
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), guestStart)
	defer cancel()
	if err := p.manager.Stop(ctx, p.name); err != nil {
		p.log("support: %v", err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.log("support: %s does not end", p.name)
	}
}

// localShells runs them as what they are elsewhere than on an appliance.
type localShells struct{}

// Start implements [support.Shells].
func (localShells) Start(p support.Program) (support.Process, error) {
	return host.Local{}.StartSession(host.Command{Name: p.Args[0], Args: p.Args[1:], Env: p.Env, Dir: "/"}, p.Files, p.Terminal != "")
}
