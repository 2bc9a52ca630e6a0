package support

import "time"

// pause throws everybody out and notes that the session goes on when the agent
// does.
func (m *Manager) pause() {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.mu.Lock()
	o := m.open
	m.open = nil
	m.mu.Unlock()
	if o == nil {
		return
	}
	o.throwOut()
	k := o.kept
	k.Paused, k.Left = true, o.room.rest()
	if err := writeJSON(m.keptFile(), k); err != nil {
		m.opts.Log("support: %v", err) // the next start ends it
	}
	if err := m.save(o.told()); err != nil {
		m.opts.Log("support: %v", err)
	}
}

// takeUp goes on with the session that an earlier run of the agent paused, or
// notes how it ended. It does so once; m.turn is held.
func (m *Manager) takeUp() {
	if m.taken {
		return
	}
	m.taken = true
	k, ok := m.load()
	if err := m.forget(); err != nil {
		m.opts.Log("support: %v", err)
	}
	if !ok {
		return
	}
	s, err := m.read(k.Session)
	if err != nil {
		m.opts.Log("support: the session that was open is not there any more: %v", err)
		return
	}
	how := ByProblem
	cert, err := ParseCertificate(k.Certificate)
	switch {
	case k.BootID != m.opts.BootID || k.BootID == "":
		how = ByRestart
	case !k.Paused:
		how = ByAgent
	case time.Duration(k.Deadline)*time.Millisecond <= m.opts.Uptime():
		how = ByTime
	case err == nil && m.judge.check(cert, m.opts.Now()) == nil:
		// From now on a crash ends it.
		k.Paused = false
		if err := m.begin(s, cert, k); err != nil {
			m.opts.Log("support: %v", err)
			return
		}
		m.opts.Log("support: the session for %s goes on until %s", s.Name, clock(s.Until))
		return
	}
	s.Ended, s.How = m.opts.Now().UTC().Truncate(time.Second), how
	if err := m.save(s); err != nil {
		m.opts.Log("support: %v", err)
	}
	m.opts.Log("support: the session for %s has ended: %s", s.Name, how)
}
