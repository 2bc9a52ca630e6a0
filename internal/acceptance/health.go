package acceptance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// Up is an appliance that has become healthy.
type Up struct {
	// Status is the first healthy one; its Fingerprint is that of the
	// certificate shown.
	Status wire.Status
	// Key is the SHA-256 of the appliance's public key, in hex: its identity.
	// The certificate may be another after a change of address or name.
	Key string
	// Management and Healthy are when the management URL first answered and
	// when the set-up was complete and all services were healthy, since
	// power-on.
	Management, Healthy time.Duration
}

const (
	// attemptPause is between two attempts to reach the agent, and between
	// two questions for its health: the resolution of the times measured.
	attemptPause = 200 * time.Millisecond
	// patientPause is between them while people answer the first boot's
	// questions.
	patientPause = time.Second
	// An attempt that is made before the guest has an address hangs long after
	// it has one: the user network repeats it only after seconds. So attempts
	// are short at first, and overlap; later, on a machine that slow, one that
	// the agent takes its time to answer must count.
	shortLimit   = 1200 * time.Millisecond
	shortFor     = time.Minute
	attemptLimit = 5 * time.Second
	attempts     = 6 // at once; below what the agent takes from one address
)

// WaitHealthy waits until the appliance on a machine is set up and healthy;
// port 5480 must be forwarded. started is when the machine was switched on;
// ctx's deadline is the limit. It gives up early when the machine ends, the
// kernel panics or the initrd says that it cannot start. The error says what
// was last known; when ctx was cancelled it wraps ctx's error.
func WaitHealthy(ctx context.Context, m hypervisor.Machine, started time.Time) (Up, error) {
	return Watch(ctx, m, started, func(wire.Status) {})
}

// WaitHealthyAgain is WaitHealthy for a machine that may have panicked before,
// as it had to: what it had said on its console, so many bytes, when it was
// switched on does not count.
func WaitHealthyAgain(ctx context.Context, m hypervisor.Machine, started time.Time, said int64) (Up, error) {
	return watchFrom(ctx, m, started, said, func(wire.Status) {})
}

// Watch is WaitHealthy that tells of each status on the way, the last one
// included, in the caller's goroutine.
func Watch(ctx context.Context, m hypervisor.Machine, started time.Time, tell func(wire.Status)) (Up, error) {
	return watchFrom(ctx, m, started, 0, tell)
}

func watchFrom(ctx context.Context, m hypervisor.Machine, started time.Time, said int64, tell func(wire.Status)) (Up, error) {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(watch(watched, m, said)) }()

	up, err := waitHealthy(watched, m, started, tell)
	if err == nil {
		return up, nil
	}
	if errors.Is(err, hypervisor.ErrNotRunning) {
		<-watched.Done() // it ended before we asked; the watch is about to say how
	}
	var doomed *doomedError
	if cause := context.Cause(watched); errors.As(cause, &doomed) {
		return up, doomed
	}
	return up, err
}

func waitHealthy(ctx context.Context, m hypervisor.Machine, started time.Time, tell func(wire.Status)) (Up, error) {
	var up Up
	address, err := m.Address(ManagementPort)
	if err != nil {
		return up, err
	}
	sight := &sight{address: address}
	status, err := firstAnswer(ctx, sight)
	if err != nil {
		return up, fmt.Errorf("the management URL did not answer within %s: %w", since(started), err)
	}
	up.Management = time.Since(started)
	up.Status = status
	tell(status)

	agent := sight.client()
	defer agent.Close()
	for {
		one, cancel := context.WithTimeout(ctx, attemptLimit)
		status, err := agent.Status(one)
		cancel()
		if err == nil {
			up.Status = status
			tell(status)
			if err = sight.tells(status.Fingerprint); err != nil {
				agent.Close() // a new connection shows a new certificate
			} else if status.State == wire.Healthy && status.Setup != wire.SetupNeeded {
				up.Healthy = time.Since(started)
				up.Key = sight.identity()
				return up, nil
			}
		}
		pause := attemptPause
		if up.Status.Setup == wire.SetupNeeded && time.Since(started) > shortFor {
			pause = patientPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return up, fmt.Errorf("not healthy within %s: %s: %w", since(started), describe(up.Status), errors.Join(err, context.Cause(ctx)))
		}
	}
}

// Setup asks how far the first boot of the appliance on a machine has come.
func Setup(ctx context.Context, m hypervisor.Machine) (wire.Setup, error) {
	address, err := m.Address(ManagementPort)
	if err != nil {
		return wire.Setup{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	agent := (&sight{address: address}).client()
	defer agent.Close()
	return agent.Setup(ctx)
}

// firstAnswer asks until somebody answers.
func firstAnswer(ctx context.Context, sight *sight) (wire.Status, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		status wire.Status
		err    error
	}
	answers := make(chan answer, attempts)
	began := time.Now()
	ask := func() {
		limit := attemptLimit
		if time.Since(began) < shortFor {
			limit = shortLimit
		}
		one, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		agent := sight.client()
		defer agent.Close()
		status, err := agent.Status(one)
		answers <- answer{status, err}
	}
	tick := time.NewTicker(attemptPause)
	defer tick.Stop()
	var lastErr error
	under := 0
	for {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.status, nil
			}
			lastErr = a.err
			under--
		case <-tick.C:
			if under < attempts {
				under++
				go ask()
			}
		case <-ctx.Done():
			return wire.Status{}, errors.Join(lastErr, context.Cause(ctx))
		}
	}
}

// describe says what an appliance that is not healthy waits for.
func describe(s wire.Status) string {
	parts := []string{"the appliance is " + string(s.State)}
	if s.Setup == wire.SetupNeeded {
		parts = append(parts, "its set-up waits for answers that no seed gave")
	}
	for _, svc := range s.Services {
		if svc.State != wire.Healthy {
			part := fmt.Sprintf("service %s is %s", svc.Name, svc.State)
			if svc.Detail != "" {
				part += " (" + svc.Detail + ")"
			}
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, s.Warnings...), "; ")
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }
