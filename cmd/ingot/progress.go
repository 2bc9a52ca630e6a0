package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/ingotvm/ingot/internal/pipeline"
)

// progress shows a run of the pipeline. It is a pipeline.Observer.
type progress struct {
	ui    *ui
	quiet bool
	now   func() time.Time

	mu      sync.Mutex
	running []*runningStage // in the order of their start
	said    map[string]time.Time
	stop    chan struct{}
	stopped sync.WaitGroup
}

type runningStage struct {
	name        string
	start       time.Time
	done, total int64
}

const (
	// redrawEvery makes seconds tick and bytes flow without flicker.
	redrawEvery = 100 * time.Millisecond
	// sayEvery is how often a long stage says that it lives where lines
	// cannot be redrawn, such as the logs of CI.
	sayEvery = 15 * time.Second
)

func newProgress(u *ui, quiet bool) *progress {
	p := &progress{ui: u, quiet: quiet, now: time.Now, said: map[string]time.Time{}, stop: make(chan struct{})}
	if quiet {
		return p
	}
	p.stopped.Go(func() {
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.show()
			}
		}
	})
	return p
}

// close ends the live display.
func (p *progress) close() {
	close(p.stop)
	p.stopped.Wait()
	p.ui.draw(nil)
}

// show draws the running stages, or says now and then that they run.
func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.ui.live {
		lines := make([]string, len(p.running))
		for i, s := range p.running {
			lines[i] = "  " + s.line(now)
		}
		p.ui.draw(lines)
		return
	}
	for _, s := range p.running {
		if now.Sub(p.said[s.name]) >= sayEvery {
			p.said[s.name] = now
			p.ui.notef("%s", s.line(now))
		}
	}
}

func (s *runningStage) line(now time.Time) string {
	text := fmt.Sprintf("%-14s %6s", s.name, seconds(now.Sub(s.start)))
	switch {
	case s.total > 0:
		text += fmt.Sprintf("  %s of %s (%d%%)", size(s.done), size(s.total), min(100, 100*s.done/s.total))
	case s.done > 0:
		text += "  " + size(s.done)
	}
	return text
}

func (p *progress) find(stage string) int {
	for i, s := range p.running {
		if s.name == stage {
			return i
		}
	}
	return -1
}

func (p *progress) remove(stage string) {
	if i := p.find(stage); i >= 0 {
		p.running = append(p.running[:i], p.running[i+1:]...)
	}
}

// StageStarted implements pipeline.Observer.
func (p *progress) StageStarted(stage string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.running = append(p.running, &runningStage{name: stage, start: now})
	p.said[stage] = now
	if !p.ui.live && !p.quiet {
		p.ui.notef("%-14s started", stage)
	}
}

// StageProgress implements pipeline.Observer.
func (p *progress) StageProgress(stage string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.find(stage); i >= 0 {
		p.running[i].done, p.running[i].total = done, total
	}
}

// StageFinished implements pipeline.Observer.
func (p *progress) StageFinished(r pipeline.StageResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(r.Stage)
	if p.quiet {
		return
	}
	if r.State == pipeline.Cached {
		p.ui.notef("%-14s %s", r.Stage, paint(p.ui.colourErr, faint, "cached"))
		return
	}
	text := fmt.Sprintf("%-14s %s in %s", r.Stage, paint(p.ui.colourErr, green, "done"), seconds(r.Duration))
	if r.Bytes > 0 {
		text += ", " + size(r.Bytes)
	}
	p.ui.notef("%s", text)
}

// StageFailed implements pipeline.Observer. The error itself ends the command.
func (p *progress) StageFailed(stage string, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(stage)
	if !p.quiet {
		p.ui.notef("%-14s %s", stage, paint(p.ui.colourErr, red, "failed"))
	}
}

// StageWaiting implements pipeline.Observer.
func (p *progress) StageWaiting(stage string) {
	if !p.quiet {
		p.ui.notef("%-14s waiting for another build, which is making it", stage)
	}
}

// Notice implements pipeline.Observer.
func (p *progress) Notice(stage, message string) {
	if stage != "" {
		message = stage + ": " + message
	}
	p.ui.notef("%s %s", paint(p.ui.colourErr, yellow, "ingot: note:"), message)
}
