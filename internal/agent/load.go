package agent

import (
	"context"
	"path/filepath"

	"github.com/ingotvm/ingot/internal/agent/metrics"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// measured is what the sampler measures. It keeps its history on the data disk
// unless that must not be written to: then nobody misses the last hour.
func (a *Agent) measured() metrics.Options {
	o := metrics.Options{Root: a.opts.Root, DataDir: a.opts.DataDir, Space: a.machine.Space, Log: a.opts.Log}
	if stateDir(a.opts, a.init) == a.opts.DataDir {
		o.File = filepath.Join(a.opts.DataDir, "metrics", "ring")
	}
	for _, s := range a.boot.Definition.Services {
		title := s.Title
		if title == "" {
			title = s.Name
		}
		o.Services = append(o.Services, metrics.Service{Name: s.Name, Title: title, Unit: s.RunUnit()})
	}
	return o
}

// Metrics is the load over a range of time.
func (a *Agent) Metrics(_ context.Context, span string) wire.Metrics { return a.metrics.Metrics(span) }
