package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	cmd := Command{Name: "sh", Args: []string{"-c", `cat; echo "$X" >&2; pwd`}, Env: []string{"X=y"}, Dir: "/", Stdin: strings.NewReader("in\n"), Stdout: &out}
	if err := (Local{}).Run(t.Context(), cmd); err != nil || out.String() != "in\n/\n" {
		t.Errorf("said %q, %v", out.String(), err)
	}
}

func TestRunErrors(t *testing.T) {
	var exit *ExitError
	err := Local{}.Run(t.Context(), Command{Name: "sh", Args: []string{"-c", "echo why >&2; exit 3"}})
	if !errors.As(err, &exit) || exit.Code != 3 || err.Error() != "sh: exit status 3: why" {
		t.Errorf("exit 3: %v", err)
	}
	err = Local{}.Run(t.Context(), Command{Name: "sh", Args: []string{"-c", "kill -9 $$"}})
	if !errors.As(err, &exit) || exit.Code != -1 {
		t.Errorf("killed: %v", err)
	}
	if err := (Local{}).Run(t.Context(), Command{Name: "no-such-program"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown program: %v", err)
	}
	// Only the end of a long complaint is kept.
	err = Local{}.Run(t.Context(), Command{Name: "sh", Args: []string{"-c", "yes | head -c 100000 >&2; echo end >&2; exit 1"}})
	if !errors.As(err, &exit) || len(exit.Stderr) > 4<<10 || !strings.HasSuffix(exit.Stderr, "end\n") {
		t.Errorf("kept %d bytes", len(exit.Stderr))
	}
}

// TestRunCancelEndsChildren: what the program started ends with it.
func TestRunCancelEndsChildren(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Local{}.Start(ctx, Command{Name: "sh", Args: []string{"-c", "sleep 1000 & echo $! > " + pidFile + ".new; mv " + pidFile + ".new " + pidFile + "; wait"}})
	if err != nil {
		t.Fatal(err)
	}
	var pid string
	for pid == "" {
		text, _ := os.ReadFile(pidFile)
		pid = strings.TrimSpace(string(text))
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-p.Done()
	if p.Err() == nil {
		t.Error("a cancelled program succeeded")
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the child still runs")
		}
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read %q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := WriteFile(filepath.Join(path, "x"), nil, 0o600); err == nil {
		t.Error("wrote into a file")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWriteFileAs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := WriteFileAs(path, []byte("x"), 0o640, os.Getuid(), os.Getgid()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if os.Getuid() != 0 {
		if err := WriteFileAs(path, []byte("y"), 0o640, 0, 0); err == nil {
			t.Error("gave a file to root")
		}
		if got, _ := os.ReadFile(path); string(got) != "x" {
			t.Errorf("a failed write left %q", got)
		}
	}
}

func TestWriteLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"one", "/two"} {
		if err := WriteLink(path, target); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(path); err != nil || got != target {
			t.Errorf("links to %q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteLink(filepath.Join(dir, "folder"), "x"); err == nil {
		t.Error("replaced a folder")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if path, err := Find("mke2fs"); err == nil && !strings.HasSuffix(path, "/sbin/mke2fs") {
		t.Errorf("found %q", path)
	}
	if _, err := Find("sh"); !errors.Is(err, ErrNotFound) {
		t.Errorf("found sh outside PATH: %v", err)
	}
}

// TestStartedEndsWithItsParent: even when that is killed and cannot clean up.
func TestStartedEndsWithItsParent(t *testing.T) {
	if os.Getenv("INGOT_TEST_PARENT") != "" {
		p, err := Local{}.Start(t.Context(), Command{Name: "sleep", Args: []string{"600"}})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("child %d\n", p.PID())
		select {}
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestStartedEndsWithItsParent$")
	parent.Env = append(os.Environ(), "INGOT_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscanf(bufio.NewReader(out), "child %d\n", &pid)
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") { // gone, or only to be waited for
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d runs on", pid)
		}
	}
}
