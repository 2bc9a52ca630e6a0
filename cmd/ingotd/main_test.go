package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
)

// call runs the program as if typed.
func call(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

func TestCommandLine(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.sock")
	for _, test := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"version"}, exitOK, "ingotd devel\n", ""},
		{[]string{"--help"}, exitOK, "status", ""},
		{[]string{"status", "--help"}, exitOK, "--json", ""},
		{[]string{"dance"}, exitUsage, "", `unknown command "dance"`},
		{[]string{"version", "--loud"}, exitUsage, "", "unknown flag: --loud"},
		{[]string{"version", "x"}, exitUsage, "", "unknown command"},
		{[]string{"status", "--socket", none}, exitAgent, "", "hint: is the service ingotd running?"},
		{[]string{"console", "--tty", "/dev/null/none"}, exitFailed, "", "cannot open the console"},
		{[]string{"console", "--tty", "/dev/null"}, exitFailed, "", "cannot set up the console"},
		{[]string{"run", "--run-dir", "/dev/null/x", "--data-dir", "/dev/null/y", "--listen", "127.0.0.1:0"}, exitFailed, "", "cannot make the run folder"},
		{[]string{"run", "--run-dir", t.TempDir(), "--data-dir", t.TempDir(), "--listen", "256.0.0.1:1"}, exitFailed, "", "cannot listen on 256.0.0.1:1"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			status, stdout, stderr := call(t.Context(), test.args...)
			if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("= %d\nstdout %q\nstderr %q\nwant %d, %q, %q", status, stdout, stderr, test.status, test.stdout, test.stderr)
			}
		})
	}
}

// TestAgent runs the real agent, without a system manager, and asks it over
// its socket and its port.
func TestAgent(t *testing.T) {
	runDir, dataDir := t.TempDir(), t.TempDir()
	socket := filepath.Join(runDir, "ingotd.sock")
	boot := `{"format":1,"definition":{"name":"demo","title":"Demo","version":"1.2.3","services":[]}}`
	for name, content := range map[string]string{"boot.json": boot, "init.json": `{"data":"second-disk"}`} {
		if err := os.WriteFile(filepath.Join(runDir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		status, _, stderr := call(ctx, "run", "--run-dir", runDir, "--data-dir", dataDir, "--listen", "127.0.0.1:0")
		if status != exitOK {
			t.Logf("stderr: %s", stderr)
		}
		ended <- status
	}()
	c := client.NewUnix(socket)
	defer c.Close()
	var s wire.Status
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s, err = c.Status(ctx); err == nil {
			break
		}
	}
	if err != nil || s.Title != "Demo" {
		t.Fatalf("Status() = %+v, %v", s, err)
	}
	// Run by root where a system manager is, the agent sees that one's units.
	want := exitOK
	if s.State != wire.Healthy {
		want = exitUnwell
	}
	status, stdout, _ := call(ctx, "status", "--socket", socket)
	if status != want || !strings.Contains(stdout, "Demo 1.2.3") || !strings.Contains(stdout, s.Fingerprint) {
		t.Errorf("status = %d %s", status, stdout)
	}
	status, stdout, _ = call(ctx, "status", "--json", "--socket", socket)
	var again wire.Status
	if err := json.Unmarshal([]byte(stdout), &again); err != nil || status != want || again.Fingerprint != s.Fingerprint {
		t.Errorf("status --json = %d %s, %v", status, stdout, err)
	}
	cancel()
	select {
	case status := <-ended:
		if status != exitOK {
			t.Errorf("run ended with status %d", status)
		}
	case <-time.After(10 * time.Second):
		t.Error("run does not end")
	}
	if _, err := os.Stat(filepath.Join(dataDir, "identity/tls/key.pem")); err != nil {
		t.Errorf("no identity was kept: %v", err)
	}
}
