package agent

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/ingotvm/ingot/internal/agent/access"
	"github.com/ingotvm/ingot/internal/agent/directory"
	"github.com/ingotvm/ingot/internal/agent/oidc"
	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// outside are the people that are kept elsewhere, as the document in force
// says.
type outside struct {
	document  func() *setting.Document
	directory *directory.Directory
	provider  *oidc.Client
	// changed is called when there is trouble, or no more.
	changed func()
}

// openOutside makes ready to ask for people who are kept elsewhere.
func (a *Agent) openOutside() error {
	provider, err := oidc.New(oidc.Options{Log: a.opts.Log})
	if err != nil {
		return err
	}
	a.outside = &outside{
		document: func() *setting.Document {
			revision, _ := a.engine.Current()
			return revision.Document
		},
		directory: directory.New(directory.Options{Log: a.opts.Log}), provider: provider, changed: a.cache.drop,
	}
	a.sys.Outside = a.outside
	return nil
}

// Directory is what the gate asks for who has no account.
func (a *Agent) Directory() access.Directory { return a.outside }

// On implements [access.Directory].
func (o *outside) On() bool { return o.document().LDAP.On() }

// Find implements [access.Directory].
func (o *outside) Find(ctx context.Context, name, password string) (access.Person, error) {
	l := o.document().LDAP
	if !l.On() {
		return access.Person{}, access.ErrDenied
	}
	before := o.directory.Trouble(l)
	found, err := o.directory.Find(ctx, l, name, password)
	if o.directory.Trouble(l) != before {
		o.changed()
	}
	p := access.Person{Role: found.Role, Good: func() bool { return reflect.DeepEqual(o.document().LDAP, l) }}
	if found.Name != "" {
		p.Who = "ldap:" + found.Name
	}
	var trouble *directory.TroubleError
	switch {
	case errors.Is(err, directory.ErrDenied):
		err = access.ErrDenied
	case errors.Is(err, directory.ErrNoRole):
		err = access.ErrNoRole
	case errors.As(err, &trouble):
		err = access.ErrElsewhere // what is wrong is not for strangers
	}
	return p, err
}

// CheckLDAP implements [setting.Outside].
func (o *outside) CheckLDAP(ctx context.Context, l setting.LDAP) []setting.Problem {
	return o.directory.Check(ctx, l)
}

// CheckOIDC implements [setting.Outside].
func (o *outside) CheckOIDC(ctx context.Context, s setting.OIDC, n setting.Network) []setting.Problem {
	return o.provider.Check(ctx, s, n)
}

// providerError is why nobody is let in by a provider.
type providerError struct {
	err    error
	status int
	hint   string
}

func (e *providerError) Error() string { return e.err.Error() }

// Unwrap is the error itself.
func (e *providerError) Unwrap() error { return e.err }

// Status and Hint are for the API.
func (e *providerError) Status() int  { return e.status }
func (e *providerError) Hint() string { return e.hint }

var errNoProvider = &providerError{errors.New("nobody is let in by a provider here"), http.StatusNotFound, "log in with an account and its password"}

// Provider is who else lets people in.
func (a *Agent) Provider(context.Context) wire.Provider {
	if o := a.outside.document().OIDC; o.On() {
		return wire.Provider{Title: o.Name()}
	}
	return wire.Provider{}
}

// BeginProvider is where to send a browser to.
func (a *Agent) BeginProvider(ctx context.Context, b wire.BeginProvider) (wire.BegunProvider, error) {
	d := a.outside.document()
	if !d.OIDC.On() {
		return wire.BegunProvider{}, errNoProvider
	}
	before := a.outside.provider.Trouble(d.OIDC, d.Network)
	url, key, err := a.outside.provider.Begin(ctx, d.OIDC, d.Network, b.Redirect)
	if a.outside.provider.Trouble(d.OIDC, d.Network) != before {
		a.outside.changed()
	}
	if err != nil {
		return wire.BegunProvider{}, refusal(err)
	}
	return wire.BegunProvider{URL: url, Key: key}, nil
}

// FinishProvider is whom the provider vouches for; with [access.ErrNoRole] it
// is somebody all the same.
func (a *Agent) FinishProvider(ctx context.Context, f wire.FinishProvider) (access.Person, error) {
	d := a.outside.document()
	s := d.OIDC
	if !s.On() {
		return access.Person{}, errNoProvider
	}
	found, err := a.outside.provider.Finish(ctx, s, d.Network, oidc.Answer{
		Key: f.Key, State: f.State, Code: f.Code, Issuer: f.Issuer, Error: f.Error, Text: f.ErrorDescription,
	})
	p := access.Person{Who: "oidc:" + found.Name, Role: found.Role, Good: func() bool { return sameProvider(a.outside.document().OIDC, s) }}
	return p, refusal(err)
}

// sameProvider says whether what lets people in is the same; what the button
// says does not.
func sameProvider(a, b setting.OIDC) bool {
	a.Title, b.Title = "", ""
	return reflect.DeepEqual(a, b)
}

// refusal is an error of a log-in by a provider, with its status.
func refusal(err error) error {
	var trouble *oidc.TroubleError
	var refused *oidc.RefusedError
	var doubt *oidc.DoubtError
	switch {
	case errors.Is(err, oidc.ErrNoRole):
		return access.ErrNoRole
	case errors.Is(err, oidc.ErrState):
		return &providerError{err, http.StatusConflict, "begin again"}
	case errors.As(err, &refused):
		return &providerError{err, http.StatusBadRequest, "try again, or ask whoever runs the provider"}
	case errors.As(err, &doubt):
		return &providerError{err, http.StatusBadRequest, doubt.Hint}
	case errors.As(err, &trouble):
		return &providerError{err, http.StatusBadGateway, trouble.Hint}
	}
	return err
}

// outsideNotices say that people who are kept elsewhere cannot log in now.
// Everybody may read them, so they do not say why.
func (a *Agent) outsideNotices(d *setting.Document) (list []wire.Notice) {
	const hint = "Check only, on its page in the settings, says why"
	if d.LDAP.On() && a.outside.directory.Trouble(d.LDAP) != "" {
		list = append(list, wire.Notice{ID: "ldap", Level: wire.Warning, Text: "the directory cannot be asked, so its people cannot log in", Hint: hint})
	}
	if d.OIDC.On() && a.outside.provider.Trouble(d.OIDC, d.Network) != "" {
		list = append(list, wire.Notice{ID: "oidc", Level: wire.Warning, Text: "the provider cannot be asked, so its people cannot log in", Hint: hint})
	}
	return list
}
