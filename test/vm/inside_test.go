package vm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/hypervisor"
)

// inside is what the agent tells of its machine over the virtio-serial port.
func inside(ctx context.Context, m hypervisor.Machine) (wire.Checks, error) {
	// It reads all of /proc, which takes an emulated machine a while.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	conn, err := m.Channel(ctx)
	if err != nil {
		return wire.Checks{}, err
	}
	c := client.NewConn(conn)
	defer c.Close()
	return c.Checks(ctx)
}

// agrees checks that the live system is as the settings want it.
func agrees(t *testing.T, c *client.Client, facts ...string) {
	t.Helper()
	eventually(t, time.Minute, "the system follows its settings", func(ctx context.Context) error {
		list, err := c.Settings(ctx)
		if err != nil {
			return err
		}
		seen := ""
		var errs []error
		for _, s := range list {
			if s.Problem != "" {
				errs = append(errs, fmt.Errorf("%s: %s", s.Key, s.Problem))
			}
			for _, f := range s.Facts {
				seen += f.Name + "=" + f.Actual + "\n"
				if f.Differs && f.Name != "clock" { // no time server is to be reached
					errs = append(errs, fmt.Errorf("%s: %s is %q instead of %q", s.Key, f.Name, f.Actual, f.Wanted))
				}
			}
		}
		for _, fact := range facts {
			if !strings.Contains(seen, fact) {
				errs = append(errs, fmt.Errorf("no fact says %s", fact))
			}
		}
		return errors.Join(errs...)
	})
}

// answers waits until management answers with a status of which ok says nil.
func answers(t *testing.T, m hypervisor.Machine, what string, ok func(wire.Status) error) (status wire.Status) {
	t.Helper()
	eventually(t, bootLimit, what, func(ctx context.Context) (err error) {
		if m.State() != hypervisor.Running {
			t.Fatalf("%s: the machine is off", what)
		}
		c := stranger(t, m)
		defer c.Close()
		if status, err = c.Status(ctx); err != nil {
			return err
		}
		return ok(status)
	})
	return status
}

// needsSetup is an appliance that waits for answers.
func needsSetup(s wire.Status) error {
	if s.Setup != wire.SetupNeeded || s.State != wire.SetUp {
		return fmt.Errorf("it is %s, its set-up %s", s.State, s.Setup)
	}
	return nil
}

// silent checks that the application's port answers nothing, and that this is
// because nobody listens, not because the boot is not over.
func silent(t *testing.T, m hypervisor.Machine) {
	t.Helper()
	eventually(t, 2*time.Minute, "the boot is over", func(ctx context.Context) error {
		checks, err := inside(ctx, m)
		if err != nil {
			return err
		}
		for _, l := range checks.Listening {
			if l.Port == 80 {
				t.Errorf("%s listens on port 80", l.Process)
			}
		}
		if len(checks.Jobs) > 0 {
			return fmt.Errorf("still to do: %v", checks.Jobs)
		}
		return nil
	})
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + address(t, m) + "/")
	if err == nil {
		resp.Body.Close()
		t.Errorf("the application's port answers: %s", resp.Status)
	}
}

// code is the one-time code that the console shows.
func code(t *testing.T, m hypervisor.Machine) string {
	t.Helper()
	consoleSays(t, m, time.Minute, "ne-time code")
	log, err := os.ReadFile(m.ConsoleLog())
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\b[A-Z2-9]{4}-[A-Z2-9]{4}\b`).FindAllString(string(log), -1)
	if len(found) == 0 {
		t.Fatal("the console shows no one-time code")
	}
	return found[len(found)-1]
}

// refusedAs checks the status of an answer.
func refusedAs(t *testing.T, err error, want int) {
	t.Helper()
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != want {
		t.Errorf("answered %v; want %d", err, want)
	}
}

// edited builds a copy of the smallest example with its definition edited.
func edited(t *testing.T, replace ...string) string {
	t.Helper()
	return editedWith(t, nil, replace...)
}

// editedWith adds files to the copy, too.
func editedWith(t *testing.T, files map[string]string, replace ...string) string {
	t.Helper()
	return build(t, project(t, files, replace...), "raw")
}

// project is a copy of the example hello with files added and its definition
// changed.
func project(t *testing.T, files map[string]string, replace ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hello")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples", "hello"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module hello\n\ngo 1.25\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "appliance.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("%s does not hold %q", file, replace[i])
		}
	}
	if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// dataDisk is an empty data disk that can be handed from machine to machine.
func dataDisk(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "data.raw")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<30); err != nil {
		t.Fatal(err)
	}
	return file
}
