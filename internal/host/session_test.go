package host

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runs says whether a process does, and is not only to be waited for.
func runs(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestSessionStatus(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for command, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -KILL $$": 137, `test "$X$HOME" = y`: 0} {
		s, err := Local{}.StartSession(Command{Name: "sh", Args: []string{"-c", command}, Env: []string{"X=y"}}, [3]*os.File{null, null, null}, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Wait(); got != want {
			t.Errorf("%s: %d, want %d", command, got, want)
		}
		s.Kill() // nothing is left
	}
	if _, err := (Local{}).StartSession(Command{Name: "no-such-program"}, [3]*os.File{null, null, null}, false); err == nil {
		t.Error("started what is not there")
	}
}

// TestSessionKill: all that was started ends, with those that would not hear.
func TestSessionKill(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := Local{}.StartSession(Command{Name: "sh", Args: []string{"-c", "trap '' TERM HUP; nohup sleep 600 & echo $!; (sleep 600 & echo $!; wait)"},
		Env: os.Environ(), Dir: t.TempDir()}, [3]*os.File{nil, w, w}, false)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for lines := bufio.NewScanner(r); len(pids) < 2 && lines.Scan(); {
		if text := lines.Text(); !strings.Contains(text, "nohup") {
			pids = append(pids, text)
		}
	}
	for _, pid := range pids {
		if !runs(pid) {
			t.Fatalf("%q do not run", pids)
		}
	}
	s.Kill()
	for _, pid := range pids {
		if runs(pid) {
			t.Errorf("process %s runs on", pid)
		}
	}
	if got := s.Wait(); got != 137 {
		t.Errorf("status %d", got)
	}
}

// TestSessionEndsWithItsParent: even when that is killed and cannot clean up.
func TestSessionEndsWithItsParent(t *testing.T) {
	if os.Getenv("INGOT_TEST_SESSION") != "" {
		s, err := Local{}.StartSession(Command{Name: "sleep", Args: []string{"600"}}, [3]*os.File{nil, nil, nil}, false)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("child %d\n", s.exec.Process.Pid)
		select {}
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestSessionEndsWithItsParent$")
	parent.Env = append(os.Environ(), "INGOT_TEST_SESSION=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid string
	_, err = fmt.Fscanf(bufio.NewReader(out), "child %s\n", &pid)
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); runs(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %s runs on", pid)
		}
	}
}
