package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ingotvm/ingot/internal/agent/machine"
	"github.com/ingotvm/ingot/internal/agent/systemd"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/release"
)

// Prepare is what runs before the system manager, at every start: it makes of
// the committed configuration all files and tells the kernel what it must
// know, so that everything that starts afterwards starts right. What cannot be
// done is returned; the rest is done all the same.
func Prepare(opts Options) error {
	opts.fill()
	boot, init, _ := readBoot(opts.RunDir)
	env := environment(boot, init, machine.New(opts.Root))
	engine, err := openEngine(opts, init, env, system(opts, systemd.NewManager()))
	if engine == nil {
		return err
	}
	_, undo := engine.Recover()
	return errors.Join(err, undo, engine.ApplyEarly())
}

// environment is what settings go by on this machine. The adapters are those
// that are there now: none yet when [Prepare] runs.
func environment(boot *release.Boot, init initFacts, m *machine.Machine) setting.Env {
	env := setting.Env{Boot: boot, CPUs: runtime.NumCPU(), Held: init.Held}
	if given, err := m.Given(); err == nil {
		env.Memory = given
	}
	return env
}

// openEngine opens the configuration where it is kept, or, where the data disk
// must not be written to, a copy of it in memory. With a *[forgetful] error
// there is an engine all the same.
func openEngine(opts Options, init initFacts, env setting.Env, sys *setting.System) (*config.Engine, error) {
	dir := filepath.Join(stateDir(opts, init), "config")
	if init.DataReadOnly && !init.foreign() {
		if err := copyOnce(filepath.Join(opts.DataDir, "config"), dir); err != nil {
			opts.Log("the configuration is not taken from the damaged disk: %v", err)
		}
	}
	engine, err := config.Open(config.Options{Dir: dir, Env: env, System: sys, BootID: bootID(opts.Root), Log: opts.Log})
	if err == nil {
		return engine, nil
	}
	// An appliance that cannot be managed is worse than one that forgets.
	opts.Log("%v", err)
	dir = filepath.Join(opts.RunDir, "state", "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot keep a configuration: %w", err)
	}
	engine, again := config.Open(config.Options{Dir: dir, Env: env, System: sys, BootID: bootID(opts.Root), Log: opts.Log})
	if again != nil {
		return nil, again
	}
	return engine, &forgetful{err}
}

// forgetful says that the configuration lasts only until the next start.
type forgetful struct{ err error }

func (e *forgetful) Error() string {
	return "settings are lost at the next restart: " + e.err.Error()
}

// stateDir is where the agent keeps what it knows: the data disk, or memory
// where that is another appliance's or must not be written to.
func stateDir(opts Options, init initFacts) string {
	if init.foreign() || init.DataReadOnly {
		return filepath.Join(opts.RunDir, "state")
	}
	return opts.DataDir
}

// bootID names this start of the machine (proc_sys_kernel(5)).
func bootID(root string) string {
	data, err := os.ReadFile(filepath.Join(root, "proc/sys/kernel/random/boot_id"))
	if err != nil {
		return "" // no boot is then like another, and a pending change is undone
	}
	return strings.TrimSpace(string(data))
}

// copyOnce copies a folder of plain files, unless the copy is there: whole or
// not at all, and for its owner alone.
func copyOnce(from, to string) error {
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := to + ".part"
	err := os.RemoveAll(part)
	if err == nil {
		err = copyFolder(os.DirFS(from), part)
	}
	if err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		return fmt.Errorf("cannot copy %s: %w", from, err)
	}
	return nil
}

func copyFolder(from fs.FS, to string) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !entry.Type().IsRegular():
			return nil // nobody of us made it
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
}
