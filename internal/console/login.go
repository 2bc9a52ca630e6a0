package console

import (
	"net/http"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/console/terminal"
)

// loginPage asks who is there.
type loginPage struct {
	form *form
	said string
}

// firstAccount is the account that the first boot makes.
const firstAccount = "admin"

func newLogin(m *Model, said string) *loginPage {
	p := &loginPage{said: said, form: newForm([]wire.Property{
		{Key: "account", Title: m.t("login.account"), Type: "string", Value: firstAccount, Required: true},
		{Key: "password", Title: m.t("login.password"), Type: typeSecret, Required: true},
	}, false)}
	p.form.at = 1
	return p
}

func (p *loginPage) head(m *Model) string { return m.t("login.head") }
func (p *loginPage) foot(m *Model) string { return m.t("foot.loginform") }

func (p *loginPage) key(m *Model, k key) {
	switch {
	case k.name == "esc":
		m.back()
	case k.name == "f4":
		m.open(newForgot(m, p.form.fields[0].String()))
	case k.name == "enter" && p.form.at == 1 && p.form.check(m), p.form.key(m, k):
		p.said = ""
		m.ask(p, login{wire.Login{Account: p.form.fields[0].String(), Password: p.form.fields[1].String()}})
	}
}

func (p *loginPage) reply(m *Model, r reply) {
	switch {
	case r.failure == nil:
		m.enter(r.value.(wire.Session))
	case r.failure.goOn != "":
		m.replace(newCode(m, p.form.fields[0].String(), r.failure.goOn))
	default:
		p.form.fields[1].set("")
		p.form.at = 1
		p.form.general = []string{r.failure.text()}
	}
}

// enter is what follows a log-in.
func (m *Model) enter(s wire.Session) {
	m.token, m.account = s.Token, s.Account
	m.polls.config = poll{}
	m.replace(&menuPage{})
}

func (p *loginPage) body(m *Model, width, height int) []Line {
	var lines []Line
	if p.said != "" {
		lines = append(lines, Line{{" " + p.said, Wait}}, nil)
	}
	forgot := terminal.Wrap(m.t("login.forgot"), width-2)
	rest := height - len(lines) - len(forgot) - 1
	lines = append(lines, p.form.view(m, m.t("login.button"), width, min(rest, 8))...)
	lines = append(lines, nil)
	for _, part := range forgot {
		lines = append(lines, Line{{" " + part, Dim}})
	}
	return lines
}

// codePage asks for the code of the second factor, when the password was right.
type codePage struct {
	form    *form
	account string
	// goOn stands for the password.
	goOn string
}

func newCode(m *Model, account, goOn string) *codePage {
	return &codePage{account: account, goOn: goOn, form: newForm([]wire.Property{
		{Key: "code", Title: m.t("code.code"), Type: "string", Required: true},
	}, false)}
}

func (p *codePage) head(m *Model) string { return m.t("code.head") }
func (p *codePage) foot(m *Model) string { return m.t("foot.codeform") }

func (p *codePage) key(m *Model, k key) {
	switch {
	case k.name == "esc":
		m.back()
	case k.name == "f4":
		m.open(newForgot(m, p.account))
	case k.name == "enter" && p.form.at == 0 && p.form.check(m), p.form.key(m, k):
		m.ask(p, login{wire.Login{Continue: p.goOn, Code: p.form.fields[0].String()}})
	}
}

func (p *codePage) reply(m *Model, r reply) {
	switch {
	case r.failure == nil:
		m.enter(r.value.(wire.Session))
	case r.failure.status == http.StatusUnauthorized && r.failure.goOn == "":
		m.replace(newLogin(m, m.t("code.late")))
	default:
		p.form.fields[0].set("")
		p.form.at = 0
		p.form.general = []string{r.failure.text()}
	}
}

func (p *codePage) body(m *Model, width, height int) []Line {
	var lines []Line
	for _, part := range terminal.Wrap(m.t("code.text"), width-2) {
		lines = append(lines, Line{{" " + part, Plain}})
	}
	lost := terminal.Wrap(m.t("code.lost"), width-2)
	if height < 12 {
		lines, lost = nil, nil // the title and the last line say it, too
	}
	lines = append(lines, nil)
	lines = append(lines, p.form.view(m, m.t("login.button"), width, min(height-len(lines)-len(lost)-1, 8))...)
	lines = append(lines, nil)
	for _, part := range lost {
		lines = append(lines, Line{{" " + part, Dim}})
	}
	return lines
}

// presence is how long after the machine was switched on a password can be
// set without knowing one. The agent goes by the same; the page only says it.
const presence = 10 * time.Minute

// forgotPage sets a password for somebody who is there: who can switch the
// machine off and on owns it.
type forgotPage struct {
	form *form
	done bool
}

func newForgot(m *Model, account string) *forgotPage {
	return &forgotPage{form: passwordForm(m, account)}
}

// passwordForm asks for an account and its new password, twice.
func passwordForm(m *Model, account string) *form {
	f := newForm([]wire.Property{
		{Key: "account", Title: m.t("login.account"), Type: "string", Value: account, Required: true},
		{Key: "password", Title: m.t("password.new"), Type: typeSecret, Required: true, Help: m.t("password.help")},
	}, true)
	f.at = 1
	return f
}

func (p *forgotPage) head(m *Model) string { return m.t("forgot.head") }
func (p *forgotPage) foot(m *Model) string { return m.t("foot.form") }

func (p *forgotPage) key(m *Model, k key) {
	switch {
	case k.name == "esc", p.done && k.name == "enter":
		m.back()
	case p.done:
	case p.form.key(m, k):
		m.ask(p, setPassword{wire.NewPassword{Account: p.form.fields[0].String(), Password: p.form.fields[1].String()}})
	}
}

func (p *forgotPage) reply(m *Model, r reply) {
	if r.failure != nil {
		p.form.refused(m, r.failure)
		return
	}
	p.done = true
}

func (p *forgotPage) body(m *Model, width, height int) []Line {
	if p.done {
		return []Line{{{" " + m.t("password.done"), Good}}}
	}
	var lines []Line
	for _, part := range terminal.Wrap(p.explanation(m), width-2) {
		lines = append(lines, Line{{" " + part, Plain}})
	}
	lines = append(lines, nil)
	if height < 12 {
		lines = lines[:min(len(lines), 2)]
	}
	return append(lines, p.form.view(m, m.t("password.button"), width, height-len(lines))...)
}

// explanation says what physical presence means, and how much time there is.
func (p *forgotPage) explanation(m *Model) string {
	text := m.t("forgot.text")
	if m.status == nil {
		return text
	}
	up := time.Duration(m.status.Uptime) * time.Second
	if up < presence {
		return m.t("forgot.left", int((presence-up+time.Minute-1)/time.Minute)) + " " + text
	}
	return m.t("forgot.late") + " " + text
}

// passwordPage sets a password of an account, from the menu.
type passwordPage struct{ forgotPage }

// The fields of the form.
const (
	passwordOf = iota
	passwordNow
	passwordNew
)

func newPassword(m *Model) *passwordPage {
	f := passwordForm(m, m.account)
	now := &field{Property: wire.Property{Key: "current", Title: m.t("password.current"), Type: typeSecret, Help: m.t("password.current.help")}}
	f.fields = slices.Insert(f.fields, passwordNow, now)
	return &passwordPage{forgotPage{form: f}}
}

func (p *passwordPage) head(m *Model) string { return m.t("menu.password") }

func (p *passwordPage) key(m *Model, k key) {
	switch {
	case k.name == "esc", p.done && k.name == "enter":
		m.back()
	case p.done:
	case p.form.key(m, k):
		w := wire.NewPassword{Account: p.form.fields[passwordOf].String(), Password: p.form.fields[passwordNew].String()}
		if now := p.form.fields[passwordNow]; !now.Hidden {
			w.Current = now.String()
		}
		m.ask(p, setPassword{w})
	default: // only of the own account is it asked
		p.form.fields[passwordNow].Hidden = p.form.fields[passwordOf].String() != m.account
	}
}

func (p *passwordPage) body(m *Model, width, height int) []Line {
	if p.done {
		return []Line{{{" " + m.t("password.done"), Good}}}
	}
	return p.form.view(m, m.t("password.button"), width, height)
}
