package repository

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// DefaultPatches is how many earlier versions a release has patches from.
const DefaultPatches = 5

// AddOptions say what is released, and how.
type AddOptions struct {
	// Dir is a folder with the files of a slot, as the builder leaves them:
	// manifest.json and what it lists; sbom.spdx.json is taken along.
	Dir     string
	Channel string
	// Notes are Markdown by language.
	Notes      map[string]string
	Advisories []release.Advisory
	Security   bool
	Floor      bool
	// Minimum is the least version that it can be installed over; "" is any.
	Minimum string
	Waves   []release.Wave
	// Patches is from how many earlier versions patches are made.
	Patches int
	// Progress is told what is being done; may be nil.
	Progress func(what string)
}

// Added is what became of a release.
type Added struct {
	Product string
	Version string
	// New says that it was not there before, InChannel that it had been
	// offered in the channel already.
	New       bool
	InChannel bool
	Release   *release.Release
}

// Add releases a version: its files first, then its description, then its
// place in the channel. What was added before is left as it is; the same
// version with other content is an [ErrOther].
func (r *Repository) Add(ctx context.Context, o AddOptions) (Added, error) {
	if !release.IsChannel(o.Channel) {
		return Added{}, fmt.Errorf("cannot release to the channel %q: a channel is written in small letters, such as stable", o.Channel)
	}
	if o.Minimum != "" && !appliance.IsVersion(o.Minimum) {
		return Added{}, fmt.Errorf("cannot release for version %q: it is none", o.Minimum)
	}
	if err := release.CheckWaves(o.Waves); err != nil {
		return Added{}, fmt.Errorf("cannot release in these waves: %w", err)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	p, err := prepare(ctx, o)
	if err != nil {
		return Added{}, err
	}
	defer os.RemoveAll(p.temp)
	added := Added{Product: p.release.Product, Version: p.release.Manifest.Version}
	err = r.edit(ctx, false, func(s *state) error { return r.add(ctx, s, o, p, &added) })
	return added, err
}

// add enters a release that has been prepared.
func (r *Repository) add(ctx context.Context, s *state, o AddOptions, p *prepared, added *Added) error {
	target := release.ReleaseTarget(added.Product, added.Version)
	var before release.Release
	there, err := r.document(s, target, &before)
	if err != nil {
		return err
	}
	switch {
	case there && !sameContent(&before, p.release):
		return fmt.Errorf("cannot release %s %s: %w: give it another version", added.Product, added.Version, ErrOther)
	case there && !sameWords(&before, p.release):
		return fmt.Errorf("cannot release %s %s: %w: its notes, advisories or conditions were others, and stay", added.Product, added.Version, ErrOther)
	case there:
		p.release = &before
		if err := r.mend(p); err != nil {
			return err
		}
	default:
		added.New = true
		p.release.Published = r.Keys.now()
		if err := r.patches(ctx, s, o, p); err != nil {
			return err
		}
		for _, b := range p.blobs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.files.blob(b.Blob, b.path); err != nil {
				return err
			}
		}
		if err := s.set(target, p.release); err != nil {
			return err
		}
		if _, err := release.ParseRelease(s.changed[target], added.Product, added.Version); err != nil {
			return fmt.Errorf("cannot release %s: %w", added.Version, err)
		}
	}
	added.Release = p.release
	return r.enter(s, o.Channel, p.release, o.Waves, added)
}

// mend writes files of a release again that are damaged or gone.
func (r *Repository) mend(p *prepared) error {
	named := map[release.Blob]bool{}
	for _, payload := range p.release.Payloads {
		named[payload.Whole] = true
		for _, b := range []*release.Blob{payload.Index, payload.Blocks} {
			if b != nil {
				named[*b] = true
			}
		}
	}
	for _, b := range p.blobs {
		if named[b.Blob] {
			if err := r.files.blob(b.Blob, b.path); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameContent compares what is in two releases, not what is said of them.
func sameContent(a, b *release.Release) bool {
	same := func(r *release.Release) map[string]release.Blob {
		m := map[string]release.Blob{}
		for _, p := range r.Payloads {
			m[p.Name] = release.Blob{Size: p.Size, SHA256: p.SHA256}
		}
		return m
	}
	return reflect.DeepEqual(same(a), same(b))
}

// sameWords says that what is said of a release now was said of it before. What
// is left out now is not said.
func sameWords(before, now *release.Release) bool {
	return (len(now.Notes) == 0 || maps.Equal(before.Notes, now.Notes)) &&
		(len(now.Advisories) == 0 || slices.Equal(before.Advisories, now.Advisories)) &&
		(!now.Security || before.Security) && (!now.Floor || before.Floor) &&
		(now.Minimum == "" || before.Minimum == now.Minimum)
}

// enter puts a version into a channel, unless it is there.
func (r *Repository) enter(s *state, channel string, rel *release.Release, waves []release.Wave, added *Added) error {
	return r.editChannel(s, rel.Product, channel, func(c *release.Channel) (bool, error) {
		if slices.ContainsFunc(c.Releases, func(e release.Entry) bool { return e.Version == rel.Manifest.Version }) {
			added.InChannel = true
			return false, nil
		}
		c.Releases = append(c.Releases, release.Entry{
			Version: rel.Manifest.Version, Added: r.Keys.now(), Minimum: rel.Minimum, Floor: rel.Floor,
			Security: rel.Security, Waves: waves,
		})
		slices.SortFunc(c.Releases, func(a, b release.Entry) int { return appliance.CompareVersions(a.Version, b.Version) })
		return true, nil
	})
}

// editChannel changes a channel, and makes it when there is none.
func (r *Repository) editChannel(s *state, product, channel string, change func(*release.Channel) (bool, error)) error {
	target := release.ChannelTarget(product, channel)
	c := release.Channel{Format: 1, Product: product, Name: channel}
	if _, err := r.document(s, target, &c); err != nil {
		return err
	}
	changed, err := change(&c)
	if err != nil || !changed {
		return err
	}
	if err := s.set(target, c); err != nil {
		return err
	}
	if _, err := release.ParseChannel(s.changed[target], product, channel); err != nil {
		return fmt.Errorf("cannot change the channel %s: %w", channel, err)
	}
	return nil
}

// Listed is one version of a channel.
type Listed struct {
	Product string `json:"product"`
	Channel string `json:"channel"`
	release.Entry
	// Size of the whole download, in bytes, and the versions that patches are from.
	Size    int64    `json:"size"`
	Patches []string `json:"patches,omitempty"`
}

// List lists what all channels offer.
func (r *Repository) List() ([]Listed, time.Time, error) {
	s, err := r.load()
	if err != nil {
		return nil, time.Time{}, err
	}
	var list []Listed
	for target := range s.targets.Signed.Targets {
		product, kind, name := productOf(target)
		if kind != "channels" {
			continue
		}
		var c release.Channel
		if _, err := r.document(s, target, &c); err != nil {
			return nil, time.Time{}, err
		}
		for _, e := range c.Releases {
			l := Listed{Product: product, Channel: name, Entry: e}
			var rel release.Release
			if _, err := r.document(s, release.ReleaseTarget(product, e.Version), &rel); err != nil {
				return nil, time.Time{}, err
			}
			for _, p := range rel.Payloads {
				l.Size += p.Whole.Size
				for _, patch := range p.Patches {
					if !slices.Contains(l.Patches, patch.Version) {
						l.Patches = append(l.Patches, patch.Version)
					}
				}
			}
			slices.SortFunc(l.Patches, appliance.CompareVersions)
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b Listed) int {
		return cmp.Or(cmp.Compare(a.Product, b.Product), cmp.Compare(a.Channel, b.Channel), appliance.CompareVersions(a.Version, b.Version))
	})
	return list, s.timestamp.Signed.Expires, nil
}

// Where names a version: Product may be "" when the repository has one only.
type Where struct{ Product, Channel, Version string }

// errNone says that something is not in the repository.
func errNone(w Where) error {
	return fmt.Errorf("version %s is not in the channel %s of %s", w.Version, w.Channel, w.Product)
}

// product fills in the only product that there is.
func (s *state) product(w *Where) error {
	if w.Product != "" {
		return nil
	}
	var all []string
	for target := range s.targets.Signed.Targets {
		if product, kind, _ := productOf(target); kind == "channels" && !slices.Contains(all, product) {
			all = append(all, product)
		}
	}
	slices.Sort(all)
	switch len(all) {
	case 0:
		return errors.New("the repository is empty")
	case 1:
		w.Product = all[0]
		return nil
	}
	return fmt.Errorf("the repository has several products: say which of %v", all)
}

// find is the entry of a version in a channel.
func find(c *release.Channel, w Where) (*release.Entry, error) {
	for i := range c.Releases {
		if c.Releases[i].Version == w.Version {
			return &c.Releases[i], nil
		}
	}
	return nil, errNone(w)
}

// change changes the entry of a version.
func (r *Repository) change(ctx context.Context, w Where, do func(*release.Entry) error) error {
	return r.edit(ctx, false, func(s *state) error {
		if err := s.product(&w); err != nil {
			return err
		}
		return r.editChannel(s, w.Product, w.Channel, func(c *release.Channel) (bool, error) {
			e, err := find(c, w)
			if err != nil {
				return false, err
			}
			before, err := json.Marshal(e)
			if err != nil {
				return false, err
			}
			if err := do(e); err != nil {
				return false, err
			}
			after, err := json.Marshal(e)
			return string(before) != string(after), err
		})
	})
}

// Yank withdraws a version from a channel: who has not installed it does not.
func (r *Repository) Yank(ctx context.Context, w Where, reason string) error {
	if reason == "" {
		return errors.New("cannot withdraw a version without a reason: administrators are told it")
	}
	return r.change(ctx, w, func(e *release.Entry) error {
		if e.Yanked == nil {
			e.Yanked = &release.Yank{At: r.Keys.now(), Reason: reason}
		}
		return nil
	})
}

// Waves changes the waves of a version.
func (r *Repository) Waves(ctx context.Context, w Where, waves []release.Wave) error {
	return r.change(ctx, w, func(e *release.Entry) error {
		e.Waves = waves
		return nil
	})
}

// Promote offers a version of one channel in another one, too.
func (r *Repository) Promote(ctx context.Context, w Where, to string, waves []release.Wave) error {
	if !release.IsChannel(to) {
		return fmt.Errorf("cannot promote to the channel %q: a channel is written in small letters, such as stable", to)
	}
	return r.edit(ctx, false, func(s *state) error {
		if err := s.product(&w); err != nil {
			return err
		}
		var c release.Channel
		if _, err := r.document(s, release.ChannelTarget(w.Product, w.Channel), &c); err != nil {
			return err
		}
		e, err := find(&c, w)
		if err != nil {
			return err
		}
		if e.Yanked != nil {
			return fmt.Errorf("version %s was withdrawn: %s", w.Version, e.Yanked.Reason)
		}
		var rel release.Release
		if _, err := r.document(s, release.ReleaseTarget(w.Product, w.Version), &rel); err != nil {
			return err
		}
		return r.enter(s, to, &rel, waves, &Added{})
	})
}

// prepared is a release before it is entered.
type prepared struct {
	release *release.Release
	// temp is a folder for contents, by name of payload.
	temp  string
	blobs []blobFile
}

type blobFile struct {
	release.Blob
	path string
}

// content is where the content of a payload lies.
func (p *prepared) content(name string) string { return filepath.Join(p.temp, name) }
