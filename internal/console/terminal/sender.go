package terminal

import (
	"context"
	"io"
)

// Frame is one screen on its way to the terminal: its lines, all of one width,
// whether all are drawn anew, and what the terminal is asked before.
type Frame struct {
	Lines []string
	Width int
	Full  bool
	Ask   string
}

// Sender paints in its own goroutine: a serial line may take a second, in
// which keys are read all the same. Only the last screen is drawn then.
type Sender struct {
	frames chan Frame
	done   chan struct{}
}

// Start paints until the context ends; fail is told when out fails.
func Start(ctx context.Context, out io.Writer, fail func(error)) *Sender {
	s := &Sender{frames: make(chan Frame, 1), done: make(chan struct{})}
	go s.run(ctx, out, fail)
	return s
}

// Wait returns when the terminal was given back, after the context's end.
func (s *Sender) Wait() { <-s.done }

// Show is called from one goroutine.
func (s *Sender) Show(f Frame) {
	select {
	case old := <-s.frames:
		f.Full, f.Ask = f.Full || old.Full, old.Ask+f.Ask
	default:
	}
	s.frames <- f
}

func (s *Sender) run(ctx context.Context, out io.Writer, fail func(error)) {
	defer close(s.done)
	p := &painter{out: out}
	defer p.leave()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-s.frames:
			var err error
			if f.Ask != "" {
				err = p.send(f.Ask)
				f.Full = f.Full || f.Ask != AskSize
			}
			if f.Full {
				p.forget()
			}
			if err == nil {
				err = p.paint(f.Lines, f.Width)
			}
			if err != nil {
				fail(err)
				return
			}
		}
	}
}
