package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/agent/systemd"
)

// plugging is a system manager whose coldplug is over after a while.
type plugging struct {
	manager
	over time.Time
	load string
}

func (p plugging) Units(context.Context, ...string) ([]systemd.Unit, error) {
	if time.Now().Before(p.over) {
		return []systemd.Unit{{Load: "loaded", Active: "activating"}}, errors.New("it is busy")
	}
	return []systemd.Unit{{Load: p.load, Active: "active"}}, nil
}

// TestDevicesSettle: not before coldplug is over and udev has nothing to do,
// but in bounded time.
func TestDevicesSettle(t *testing.T) {
	for _, test := range []struct {
		name           string
		coldplug, work time.Duration
		load           string
		least, most    time.Duration
	}{
		{"no udev", 0, 0, "not-found", 0, 0},
		{"all is there", 0, 0, "loaded", settlePause, time.Second},
		{"coldplug takes its time", 5 * time.Second, 0, "loaded", 5 * time.Second, 6 * time.Second},
		{"udev is busy after it", 2 * time.Second, 7 * time.Second, "loaded", 7 * time.Second, 8 * time.Second},
		{"it never ends", time.Hour, time.Hour, "loaded", settleAtMost, settleAtMost},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			queue := filepath.Join(root, udevQueue)
			write(t, root, map[string]string{udevQueue: ""})
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				a := &Agent{opts: Options{Root: root}, manager: plugging{over: began.Add(test.coldplug), load: test.load}}
				free := time.AfterFunc(test.work, func() { os.Remove(queue) })
				defer free.Stop()
				a.devicesSettle(t.Context())
				if took := time.Since(began); took < test.least || took > test.most {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
