package appliance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/ingotvm/ingot/internal/appliance/yamltext"
)

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		text string
		want Size
		ok   bool
	}{
		{"192MiB", 192 << 20, true},
		{"1GiB", 1 << 30, true},
		{"4 GiB", 4 << 30, true},
		{"512MB", 512_000_000, true},
		{"2TB", 2e12, true},
		{"1TiB", 1 << 40, true},
		{"10KiB", 10 << 10, true},
		{"10KB", 10_000, true},
		{"7B", 7, true},
		{"0MiB", 0, true},
		{"8388607TiB", 8388607 << 40, true},
		{"8388608TiB", 0, false},
		{"99999999999999999999B", 0, false},
		{"1024", 0, false},
		{"", 0, false},
		{"GiB", 0, false},
		{"-1GiB", 0, false},
		{"+1GiB", 0, false},
		{"1.5GiB", 0, false},
		{"1gib", 0, false},
		{"1G", 0, false},
		{"1  GiB", 0, false},
		{" 1GiB", 0, false},
		{"1GiB ", 0, false},
		{"0x10MiB", 0, false},
		{"1_0MiB", 0, false},
	} {
		got, err := ParseSize(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", test.text, got, err, test.want)
		}
		if !test.ok {
			continue
		}
		if again, err := ParseSize(got.String()); again != got || err != nil {
			t.Errorf("%q is written %q, which is read as %d, %v", test.text, got, again, err)
		}
	}
}

func TestDurationString(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Second: "10s", 90 * time.Second: "1m30s", time.Minute: "1m", time.Hour: "1h",
		time.Hour + time.Second: "1h0m1s", 20 * time.Minute: "20m", 10 * time.Hour: "10h", 0: "0s",
		1500 * time.Millisecond: "1.5s",
	} {
		got := Duration(d).String()
		if again, err := ParseDuration(got); got != want || again != Duration(d) || err != nil {
			t.Errorf("%v is written %q (read as %v, %v), want %q", d, got, again, err, want)
		}
	}
}

// TestJSON fixes the form in which a definition travels inside the appliance:
// agents of one version read what builders of another wrote.
func TestJSON(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{Disks{System: 4 * GiB}, `{"system":4294967296}`},
		{Health{TCP: "localhost:1", Every: Duration(time.Minute)}, `{"tcp":"localhost:1","every":"1m","timeout":"0s"}`},
		{Service{Name: "a", Data: Data{Enabled: true}}, `{"name":"a","data":{"enabled":true}}`},
		{Service{Name: "a", Data: Data{Paths: []string{"/srv/x"}}}, `{"name":"a","data":{"paths":["/srv/x"]}}`},
		{Service{Name: "a"}, `{"name":"a"}`},
		{EULA{"en": "EULA.txt"}, `{"en":"EULA.txt"}`},
		{
			yamltext.Problem{File: "f", Line: 1, Column: 2, Source: "s", Message: "m", Hint: "h"},
			`{"file":"f","line":1,"column":2,"source":"s","message":"m","hint":"h"}`,
		},
	} {
		got, err := json.Marshal(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("got %s, %v; want %s", got, err, test.want)
			continue
		}
		again := reflect.New(reflect.TypeOf(test.value))
		if err := json.Unmarshal(got, again.Interface()); err != nil || !reflect.DeepEqual(again.Elem().Interface(), test.value) {
			t.Errorf("%s is read as %+v, %v", got, again.Elem(), err)
		}
	}
	if err := json.Unmarshal([]byte(`{"every": "soon"}`), new(Health)); err == nil {
		t.Error("a wrong duration is read")
	}
}

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"data": "/data/app/x", "empty": "", "odd": "${data}"}[name]
		return v, ok
	}
	for _, test := range []struct{ text, want, err string }{
		{"--dir=${data}/x", "--dir=/data/app/x/x", ""},
		{"${data}${data}", "/data/app/x/data/app/x", ""},
		{"a${empty}b", "ab", ""},
		{"${odd}", "${data}", ""}, // values are not expanded again
		{"$${data}", "${data}", ""},
		{"$HOME $$ 5$", "$HOME $$ 5$", ""},
		{"", "", ""},
		{"${home}", "", "unknown variable ${home}"},
		{"${}", "", "unknown variable ${}"},
		{"${\x1b}", "", "unknown variable ${\uFFFD}"},
		{"x${data", "", "${ is not closed by }"},
	} {
		got, err := Expand(test.text, lookup)
		if got != test.want || fmt.Sprint(err) != test.err && (err != nil || test.err != "") {
			t.Errorf("Expand(%q) = %q, %v; want %q, %s", test.text, got, err, test.want, test.err)
		}
	}
}

func TestNames(t *testing.T) {
	d := &Definition{Name: "shop", Version: "1.4.0-rc.1", Services: []Service{
		{Name: "web", Binary: "web", After: []string{"cache", "database"}, Ports: []Port{
			{Port: 80, Protocol: "tcp", Title: "Shop", Scheme: "http", Path: "/"},
			{Port: 8443, Protocol: "tcp", Title: "Admin", Scheme: "https", Path: "/admin"},
			{Port: 53, Protocol: "udp"},
		}},
		{Name: "cache", Files: "cache", Command: "run", After: []string{"database"}},
		{Name: "other", Binary: "other"},
		{Name: "database", Packages: []string{"mariadb-server"}, Unit: "mariadb.service"},
	}}
	if got, want := d.Artifact("ova"), "shop-1.4.0-rc.1.ova"; got != want {
		t.Errorf("artifact %s, want %s", got, want)
	}
	d.Variant = "small"
	if got, want := d.Artifact("qcow2"), "shop-1.4.0-rc.1-small.qcow2"; got != want {
		t.Errorf("artifact %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(d.Links("shop.example")), "[{Shop http://shop.example/} {Admin https://shop.example:8443/admin}]"; got != want {
		t.Errorf("links %s, want %s", got, want)
	}
	if got, want := d.ApplicationURL("fd00::1"), "http://[fd00::1]/"; got != want {
		t.Errorf("application %s, want %s", got, want)
	}
	if got, want := d.Services[0].Ports[0].URL("127.0.0.1", 8080), "http://127.0.0.1:8080/"; got != want {
		t.Errorf("forwarded %s, want %s", got, want)
	}
	if got, want := ManagementURL("fd00::1"), "https://[fd00::1]:5480/"; got != want {
		t.Errorf("management %s, want %s", got, want)
	}
	if got := (&Definition{}).ApplicationURL("x"); got != "" {
		t.Errorf("application without links %s", got)
	}
	var order []string
	for _, s := range d.StartOrder() {
		order = append(order, s.Name+":"+string(s.Kind()))
	}
	if got, want := fmt.Sprint(order), "[database:packages cache:files web:binary other:binary]"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if d.Service("other") != &d.Services[2] || d.Service("absent") != nil {
		t.Error("services are not found by name")
	}
	s := d.Services[0]
	if got, want := s.User()+" "+s.AppDir()+" "+s.DataDir(), "app-web /app/web /data/app/web"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConditions(t *testing.T) {
	d := &Definition{Settings: []Setting{
		{Key: "database", Type: TypeEnum},
		{Key: "tls", Type: TypeBool, When: &Condition{Setting: "database", Is: "external"}},
		{Key: "ca", Services: []string{"web"}, When: &Condition{Setting: "tls", Is: "true"}},
	}}
	for _, test := range []struct {
		database, tls string
		want          bool
	}{{"external", "true", true}, {"external", "false", false}, {"embedded", "true", false}} {
		got := d.Holds(d.Setting("ca").When, func(key string) string {
			return map[string]string{"database": test.database, "tls": test.tls}[key]
		})
		if got != test.want {
			t.Errorf("%+v: got %t", test, got)
		}
	}
	if !d.Holds(nil, nil) || d.Holds(&Condition{Setting: "absent", Is: "x"}, func(string) string { return "x" }) {
		t.Error("no condition holds, one on nothing does not")
	}
	if !d.Setting("ca").UsedBy("web") || d.Setting("ca").UsedBy("api") || !d.Setting("tls").UsedBy("api") || d.Setting("absent") != nil {
		t.Error("wrong users of settings")
	}
	s := Service{Name: "web"}
	if got, want := s.SettingsDir()+" "+s.CheckUnit()+" "+ResourceVariable("workers"), "/run/ingot-app/web app-web-check.service INGOT_WORKERS"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (Template{Mode: "0640"}).Permissions(); got != 0o640 {
		t.Errorf("permissions %o", got)
	}
}
