package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/config/setting"
)

// env is what settings go by now, with the adapters that are there.
func (a *Agent) env() setting.Env {
	env := a.environment
	links, err := a.sys.Net.Links()
	if err != nil {
		a.opts.Log("%v", err) // forms then speak of no adapter by name
	}
	for _, l := range links {
		if l.Ethernet {
			env.Adapters = append(env.Adapters, l.Name)
		}
	}
	return env
}

// Config is the document in force, without secrets.
func (a *Agent) Config(context.Context) (wire.Config, error) {
	revision, pending := a.engine.Current()
	c, err := a.redacted(revision)
	c.Pending = wirePending(pending)
	return c, err
}

func (a *Agent) redacted(r config.Revision) (wire.Config, error) {
	data, err := json.Marshal(config.Redact(a.environment, r.Document))
	if err != nil {
		return wire.Config{}, fmt.Errorf("cannot encode the configuration: %w", err)
	}
	return wire.Config{Revision: r.Number, Document: data}, nil
}

func wirePending(p *config.Pending) *wire.Pending {
	if p == nil {
		return nil
	}
	return &wire.Pending{Revision: p.Revision, RevertTo: p.RevertTo, Seconds: int(p.Left.Seconds()), Settings: p.Settings}
}

// Change commits what a client asks for, or only tries it.
func (a *Agent) Change(ctx context.Context, by config.By, base int, c wire.Change) (wire.Changed, error) {
	edit, err := a.edit(c)
	if err != nil {
		return wire.Changed{}, err
	}
	change := config.Change{By: by, Why: cmp.Or(c.Why, about(c)), Base: base, Edit: keepSetup(edit)}
	before, _ := a.engine.Current()
	if c.Try {
		return wire.Changed{Revision: before.Number}, a.engine.Try(ctx, change)
	}
	revision, pending, err := a.engine.Commit(ctx, change)
	if err != nil {
		return wire.Changed{}, err
	}
	return a.changed(before, revision, pending), nil
}

// about are the settings that a change names, for the history of those who
// give no reason.
func about(c wire.Change) string {
	keys := map[string]bool{}
	for path := range c.Values {
		key, _, _ := strings.Cut(path, ".")
		keys[key] = true
	}
	var merge map[string]json.RawMessage
	if json.Unmarshal(c.Merge, &merge) == nil {
		for key := range merge {
			keys[key] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
}

// edit is the change that the body of a request describes.
func (a *Agent) edit(c wire.Change) (func(*setting.Document) error, error) {
	env := a.env()
	switch {
	case c.Document != nil:
		return config.EditReplace(env, c.Document), nil
	case c.Merge != nil:
		return config.EditMerge(env, c.Merge), nil
	case len(c.Values) > 0:
		return config.EditValues(env, c.Values), nil
	}
	return nil, &config.InvalidError{Problems: []setting.Problem{{
		Path: "body", Message: "nothing is to be changed", Hint: "give document, merge or values",
	}}}
}

// keepSetup refuses changes of how far the set-up is and of who accepted the
// licence: that is not for an administrator to say, but for the first boot.
func keepSetup(edit func(*setting.Document) error) func(*setting.Document) error {
	return func(d *setting.Document) error {
		before := d.Clone().Setup
		if err := edit(d); err != nil {
			return err
		}
		if !reflect.DeepEqual(d.Clone().Setup, before) {
			return &config.InvalidError{Problems: []setting.Problem{{
				Path: "setup", Message: "the set-up is answered, not changed", Hint: "leave this part as it is",
			}}}
		}
		return nil
	}
}

func (a *Agent) changed(before, after config.Revision, pending *config.Pending) wire.Changed {
	a.cache.drop()
	w := wire.Changed{Revision: after.Number, Pending: wirePending(pending)}
	if before.Number != after.Number {
		w.Diff, _ = a.engine.Diff(before.Number, after.Number) // the change stands without
	}
	return w
}

// Confirm keeps the pending change.
func (a *Agent) Confirm(_ context.Context, by config.By) error {
	defer a.cache.drop()
	return a.engine.Confirm(by)
}

// Revisions is the history, the newest first.
func (a *Agent) Revisions(context.Context) ([]wire.Revision, error) {
	all, err := a.engine.Revisions()
	if err != nil {
		return nil, err
	}
	current, pending := a.engine.Current()
	list := make([]wire.Revision, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		r := all[i]
		list = append(list, wire.Revision{
			Number: r.Number, Time: r.Time, Who: r.Who, From: r.From, Why: r.Why, Hash: r.Hash, Previous: r.Previous,
			Current: r.Number == current.Number, Unconfirmed: pending != nil && pending.Revision == r.Number,
		})
	}
	return list, nil
}

// Revision is one of the history, without secrets.
func (a *Agent) Revision(_ context.Context, n int) (wire.Config, error) {
	r, err := a.engine.Revision(n)
	if err != nil {
		return wire.Config{}, err
	}
	return a.redacted(r)
}

// Diff compares two revisions.
func (a *Agent) Diff(_ context.Context, from, to int) (wire.Diff, error) {
	text, err := a.engine.Diff(from, to)
	return wire.Diff{From: from, To: to, Diff: text}, err
}

// Revert puts the document of a revision in force again.
func (a *Agent) Revert(ctx context.Context, by config.By, base, to int, why string) (wire.Changed, error) {
	before, _ := a.engine.Current()
	if why == "" {
		why = "back to revision " + strconv.Itoa(to)
	}
	revision, pending, err := a.engine.RevertTo(ctx, by, base, to, why)
	if err != nil {
		return wire.Changed{}, err
	}
	return a.changed(before, revision, pending), nil
}

// Export is the document as a seed for another appliance.
func (a *Agent) Export(_ context.Context, secrets bool) ([]byte, error) {
	revision, _ := a.engine.Current()
	return config.Export(a.environment, revision.Document, secrets)
}

// Schema is the JSON Schema of the document.
func (a *Agent) Schema() ([]byte, error) { return setting.Schema(a.environment) }

// Settings are all settings with their properties, and how the live system
// compares with them.
func (a *Agent) Settings(ctx context.Context, facts func(key string) bool) ([]wire.Setting, error) {
	env := a.env()
	revision, _ := a.engine.Current()
	list := []wire.Setting{}
	for _, s := range setting.All() {
		w := wire.Setting{Key: s.Key(), Properties: []wire.Property{}, Facts: []wire.Fact{}}
		_, w.Guarded = s.(setting.Guard)
		for _, p := range s.Properties(env) {
			w.Properties = append(w.Properties, wireProperty(p, revision.Document))
		}
		if facts(s.Key()) {
			actual, err := s.Actual(ctx, a.sys, env, revision.Document)
			if err != nil {
				w.Problem = err.Error()
			}
			for _, f := range actual {
				w.Facts = append(w.Facts, wire.Fact(f))
			}
		}
		list = append(list, w)
	}
	return list, nil
}

// Preview are all properties as they would be with some values, for a form
// that shows what belongs to what was chosen. Values that cannot be set are
// left out: the form says so when it is sent.
func (a *Agent) Preview(_ context.Context, values map[string]string) ([]wire.Property, error) {
	d := a.asIf(values)
	list := []wire.Property{}
	for _, p := range setting.Properties(a.env()) {
		list = append(list, wireProperty(p, d))
	}
	return list, nil
}

// asIf is the document in force with some values that can be set; secrets stay
// as they are, for nothing is shown of them.
func (a *Agent) asIf(values map[string]string) *setting.Document {
	env := a.env()
	revision, _ := a.engine.Current()
	d := revision.Document.Clone()
	for _, p := range setting.Properties(env) {
		if text, ok := values[p.Key]; ok && p.Type != setting.Secret {
			_ = p.Set(env, d, text) // the form says so when it is sent
		}
	}
	return d
}

func wireProperty(p setting.Property, d *setting.Document) wire.Property {
	w := wire.Property{
		Key: p.Key, Title: p.Title, Help: p.Help, Group: p.Group, Step: p.Step, Type: string(p.Type),
		Default: p.Default, Example: p.Example, Required: p.Required,
		Value: p.Get(d), Hidden: p.When != nil && !p.When(d),
	}
	for _, o := range p.Options {
		w.Options = append(w.Options, wire.Option(o))
	}
	return w
}

// Firewall are the rules in force.
func (a *Agent) Firewall(context.Context) ([]wire.FirewallRule, error) {
	rules, err := a.sys.Net.Rules()
	if err != nil {
		return nil, err
	}
	list := make([]wire.FirewallRule, 0, len(rules))
	for _, r := range rules {
		list = append(list, wire.FirewallRule{
			Origin: r.Origin, Comment: r.Comment, Source: r.Source, Protocol: r.Protocol, Port: r.Ports(),
			Action: r.Action, Packets: r.Packets, Bytes: r.Bytes,
		})
	}
	return list, nil
}

// Resources are what the machine's size gives each service.
func (a *Agent) Resources(context.Context) []wire.Resource {
	list := []wire.Resource{}
	for _, r := range setting.Resources(a.environment) {
		list = append(list, wire.Resource{Service: r.Service, Name: r.Name, Formula: r.Formula, Value: r.Value, Bytes: r.Bytes})
	}
	return list
}

// Branding is how the vendor wants the pages.
func (a *Agent) Branding() wire.Branding {
	var b wire.Branding
	if wanted := a.boot.Definition.Branding; wanted != nil {
		b.Accent = wanted.Accent
		for _, l := range wanted.Links {
			b.Links = append(b.Links, wire.URL{Title: l.Title, URL: l.URL})
		}
	}
	if made := a.boot.Branding; made != nil {
		b.Logo, b.LogoType = made.Logo, made.LogoType
		for _, p := range made.Pages {
			b.Pages = append(b.Pages, wire.VendorPage(p))
		}
	}
	return b
}
