package console

import (
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// polls are the questions that are asked again and again.
type polls struct{ status, setup, config, facts poll }

// poll is one of them.
type poll struct {
	due  time.Time // zero: at once
	busy bool
}

// tick asks what is due, and ends what has lasted too long.
func (m *Model) tick(now time.Time) {
	first := m.now.IsZero() || m.polls.status == poll{}
	m.now = now
	if first && m.serial {
		m.terminal(askTerminalSize{})
	}
	if now.Sub(m.lastFull) >= redrawEvery {
		m.redraw()
	}
	m.poll(&m.polls.status, askStatus{})
	if m.problem == "" && m.status != nil {
		m.poll(&m.polls.setup, askSetup{})
		m.poll(&m.polls.config, askConfig{})
		m.poll(&m.polls.facts, askFacts{})
	}
	if now.Sub(m.lastInput) >= idleAfter && len(m.pages) > 1 && m.waiting == 0 && m.complete() {
		m.leave()
	}
}

func (m *Model) poll(p *poll, what any) {
	if p.busy || m.now.Before(p.due) {
		return
	}
	p.busy = true
	m.ask(nil, what)
}

// polled takes the answer to a question that the model itself asked.
func (m *Model) polled(r reply) {
	ok := r.failure == nil
	switch r.call.what.(type) {
	case askStatus:
		m.polls.status = poll{due: m.now.Add(statusEvery)}
		if !ok {
			m.problem, m.polls.status.due = r.failure.message, m.now.Add(retryEvery)
			return
		}
		status := r.value.(wire.Status)
		if m.problem != "" || m.status == nil {
			m.polls.setup, m.polls.config, m.polls.facts = poll{}, poll{}, poll{}
			m.status, m.problem = &status, ""
			m.tick(m.now) // ask the rest at once
		}
		m.status, m.problem = &status, ""
	case askSetup:
		m.polls.setup = poll{due: m.now.Add(statusEvery)}
		if ok {
			m.learnSetup(r.value.(wire.Setup))
		}
	case askConfig:
		m.polls.config = poll{due: m.now.Add(configEvery)}
		if ok {
			m.learnConfig(r.value.(wire.Config))
		}
	case askFacts:
		m.polls.facts = poll{due: m.now.Add(factsEvery)}
		if ok {
			m.facts = r.value.(facts)
			m.learnLanguage()
		}
	}
}

// learnSetup takes what the agent says of the first boot, and asks its
// questions when it has some.
func (m *Model) learnSetup(s wire.Setup) {
	m.setup = &s
	m.learnLanguage()
	if m.complete() {
		if m.waiting > 0 {
			return // it may be what the wizard has just asked for; its answer comes yet
		}
		m.polls.setup.due = m.now.Add(setupEvery)
		if _, ok := m.top().(*wizardPage); ok { // a seed or a browser answered
			m.polls.facts = poll{}
			m.back()
			m.learnLanguage()
		}
		return
	}
	if len(m.pages) == 1 && !m.setUpLater {
		m.openSetup()
	}
}

func (m *Model) learnConfig(c wire.Config) {
	m.config, m.undoneAt = &c, time.Time{}
	if c.Pending != nil {
		m.undoneAt = m.now.Add(time.Duration(c.Pending.Seconds) * time.Second)
	}
}

// languageKey is the one property that the console itself follows.
const languageKey = "language.language"

// learnLanguage follows the configured language, but not while the wizard is
// asking for it.
func (m *Model) learnLanguage() {
	if _, ok := m.top().(*wizardPage); ok && m.wanted != "" {
		return
	}
	if m.setup != nil {
		for _, step := range m.setup.Steps {
			m.followLanguage(step.Properties)
		}
	}
	for _, s := range m.facts.settings {
		m.followLanguage(s.Properties)
	}
}

func (m *Model) followLanguage(properties []wire.Property) {
	for _, p := range properties {
		if p.Key == languageKey {
			m.chooseLanguage(p.Value)
		}
	}
}

// chooseLanguage changes the console's texts. A serial terminal is asked
// whether it could show those that ASCII cannot write.
func (m *Model) chooseLanguage(tag string) {
	if tag == m.wanted {
		return
	}
	m.wanted = tag
	if m.serial && tag == "ja" {
		m.terminal(askTerminalUTF8{})
	} else if m.serial && m.charset == terminal.Full {
		m.charset = terminal.ASCII
	}
}
