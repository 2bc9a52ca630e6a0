package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/sys/unix"

	"github.com/ingotvm/ingot/internal/console/terminal"
)

// Options say how to draw. The zero value is a terminal of 80×24 that shows
// the letters of Western Europe.
type Options struct {
	Charset terminal.Charset
	// Serial says that the terminal may be anything: it is asked for its size
	// now and then, and for what it can show when a language needs it.
	Serial bool
	// Size gives columns and lines; asked each second. May be nil.
	Size func() (width, height int)
	// Input are the keys; may be nil.
	Input io.Reader
}

// lastWords is how long an answer is waited for when the console is to end:
// less than its unit lets it have.
const lastWords = time.Second

// Run shows the console on out until the context ends or out fails. An answer
// that somebody waits for is still shown, if it comes in [lastWords]: who
// restarts the machine, which ends the console, sees that it does.
func Run(parent context.Context, src Source, out io.Writer, opts Options) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	defer cancel(nil)
	s := terminal.Start(ctx, out, cancel)
	p := program{
		ctx: ctx, end: func() { cancel(nil) }, src: src, sender: s, size: opts.Size,
		model: NewModel(opts.Charset, opts.Serial, time.Now()),
	}
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithoutSignalHandler(),
		// Bubble Tea asks terminals more than a serial line's can bear; the
		// painter draws.
		tea.WithoutRenderer(), tea.WithOutput(io.Discard), tea.WithFPS(1),
		tea.WithColorProfile(colorprofile.ANSI), tea.WithEnvironment([]string{"TERM=linux"}),
		tea.WithInput(nil),
	}
	if opts.Input != nil {
		options = append(options, tea.WithInput(untilDone{ctx, opts.Input}))
	}
	running := tea.NewProgram(p, options...)
	stop := context.AfterFunc(parent, func() {
		time.AfterFunc(lastWords, p.end)
		running.Send(ending{})
	})
	defer stop()
	_, err := running.Run()
	failed := context.Cause(ctx) // nil unless out failed or the console ended
	cancel(nil)
	s.Wait()
	switch {
	case parent.Err() != nil:
		return nil
	case failed != nil:
		return fmt.Errorf("cannot draw the console: %w", failed)
	case err != nil:
		return fmt.Errorf("cannot run the console: %w", err)
	}
	return nil
}

// untilDone keeps a line that hung up from ending the console, which still
// draws for whoever comes back.
type untilDone struct {
	ctx context.Context
	in  io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if n > 0 {
		return n, nil
	}
	if err != nil {
		<-u.ctx.Done()
	}
	return n, err
}

// ending says that the console is to end.
type ending struct{}

// program lets Bubble Tea drive the model.
type program struct {
	ctx    context.Context
	end    func() // ends ctx
	ending bool
	src    Source
	sender *terminal.Sender
	size   func() (int, int)
	model  *Model
}

// Init implements [tea.Model].
func (p program) Init() tea.Cmd {
	return func() tea.Msg { return tick{time.Now()} }
}

// nextTick waits for the next second.
func (p program) nextTick() tea.Msg {
	select {
	case now := <-time.After(time.Second):
		return tick{now}
	case <-p.ctx.Done():
		return nil
	}
}

// View implements [tea.Model]; the painter draws instead.
func (p program) View() tea.View { return tea.View{} }

// Update implements [tea.Model].
func (p program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var commands []tea.Cmd
	if _, ok := msg.(tick); ok {
		commands = append(commands, p.nextTick)
		if p.size != nil {
			width, height := p.size()
			if width > 0 && height > 0 && (width != p.model.width || height != p.model.height) {
				p.model.Update(tea.WindowSizeMsg{Width: width, Height: height})
			}
		}
	}
	if size, ok := msg.(tea.WindowSizeMsg); ok && size.Width == 0 {
		return p, nil // Bubble Tea's own, of no terminal
	}
	if _, ok := msg.(ending); ok {
		p.ending = true
	}
	full, ask := false, ""
	for _, c := range p.model.Update(msg) {
		switch c.what.(type) {
		case redraw:
			full = true
		case askTerminalSize:
			ask += terminal.AskSize
		case askTerminalUTF8:
			ask += terminal.AskUTF8
		default:
			commands = append(commands, func() tea.Msg { return perform(p.ctx, p.src, c) })
		}
	}
	next := p.model.Screen().frame()
	next.Full, next.Ask = full, ask
	p.sender.Show(next)
	if p.ending && p.model.waiting == 0 {
		p.end()
	}
	return p, tea.Batch(commands...)
}

// RunTTY shows the console on a terminal device, such as /dev/tty1 or
// /dev/ttyS0, until ctx ends. It takes the terminal out of line mode while it
// does.
func RunTTY(ctx context.Context, src Source, device string) error {
	tty, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open the console: %w", err)
	}
	defer tty.Close()
	restore, err := terminal.Raw(tty)
	if err != nil {
		return err
	}
	defer restore()
	opts := Options{Input: terminal.Keys(tty), Size: func() (int, int) { return terminal.Size(tty) }}
	if terminal.IsSerial(device) {
		opts.Charset, opts.Serial = terminal.ASCII, true
	}
	return Run(ctx, src, tty, opts)
}
