package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/formats"
)

// openConfiguration opens the configuration and undoes what an earlier start
// left unconfirmed.
func (a *Agent) openConfiguration() error {
	engine, err := openEngine(a.opts, a.init, a.environment, a.sys)
	if engine == nil {
		return err
	}
	if err != nil {
		a.warnings = append(a.warnings, err.Error())
	}
	a.engine = engine
	if undone, err := engine.Recover(); err != nil {
		a.warnings = append(a.warnings, err.Error())
	} else if undone {
		a.warnings = append(a.warnings, "a change that nobody confirmed was undone at the start")
	}
	a.warnings = append(a.warnings, a.small()...)
	return nil
}

// small says when the machine was given less memory than the appliance needs.
func (a *Agent) small() []string {
	minimum := int64(a.boot.Definition.Hardware.Memory.Minimum)
	if a.environment.Memory == 0 || a.environment.Memory >= minimum {
		return nil
	}
	size := formats.Of("en-GB").Size // in English, as the sentence
	return []string{fmt.Sprintf("the virtual machine has %s of memory, and %s needs at least %s. Switch it off, give it more in the hypervisor, and start it again",
		size(a.environment.Memory), a.boot.Definition.Title, size(minimum))}
}

// runConfiguration brings the live system in line with the configuration,
// takes the answers that came from outside, and then watches changes that
// wait to be confirmed.
func (a *Agent) runConfiguration(ctx context.Context) {
	a.applyAll(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { a.takeSeeds(ctx) })
	a.engine.Run(ctx)
	wg.Wait()
}

// applyAll brings the live system in line, and warns of what does not follow.
func (a *Agent) applyAll(ctx context.Context) {
	err := a.engine.ApplyAll(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	a.opts.Log("%v", err)
	text, _, _ := strings.Cut(err.Error(), setting.LastWords) // a warning is for everyone
	a.warn(text)
}

// warn adds a sentence for the administrator that stays until the agent ends.
func (a *Agent) warn(text string) {
	a.mu.Lock()
	a.warnings = append(a.warnings, text)
	a.mu.Unlock()
	a.cache.drop()
}

// whyOff says why a service does not run at present, "" when it should.
func (a *Agent) whyOff(s appliance.Service) string {
	revision, _ := a.engine.Current()
	switch {
	case a.init.Held:
		return "its data is not there"
	case !revision.Document.Setup.Complete:
		return "waits for the set-up"
	case !setting.ServiceEnabled(a.environment, revision.Document, s):
		return "not used, as the settings are"
	}
	return ""
}

// hostName is the machine's name now: settings may have changed it.
func (a *Agent) hostName() string {
	name, err := a.sys.Kernel.Hostname()
	if err != nil {
		return a.hostname
	}
	return name
}
