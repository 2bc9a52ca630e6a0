package hosttest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/ingotvm/ingot/internal/host"
)

// Program plays one program: it may read the command's input, write to its
// outputs, and fail with a *host.ExitError.
type Program func(ctx context.Context, cmd host.Command) error

// Runner is a host.Runner that starts nothing. It remembers what it was asked
// to run and answers with Programs; one that is not listed is not installed.
type Runner struct {
	Programs map[string]Program

	mu  sync.Mutex
	ran []host.Command
}

// Run implements host.Runner.
func (r *Runner) Run(ctx context.Context, cmd host.Command) error {
	r.mu.Lock()
	r.ran = append(r.ran, cmd)
	program := r.Programs[cmd.Name]
	r.mu.Unlock()
	if program == nil {
		return fmt.Errorf("cannot run %s: %w", cmd.Name, host.ErrNotFound)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if cmd.Stdout == nil {
		cmd.Stdout = io.Discard
	}
	if cmd.Stderr == nil {
		cmd.Stderr = io.Discard
	}
	return program(ctx, cmd)
}

// Find says where a listed program would be; it plays host.Find.
func (r *Runner) Find(name string) (string, error) {
	if r.Programs[name] == nil {
		return "", host.ErrNotFound
	}
	return "/usr/bin/" + name, nil
}

// Ran are the command lines so far.
func (r *Runner) Ran() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := make([]string, len(r.ran))
	for i, cmd := range r.ran {
		lines[i] = cmd.String()
	}
	return lines
}

// Says is a program that prints text and succeeds.
func Says(text string) Program {
	return func(_ context.Context, cmd host.Command) error {
		_, err := io.WriteString(cmd.Stdout, text)
		return err
	}
}

// Fails is a program that prints text to its standard error and ends with
// that status.
func Fails(code int, text string) Program {
	return func(_ context.Context, cmd host.Command) error {
		io.WriteString(cmd.Stderr, text)
		return &host.ExitError{Command: cmd.Name, Code: code, Stderr: text}
	}
}

// Expect reports an error unless exactly these command lines were run.
func (r *Runner) Expect(t testing.TB, lines ...string) {
	t.Helper()
	got := r.Ran()
	if len(got) == len(lines) {
		same := true
		for i := range lines {
			same = same && got[i] == lines[i]
		}
		if same {
			return
		}
	}
	t.Errorf("ran %q, want %q", got, lines)
}
