package appliance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/syntax"
	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

// Updates say whose updates an appliance takes, and from where.
type Updates struct {
	// The file root.json that "ingot keys init" has made: what its keys have
	// signed is installed, and nothing else.
	Root string `yaml:"root" json:"root"`
	// The address of the repository, which the administrator may change.
	// Without it updates come as files only.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// The channel, which the administrator may change. Default: stable.
	Channel string `yaml:"channel,omitempty" json:"channel,omitempty"`
	// How a new version proves itself before it is kept.
	Trial Trial `yaml:"trial,omitempty" json:"trial"`
}

// Trial is how a new version proves itself. One that fails goes back.
type Trial struct {
	// How long everything must have been healthy, 10s to 1h. Default: 1m.
	Healthy Duration `yaml:"healthy,omitempty" json:"healthy"`
	// How long it may take from the start until that is so, at most 6h.
	// Default: 10m.
	Within Duration `yaml:"within,omitempty" json:"within"`
}

const (
	defaultChannel = "stable"
	maxChannel     = 40 // characters

	defaultHealthy = time.Minute
	defaultWithin  = 10 * time.Minute
	minHealthy     = 10 * time.Second
	maxHealthy     = time.Hour
	maxWithin      = 6 * time.Hour
	// spareWithin is what starting takes besides being healthy, at the least.
	spareWithin = time.Minute
)

func (u *Updates) fillDefaults() {
	if u == nil {
		return
	}
	u.Root = cleanPath(u.Root)
	orElse(&u.Channel, defaultChannel)
	orElse(&u.Trial.Healthy, Duration(defaultHealthy))
	orElse(&u.Trial.Within, max(Duration(defaultWithin), u.Trial.Healthy+Duration(spareWithin)))
}

// within is how long a trial may take; of no updates none.
func (u *Updates) within() time.Duration {
	if u == nil {
		return 0
	}
	return time.Duration(u.Trial.Within)
}

func (c *checker) checkUpdates(d *Definition) {
	u := d.Updates
	if u == nil || c.root.KindAt("updates") != yamltext.Mapping {
		return
	}
	at := func(path ...any) yamltext.Mark { return c.root.At(append([]any{"updates"}, path...)...) }
	if !c.root.Has("updates", "root") {
		c.problem(at(), "make keys with: ingot keys init, and name the root.json it writes", "updates has no root")
	}
	c.checkInside(u.Root, "the root", "updates", "root")
	if u.URL != "" {
		if wrong := syntax.CheckURL(u.URL); wrong != "" {
			c.problem(at("url"), "write it as https://updates.example.com/", "%s %s", syntax.Quote(u.URL), wrong)
		}
	}
	if !IsChannel(u.Channel) {
		c.problem(at("channel"), "lower-case letters, digits and dashes, at most 40", "%s is not a name for a channel", syntax.Quote(u.Channel))
	}
	healthy, within := time.Duration(u.Trial.Healthy), time.Duration(u.Trial.Within)
	if healthy < minHealthy || healthy > maxHealthy {
		c.problem(at("trial", "healthy"), "write 10s to 1h", "%s is not how long a version can be looked at", u.Trial.Healthy)
	} else if within < healthy+spareWithin {
		c.problem(at("trial", "within"), "give it at least "+Duration(healthy+spareWithin).String(), "within %s nothing can start and be healthy for %s", u.Trial.Within, u.Trial.Healthy)
	}
	if within > maxWithin {
		c.problem(at("trial", "within"), "write at most 6h", "a trial of %s is too long", u.Trial.Within)
	}
}

// IsChannel says whether s can be the name of a channel: a lower-case letter,
// then letters, digits and dashes.
func IsChannel(s string) bool { return syntax.IsName(s, maxChannel) }

// checkRootFile checks that the file is the root of a repository's keys. What
// it says is verified where it is used; here a slip is found before a version
// goes out that can never be updated.
func (c *checker) checkRootFile(fsys fs.FS, u *Updates) {
	if u == nil || u.Root == "" {
		return
	}
	at := c.root.At("updates", "root")
	text, ok := c.checkText(fsys, u.Root, at, "make it with: ingot keys init")
	if !ok {
		return
	}
	if err := checkRoot([]byte(text)); err != nil {
		c.problem(at, "name the root.json that `ingot keys init` wrote, or one that `ingot keys rotate` has made of it", "%s %s", syntax.Quote(u.Root), err)
	}
}

// checkRoot says what is wrong with the metadata of TUF's root role.
func checkRoot(data []byte) error {
	var root struct {
		Signed struct {
			Type  string                     `json:"_type"`
			Keys  map[string]json.RawMessage `json:"keys"`
			Roles map[string]struct {
				KeyIDs    []string `json:"keyids"`
				Threshold int      `json:"threshold"`
			} `json:"roles"`
		} `json:"signed"`
		Signatures []struct {
			KeyID     string `json:"keyid"`
			Signature string `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(data, &root); err != nil {
		return errors.New("is not the root of a repository's keys")
	}
	if kind := root.Signed.Type; kind != "root" {
		if syntax.IsName(kind, 20) {
			return fmt.Errorf("is a repository's %s, not its root", kind)
		}
		return errors.New("is not the root of a repository's keys")
	}
	signed := map[string]bool{}
	for _, s := range root.Signatures {
		signed[s.KeyID] = s.Signature != ""
	}
	for _, name := range []string{"root", "timestamp", "snapshot", "targets"} {
		role, known, signatures := root.Signed.Roles[name], map[string]bool{}, 0
		for _, id := range role.KeyIDs {
			if _, ok := root.Signed.Keys[id]; ok && !known[id] {
				known[id] = true
				if signed[id] {
					signatures++
				}
			}
		}
		switch {
		case role.Threshold < 1 || len(known) < role.Threshold:
			return fmt.Errorf("names fewer keys for the role %s than that needs", name)
		case name == "root" && signatures < role.Threshold:
			return fmt.Errorf("is signed by %d keys, and needs %d", signatures, role.Threshold)
		}
	}
	return nil
}
