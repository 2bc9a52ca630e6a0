package setting

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// checkGrace is how much longer than its own limit a check is waited for: the
// system manager ends it first, and so says why.
const checkGrace = 5 * time.Second

// Check runs the services' own checks of the settings that are about to
// change, each with the new ones in its environment.
func (application) Check(ctx context.Context, sys *System, env Env, old, new *Document) []Problem {
	var found problems
	for _, service := range env.Definition().StartOrder() {
		if service.Check == nil || !ServiceEnabled(env, new, service) {
			continue
		}
		same := slices.Equal(settingVariables(env, old, service), settingVariables(env, new, service))
		if same && ServiceEnabled(env, old, service) {
			continue
		}
		if err := checkService(ctx, sys, env, new, service); err != nil {
			title := service.Title
			if title == "" {
				title = service.Name
			}
			found.add("application", fmt.Sprintf("%s would not work with these settings: %v", title, err),
				tailOf(sys.Units.LogTail(context.WithoutCancel(ctx), service.CheckUnit())))
		}
	}
	return found
}

// checkService runs one check. The file with the candidate's values, secrets
// among them, is gone when it returns.
func checkService(ctx context.Context, sys *System, env Env, d *Document, service appliance.Service) (err error) {
	resources, err := resourcesOf(env, service)
	if err != nil {
		return err
	}
	name := filepath.Join(sys.Root, service.SettingsDir(), "check.environment")
	defer func() {
		if removed := os.Remove(name); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("cannot remove the settings of the check: %w", removed))
		}
	}()
	variables := append(settingVariables(env, d, service), systemVariables(d, resources)...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the service %s: %w", service.Name, err)
	}
	if err := host.WriteFile(name, environmentFile(variables), modeRoot); err != nil {
		return fmt.Errorf("cannot write the settings for the check: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(service.Check.Timeout)+checkGrace)
	defer cancel()
	return sys.Units.Start(ctx, service.CheckUnit())
}
