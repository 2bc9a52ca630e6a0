package agent

import (
	"github.com/ingotvm/ingot/internal/agent/authority"
	"github.com/ingotvm/ingot/internal/agent/frontdoor"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// openDoor makes the door that the definition asks for. It is open while the
// agent runs; whether anybody gets to it is the firewall's affair.
func (a *Agent) openDoor() {
	port, wanted := a.boot.Definition.Front()
	if !wanted {
		return
	}
	a.door = frontdoor.New(frontdoor.Options{
		Application: port.Port, Certificate: a.Certificate, HTTPS: a.opts.HTTPS, HTTP: a.opts.HTTP,
		Changed: a.cache.drop, Log: a.opts.Log,
	})
}

// Memory is what the agent may take, in bytes, besides what Go does not count:
// the program's own pages and stacks.
func (a *Agent) Memory() int64 {
	if a.door != nil {
		return frontdoor.Memory
	}
	return ownMemory
}

// ownMemory leaves room below the goal of 32 MiB resident.
const ownMemory = 24 << 20

// authorityOptions are those of whoever gets certificates: on port 80 it
// answers through the door, where there is one.
func (a *Agent) authorityOptions() authority.Options {
	opts := authority.Options{Dir: a.tlsDir("acme"), Changed: a.cache.drop, Log: a.opts.Log}
	if a.door != nil {
		opts.Answer = a.door.Answer
	}
	return opts
}

// doorNotices say why nobody gets to the application by the door.
func (a *Agent) doorNotices() []wire.Notice {
	if a.door == nil {
		return nil
	}
	problem := a.door.Problem()
	if problem == "" {
		return nil
	}
	return []wire.Notice{{ID: ofDoor, Level: wire.Critical, Text: "the application cannot be reached: " + problem,
		Hint: "Restart the appliance; if that does not help, tell its vendor"}}
}
