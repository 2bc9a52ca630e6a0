package setting

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ingotvm/ingot/internal/appliance"
	"github.com/ingotvm/ingot/internal/release"
)

// Updates is where new versions come from, and what is done with them.
type Updates struct {
	// The address of the repository; "" is the vendor's own.
	URL string `json:"url,omitempty"`
	// The channel; "" is the vendor's choice.
	Channel string `json:"channel,omitempty"`
	// What is done by itself: notify (the default), download or install.
	Policy string `json:"policy,omitempty"`
	// The same of versions that mend weaknesses; "" is as with all others.
	Security string `json:"security,omitempty"`
	// When it is installed by itself: days of the week, mon to sun, all when
	// there is none, and from and to as 02:00, all day when both are "".
	Days []string `json:"days,omitempty"`
	From string   `json:"from,omitempty"`
	To   string   `json:"to,omitempty"`
	// The last version that is installed.
	Pinned string `json:"pinned,omitempty"`
	// Until when nothing is installed by itself, in RFC 3339.
	Postponed string `json:"postponed,omitempty"`
	// How often the repository is asked, in hours: 1 to 168; 0 is every 6.
	Hours int `json:"hours,omitempty"`
	// Certificates, PEM, by which the repository's server is trusted besides
	// those of the system.
	Authority string `json:"authority,omitempty"`
}

// IsZero says that nothing is set: an empty list is none.
func (u Updates) IsZero() bool {
	n := len(u.Days)
	u.Days = nil
	return n == 0 && reflect.DeepEqual(u, Updates{})
}

// What is done with a new version by itself.
const (
	UpdatesNotify   = "notify"
	UpdatesDownload = "download"
	UpdatesInstall  = "install"
	updatesSame     = "same"

	defaultUpdateHours = 6
	maxUpdateHours     = 168
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts

type updatesSetting struct{}

func (updatesSetting) Key() string { return "updates" }

// Default is what the definition says, which later versions may say otherwise.
func (updatesSetting) Default(env Env, d *Document) {}

// UpdatesFrom is what is in force: the document's, and the definition's where
// that says nothing.
func UpdatesFrom(env Env, d *Document) Updates {
	u := d.Updates
	if def := env.Definition().Updates; def != nil {
		if u.URL == "" {
			u.URL = def.URL
		}
		if u.Channel == "" {
			u.Channel = def.Channel
		}
	}
	if u.Channel == "" {
		u.Channel = "stable"
	}
	if u.Policy == "" {
		u.Policy = UpdatesNotify
	}
	if u.Security == "" {
		u.Security = updatesSame
	}
	if u.Hours == 0 {
		u.Hours = defaultUpdateHours
	}
	return u
}

// Weekdays are the days on which it may be installed; nil is all.
func (u Updates) Weekdays() (days []time.Weekday) {
	for _, name := range u.Days {
		if i := slices.Index(weekdays, name); i >= 0 {
			days = append(days, time.Weekday(i))
		}
	}
	return days
}

// Minutes are From and To in minutes after midnight.
func (u Updates) Minutes() (from, to int) {
	from, _ = minutes(u.From)
	to, _ = minutes(u.To)
	return from, to
}

func minutes(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, errors.New("must be a time of day, as 02:00")
	}
	return t.Hour()*60 + t.Minute(), nil
}

func (updatesSetting) Properties(env Env) []Property {
	def := env.Definition().Updates
	if def == nil {
		return nil
	}
	one := func(p Property, place func(*Updates) *string, check func(string) error) Property {
		p.Key, p.Group = "updates."+p.Key, "Updates"
		p.Get = func(d *Document) string { return *place(&d.Updates) }
		p.Set = func(_ Env, d *Document, text string) error { return setText(place(&d.Updates), text, check) }
		return p
	}
	choice := func(p Property, place func(*Updates) *string, fallback string) Property {
		p.Key, p.Group, p.Type, p.Default = "updates."+p.Key, "Updates", Enum, fallback
		options := p.Options
		p.Get = func(d *Document) string {
			if *place(&d.Updates) == "" {
				return fallback
			}
			return *place(&d.Updates)
		}
		p.Set = func(_ Env, d *Document, text string) error {
			if !slices.ContainsFunc(options, func(o Option) bool { return o.Value == text }) {
				return errors.New("is not one of the choices")
			}
			*place(&d.Updates) = text
			return nil
		}
		return p
	}
	acts := []Option{{UpdatesNotify, "Say that it is there"}, {UpdatesDownload, "Download it"}, {UpdatesInstall, "Install it in the maintenance window"}}
	return []Property{
		choice(Property{Key: "policy", Title: "New versions", Help: "What the appliance does by itself when there is a new version.", Options: acts},
			func(u *Updates) *string { return &u.Policy }, UpdatesNotify),
		choice(Property{Key: "security", Title: "Security updates", Help: "The same of versions that mend weaknesses.",
			Options: append([]Option{{updatesSame, "As with all others"}}, acts[1:]...)},
			func(u *Updates) *string { return &u.Security }, updatesSame),
		{
			Key: "updates.days", Title: "Days", Group: "Updates", Type: Names, Example: "sat sun",
			Help: "The days of the maintenance window: mon, tue, wed, thu, fri, sat, sun. Empty is every day.",
			Get:  func(d *Document) string { return strings.Join(d.Updates.Days, " ") },
			Set:  setUpdateDays,
		},
		one(Property{Key: "from", Title: "From", Type: String, Example: "02:00", Help: "When the maintenance window begins, in the appliance's time zone. Empty, together with its end, is all day."},
			func(u *Updates) *string { return &u.From }, checkMinutes),
		one(Property{Key: "to", Title: "To", Type: String, Example: "05:00", Help: "When it ends; before its beginning means on the next day."},
			func(u *Updates) *string { return &u.To }, checkMinutes),
		one(Property{Key: "url", Title: "Repository", Type: String, Example: def.URL,
			Help: "The address from which updates come, such as that of a mirror. Empty is the vendor's own. What it offers is signed by the vendor, or not taken, so http will do as well as https."},
			func(u *Updates) *string { return &u.URL }, checkRepository),
		one(Property{Key: "channel", Title: "Channel", Type: String, Example: def.Channel, Help: "The line of versions that is followed. Empty is the vendor's choice."},
			func(u *Updates) *string { return &u.Channel }, checkChannel),
		one(Property{Key: "pinned", Title: "Last version", Type: String, Example: env.Definition().Version, Help: "The appliance goes no further than this version. Empty is no limit."},
			func(u *Updates) *string { return &u.Pinned }, checkVersion),
		one(Property{Key: "authority", Title: "Root of the repository", Type: Certificate,
			Help: "The root certificate, in PEM, by which the repository's server is trusted, if that is one of your own."},
			func(u *Updates) *string { return &u.Authority }, checkRoots),
	}
}

func setUpdateDays(_ Env, d *Document, text string) error {
	days := fields(strings.ToLower(text))
	if err := checkDays(days); err != nil {
		return err
	}
	d.Updates.Days = days
	return nil
}

func checkDays(days []string) error {
	for i, day := range days {
		if !slices.Contains(weekdays, day) {
			return fmt.Errorf("%q is not a day: write mon, tue, wed, thu, fri, sat or sun", day)
		}
		if slices.Contains(days[:i], day) {
			return fmt.Errorf("%q is there twice", day)
		}
	}
	return nil
}

func checkMinutes(text string) error {
	_, err := minutes(text)
	return err
}

func checkRepository(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("is not the address of a repository: write https://updates.example.com/product/")
	}
	return nil
}

func checkChannel(text string) error {
	if !release.IsChannel(text) {
		return errors.New("is not the name of a channel, such as stable")
	}
	return nil
}

func checkVersion(text string) error {
	if !appliance.IsVersion(text) {
		return errors.New("is not a version, such as 1.4.0")
	}
	return nil
}

func (updatesSetting) Validate(env Env, d *Document) []Problem {
	var found problems
	u := d.Updates
	for _, c := range []struct {
		key, value string
		check      func(string) error
	}{
		{"url", u.URL, checkRepository}, {"channel", u.Channel, checkChannel}, {"from", u.From, checkMinutes}, {"to", u.To, checkMinutes},
		{"pinned", u.Pinned, checkVersion}, {"authority", u.Authority, checkRoots}, {"postponed", u.Postponed, checkTime},
	} {
		if c.value == "" {
			continue
		}
		if err := c.check(c.value); err != nil {
			found.add("updates."+c.key, "it "+err.Error(), "")
		}
	}
	if err := checkDays(u.Days); err != nil {
		found.add("updates.days", err.Error(), "")
	}
	acts := []string{"", UpdatesNotify, UpdatesDownload, UpdatesInstall}
	if !slices.Contains(acts, u.Policy) {
		found.add("updates.policy", "it is not one of the choices", "write notify, download or install")
	}
	if u.Security != updatesSame && !slices.Contains(acts, u.Security) {
		found.add("updates.security", "it is not one of the choices", "write same, download or install")
	}
	if u.Hours < 0 || u.Hours > maxUpdateHours {
		found.add("updates.hours", fmt.Sprintf("it must be from 1 to %d", maxUpdateHours), "")
	}
	return found
}

func checkTime(text string) error {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return errors.New("is not a time in RFC 3339")
	}
	return nil
}

// Files are none: the agent goes by the document.
func (updatesSetting) Files(env Env, d *Document) ([]File, error) { return nil, nil }

// Apply does nothing, for the same reason.
func (updatesSetting) Apply(ctx context.Context, sys *System, env Env, d *Document, changed bool) error {
	return nil
}

// Verify has nothing to compare.
func (updatesSetting) Verify(ctx context.Context, sys *System, env Env, d *Document) error {
	return nil
}

// Actual is the updates' own page.
func (updatesSetting) Actual(ctx context.Context, sys *System, env Env, d *Document) ([]Fact, error) {
	return nil, nil
}
