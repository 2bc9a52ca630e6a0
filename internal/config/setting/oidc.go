package setting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// OIDC is a provider (OpenID Connect) whose people may log in by browser.
type OIDC struct {
	// off or on; "" is off.
	State string `json:"state,omitempty"`
	// What the button of the log-in page says; "" is the issuer's host.
	Title string `json:"title,omitempty"`
	// The URL of the provider, exactly as it calls itself.
	Issuer string `json:"issuer,omitempty"`
	// The name under which the provider knows this appliance.
	ClientID string `json:"client_id,omitempty"`
	// The appliance's secret there; "" for a public client.
	ClientSecret string `json:"client_secret,omitempty"`
	// The certificates, in PEM, that the provider is trusted by; "" is those
	// that the system trusts.
	Authority string `json:"authority,omitempty"`
	// What is asked for besides openid; none is profile and email.
	Scopes []string `json:"scopes,omitempty"`
	// The claim that names people; "" is preferred_username.
	NameClaim string `json:"name_claim,omitempty"`
	// The claim that lists their groups; "" is groups.
	GroupsClaim string `json:"groups_claim,omitempty"`
	// Groups whose members are administrators, operators and auditors, as the
	// provider writes them.
	AdminGroups    []string `json:"admin_groups,omitempty"`
	OperatorGroups []string `json:"operator_groups,omitempty"`
	AuditorGroups  []string `json:"auditor_groups,omitempty"`
}

const (
	providerOff = "off"
	providerOn  = "on"
)

// IsZero says that nothing is said; the document then has no such part.
func (o OIDC) IsZero() bool {
	n := len(o.Scopes) + len(o.AdminGroups) + len(o.OperatorGroups) + len(o.AuditorGroups)
	o.Scopes, o.AdminGroups, o.OperatorGroups, o.AuditorGroups = nil, nil, nil, nil // empty lists say nothing
	return n == 0 && reflect.DeepEqual(o, OIDC{})
}

// On says whether the provider is asked.
func (o OIDC) On() bool { return o.State == providerOn }

// Name is what the button of the log-in page says.
func (o OIDC) Name() string {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return o.Title
	}
	return cmp.Or(o.Title, u.Hostname())
}

// Names and Groups are the claims that tell who somebody is and of what.
func (o OIDC) Names() string { return cmp.Or(o.NameClaim, "preferred_username") }

// Groups is the claim that lists groups.
func (o OIDC) Groups() string { return cmp.Or(o.GroupsClaim, "groups") }

// Asked are the scopes that are asked for.
func (o OIDC) Asked() []string {
	scopes := o.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile", "email"}
	}
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" })
	return append([]string{"openid"}, scopes...)
}

// RoleOf is the highest role of somebody in these groups; "" is none.
func (o OIDC) RoleOf(groups []string) Role {
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(g string) bool { return slices.Contains(groups, g) })
	}
	switch {
	case in(o.AdminGroups):
		return Admin
	case in(o.OperatorGroups):
		return Operator
	case in(o.AuditorGroups):
		return Auditor
	}
	return ""
}

type oidcSetting struct{}

func (oidcSetting) Key() string { return "oidc" }

// Default is none.
func (oidcSetting) Default(env Env, d *Document) {}

func (oidcSetting) Properties(env Env) []Property {
	one := func(p Property, place func(*OIDC) *string, check func(string) error) Property {
		p.Key, p.Group, p.When = "oidc."+p.Key, "Provider", func(d *Document) bool { return d.OIDC.On() }
		p.Get = func(d *Document) string { return *place(&d.OIDC) }
		p.Set = func(_ Env, d *Document, text string) error { return setText(place(&d.OIDC), text, check) }
		return p
	}
	groups := func(key, title, help string, place func(*OIDC) *[]string) Property {
		return Property{
			Key: "oidc." + key, Title: title, Help: help, Group: "Provider", Type: Text, When: func(d *Document) bool { return d.OIDC.On() },
			Get: func(d *Document) string { return strings.Join(*place(&d.OIDC), "\n") },
			Set: func(_ Env, d *Document, text string) error { return setGroups(place(&d.OIDC), text) },
		}
	}
	const perLine = " One per line, as the provider writes them."
	return []Property{
		{
			Key: "oidc.state", Title: "Log-in by a provider", Group: "Provider", Type: Enum, Default: providerOff,
			Help:    "Whether people of a provider (OpenID Connect) may log in, besides the accounts of the appliance, which always may.",
			Options: []Option{{providerOff, "Off"}, {providerOn, "On"}},
			Get:     func(d *Document) string { return cmp.Or(d.OIDC.State, providerOff) },
			Set:     setState,
		},
		one(Property{Key: "title", Title: "Its name", Type: String, Example: "Example Ltd",
			Help: "What the button of the log-in page says. Empty is the provider's host name."},
			func(o *OIDC) *string { return &o.Title }, checkTitle),
		one(Property{Key: "issuer", Title: "Issuer", Type: URL, Example: "https://login.example.com/realms/main",
			Help: "The URL of the provider, exactly as it calls itself. Below it is /.well-known/openid-configuration."},
			func(o *OIDC) *string { return &o.Issuer }, checkIssuer),
		one(Property{Key: "client_id", Title: "Client ID", Type: String,
			Help: "The name under which the provider knows this appliance."},
			func(o *OIDC) *string { return &o.ClientID }, checkLine),
		{
			Key: "oidc.client_secret", Title: "Client secret", Group: "Provider", Type: Secret, When: func(d *Document) bool { return d.OIDC.On() },
			Help: "What the provider gave with it. Empty for a public client.",
			Get:  func(d *Document) string { return hide(d.OIDC.ClientSecret) },
			Set:  func(_ Env, d *Document, text string) error { return setSecret(&d.OIDC.ClientSecret, text) },
		},
		one(Property{Key: "authority", Title: "Root of the provider", Type: Certificate,
			Help: "The root certificate, in PEM, by which the provider is trusted. Empty when it is one that the system trusts."},
			func(o *OIDC) *string { return &o.Authority }, checkRoots),
		{
			Key: "oidc.scopes", Title: "Scopes", Group: "Provider", Type: String, When: func(d *Document) bool { return d.OIDC.On() }, Example: "profile email groups",
			Help: "What is asked for besides openid, separated by spaces. Empty is profile and email.",
			Get:  func(d *Document) string { return strings.Join(d.OIDC.Scopes, " ") },
			Set:  setScopes,
		},
		one(Property{Key: "name_claim", Title: "Claim of the name", Type: String, Example: "email",
			Help: "The claim by which people are called. Empty is preferred_username."},
			func(o *OIDC) *string { return &o.NameClaim }, checkLine),
		one(Property{Key: "groups_claim", Title: "Claim of the groups", Type: String, Example: "realm_access.roles",
			Help: "The claim that lists their groups; dots lead into a claim. Empty is groups."},
			func(o *OIDC) *string { return &o.GroupsClaim }, checkLine),
		groups("admin_groups", "Administrators", "Groups whose members are administrators."+perLine, func(o *OIDC) *[]string { return &o.AdminGroups }),
		groups("operator_groups", "Operators", "Groups whose members are operators."+perLine, func(o *OIDC) *[]string { return &o.OperatorGroups }),
		groups("auditor_groups", "Auditors", "Groups whose members are auditors."+perLine+" Who is in none of all these groups cannot log in.",
			func(o *OIDC) *[]string { return &o.AuditorGroups }),
	}
}

// setState also forgets the secret of a provider that is no longer asked.
func setState(_ Env, d *Document, text string) error {
	switch text {
	case providerOff:
		d.OIDC.State, d.OIDC.ClientSecret = "", ""
	case providerOn:
		d.OIDC.State = text
	default:
		return fmt.Errorf("must be %s or %s", providerOff, providerOn)
	}
	return nil
}

func setScopes(_ Env, d *Document, text string) error {
	list := fields(text)
	for _, s := range list {
		if err := checkScope(s); err != nil {
			return fmt.Errorf("has %q, which %w", s, err)
		}
	}
	d.OIDC.Scopes = list
	return nil
}

// maxTitle is what a button holds, in bytes.
const maxTitle = 60

func checkTitle(text string) error {
	if !isLine(text) || len(text) > maxTitle {
		return fmt.Errorf("is not one line of at most %d characters", maxTitle)
	}
	return nil
}

// checkIssuer is what OpenID Connect Discovery 1.0 (section 3) demands.
func checkIssuer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is not a URL that begins with https:// and has neither a query nor a fragment")
	}
	return nil
}

// checkScope is RFC 6749's scope-token.
func checkScope(text string) error {
	if text == "" || len(text) > 100 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New("is not a scope")
	}
	return nil
}

// maxScopes bounds what is asked for.
const maxScopes = 20

func (oidcSetting) Validate(env Env, d *Document) []Problem {
	var found problems
	o := d.OIDC
	check := func(path, text string, check func(string) error) {
		if text == "" {
			return
		}
		if err := check(text); err != nil {
			found.add("oidc."+path, fmt.Sprintf("%.60q %v", text, err), "")
		}
	}
	if o.State != "" && o.State != providerOff && o.State != providerOn {
		found.add("oidc.state", fmt.Sprintf("%q is not a state", o.State), "it must be off or on")
	}
	check("title", o.Title, checkTitle)
	check("issuer", o.Issuer, checkIssuer)
	check("client_id", o.ClientID, checkLine)
	if o.ClientSecret != "" && checkLine(o.ClientSecret) != nil {
		found.add("oidc.client_secret", "the secret is not one line, or too long", "")
	}
	if o.Authority != "" {
		if err := checkRoots(o.Authority); err != nil {
			found.add("oidc.authority", "the root certificate "+err.Error(), "")
		}
	}
	if len(o.Scopes) > maxScopes {
		found.add("oidc.scopes", fmt.Sprintf("there are more than %d scopes", maxScopes), "")
	}
	for i, s := range o.Scopes {
		if checkScope(s) != nil {
			found.add(fmt.Sprintf("oidc.scopes[%d]", i), fmt.Sprintf("%.60q is not a scope", s), "")
		}
	}
	check("name_claim", o.NameClaim, checkLine)
	check("groups_claim", o.GroupsClaim, checkLine)
	validateGroups("oidc", o.AdminGroups, o.OperatorGroups, o.AuditorGroups, o.On(), &found)
	if o.On() && o.Issuer == "" {
		found.add("oidc.issuer", "the provider's URL is missing", "give it as the provider writes it")
	}
	if o.On() && o.ClientID == "" {
		found.add("oidc.client_id", "the client ID is missing", "register the appliance at the provider; it gives one")
	}
	return found
}

// Guards says whether somebody of the provider who can log in today may no
// longer. What the button says keeps nobody out.
func (oidcSetting) Guards(old, new *Document) bool {
	a, b := old.OIDC, new.OIDC
	a.Title, b.Title = "", ""
	return old.OIDC.On() && !reflect.DeepEqual(a, b)
}

// Check tries a provider that is new or another, as that of the directory does.
func (oidcSetting) Check(ctx context.Context, sys *System, _ Env, old, new *Document) []Problem {
	if sys.Outside == nil || !new.OIDC.On() || !old.Setup.Complete ||
		reflect.DeepEqual(old.OIDC, new.OIDC) || !reflect.DeepEqual(old.Network, new.Network) {
		return nil
	}
	return sys.Outside.CheckOIDC(ctx, new.OIDC, new.Network)
}

// Files are none: the agent reads the document at each log-in.
func (oidcSetting) Files(env Env, d *Document) ([]File, error) { return nil, nil }

func (oidcSetting) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return nil
}

func (oidcSetting) Verify(ctx context.Context, sys *System, env Env, d *Document) error { return nil }

func (oidcSetting) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
