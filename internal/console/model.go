package console

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
	"github.com/ingotvm/ingot/internal/words"
)

// Model is everything that the console knows and shows. It is changed by
// [Model.Update] alone, which does no input or output and does not look at
// the clock.
type Model struct {
	width, height int
	charset       terminal.Charset
	// serial says that the terminal may be anything, and can be asked.
	serial bool

	now       time.Time
	lastInput time.Time
	lastFull  time.Time

	status *wire.Status // nil before the agent first answered
	// problem says why there is no newer status; "" when there is.
	problem string
	setup   *wire.Setup
	facts   facts
	config  *wire.Config
	// undoneAt is when the pending change is undone; zero without one.
	undoneAt time.Time

	// wanted is the language that was chosen; the terminal may not show it.
	wanted string

	token, account string

	// pages are what was opened, the status at the bottom; the last is shown.
	pages []page
	// waiting counts the calls of pages that are not answered.
	waiting int
	// ahead are the keys that were typed while a form asks what its values
	// mean: they come after the answer. previewing says that it does.
	ahead      []key
	previewing bool
	// setUpLater says that somebody left the wizard for the status.
	setUpLater bool

	polls polls
	calls []call
}

// page is one screen's part of the model.
type page interface {
	// key takes a key or a paste.
	key(m *Model, k key)
	// reply takes the answer to a call of this page, if it is still shown.
	reply(m *Model, r reply)
	// head is what the title's line says at the right.
	head(m *Model) string
	// body is what is between the bars, in at most height lines.
	body(m *Model, width, height int) []Line
	// foot says which keys there are.
	foot(m *Model) string
}

// key is one key press: its name as Bubble Tea spells it, and the characters
// that it types; or a paste.
type key struct {
	name string
	text string
}

const paste = "paste"

// tick is the time, each second.
type tick struct{ now time.Time }

// The console asks at these paces, so a change shows within two seconds;
// while the agent does not answer, twice as often.
const (
	statusEvery = 2 * time.Second
	retryEvery  = time.Second
	configEvery = 3 * time.Second
	factsEvery  = 15 * time.Second
	setupEvery  = 30 * time.Second // once it is complete
	// redrawEvery repairs what others wrote over the screen, such as the
	// kernel in an emergency: a full screen each minute is 3 % of a line of
	// 9600 baud.
	redrawEvery = time.Minute
	// idleAfter is how long a log-in, or what was typed, outlives the last key.
	idleAfter = 5 * time.Minute
)

// NewModel is the console before the agent first answered. The zero options
// are a terminal of 80×24 with the letters of Western Europe.
func NewModel(charset terminal.Charset, serial bool, now time.Time) *Model {
	m := &Model{width: 80, height: 24, charset: charset, serial: serial, now: now, lastInput: now, lastFull: now}
	m.pages = []page{&statusPage{}}
	return m
}

// Update takes what happened and gives what to ask.
func (m *Model) Update(msg any) []call {
	switch msg := msg.(type) {
	case tick:
		m.tick(msg.now)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.CursorPositionMsg:
		m.cursorReport(msg.X, msg.Y)
	case tea.KeyPressMsg:
		m.key(keyOf(msg))
	case tea.PasteMsg:
		m.key(key{paste, msg.Content})
	case reply:
		m.reply(msg)
	}
	calls := m.calls
	m.calls = nil
	return calls
}

// keyOf maps the ways in which terminals say the same.
func keyOf(msg tea.KeyPressMsg) key {
	k := key{msg.String(), msg.Text}
	switch k.name {
	case "ctrl+j", "ctrl+m", "kpenter":
		k.name = "enter"
	case "ctrl+h":
		k.name = "backspace"
	case "alt+tab": // Shift-Tab of Linux's own console
		k.name = "shift+tab"
	}
	return k
}

func (m *Model) key(k key) {
	m.lastInput = m.now
	if k.name == "ctrl+l" || k.name == "f5" {
		m.redraw()
		return
	}
	if m.previewing && len(m.ahead) < maxAhead {
		m.ahead = append(m.ahead, k)
	}
	if m.waiting > 0 {
		return // nobody means what the answer may bring
	}
	m.top().key(m, k)
}

// maxAhead is more than people type in the time of an answer.
const maxAhead = 200

// catchUp takes the keys that were typed ahead.
func (m *Model) catchUp() {
	keys := m.ahead
	m.ahead = nil
	for _, k := range keys {
		m.key(k)
	}
}

func (m *Model) redraw() {
	m.lastFull = m.now
	m.terminal(redraw{})
	if m.serial {
		m.terminal(askTerminalSize{})
		if m.wanted == "ja" {
			m.terminal(askTerminalUTF8{})
		}
	}
}

// cursorReport is a terminal's answer: in the first line it is to askUTF8,
// elsewhere its size.
func (m *Model) cursorReport(x, y int) {
	switch {
	case !m.serial:
	case y > 0 && x >= minWidth-1 && y >= minHeight-1:
		m.width, m.height = min(x+1, 500), min(y+1, 200)
	case y == 0 && x == 2:
		m.charset = terminal.Full
		m.terminal(redraw{})
	case y == 0:
		m.charset = terminal.ASCII
		m.terminal(redraw{})
	}
}

// ask asks the agent for a page, which takes no keys until the answer is there.
func (m *Model) ask(from page, what any) {
	if from != nil {
		m.waiting++
		_, m.previewing = what.(askPreview)
	}
	m.calls = append(m.calls, call{from, m.token, what})
}

// terminal asks the terminal.
func (m *Model) terminal(what any) { m.calls = append(m.calls, call{what: what}) }

func (m *Model) reply(r reply) {
	if r.failure != nil {
		r.failure = r.failure.in(m.words())
	}
	if r.call.from == nil {
		m.polled(r)
		return
	}
	m.waiting--
	m.previewing = false
	defer m.catchUp()
	if r.failure != nil && r.failure.status == 401 && r.call.token != "" && r.call.token == m.token {
		m.leave()
		m.open(newLogin(m, m.t("login.expired")))
		return
	}
	if m.top() == r.call.from {
		m.top().reply(m, r)
	}
}

func (m *Model) top() page { return m.pages[len(m.pages)-1] }

func (m *Model) open(p page) { m.pages = append(m.pages, p) }

// back closes the page that is shown.
func (m *Model) back() {
	if len(m.pages) > 1 {
		m.pages = m.pages[:len(m.pages)-1]
	}
}

// replace shows another page instead.
func (m *Model) replace(p page) {
	m.back()
	m.open(p)
}

// leave closes all pages and ends the log-in.
func (m *Model) leave() {
	if m.token != "" {
		m.ask(nil, logout{})
	}
	m.token, m.account = "", ""
	m.pages = m.pages[:1]
}

// complete says whether the first boot's questions are answered; true as long
// as nobody knows, and when there is nothing to ask.
func (m *Model) complete() bool {
	return m.setup == nil || m.setup.Adopt == nil && (m.setup.Complete || len(m.setup.Steps) == 0)
}

// pending is the change that waits, or nil.
func (m *Model) pending() *wire.Pending {
	if m.config == nil || m.config.Pending == nil || !m.now.Before(m.undoneAt) {
		return nil
	}
	return m.config.Pending
}

// clean makes a text of the agent's fit for the terminal.
func (m *Model) clean(s string) string { return terminal.Clean(s, m.charset) }

// words are the messages in the language that was chosen.
func (m *Model) words() words.Words { return words.Words{Wanted: m.wanted, Charset: m.charset} }

// t is a message in the console's language.
func (m *Model) t(id string, args ...any) string { return m.words().Text(id, args...) }

// say is a sentence of the agent's in the console's language.
func (m *Model) say(english string) string { return m.words().Sentence(english) }

// The smallest screen that is drawn; a terminal that is smaller, or does not
// tell, shows what fits.
const (
	minWidth  = 40
	minHeight = 10
)

// size of what is drawn.
func (m *Model) size() (width, height int) { return max(m.width, minWidth), max(m.height, minHeight) }

// bodyHeight is what is between the bars: not the title, a blank line and the foot.
func (m *Model) bodyHeight() int {
	_, height := m.size()
	return height - 3
}

// Screen draws what is shown now.
func (m *Model) Screen() Screen {
	width, height := m.size()
	p := m.top()
	screen := append(Screen{m.title(p, width), nil}, p.body(m, width, height-3)...)
	for len(screen) < height-1 {
		screen = append(screen, nil)
	}
	screen = append(screen[:height-1], m.foot(p, width))
	for i, line := range screen {
		// Pages clean what they lay out; this is so that none can forget it.
		safe := make(Line, len(line))
		for j, span := range line {
			safe[j] = Span{m.clean(span.Text), span.Style}
		}
		screen[i] = safe.fit(width)
	}
	return screen
}

// title is the bar at the top: the product at the left, its state or the
// page's name at the right.
func (m *Model) title(p page, width int) Line {
	name, style := m.t("title.appliance"), Bar
	if s := m.status; s != nil {
		name = s.Title + " " + s.Version
		if s.Variant != "" {
			name += " (" + s.Variant + ")"
		}
		if s.Vendor != "" {
			name += " - " + s.Vendor
		}
	}
	state := p.head(m)
	if _, ok := p.(*statusPage); ok {
		state, style = m.state()
	}
	if m.problem != "" {
		state, style = m.t("state.agent"), BarWait
	}
	state = " " + m.clean(state) + " "
	left := terminal.Pad(" "+m.clean(name), width-terminal.Cells(state))
	return Line{{left, Bar}, {state, style}}
}

// state is how the appliance is, for the title.
func (m *Model) state() (string, Style) {
	switch {
	case m.status == nil:
		return m.t("state.starting"), BarWait
	case !m.complete():
		return m.t("state.setup"), BarWait
	}
	switch m.status.State {
	case wire.Healthy:
		return m.t("state.healthy"), BarGood
	case wire.Starting:
		return m.t("state.starting"), BarWait
	case wire.Degraded:
		return m.t("state.degraded"), BarBad
	}
	return strings.ToUpper(string(m.status.State)), BarBad
}

// foot is the bar at the bottom: the keys, and at the right who is logged in.
func (m *Model) foot(p page, width int) Line {
	left, right := p.foot(m), ""
	switch {
	case m.waiting > 0 && !m.previewing:
		left = m.t("foot.wait")
	case m.account != "":
		right = m.account
	case m.status != nil && m.status.Uptime > 0:
		right = m.t("foot.up", length(m, time.Duration(m.status.Uptime)*time.Second))
	}
	left, right = " "+short(m.clean(left), width-1), m.clean(right)+" "
	if terminal.Cells(left)+terminal.Cells(right) >= width {
		right = " "
	}
	return Line{{terminal.Pad(left, width-terminal.Cells(right)) + right, Bar}}
}

// short leaves out the first keys of a foot that is too long: the last are how
// to go on and how to go back.
func short(foot string, width int) string {
	for terminal.Cells(foot) > width {
		_, rest, found := strings.Cut(foot, "  ")
		if !found {
			break
		}
		foot = rest
	}
	return foot
}

// length says a duration in whole minutes: the screen is drawn anew when its
// text changes, and a serial line is slow.
func length(m *Model, d time.Duration) string {
	switch {
	case d < time.Minute:
		return m.t("length.less")
	case d < time.Hour:
		return m.t("length.min", int(d/time.Minute))
	case d < 24*time.Hour:
		return m.t("length.hour", int(d/time.Hour), int(d%time.Hour/time.Minute))
	default:
		return m.t("length.day", int(d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour))
	}
}
