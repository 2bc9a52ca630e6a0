package support

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// work is the program's life: all that it says is recorded and sent.
func (s *shell) work() {
	var outputs sync.WaitGroup
	s.greet()
	for _, o := range s.out {
		outputs.Go(func() { s.pass(o) })
	}
	s.open.tasks.Go(s.feed)
	code := s.process.Wait()
	s.process.Kill() // what it left behind
	outputs.Wait()
	s.finish()
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(code)}))
	_ = s.channel.Close() // now there are no more requests
}

// greet tells whoever sits at a terminal where they are.
func (s *shell) greet() {
	if s.terminal == nil {
		return
	}
	text := fmt.Sprintf("You are root on %s. All that happens here is recorded.\r\nThe session ends at %s, and with it all that you started.\r\n",
		line(s.open.m.opts.Host()), clock(s.open.told().Until))
	if s.recorded(s.rec.event(shown, []byte(text), s.open.m.opts.Now())) {
		_, _ = io.WriteString(s.channel, text)
	}
}

// pass records and sends what the program says, until its files are closed.
func (s *shell) pass(o output) {
	defer o.from.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := o.from.Read(buf)
		if n > 0 {
			if !s.recorded(s.rec.event(shown, buf[:n], s.open.m.opts.Now())) {
				return
			}
			if _, err := o.to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil { // the end; of a terminal, an input/output error
			return
		}
	}
}

// feed gives the program what is typed. Of a terminal only the time is
// recorded: what is typed is seen unless it is a password. What is sent into a
// program without terminal is seen by nobody, so all of it is.
func (s *shell) feed() {
	defer func() {
		if s.terminal == nil {
			s.in.Close() // the end of the input
		}
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := s.channel.Read(buf)
		if n > 0 {
			said := buf[:n]
			if s.terminal != nil {
				said = nil
			}
			if !s.recorded(s.rec.event(typed, said, s.open.m.opts.Now())) {
				return
			}
			if _, err := s.in.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// recorded says whether something was; if not, the program is ended, and when
// there is no more room, the session.
func (s *shell) recorded(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, errFull):
		// Who ends a session waits for all its tasks, and this is one.
		go s.open.m.end(ByFullness, "", s.open)
	case s.process != nil:
		go s.process.Kill()
	}
	return false
}

// finish notes the end of the program.
func (s *shell) finish() {
	if err := s.rec.close(); err != nil {
		s.open.m.opts.Log("support: cannot record: %v", err)
	}
	s.open.note(func(k *Session) {
		for i := range k.Shells {
			if k.Shells[i].Name == s.name {
				k.Shells[i].Ended = s.open.m.opts.Now().UTC().Truncate(time.Second)
			}
		}
	})
}
