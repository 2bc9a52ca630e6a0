package release

import "time"

// Channel is the signed list of what a named line of releases offers: the
// target [ChannelTarget] of a repository.
type Channel struct {
	// Format is 1.
	Format  int    `json:"format"`
	Product string `json:"product"`
	// Name is such as stable or testing.
	Name string `json:"name"`
	// Releases are its versions, ascending.
	Releases []Entry `json:"releases"`
}

// Entry is one version in a channel, with what an instance needs to know of it
// to choose: the rest is in its [Release].
type Entry struct {
	Version string `json:"version"`
	// Added is when it came into this channel; waves count from there.
	Added time.Time `json:"added"`
	// Minimum, Floor and Security are the release's.
	Minimum  string `json:"minimum,omitempty"`
	Floor    bool   `json:"floor,omitempty"`
	Security bool   `json:"security,omitempty"`
	// Waves say when how many instances are offered it, ascending; none is
	// everybody at once.
	Waves []Wave `json:"waves,omitempty"`
	// Yanked, if not nil, keeps those from it that have not installed it.
	Yanked *Yank `json:"yanked,omitempty"`
}

// Wave offers a version to Percent of all instances from After on, counted
// from [Entry.Added].
type Wave struct {
	After   Span `json:"after"`
	Percent int  `json:"percent"`
}

// Yank says when and why a version was withdrawn.
type Yank struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Span is a [time.Duration] that JSON has as text, such as "24h0m0s".
type Span time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}
