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
			select {
			case f := <-s.frames: // what was shown last is seen
				_ = p.show(f) // it ends either way
			default:
			}
			return
		case f := <-s.frames:
			if err := p.show(f); err != nil {
				fail(err)
				return
			}
		}
	}
}

// show asks the terminal what the frame asks, and paints it.
func (p *painter) show(f Frame) error {
	if f.Ask != "" {
		if err := p.send(f.Ask); err != nil {
			return err
		}
	}
	if f.Full || f.Ask != "" && f.Ask != AskSize {
		p.forget()
	}
	return p.paint(f.Lines, f.Width)
}
