package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command is one program to run. The zero values of all but Name are fine.
type Command struct {
	Name string
	Args []string
	// Env is added to the environment of this process.
	Env []string
	Dir string
	// Stdin is empty when nil; Stdout and Stderr are dropped when nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// String is the command as one would type it, for logs.
func (c Command) String() string {
	return strings.Join(append([]string{c.Name}, c.Args...), " ")
}

// Runner runs programs. Run returns an *ExitError when the program ran and
// failed, and an error that wraps [ErrNotFound] when there is no such program.
type Runner interface {
	Run(ctx context.Context, cmd Command) error
}

// ErrNotFound says that a program is not installed.
var ErrNotFound = exec.ErrNotFound

// ExitError says that a program ran and failed.
type ExitError struct {
	Command string
	// Code is the exit status, or -1 when a signal ended it.
	Code int
	// Stderr is the last 4 KiB of what it said there, when nobody else listened.
	Stderr string
}

func (e *ExitError) Error() string {
	msg := fmt.Sprintf("%s: exit status %d", e.Command, e.Code)
	if s := strings.TrimSpace(e.Stderr); s != "" {
		msg += ": " + s
	}
	return msg
}

// Local runs programs on this machine.
type Local struct{}

// Run runs the command to its end. When ctx ends first, the program and all
// that it started are sent SIGTERM, and SIGKILL five seconds later.
func (Local) Run(ctx context.Context, cmd Command) error {
	c, tail := prepare(ctx, cmd)
	return explain(cmd, c.Run(), tail)
}

// Process is a program that runs beside this one.
type Process struct {
	cmd  Command
	exec *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the command and returns at once; it is ended with ctx, and
// killed when this process ends however that may be, so that a virtual machine
// does not run on with nobody to stop it.
func (Local) Start(ctx context.Context, cmd Command) (*Process, error) {
	c, tail := prepare(ctx, cmd)
	c.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := c.Start(); err != nil {
		return nil, explain(cmd, err, tail)
	}
	p := &Process{cmd: cmd, exec: c, done: make(chan struct{})}
	go func() {
		p.err = explain(cmd, c.Wait(), tail)
		close(p.done)
	}()
	return p, nil
}

// PID is the process's ID.
func (p *Process) PID() int { return p.exec.Process.Pid }

// Done is closed when the process has ended; Err then says how.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is nil while the process runs and when it succeeded.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Kill ends the process and its children without asking, and waits for the end.
func (p *Process) Kill() error {
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // already gone is as good
	<-p.done
	return nil
}

func prepare(ctx context.Context, cmd Command) (*exec.Cmd, *tailBuffer) {
	c := exec.CommandContext(ctx, program(cmd.Name), cmd.Args...)
	c.Dir = cmd.Dir
	c.Stdin, c.Stdout, c.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
	if len(cmd.Env) > 0 {
		c.Env = append(os.Environ(), cmd.Env...)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	var tail *tailBuffer
	if c.Stderr == nil {
		tail = &tailBuffer{limit: 4 << 10}
		c.Stderr = tail
	}
	return c, tail
}

// program finds a system administrator's tool such as mke2fs, too: Debian keeps
// those out of an ordinary user's PATH.
func program(name string) string {
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return name
}

// Find says where a program is that Run would start; the error wraps
// [ErrNotFound] when it is not installed.
func Find(name string) (string, error) { return exec.LookPath(program(name)) }

func explain(cmd Command, err error, tail *tailBuffer) error {
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e := &ExitError{Command: cmd.Name, Code: exit.ExitCode()}
		if tail != nil {
			e.Stderr = tail.String()
		}
		return e
	}
	return fmt.Errorf("cannot run %s: %w", cmd.Name, err)
}

// tailBuffer keeps the last limit bytes written to it. It does not embed the
// buffer, whose ReadFrom would let io.Copy pass the limit by.
type tailBuffer struct {
	limit int
	buf   bytes.Buffer
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	n, err := t.buf.Write(p)
	if over := t.buf.Len() - t.limit; over > 0 {
		t.buf.Next(over)
	}
	return n, err
}

func (t *tailBuffer) String() string { return t.buf.String() }
