package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Session is a program in a session of its own (setsid(2)), with all that it
// starts there.
type Session struct {
	exec *exec.Cmd
	done chan struct{}
	code int

	mu sync.Mutex
	// gone says that nothing is left, and that the number may be another's.
	gone bool
}

// StartSession starts a program of which the three standard files are given;
// Stdin, Stdout and Stderr of the command are not looked at, and the
// environment is Env alone. With terminal the first file is the terminal that
// controls the session. It is killed when this process ends, however that may
// be.
func (Local) StartSession(cmd Command, files [3]*os.File, terminal bool) (*Session, error) {
	c := exec.Command(program(cmd.Name), cmd.Args...)
	c.Dir, c.Env = cmd.Dir, cmd.Env
	c.Stdin, c.Stdout, c.Stderr = files[0], files[1], files[2]
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: terminal, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", cmd.Name, err)
	}
	s := &Session{exec: c, done: make(chan struct{})}
	go func() {
		s.code = exitCode(c.Wait())
		close(s.done)
	}()
	return s, nil
}

// exitCode is the status as shells say it: 128 and the signal's number for one
// that a signal ended.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// Wait waits for the program's end and gives its exit status.
func (s *Session) Wait() int {
	<-s.done
	return s.code
}

// Kill ends all that is in the session, and waits until nothing is. What has
// made a session of its own is not found: that takes a control group.
func (s *Session) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if !killSession(s.exec.Process.Pid) {
			break
		}
	}
	<-s.done
	s.gone = true
}

// killSession sends SIGKILL to the processes of a session, and says whether
// there were any that had not ended.
func killSession(id int) (any bool) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): after the name in brackets come the state, parent,
		// group and session.
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if len(fields) < 4 || string(fields[3]) != strconv.Itoa(id) || string(fields[0]) == "Z" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			any = syscall.Kill(pid, syscall.SIGKILL) == nil || any
		}
	}
	return any
}
