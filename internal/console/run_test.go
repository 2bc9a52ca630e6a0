package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// line is a terminal that remembers what it is sent.
type line struct {
	mu  sync.Mutex
	buf bytes.Buffer
	err error
}

func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	return l.buf.Write(p)
}

// take gives what was sent since the last time.
func (l *line) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.buf.Reset()
	return l.buf.String()
}

func TestRunSendsOnlyWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent()
		agent.err = client.ErrUnreachable
		out := &line{}
		keys, typed := io.Pipe()
		ctx, cancelCause := context.WithCancelCause(t.Context())
		cancel := func() { cancelCause(errors.New("terminated signal received")) } // as signal.NotifyContext does
		done := make(chan error)
		go func() { done <- Run(ctx, agent, out, Options{Charset: terminal.ASCII, Serial: true, Input: keys}) }()
		next := func(wait time.Duration) string {
			time.Sleep(wait)
			synctest.Wait()
			return out.take()
		}
		if got := next(100 * time.Millisecond); !strings.Contains(got, "The management agent is starting.") || !strings.Contains(got, "\x1b[2J") {
			t.Errorf("the first screen is %q", got)
		}
		agent.set(func(*wire.Status) {}, nil)
		if got := next(2 * time.Second); !strings.Contains(got, "https://192.168.1.20:5480/") {
			t.Errorf("two seconds after the agent came up: %q", got)
		}
		if got := next(10 * time.Second); got != "" {
			t.Errorf("nothing changed, yet %d bytes were sent: %q", len(got), got)
		}
		agent.set(func(s *wire.Status) { s.Services[0].State, s.Services[0].Detail = wire.Failing, "gone" }, nil)
		if got := next(3 * time.Second); !strings.Contains(got, "failing: gone") || len(got) > 200 {
			t.Errorf("one line changed; %d bytes were sent: %q", len(got), got)
		}
		if _, err := typed.Write([]byte("\x0c")); err != nil {
			t.Fatal(err)
		}
		if got := next(time.Second); !strings.Contains(got, "\x1b[2J") || !strings.Contains(got, "failing: gone") || !strings.Contains(got, terminal.AskSize) {
			t.Errorf("Ctrl-L was pressed; sent %q", got)
		}
		if _, err := typed.Write([]byte("\x1b[30;100R")); err != nil {
			t.Fatal(err)
		}
		if got := next(time.Second); !strings.Contains(got, "\x1b[30;1H") {
			t.Errorf("the terminal said that it has 30 lines; sent %q", got)
		}
		agent.set(func(*wire.Status) {}, errors.New("cannot reach the agent"))
		if got := next(3 * time.Second); !strings.Contains(got, "AGENT STARTING") || strings.Contains(got, "\x1b[2J") {
			t.Errorf("the agent went away; sent %q", got)
		}
		if got := next(redrawEvery); strings.Count(got, "\x1b[2J") != 1 {
			t.Errorf("in a minute the screen was cleared %d times; want once", strings.Count(got, "\x1b[2J"))
		}
		cancel()
		typed.Close()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
		if got := out.take(); !strings.Contains(got, "\x1b[?25h") {
			t.Errorf("the cursor was not given back: %q", got)
		}
	})
}

func TestRunEndsWithItsTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &line{err: errors.New("input/output error")}
		if err := Run(t.Context(), newAgent(), out, Options{}); err == nil || !strings.Contains(err.Error(), "cannot draw the console") {
			t.Errorf("Run() = %v", err)
		}
	})
}

// restarting is an agent whose machine ends the console before the answer.
type restarting struct {
	*fakeAgent
	end  context.CancelFunc
	late time.Duration
}

func (r restarting) As(string) Source { return r }

func (r restarting) Power(context.Context, string) error {
	r.end()
	time.Sleep(r.late)
	return nil
}

// Who restarts the machine sees that it does, although this ends the console
// too; an agent that does not answer holds nothing up.
func TestRunShowsTheLastAnswer(t *testing.T) {
	for late, seen := range map[time.Duration]bool{lastWords / 2: true, 2 * lastWords: false} {
		synctest.Test(t, func(t *testing.T) {
			out := &line{}
			keys, typed := io.Pipe()
			defer typed.Close()
			ctx, cancel := context.WithCancel(t.Context())
			agent := restarting{newAgent(), cancel, late}
			agent.passwords["admin"] = "secret"
			done := make(chan error)
			go func() { done <- Run(ctx, agent, out, Options{Input: keys}) }()
			for _, key := range []string{"\r", "secret", "\r", "6", "\x1b[B"} {
				time.Sleep(2 * time.Second)
				if _, err := typed.Write([]byte(key)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			if got := out.take(); !strings.Contains(got, "Restart the machine?") {
				t.Fatalf("it does not ask before it restarts: %q", got)
			}
			asked := time.Now()
			if _, err := typed.Write([]byte("\r")); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Errorf("Run() = %v", err)
			}
			typed.Close()
			if got := out.take(); strings.Contains(got, "The machine restarts") != seen {
				t.Errorf("an answer after %v: it says %q", late, got)
			}
			if took := time.Since(asked); took > lastWords+time.Second {
				t.Errorf("an answer after %v: it took %v to end", late, took)
			}
			time.Sleep(late) // what the agent was asked ends
		})
	}
}

// A terminal that hung up still gets the screen: somebody may come back.
func TestRunOutlivesItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &line{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- Run(ctx, newAgent(), out, Options{Input: strings.NewReader("")}) }()
		time.Sleep(redrawEvery + 2*time.Second)
		synctest.Wait()
		if got := strings.Count(out.take(), "\x1b[2J"); got != 2 {
			t.Errorf("the screen was drawn %d times in a minute; want 2", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
}

func TestScreenLeavesTheLastCell(t *testing.T) {
	f := Screen{{{"ab", Plain}}, {{"cü", Bar}}}.frame()
	if want := []string{"\x1b[0mab\x1b[0m", "\x1b[0;1;37;44mc\x1b[0m"}; !slices.Equal(f.Lines, want) || f.Width != 2 {
		t.Errorf("the frame is %+v; want %q", f, want)
	}
}
