package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// Transport is how a request came in.
type Transport string

// The transports that carry the API.
const (
	// TLS is the management port; anyone on the network may be there.
	TLS Transport = "tls"
	// Unix is the agent's unix socket; the kernel vouches for the peer's user.
	Unix Transport = "unix"
	// Port is the virtio-serial port; whoever holds the hypervisor's end of it
	// owns the machine anyway.
	Port Transport = "port"
)

// ConsoleHeader, with the value "1", marks requests of the console's process.
// It counts only by root on the unix socket, and grants nothing: it is for the
// history.
const ConsoleHeader = "Ingot-Console"

// PollHeader, with the value "1", marks requests that a page or program makes
// by itself while nobody may be there: they keep no session alive.
const PollHeader = "Ingot-Poll"

// Caller is who sent a request. The zero Caller is let in nowhere but by [Open].
type Caller struct {
	Transport Transport
	// UID is the peer's user; meaningful only with [Unix].
	UID int
	// Address is the peer's network address; meaningful only with [TLS].
	Address string
	// Connection numbers the connection, later ones higher; see [Connections].
	Connection uint64

	// What follows [NewHandler] finds out of each request.

	// Who is an account, "token:NAME", "root" or "console"; "" is nobody.
	Who string
	// Account is that of a session, else "".
	Account string
	// Role is what the caller may do; "" is nothing.
	Role setting.Role
	// Console says that the request came from the console's process.
	Console bool
	// Expires is when the session or token ends; zero is never.
	Expires time.Time
	// identity is all that the key stands for.
	identity access.Identity

	// key is what the caller identified itself by, and denied why that did
	// not work.
	key    string
	denied error
}

// root says that the caller is the machine's root user, whatever account it
// speaks for.
func (c Caller) root() bool { return c.Transport == Unix && c.UID == 0 }

// by is the caller as the history names it.
func (c Caller) by() config.By {
	by := config.By{Who: c.Who, Connection: c.Connection, NotAccess: c.within(setting.ScopeAccess) != nil}
	switch {
	case c.Console:
		by.From = "console"
	case c.Transport == Unix:
		by.From = "unix"
	case c.Transport == TLS:
		by.From = c.Address
	}
	return by
}

// place is where the caller's attempts are counted.
func (c Caller) place() string {
	switch {
	case c.root():
		return access.Local
	case c.Transport == Unix:
		return fmt.Sprintf("user %d", c.UID)
	case c.Transport == TLS:
		return c.Address
	}
	return string(c.Transport)
}

// identify completes a caller by what a request says. A key that is not good
// makes nobody of the caller, even of root: who sends one wants to be taken
// for its owner. On the virtio-serial port there are no accounts.
func identify(gate *access.Gate, c Caller, r *http.Request) Caller {
	if c.Transport != TLS && c.Transport != Unix {
		return c
	}
	c.Console = c.root() && r.Header.Get(ConsoleHeader) == "1"
	header := r.Header.Get("Authorization")
	switch {
	case header != "":
		know := gate.Identify
		if r.Header.Get(PollHeader) == "1" {
			know = gate.Recognize
		}
		c.authorize(know, header)
	case c.Console:
		c.Who, c.Role = "console", setting.Admin
	case c.root():
		c.Who, c.Role = "root", setting.Admin
	}
	return c
}

func (c *Caller) authorize(know func(key, from string) (access.Identity, error), header string) {
	scheme, key, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		c.denied = &Error{Status: http.StatusUnauthorized, Message: "the header Authorization is not one that is taken",
			Hint: "send Authorization: Bearer KEY, with the key of a session or of an API token"}
		return
	}
	id, err := know(key, c.by().From)
	if err != nil {
		c.denied = err
		return
	}
	c.Who, c.Account, c.Role, c.Expires, c.key, c.identity = id.Who, id.Account, id.Role, id.Expires, key, id
}

// Access is the rule of who may call a route. Allow returns nil or an error
// that says why not; String is the rule in words.
type Access interface {
	Allow(Caller) error
	String() string
}

// Open lets everyone in who can reach the appliance. Only for facts that the
// console shows to every passer-by too, and for ways to identify oneself.
type Open struct{}

// Allow implements [Access].
func (Open) Allow(Caller) error { return nil }

func (Open) String() string { return "everyone" }

// Local lets in root on the unix socket, and the hypervisor's end of the
// virtio-serial port. Nobody comes in over the network.
type Local struct{}

// Allow implements [Access].
func (Local) Allow(c Caller) error {
	switch {
	case c.Transport == Port:
		return nil
	case c.denied != nil:
		return c.denied
	case c.root() && c.Role == setting.Admin:
		return nil
	case c.Transport == Unix:
		return &Error{Status: http.StatusForbidden, Message: "only root may ask this",
			Hint: "run the command as root"}
	default:
		return &Error{Status: http.StatusForbidden, Message: "this is answered on the appliance itself only",
			Hint: "use the unix socket as root, or the virtio-serial port org.ingotvm.agent"}
	}
}

func (Local) String() string { return "root on the appliance, and the virtio-serial port" }

// SignedIn lets in everyone who is somebody: an account, a token, root.
type SignedIn struct{}

// Allow implements [Access].
func (SignedIn) Allow(c Caller) error { return c.atLeast(setting.Auditor) }

func (SignedIn) String() string { return "everyone who is logged in" }

// Reader lets in auditors and whoever may more: to read all but secrets.
type Reader struct{}

// Allow implements [Access].
func (Reader) Allow(c Caller) error { return c.atLeast(setting.Auditor) }

func (Reader) String() string { return "auditor, operator, admin" }

// Operate lets in operators and admins: to keep the appliance running.
type Operate struct{}

// Allow implements [Access].
func (Operate) Allow(c Caller) error { return c.atLeast(setting.Operator) }

func (Operate) String() string { return "operator, admin" }

// Administer lets in admins: to change what the appliance is.
type Administer struct{}

// Allow implements [Access].
func (Administer) Allow(c Caller) error { return c.atLeast(setting.Admin) }

func (Administer) String() string { return "admin" }

// rank orders the roles; 0 is none.
func rank(r setting.Role) int {
	switch r {
	case setting.Auditor:
		return 1
	case setting.Operator:
		return 2
	case setting.Admin:
		return 3
	}
	return 0
}

// atLeast wants a role, or one that may more.
func (c Caller) atLeast(wanted setting.Role) error {
	switch {
	case c.denied != nil:
		return c.denied
	case rank(c.Role) >= rank(wanted):
		return nil
	case rank(c.Role) > 0:
		return &Error{Status: http.StatusForbidden, Message: fmt.Sprintf("the role %s may not do this", c.Role),
			Hint: fmt.Sprintf("it takes the role %s", wanted)}
	case c.Transport == Port:
		return &Error{Status: http.StatusForbidden, Message: "this is not answered on the virtio-serial port",
			Hint: "use the management port or the unix socket"}
	case c.Transport == Unix:
		return &Error{Status: http.StatusUnauthorized, Message: "this is not for everyone",
			Hint: "run the command as root, or log in"}
	default:
		return &Error{Status: http.StatusUnauthorized, Message: "this is not for everyone",
			Hint: "log in, or send an API token"}
	}
}

// within says whether a caller's scopes hold one; "" is in none of them.
func (c Caller) within(scope string) error {
	scopes := c.identity.Scopes
	if len(scopes) == 0 || slices.Contains(scopes, scope) {
		return nil
	}
	e := &Error{Status: http.StatusForbidden, Message: "this token is limited to other things", Hint: "it takes one without scopes"}
	if scope != "" {
		e.Hint = "it takes the scope " + scope
	}
	return e
}

// scope is what a token must not be limited away from to call a route; "" is
// for tokens without limits alone, such as the factory reset.
func (r Route) scope() string {
	in := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return r.Path == p || strings.HasPrefix(r.Path, p+"/") })
	}
	switch {
	case r.Method == http.MethodGet, in("/v1/preview"):
		return "read"
	case in("/v1/config", "/v1/revisions", "/v1/tls"):
		return "settings"
	case in("/v1/power", "/v1/restart"):
		return "power"
	case in("/v1/accounts", "/v1/tokens", "/v1/password", "/v1/factor", "/v1/passkeys", "/v1/sessions", "/v1/support"):
		return setting.ScopeAccess
	}
	return ""
}

type callerKey struct{}

// WithCaller notes who sent the requests of a connection.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who sent a request; the zero Caller when no server said.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
