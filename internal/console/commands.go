package console

import (
	"context"
	"errors"
	"time"

	"github.com/ingotvm/ingot/internal/api/client"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/words"
)

// call is one question to the agent: which page asks, as whom, what.
type call struct {
	from  page // nil: the model itself
	token string
	what  any // one of the types below
}

// reply is the answer to a call.
type reply struct {
	call  call
	value any
	// failure is nil when the agent did what it was asked.
	failure *failure
}

// failure is an answer that is not a success.
type failure struct {
	// status is HTTP's, 0 when nobody answered.
	status        int
	message, hint string
	problems      []wire.Problem
	// goOn stands for the password of a log-in that needs a code; else "".
	goOn string
}

// in is the failure in the language of the words.
func (f *failure) in(w words.Words) *failure {
	said := *f
	said.message, said.hint, said.problems = w.Sentence(f.message), w.Sentence(f.hint), make([]wire.Problem, len(f.problems))
	for i, p := range f.problems {
		p.Message, p.Hint = w.Sentence(p.Message), w.Sentence(p.Hint)
		said.problems[i] = p
	}
	return &said
}

// What can be asked. The value of the reply is named behind each.
type (
	askStatus    struct{}                           // wire.Status
	askSetup     struct{}                           // wire.Setup
	askConfig    struct{}                           // wire.Config
	askFacts     struct{}                           // facts
	askRevisions struct{}                           // []wire.Revision
	askDiff      struct{ from, to int }             // wire.Diff
	askLog       struct{ service string }           // wire.Log
	askPreview   struct{ values map[string]string } // []wire.Property; nil when the agent cannot tell

	answer struct{ wire.Answer } // wire.Setup
	change struct {              // wire.Changed
		base int
		wire.Change
	}
	confirm struct{}
	revert  struct { // wire.Changed
		base, to int
		why      string
	}
	login       struct{ wire.Login } // wire.Session
	logout      struct{}
	setPassword struct{ wire.NewPassword }
	power       struct{ action string }
	reset       struct{ confirm string }
	restart     struct{ service string }
	fix         struct{ notice string }
)

// What the terminal is asked, rather than the agent.
type (
	redraw          struct{}
	askTerminalSize struct{}
	askTerminalUTF8 struct{}
)

// facts are what the status screen shows beside the status.
type facts struct {
	settings  []wire.Setting
	resources []wire.Resource
}

// logLines are how many lines of the journal are shown.
const logLines = 200

// How long an answer may take. A change is validated, checked by services,
// applied and verified: each part has its own limit in the agent, which is
// what should run out.
const (
	askTimeout = 5 * time.Second
	doTimeout  = 3 * time.Minute
)

// perform asks the agent. It is the only place of the package that does.
func perform(ctx context.Context, src Source, c call) reply {
	timeout := doTimeout
	switch c.what.(type) {
	case askStatus, askSetup, askConfig, askFacts, askPreview:
		timeout = askTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.token != "" {
		src = src.As(c.token)
	}
	value, err := ask(ctx, src, c.what)
	return reply{c, value, failureOf(err)}
}

func ask(ctx context.Context, src Source, what any) (any, error) {
	switch q := what.(type) {
	case askStatus:
		return src.Status(ctx)
	case askSetup:
		return src.Setup(ctx)
	case askConfig:
		return src.Config(ctx)
	case askFacts:
		settings, err := src.Settings(ctx)
		if err != nil {
			return nil, err
		}
		resources, err := src.Resources(ctx)
		return facts{settings, resources}, err
	case askRevisions:
		return src.Revisions(ctx)
	case askDiff:
		return src.Diff(ctx, q.from, q.to)
	case askLog:
		return src.Log(ctx, q.service, logLines)
	case askPreview:
		if p, ok := src.(Previewer); ok {
			return p.Preview(ctx, q.values)
		}
		return []wire.Property(nil), nil
	case answer:
		return src.Answer(ctx, q.Answer)
	case change:
		return src.Change(ctx, q.base, q.Change)
	case revert:
		return src.Revert(ctx, q.base, q.to, q.why)
	case login:
		return src.Login(ctx, q.Login)
	}
	return nil, order(ctx, src, what)
}

// order is for what has no answer but success.
func order(ctx context.Context, src Source, what any) error {
	switch q := what.(type) {
	case confirm:
		return src.Confirm(ctx)
	case logout:
		return src.Logout(ctx)
	case setPassword:
		return src.SetPassword(ctx, q.NewPassword)
	case power:
		return src.Power(ctx, q.action)
	case reset:
		return src.Reset(ctx, q.confirm)
	case restart:
		return src.Restart(ctx, q.service)
	case fix:
		return src.Fix(ctx, q.notice)
	}
	return errors.New("the console asked what it cannot")
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return &failure{status: e.Status, message: e.Message, hint: e.Hint, problems: e.Problems, goOn: e.Continue}
	}
	return &failure{message: err.Error()}
}
