package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// coldplug is the unit that lets udev handle what was plugged in before it
// started; it stays active. udevQueue exists while udev has something to do.
const (
	coldplug  = "systemd-udev-trigger.service"
	udevQueue = "run/udev/queue"
)

// Drives are found some time after the driver of their controller was loaded,
// so there must be nothing to do several times in a row. On a slow emulator
// all of it takes ten seconds.
const (
	settlePause  = 200 * time.Millisecond
	settleCalm   = 3
	settleAtMost = 30 * time.Second
)

// devicesSettle waits until the devices that are plugged in have their
// drivers: what a seed says of a network adapter counts for nothing before it
// is there, and a disk must not be overlooked because another one was quicker.
func (a *Agent) devicesSettle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleAtMost)
	defer cancel()
	for calm := 0; calm < settleCalm; {
		units, err := a.manager.Units(ctx, coldplug)
		if err == nil && len(units) == 1 && units[0].Load == "not-found" {
			return // there is no udev
		}
		calm++
		if err != nil || len(units) != 1 || units[0].Active != "active" || a.udevIsBusy() {
			calm = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settlePause):
		}
	}
}

func (a *Agent) udevIsBusy() bool {
	_, err := os.Stat(filepath.Join(a.opts.Root, udevQueue))
	return !errors.Is(err, fs.ErrNotExist)
}
