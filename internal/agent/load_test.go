package agent

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/metrics"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// TestMeasured: every service is measured by its unit, and the history is kept
// where the appliance may write.
func TestMeasured(t *testing.T) {
	a := newTestAgent(t, &fakeManager{})
	for name, test := range map[string]struct {
		init initFacts
		file string
	}{
		"usual":       {initFacts{}, "/data/metrics/ring"},
		"damaged":     {initFacts{DataReadOnly: true}, ""},
		"another's":   {initFacts{Adopt: &owner{Name: "x"}}, ""},
		"refused":     {initFacts{Refused: "newer"}, ""},
		"only memory": {initFacts{Data: "memory"}, "/data/metrics/ring"},
	} {
		a.init = test.init
		o := a.measured()
		if o.File != test.file || o.Root != a.opts.Root {
			t.Errorf("%s: the history is kept in %q, below %s", name, o.File, o.Root)
		}
		want := []metrics.Service{{Name: "web", Title: "Web server", Unit: "app-web.service"}, {Name: "db", Title: "db", Unit: "mariadb.service"}}
		if !slices.Equal(o.Services, want) {
			t.Errorf("%s: the services are %+v", name, o.Services)
		}
	}
}

// TestLoadIsKept measures the made-up machine, and goes on after a restart.
func TestLoadIsKept(t *testing.T) {
	root := newTestAgent(t, &fakeManager{}).opts.Root
	synctest.Test(t, func(t *testing.T) {
		a := startAgent(t, root, &fakeManager{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.metrics.Run(ctx); close(done) }()
		time.Sleep(time.Minute)
		stop()
		<-done
		if _, err := os.Stat(filepath.Join(root, "data/metrics/ring")); err != nil {
			t.Fatal(err)
		}
		again := startAgent(t, root, &fakeManager{})
		known := 0
		for _, s := range again.Metrics(t.Context(), "hour").Series {
			for _, p := range s.Points {
				if s.Name == wire.MetricMemory && !math.IsNaN(p) {
					known++
					if p != 80<<20 {
						t.Errorf("%v bytes of memory are in use", p)
					}
				}
			}
		}
		if known < 6 {
			t.Errorf("after a minute and a restart %d points are known", known)
		}
	})
}
