package setting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/host"
)

// What became of a service's settings is kept in memory beside them, in the
// file "applied": so the agent knows after its own restart too. It holds the
// digest of the files that the service runs with, and perhaps a remark.
const (
	// remarkChanged: started or told by the last transaction, which so answers
	// for the service. Of others nobody asks: a service that is broken anyway
	// must not keep the administrator from mending the network.
	remarkChanged = "changed"
	// remarkUnknown: about to be started or told. It stays when that fails, so
	// that what puts the old settings back tells the service again.
	remarkUnknown = "unknown"
)

type served struct{ digest, remark string }

func appliedPath(sys *System, service appliance.Service) string {
	return filepath.Join(sys.Root, service.SettingsDir(), "applied")
}

// readApplied is the zero value for a service that was not started.
func readApplied(sys *System, service appliance.Service) (served, error) {
	data, err := os.ReadFile(appliedPath(sys, service))
	if errors.Is(err, fs.ErrNotExist) {
		return served{}, nil
	}
	if err != nil {
		return served{}, fmt.Errorf("cannot read what the service %s runs with: %w", service.Name, err)
	}
	digest, remark, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return served{digest, remark}, nil
}

func writeApplied(sys *System, service appliance.Service, a served) error {
	name := appliedPath(sys, service)
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = host.WriteFile(name, []byte(strings.TrimSpace(a.digest+" "+a.remark)+"\n"), modeRoot)
	}
	if err != nil {
		return fmt.Errorf("cannot note what the service %s runs with: %w", service.Name, err)
	}
	return nil
}

func removeApplied(sys *System, service appliance.Service) error {
	if err := os.Remove(appliedPath(sys, service)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot forget what the service %s ran with: %w", service.Name, err)
	}
	return nil
}

// digestOf is that of all files that a service gets.
func digestOf(env Env, d *Document, service appliance.Service) (string, error) {
	files, err := serviceFiles(env, d, service)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%q %o %q %d\n", f.Path, f.Mode, f.Owner, len(f.Data))
		sum.Write(f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ApplyEarly notes what the services are about to be started with: the system
// manager starts them by itself.
func (application) ApplyEarly(sys *System, env Env, d *Document) error {
	for _, service := range env.Definition().Services {
		if !ServiceEnabled(env, d, service) {
			if err := removeApplied(sys, service); err != nil {
				return err
			}
			continue
		}
		digest, err := digestOf(env, d, service)
		if err == nil {
			err = writeApplied(sys, service, served{digest: digest})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Apply stops the services that no longer run, the last first, and then, in
// their order, starts new ones and tells those whose files are other than what
// they run with. It finds out by itself which those are.
func (application) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	order := env.Definition().StartOrder()
	for _, service := range slices.Backward(order) {
		if !ServiceEnabled(env, d, service) {
			if err := stopService(ctx, sys, service); err != nil {
				return err
			}
		}
	}
	for _, service := range order {
		if ServiceEnabled(env, d, service) {
			if err := followService(ctx, sys, env, d, service); err != nil {
				return err
			}
		}
	}
	return nil
}

// stopService stops a service that runs or was started.
func stopService(ctx context.Context, sys *System, service appliance.Service) error {
	before, err := readApplied(sys, service)
	if err != nil {
		return err
	}
	if before == (served{}) {
		active, err := sys.Units.Active(ctx, service.RunUnit())
		if err != nil {
			return fmt.Errorf("cannot see whether the service %s runs: %w", service.Name, err)
		}
		if !active {
			return nil
		}
	}
	sys.logf("the service %s is stopped", service.Name)
	if err := sys.Units.Stop(ctx, service.RunUnit()); err != nil {
		return fmt.Errorf("cannot stop the service %s: %w", service.Name, err)
	}
	return removeApplied(sys, service)
}

// followService starts a service, or tells it that its settings changed.
func followService(ctx context.Context, sys *System, env Env, d *Document, service appliance.Service) error {
	digest, err := digestOf(env, d, service)
	if err != nil {
		return err
	}
	before, err := readApplied(sys, service)
	if err != nil {
		return err
	}
	if before.digest == digest && before.remark != remarkUnknown {
		if before.remark == "" {
			return nil
		}
		return writeApplied(sys, service, served{digest: digest})
	}
	// An agent that ends here finds in the remark that the service has to be told again.
	if err := writeApplied(sys, service, served{digest: digest, remark: remarkUnknown}); err != nil {
		return err
	}
	after := served{digest: digest}
	down, err := wasDown(ctx, sys, service, before)
	if err != nil {
		return err
	}
	told, err := tell(ctx, sys, service, before)
	switch {
	case err != nil && !down:
		return err
	case err != nil:
		sys.logf("%v; it did not run before either", err)
	case told && !down:
		after.remark = remarkChanged
	}
	return writeApplied(sys, service, after)
}

// wasDown says whether a service that ought to have run did not: then nobody
// can say that new settings broke it, and the change that may be to mend it is
// not undone because it did not help at once.
func wasDown(ctx context.Context, sys *System, service appliance.Service, before served) (bool, error) {
	if before == (served{}) || before.remark == remarkUnknown {
		return false, nil
	}
	active, err := sys.Units.Active(ctx, service.RunUnit())
	if err != nil {
		return false, fmt.Errorf("cannot see whether the service %s runs: %w", service.Name, err)
	}
	return !active, nil
}

// tell does what the definition says of a service whose settings changed.
func tell(ctx context.Context, sys *System, service appliance.Service, before served) (told bool, err error) {
	act, what := sys.Units.Restart, "restart"
	switch {
	case before == (served{}):
		act, what = sys.Units.Start, "start"
	case before.remark == remarkUnknown: // whatever state it is in
	case service.OnChange == appliance.OnChangeNone:
		return false, nil
	case service.OnChange == appliance.OnChangeReload:
		act, what = sys.Units.ReloadOrRestart, "reload"
	}
	sys.logf("the service %s: %s for new settings", service.Name, what)
	if err := act(ctx, service.RunUnit()); err != nil {
		return true, fmt.Errorf("cannot %s the service %s: %w%s", what, service.Name, err, lastWords(ctx, sys, service.RunUnit()))
	}
	return true, nil
}

// Pauses of [application.Verify].
const (
	lookEvery = 250 * time.Millisecond
	// settle is how long a service must go on running: one that cannot use
	// its settings ends soon after it was started.
	settle = time.Second
)

// Verify waits until every service that the last Apply started or told runs,
// and goes on running.
func (application) Verify(ctx context.Context, sys *System, env Env, d *Document) error {
	var waiting []appliance.Service
	for _, service := range env.Definition().StartOrder() {
		state, err := readApplied(sys, service)
		if err != nil {
			return err
		}
		if ServiceEnabled(env, d, service) && state.remark == remarkChanged {
			waiting = append(waiting, service)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := awaitActive(ctx, sys, waiting); err != nil {
		return err
	}
	for _, service := range waiting {
		state, err := readApplied(sys, service)
		if err == nil {
			err = writeApplied(sys, service, served{digest: state.digest})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitActive waits until all services have run for a while.
func awaitActive(ctx context.Context, sys *System, services []appliance.Service) error {
	var running time.Duration
	for {
		down, err := inactive(ctx, sys, services)
		switch {
		case err != nil:
			return err
		case down == nil && running >= settle:
			return nil
		case down == nil:
			running += lookEvery
		default:
			running = 0
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			if down == nil {
				return fmt.Errorf("the services could not be watched for long enough: %w", ctx.Err())
			}
			return fmt.Errorf("the service %s does not run%s", down.Name, lastWords(context.WithoutCancel(ctx), sys, down.RunUnit()))
		}
	}
}

// inactive is the first service that does not run, or nil.
func inactive(ctx context.Context, sys *System, services []appliance.Service) (*appliance.Service, error) {
	for _, service := range services {
		active, err := sys.Units.Active(ctx, service.RunUnit())
		if err != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("cannot see whether the service %s runs: %w", service.Name, err)
		}
		if !active {
			return &service, nil
		}
	}
	return nil, nil
}

// maxLastWords is how much of a log goes into a message, in bytes.
const maxLastWords = 600

// LastWords stands in errors before the end of a service's log, which is not
// for everyone to read.
const LastWords = "; its last words: "

// lastWords is the end of a unit's log, to stand behind a message; "" when
// there is none.
func lastWords(ctx context.Context, sys *System, unit string) string {
	if tail := tailOf(sys.Units.LogTail(ctx, unit)); tail != "" {
		return LastWords + tail
	}
	return ""
}

// tailOf is the last lines of a text, in whole lines where that is possible.
func tailOf(text string) string {
	text = strings.TrimSpace(text)
	if len(text) <= maxLastWords {
		return text
	}
	text = text[len(text)-maxLastWords:]
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest
	}
	return strings.ToValidUTF8(text, "")
}

// Actual says of each service whether it runs, and what it gets of the machine.
func (application) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	var facts []Fact
	state := map[bool]string{true: "running", false: "stopped"}
	for _, service := range env.Definition().Services {
		wanted := ServiceEnabled(env, d, service)
		active, err := sys.Units.Active(ctx, service.RunUnit())
		if err != nil {
			return nil, fmt.Errorf("cannot see whether the service %s runs: %w", service.Name, err)
		}
		title := service.Title
		if title == "" {
			title = service.Name
		}
		facts = append(facts, Fact{Name: title, Wanted: state[wanted], Actual: state[active], Differs: wanted != active})
	}
	for _, r := range Resources(env) {
		facts = append(facts, r.fact(d.Language))
	}
	return facts, nil
}
