package setting_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/settingtest"
)

func TestTimeZoneProperty(t *testing.T) {
	env := settingtest.Env()
	for _, test := range []struct{ text, want, err string }{
		{"Europe/Berlin", "Europe/Berlin", ""},
		{" utc ", "UTC", ""},
		{"america/new_york", "America/New_York", ""},
		{"US/Pacific", "America/Los_Angeles", ""},
		{"Europe/Kiev", "Europe/Kyiv", ""},
		{"EST5EDT", "America/New_York", ""},
		{"Etc/GMT+5", "Etc/GMT+5", ""},
		{"", "", "is missing; UTC is always right"},
		{"Europe/Berln", "", "is not a time zone; did you mean Europe/Berlin?"},
		{"Berlin", "", "is not a time zone; did you mean Europe/Berlin?"},
		{"tokio", "", "is not a time zone; did you mean Asia/Tokyo?"},
		{"New York", "", "is not a time zone; did you mean America/New_York?"},
		{"xyzzyxyzzy", "", "is not a time zone; give a continent and a city, as in Europe/Berlin, or UTC"},
		{"../../etc/passwd", "", "is not a time zone; give a continent and a city, as in Europe/Berlin, or UTC"},
		{"Europe/Berlin\nUTC", "", "is not a time zone; did you mean Europe/Berlin?"},
	} {
		d := setting.Default(env)
		err := setProperty(t, env, d, "time.zone", test.text)
		if got := errorText(err); got != test.err {
			t.Errorf("%q: %q, want %q", test.text, got, test.err)
		}
		want := test.want
		if err != nil {
			want = "UTC" // unchanged
		}
		if d.Time.Zone != want || err == nil && test.err != "" {
			t.Errorf("%q: the zone is %q, want %q", test.text, d.Time.Zone, want)
		}
	}
}

func TestEveryZoneIsTakenAsItIs(t *testing.T) {
	env := settingtest.Env()
	names := 0
	for line := range strings.Lines(setting.ZonesText) {
		name, current, old := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !old {
			current, names = name, names+1
		}
		d := setting.Default(env)
		if err := setProperty(t, env, d, "time.zone", name); err != nil || d.Time.Zone != current {
			t.Errorf("%q: the zone is %q, want %q: %v", name, d.Time.Zone, current, err)
		}
		if problems := settingOf(t, "time").Validate(env, d); len(problems) > 0 {
			t.Errorf("%q: %s", name, problemLines(problems))
		}
	}
	if names < 400 {
		t.Errorf("only %d zones", names)
	}
}

// TestZonesAreListed: all names in use, each of which is taken, UTC first.
func TestZonesAreListed(t *testing.T) {
	env := settingtest.Env()
	for _, p := range settingOf(t, "time").Properties(env) {
		if p.Key != "time.zone" {
			continue
		}
		if len(p.Options) < 400 || p.Options[0].Value != "UTC" {
			t.Errorf("%d zones, the first is %v", len(p.Options), p.Options[:1])
		}
		seen := map[string]bool{}
		for _, o := range p.Options {
			d := setting.Default(env)
			if err := p.Set(env, d, o.Value); err != nil || p.Get(d) != o.Value || seen[o.Value] {
				t.Errorf("%q: %v; the zone is %q, seen before: %v", o.Value, err, p.Get(d), seen[o.Value])
			}
			seen[o.Value] = true
		}
	}
}

func TestTimeServersProperty(t *testing.T) {
	env := settingtest.Env()
	for _, test := range []struct {
		text, want string
		ok         bool
	}{
		{"", "", true},
		{"NTP.example.com, 192.0.2.1  2001:db8::1", "ntp.example.com 192.0.2.1 2001:db8::1", true},
		{"a b c d e f g h", "a b c d e f g h", true},
		{"a b c d e f g h i", "", false},
		{"ntp/example", "", false},
		{"-ntp", "", false},
		{"a=b", "", false},
	} {
		d := setting.Default(env)
		err := setProperty(t, env, d, "time.servers", test.text)
		if got := propertyValue(t, env, d, "time.servers"); got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %q, %v", test.text, got, err)
		}
	}
}

func TestTimeValidate(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	d.Time = setting.Time{Zone: "US/Pacific", Servers: []string{"ok.example.com", "not ok"}}
	want := `time.zone: "US/Pacific" is another name of America/Los_Angeles (write America/Los_Angeles)
time.servers[1]: "not ok" is not the name or address of a server
`
	if got := problemLines(settingOf(t, "time").Validate(env, d)); got != want {
		t.Errorf("got %s", got)
	}
	d.Time = setting.Time{}
	if got := problemLines(settingOf(t, "time").Validate(env, d)); got != "time.zone: \"\" is missing (UTC is always right)\n" {
		t.Errorf("got %s", got)
	}
}

func TestTimeFiles(t *testing.T) {
	env := settingtest.Env()
	d := setting.Default(env)
	files := func() string {
		t.Helper()
		list, err := settingOf(t, "time").Files(env, d)
		if err != nil {
			t.Fatal(err)
		}
		return settingtest.Files(list)
	}
	if got, want := files(), "-- /etc/localtime 0644 root -> /usr/share/zoneinfo/UTC\n-- /etc/timezone 0644 root\nUTC\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	d.Time = setting.Time{Zone: "Asia/Tokyo", Servers: []string{"ntp1.example.com", "2001:db8::1"}}
	want := `-- /etc/localtime 0644 root -> /usr/share/zoneinfo/Asia/Tokyo
-- /etc/timezone 0644 root
Asia/Tokyo
-- /run/systemd/timesyncd.conf.d/50-ingot.conf 0644 root
[Time]
NTP=ntp1.example.com 2001:db8::1
`
	if got := files(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestTimeOnTheMachine(t *testing.T) {
	env, m, ctx := settingtest.Env(), settingtest.New(t), context.Background()
	d := setting.Default(env)
	s := settingOf(t, "time")
	d.Time.Zone = "Europe/Berlin"
	if err := s.Verify(ctx, m.System(), env, d); err == nil {
		t.Error("a machine without a zone passes")
	}
	files, err := s.Files(env, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(ctx, m.System(), env, d, m.Write(t, files...)); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(ctx, m.System(), env, d, m.Write(t, files...)); err != nil {
		t.Fatal(err)
	}
	m.ExpectCalls(t, "restart systemd-timesyncd.service")
	if err := s.Verify(ctx, m.System(), env, d); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	m.Fail("restart", broken)
	if err := s.Apply(ctx, m.System(), env, d, true); !errors.Is(err, broken) {
		t.Errorf("a failed restart: %v", err)
	}
}

func TestTimeActual(t *testing.T) {
	env, m, ctx := settingtest.Env(), settingtest.New(t), context.Background()
	d := setting.Default(env)
	s := settingOf(t, "time")
	facts := func() [3]setting.Fact {
		t.Helper()
		list, err := s.Actual(ctx, m.System(), env, d)
		if err != nil || len(list) != 3 {
			t.Fatalf("facts %v, %v", list, err)
		}
		return [3]setting.Fact(list)
	}
	want := [3]setting.Fact{
		{Name: "time zone", Wanted: "UTC", Actual: "", Differs: true},
		{Name: "time servers", Wanted: "", Actual: "Debian's pool"},
		{Name: "clock", Wanted: "synchronised", Actual: "not yet", Differs: true},
	}
	if got := facts(); got != want {
		t.Errorf("got %+v", got)
	}

	files, err := s.Files(env, d)
	if err != nil {
		t.Fatal(err)
	}
	m.Write(t, files...)
	m.Write(t, setting.File{Path: "/run/systemd/netif/state", Data: []byte("# private\nOPER_STATE=routable\nNTP=192.0.2.9\n")},
		setting.File{Path: "/run/systemd/timesync/synchronized"})
	want[0].Actual, want[0].Differs = "UTC", false
	want[1].Actual = "192.0.2.9"
	want[2].Actual, want[2].Differs = "synchronised", false
	if got := facts(); got != want {
		t.Errorf("got %+v", got)
	}

	d.Time.Servers = []string{"ntp.example.com"}
	want[1] = setting.Fact{Name: "time servers", Wanted: "ntp.example.com", Actual: "192.0.2.9", Differs: true}
	if got := facts(); got != want {
		t.Errorf("got %+v", got)
	}
	if files, err = s.Files(env, d); err != nil {
		t.Fatal(err)
	}
	m.Write(t, files...)
	want[1] = setting.Fact{Name: "time servers", Wanted: "ntp.example.com", Actual: "ntp.example.com"}
	if got := facts(); got != want {
		t.Errorf("got %+v", got)
	}
}
