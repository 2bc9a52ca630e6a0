package support

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Shells runs what people in a session run.
type Shells interface {
	// Start starts a program as root. The files are the caller's, who closes
	// them once it has returned.
	Start(p Program) (Process, error)
}

// Program is one to run.
type Program struct {
	// Name is unique on the machine, of lower-case letters, digits and dashes.
	Name string
	// Args begin with the program's path.
	Args []string
	// Env is its whole environment.
	Env []string
	// Files are its standard ones; all of them are Terminal if there is one.
	Files    [3]*os.File
	Terminal string
	// Left is when it must have ended, whatever becomes of the agent.
	Left time.Duration
}

// Process is a program that runs.
type Process interface {
	// Wait waits for its end and gives its exit status.
	Wait() int
	// Kill ends it and all that it started, and waits until nothing is left.
	// It may be called more than once, from any goroutine, and after the end.
	Kill()
}

// bash is the shell of appliances that have support in their definition.
const bash = "/bin/bash"

// shell is one channel: a program, and who is in front of it.
type shell struct {
	open    *open
	channel ssh.Channel
	name    string

	// terminal is the one that was asked for, or nil; term its kind.
	terminal      *terminal
	term          string
	columns, rows uint32

	started bool
	rec     *recorder
	process Process
	// in and out are the agent's ends of the program's files.
	in  io.WriteCloser
	out []output
}

// output is what the program says, and where that goes.
type output struct {
	from *os.File
	to   io.Writer
}

// run is a channel from its begin to its end.
func (o *open) run(asked ssh.NewChannel) {
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	s := &shell{open: o, channel: channel}
	var work sync.WaitGroup
	for r := range requests {
		idle := s.process == nil
		ok := s.request(r)
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if idle && s.process != nil {
			work.Go(s.work)
		}
	}
	// Whoever was in front of it has gone, or the session has ended.
	if s.process != nil {
		s.process.Kill()
	}
	s.closeFiles()
	work.Wait()
	_ = channel.Close()
}

// request answers one request of a channel (RFC 4254, 6).
func (s *shell) request(r *ssh.Request) bool {
	switch r.Type {
	case "pty-req":
		var p struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}
		_, permitted := s.open.cert.Extensions["permit-pty"] // ssh-keygen -O no-pty leaves it out
		return permitted && !s.started && s.terminal == nil && ssh.Unmarshal(r.Payload, &p) == nil && s.setTerminal(p.Term, p.Columns, p.Rows)
	case "window-change":
		var p struct{ Columns, Rows, Width, Height uint32 }
		return s.terminal != nil && ssh.Unmarshal(r.Payload, &p) == nil && s.resize(p.Columns, p.Rows)
	case "shell":
		return s.begin("")
	case "exec":
		var p struct{ Command string }
		return ssh.Unmarshal(r.Payload, &p) == nil && p.Command != "" && s.begin(p.Command)
	}
	return false // env, signal, subsystem (sftp), auth-agent, x11
}

func (s *shell) setTerminal(term string, columns, rows uint32) bool {
	t, err := openTerminal()
	if err != nil {
		s.open.m.opts.Log("support: %v", err)
		return false
	}
	if columns == 0 || rows == 0 { // nobody sits there
		columns, rows = 80, 24
	}
	s.terminal, s.term, s.columns, s.rows = t, line(term), columns, rows
	return t.resize(columns, rows) == nil
}

func (s *shell) resize(columns, rows uint32) bool {
	if s.rec != nil && !s.recorded(s.rec.event(resized, fmt.Appendf(nil, "%dx%d", columns, rows), s.open.m.opts.Now())) {
		return false
	}
	return s.terminal.resize(columns, rows) == nil
}

// begin starts the program, once.
func (s *shell) begin(command string) bool {
	if s.started {
		return false
	}
	s.started = true
	err := s.start(command)
	if err != nil {
		s.open.m.opts.Log("support: %v", err)
		fmt.Fprintf(s.channel.Stderr(), "%s\r\n", line(err.Error()))
		s.recorded(err)
		if s.rec != nil {
			s.finish()
		}
	}
	return err == nil
}

func (s *shell) start(command string) (err error) {
	o := s.open
	now := o.m.opts.Now()
	if s.name, err = o.newShell(command, now); err != nil {
		return err
	}
	session := o.told()
	head := header{Width: 80, Height: 24, Command: shorten(command, maxHeader), Title: session.Name + ", " + session.ID + ", " + s.name}
	if s.terminal != nil {
		head.Width, head.Height, head.Env = int(s.columns), int(s.rows), map[string]string{"TERM": s.term, "SHELL": bash}
	}
	if s.rec, err = record(o.m.folder(session.ID), s.name, head, o.room, now); err != nil {
		return err
	}
	p := Program{
		Name: "ingot-support-" + session.ID + "-" + s.name, Args: []string{bash, "--norc"}, Env: s.environment(),
		Left: o.deadline - o.m.opts.Uptime(),
	}
	if command != "" {
		p.Args = []string{bash, "-c", command}
	}
	files, err := s.files(&p)
	if err != nil {
		return err
	}
	s.process, err = o.m.opts.Shells.Start(p)
	for _, f := range files {
		f.Close() // the program has its own
	}
	return err
}

// newShell notes another shell, and gives its name.
func (o *open) newShell(command string, now time.Time) (name string, err error) {
	o.note(func(s *Session) {
		if len(s.Shells) >= maxShells {
			err = fmt.Errorf("a support session runs at most %d programs", maxShells)
			return
		}
		name = fmt.Sprint(len(s.Shells) + 1)
		s.Shells = append(s.Shells, Shell{Name: name, Command: shorten(command, maxCommand), Started: now.UTC().Truncate(time.Second)})
	})
	if err == nil && command != "" {
		o.m.opts.Log("support: shell %s runs %q", name, shorten(command, maxHeader))
	} else if err == nil {
		o.m.opts.Log("support: shell %s begins", name)
	}
	return name, err
}

func shorten(command string, most int) string {
	if len(command) > most {
		return strings.ToValidUTF8(command[:most], "") + " …"
	}
	return command
}

func (s *shell) environment() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "USER=root", "LOGNAME=root",
		"SHELL=" + bash, "LANG=C.UTF-8", `PS1=support@\h:\w\$ `}
	if s.terminal != nil {
		env = append(env, "TERM="+s.term)
	}
	return env
}

// files opens the program's standard files. Those that it gives are the
// program's, to be closed when it has been started.
func (s *shell) files(p *Program) ([]*os.File, error) {
	if t := s.terminal; t != nil {
		p.Files, p.Terminal = [3]*os.File{t.theirs, t.theirs, t.theirs}, t.theirs.Name()
		s.in, s.out = t.ours, []output{{t.ours, s.channel}}
		s.terminal.theirs = nil
		return p.Files[:1], nil
	}
	var ours, theirs [3]*os.File
	for i := range theirs {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot open a pipe: %w", err), closeAll(ours[:i]), closeAll(theirs[:i]))
		}
		ours[i], theirs[i] = r, w
		if i == 0 {
			ours[i], theirs[i] = w, r
		}
	}
	p.Files = theirs
	s.in, s.out = ours[0], []output{{ours[1], s.channel}, {ours[2], s.channel.Stderr()}}
	return theirs[:], nil
}

func closeAll(files []*os.File) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// closeFiles ends all reading and writing.
func (s *shell) closeFiles() {
	if t := s.terminal; t != nil {
		t.ours.Close()
		if t.theirs != nil {
			t.theirs.Close()
		}
	}
	if s.in != nil {
		s.in.Close()
	}
	if s.process == nil { // nobody reads them
		for _, o := range s.out {
			o.from.Close()
		}
	}
}
