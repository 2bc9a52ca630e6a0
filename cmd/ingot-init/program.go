package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// run runs a program of the root to its end and returns what it said and its
// status. There is no PATH here and no shell: two programs of e2fsprogs and
// the agent are all that this is for. Not os/exec, which internal/host alone
// uses and which needs more of a system than there is yet.
func run(program string, args ...string) (output string, status int, err error) {
	return runFor(0, program, args...)
}

// runFor is run, and kills the program after a time unless that is 0.
func runFor(limit time.Duration, program string, args ...string) (output string, status int, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return "", 0, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	p, err := os.StartProcess(program, append([]string{program}, args...), &os.ProcAttr{
		Files: []*os.File{null, w, w},
		Env:   []string{"PATH=/usr/sbin:/usr/bin", "LC_ALL=C"},
	})
	w.Close()
	if err != nil {
		return "", 0, fmt.Errorf("cannot run %s: %w", program, err)
	}
	var late atomic.Bool
	if limit > 0 {
		defer time.AfterFunc(limit, func() {
			late.Store(true)
			_ = p.Kill()                      // may just have ended
			_ = r.SetReadDeadline(time.Now()) // somebody may have inherited the other end
		}).Stop()
	}
	var said bytes.Buffer
	_, copyErr := io.Copy(&said, io.LimitReader(r, 64<<10))
	_, _ = io.Copy(io.Discard, r) // the rest, so that the program can end
	state, err := p.Wait()
	if late.Load() {
		return "", 0, fmt.Errorf("cannot run %s: it was not done after %v", program, limit)
	}
	if err == nil {
		err = copyErr
	}
	if err != nil {
		return "", 0, fmt.Errorf("cannot run %s: %w", program, err)
	}
	return strings.TrimSpace(said.String()), state.ExitCode(), nil
}
