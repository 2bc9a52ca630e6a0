package acceptance

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SmallestMemory is the least memory, in bytes, with which the artifact boots
// healthy: low plus a multiple of step, at most high. Each try is the first
// boot of a new machine, under the first of the firmwares. With high it must
// boot; an error says how it did not.
//
// It bisects, taking for granted that more memory is never worse. A try may
// take four times as long as the boot with high, since one that only swaps is
// of no use to anybody.
func SmallestMemory(ctx context.Context, o Options, low, high, step int64) (int64, error) {
	o, err := o.withDefaults()
	if err != nil {
		return 0, err
	}
	if low <= 0 || step <= 0 || high < low {
		return 0, errors.New("cannot find the smallest memory: there is nothing between the limits")
	}
	limit := o.limits().healthy
	try := func(memory int64) (time.Duration, error) {
		started := time.Now()
		up, err := tryMemory(ctx, o, memory, limit)
		if err == nil {
			fmt.Fprintf(o.Log, "%s: healthy after %.1f s\n", mebibytes(memory), up.Healthy.Seconds())
		} else {
			fmt.Fprintf(o.Log, "%s: given up after %.1f s\n", mebibytes(memory), time.Since(started).Seconds())
		}
		return up.Healthy, err
	}

	steps := int((high - low) / step)
	took, err := try(low + int64(steps)*step)
	if err != nil {
		return 0, fmt.Errorf("cannot find the smallest memory: not even %s is enough: %w", mebibytes(low+int64(steps)*step), err)
	}
	limit = min(limit, 4*took+5*time.Second)
	for bad, good := -1, steps; ; {
		if good-bad <= 1 {
			return low + int64(good)*step, nil
		}
		middle := (bad + good) / 2
		switch _, err := try(low + int64(middle)*step); {
		case ctx.Err() != nil:
			return 0, fmt.Errorf("cannot find the smallest memory: %w", context.Cause(ctx))
		case err != nil:
			bad = middle
		default:
			good = middle
		}
	}
}

func tryMemory(ctx context.Context, o Options, memory int64, limit time.Duration) (up Up, err error) {
	o.Memory = memory
	spec, err := o.spec(o.Firmwares[0])
	if err != nil {
		return up, err
	}
	m, err := o.Driver.Create(ctx, spec)
	if err != nil {
		return up, err
	}
	defer func() { err = errors.Join(err, m.Remove()) }()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := time.Now()
	if err := m.Start(ctx); err != nil {
		return up, err
	}
	return WaitHealthy(ctx, m, started)
}
