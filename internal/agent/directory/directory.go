package directory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
)

// ErrDenied says that name and password do not belong together.
var ErrDenied = errors.New("the name or the password is wrong")

// ErrNoRole says that they do, and that no group of the person has a role.
var ErrNoRole = errors.New("the person is in no group that has a role")

// TroubleError says that the directory cannot be asked, or that its settings
// do not fit it.
type TroubleError struct {
	// Property is the key of the setting that most likely is wrong.
	Property string
	// Text says what is wrong, Hint what to do.
	Text, Hint string
	// dead says that nobody can be asked about: then nobody asks for a while.
	// What one name or password brings about keeps nobody else out.
	dead bool
}

func (e *TroubleError) Error() string { return e.Text }

const (
	// AtMost bounds a log-in.
	AtMost = 8 * time.Second
	// dialAtMost bounds the way to one server, its TLS included.
	dialAtMost = 3 * time.Second
	// restFor is how long nobody asks a directory that could not be asked.
	restFor = 10 * time.Second
	// maxPassword bounds what is sent, in bytes.
	maxPassword = 1024
)

// Options are where a directory is asked from; the zero value is right on the
// appliance.
type Options struct {
	// Dial opens connections; nil means the machine's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the time; nil means the machine's.
	Now func() time.Time
	// Log takes one line per trouble; nil drops them.
	Log func(format string, args ...any)
}

// Directory asks one directory after the other, as the settings say. Its
// methods may be called from any goroutine.
type Directory struct {
	opts Options

	mu sync.Mutex
	// trouble is why asked could not be, until when nobody asks again.
	trouble *TroubleError
	asked   setting.LDAP
	until   time.Time
}

// New is a directory that has asked nobody yet.
func New(opts Options) *Directory {
	if opts.Dial == nil {
		opts.Dial = new(net.Dialer).DialContext
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	boundPackets()
	return &Directory{opts: opts}
}

// Person is somebody of a directory.
type Person struct {
	// Name is as the directory writes it.
	Name string
	Role setting.Role
}

// Find is who has a name and a password. The error is [ErrDenied], [ErrNoRole]
// or a *[TroubleError]; the person's name is then there if it is known. A name
// that cannot be anybody's, or no password, is refused as late as any other.
func (d *Directory) Find(ctx context.Context, l setting.LDAP, name, password string) (Person, error) {
	if err := d.resting(l); err != nil {
		return Person{}, err
	}
	// Whoever goes away in the middle must not pass for a dead server.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), AtMost)
	defer done()
	p, err := d.find(ctx, l, name, password)
	var trouble *TroubleError
	if errors.As(err, &trouble) {
		d.note(l, trouble)
	} else {
		d.works()
	}
	return p, err
}

// find is a log-in as a story: a server, the search account, the person, their
// password, their groups.
func (d *Directory) find(ctx context.Context, l setting.LDAP, name, password string) (Person, error) {
	c, err := d.connect(ctx, l)
	if err != nil {
		return Person{}, err
	}
	defer c.Close()
	if err := c.search(); err != nil {
		return Person{}, err
	}
	entry, err := c.person(name)
	if err != nil {
		return Person{}, err
	}
	p := Person{Name: entry.name}
	// No password would be taken for nobody's, and right (RFC 4513, 5.1.2).
	if password == "" || len(password) > maxPassword || !utf8.ValidString(password) {
		return p, ErrDenied
	}
	if err := c.prove(entry.dn, password); err != nil {
		return p, err
	}
	if err := c.search(); err != nil {
		return p, err
	}
	groups, err := c.groups(entry)
	if err != nil {
		return p, err
	}
	if p.Role = roleOf(l, groups); p.Role == "" {
		return p, ErrNoRole
	}
	return p, nil
}

// Trouble is why a directory could not be asked last; "" when it could.
func (d *Directory) Trouble(l setting.LDAP) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trouble == nil || !reflect.DeepEqual(l, d.asked) {
		return ""
	}
	return d.trouble.Text
}

// resting says why nobody asks now.
func (d *Directory) resting(l setting.LDAP) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trouble != nil && reflect.DeepEqual(l, d.asked) && d.opts.Now().Before(d.until) {
		return d.trouble
	}
	return nil
}

func (d *Directory) note(l setting.LDAP, trouble *TroubleError) {
	d.opts.Log("the directory cannot be asked: %s", trouble.Text)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble, d.asked, d.until = trouble, l, time.Time{}
	if trouble.dead {
		d.until = d.opts.Now().Add(restFor)
	}
}

// works notes that the directory could be asked.
func (d *Directory) works() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = nil
}

// entry is a person's entry.
type entry struct {
	dn, name string
	// uid is the name by which posixGroup lists people.
	uid      string
	memberOf []string
}

// person is the only entry that has a name. Directories take names for the
// same that are not: other letters, spaces, accents. Then it is nobody's.
func (c *conn) person(name string) (entry, error) {
	real := foreign.IsName(name)
	if !real {
		name = "\u2400" // nobody's
	}
	filter := "(" + c.l.Name() + "=" + ldap.EscapeFilter(name) + ")"
	if c.l.Kind == setting.ActiveDirectory {
		filter = "(&(objectClass=user)(!(objectClass=computer))" + filter + ")"
	}
	if c.l.Filter != "" {
		filter = "(&" + c.l.Filter + filter + ")"
	}
	found, err := c.ask(c.l.Base, ldap.ScopeWholeSubtree, 2, filter, c.l.Name(), "uid", "memberOf")
	if err != nil {
		return entry{}, err
	}
	if len(found) > 1 {
		c.log("two people of the directory have the name %q: neither is let in", name)
	}
	if len(found) != 1 || !real {
		return entry{}, ErrDenied
	}
	e := entry{dn: found[0].DN, memberOf: found[0].GetEqualFoldAttributeValues("memberOf")}
	for _, v := range found[0].GetEqualFoldAttributeValues(c.l.Name()) {
		if strings.ToLower(v) == strings.ToLower(name) && foreign.IsName(v) {
			e.name = v
		}
	}
	if e.name == "" || e.dn == "" {
		return entry{}, ErrDenied
	}
	e.uid = e.name
	if uid := found[0].GetEqualFoldAttributeValue("uid"); uid != "" {
		e.uid = uid
	}
	return e, nil
}

// prove binds as a person. Whatever a server answers other than yes is no.
func (c *conn) prove(dn, password string) error {
	err := c.Bind(dn, password)
	var answer *ldap.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork:
		if answer.ResultCode != ldap.LDAPResultInvalidCredentials {
			c.log("the directory does not let %s in: %v", dn, answer)
		}
		return ErrDenied
	}
	return c.lost(err)
}

// lost is a connection that ended in the middle.
func (c *conn) lost(err error) error {
	return &TroubleError{Property: "ldap.servers", Text: fmt.Sprintf("%s does not answer any more: %v", c.server, err), Hint: "see whether it works"}
}
