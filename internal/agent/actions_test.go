package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ingotvm/ingot/internal/api/wire"
	"github.com/ingotvm/ingot/internal/config"
	"github.com/ingotvm/ingot/internal/host"
	"github.com/ingotvm/ingot/internal/release"
)

func TestReset(t *testing.T) {
	for _, test := range []struct {
		name, init, confirm string
		// reboot is what the system manager answers.
		reboot error
		want   string
	}{
		{"confirmed", "{}", "demo", nil, ""},
		{"not confirmed", "{}", "", nil, "does not match"},
		{"another name", "{}", "Demo", nil, "does not match"},
		{"a damaged disk", `{"data_read_only":true,"held":true}`, "demo", nil, "not this appliance's"},
		{"a disk to adopt", `{"adopt":{"name":"demo"},"held":true}`, "demo", nil, "not this appliance's"},
		{"a disk that is refused", `{"refused":"it is newer","held":true}`, "demo", nil, "not this appliance's"},
		{"no restart", "{}", "demo", errors.New("no system manager"), "no system manager"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			makeMachine(t, root, release.Boot{Definition: demo}, test.init)
			m := &fakeManager{err: test.reboot}
			a := startAgent(t, root, m)
			if err := os.MkdirAll(a.opts.DataDir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := a.Reset(t.Context(), config.By{Who: "admin"}, test.confirm)
			data, read := os.ReadFile(filepath.Join(a.opts.DataDir, resetFlag))
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(read, os.ErrNotExist) {
					t.Errorf("the error is %v, want %q; the request is %q", err, test.want, data)
				}
				return
			}
			if err != nil || string(data) != "admin\n" || m.reboots != 1 {
				t.Errorf("%v; the request is %q, %v; %d restarts", err, data, read, m.reboots)
			}
		})
	}
}

func TestPowerAndRestart(t *testing.T) {
	m := &fakeManager{}
	a := newTestAgent(t, m)
	by := config.By{Who: "admin"}
	for _, action := range []string{"", "reboot", "OFF"} {
		if err := a.Power(t.Context(), by, action); err == nil {
			t.Errorf("there is an action %q", action)
		}
	}
	if err := a.Restart(t.Context(), by, "sshd"); err == nil || len(m.restarted) > 0 {
		t.Errorf("restarted %v, %v", m.restarted, err)
	}
	if m.off+m.reboots > 0 {
		t.Errorf("done: %+v", m)
	}
	for _, err := range []error{
		a.Power(t.Context(), by, "off"), a.Power(t.Context(), by, "restart"), a.Restart(t.Context(), by, "web"), a.Restart(t.Context(), by, "db"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if m.off != 1 || m.reboots != 1 || !slices.Equal(m.restarted, []string{"app-web.service", "mariadb.service"}) {
		t.Errorf("done: %+v", m)
	}
}

// journal is a runner that plays journalctl.
type journal struct {
	args []string
	out  string
	err  error
}

func (j *journal) Run(_ context.Context, cmd host.Command) error {
	j.args = append([]string{cmd.Name}, cmd.Args...)
	fmt.Fprint(cmd.Stdout, j.out)
	return j.err
}

func TestLog(t *testing.T) {
	j := &journal{out: `{"__REALTIME_TIMESTAMP":"1500000","MESSAGE":"hello","PRIORITY":"3","_SYSTEMD_UNIT":"app-web.service"}` + "\n"}
	a := newTestAgent(t, &fakeManager{})
	a.opts.Runner = j
	for _, test := range []struct {
		service string
		lines   int
		want    string
	}{
		{"", 0, "--lines=100"}, {"", 7, "--lines=7"}, {"", 1 << 30, "--lines=1000"}, {"db", 5, "--unit=mariadb.service"},
	} {
		log, err := a.Log(t.Context(), test.service, test.lines)
		want := wire.LogLine{Time: time.UnixMicro(1500000).UTC(), Unit: "app-web.service", Priority: 3, Text: "hello"}
		if err != nil || len(log.Lines) != 1 || log.Lines[0] != want || !slices.Contains(j.args, test.want) {
			t.Errorf("%s, %d: %+v, %v, of %q", test.service, test.lines, log, err, j.args)
		}
	}
	j.args = nil
	if _, err := a.Log(t.Context(), "--file=/etc/shadow", 5); err == nil || j.args != nil {
		t.Errorf("asked %q, %v", j.args, err)
	}
	j.err = errors.New("exit status 1")
	if log, err := a.Log(t.Context(), "", 5); err == nil || log.Lines != nil {
		t.Errorf("a failure is told as %+v", log)
	}
}

// TestLogIsBounded: the newest lines of too many, in their order.
func TestLogIsBounded(t *testing.T) {
	var out strings.Builder
	for i := range 1000 { // the newest first
		fmt.Fprintf(&out, `{"MESSAGE":"%d %s"}`+"\n", i, strings.Repeat("x", 4000))
	}
	a := newTestAgent(t, &fakeManager{})
	j := &journal{out: out.String()}
	a.opts.Runner = j
	log, err := a.Log(t.Context(), "", 1000)
	n := len(log.Lines)
	if err != nil || n < maxLog/5000 || n > maxLog/4000 || !slices.Contains(j.args, "--reverse") ||
		!strings.HasPrefix(log.Lines[n-1].Text, "0 ") || !strings.HasPrefix(log.Lines[0].Text, fmt.Sprintf("%d ", n-1)) {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestParseLog(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{`{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":"a","PRIORITY":"0","_SYSTEMD_UNIT":"x.service","SYSLOG_IDENTIFIER":"y"}`, "1 x.service 0 a"},
		{`{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":"a","SYSLOG_IDENTIFIER":"kernel"}`, "1 kernel 6 a"},
		{`{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":"a","_SYSTEMD_UNIT":"init.scope","SYSLOG_IDENTIFIER":"systemd"}`, "1 systemd 6 a"},
		{`{"MESSAGE":"a","PRIORITY":"99"}`, "-62135596800  6 a"},
		{`{"MESSAGE":"a","PRIORITY":"-1"}`, "-62135596800  6 a"},
		{`{"__REALTIME_TIMESTAMP":"0","MESSAGE":[104,105,27,255]}`, "0  6 hi\x1b\ufffd"},
		{`{"__REALTIME_TIMESTAMP":"0","MESSAGE":null}`, "0  6 "},
		{`{"__REALTIME_TIMESTAMP":"0"}`, "0  6 "},
		{`{"__REALTIME_TIMESTAMP":"0","MESSAGE":["one",[116,119,111],null]}`, "0  6 one\ntwo"},
		{`{"__REALTIME_TIMESTAMP":"0","MESSAGE":[[["deep"]]]}`, "0  6 "},
		{`{"__REALTIME_TIMESTAMP":"0","MESSAGE":{"a":1}}`, "0  6 "},
		{`{"__REALTIME_TIMESTAMP":7,"MESSAGE":"a"}`, "none"},
		{"journalctl: something", "none"},
		{"", "none"},
	} {
		got := "none"
		if log := parseLog([]byte(test.line + "\n")); len(log.Lines) == 1 {
			l := log.Lines[0]
			got = fmt.Sprintf("%d %s %d %s", l.Time.Unix(), l.Unit, l.Priority, l.Text)
		}
		if got != test.want {
			t.Errorf("%s is %q, want %q", test.line, got, test.want)
		}
	}
}

// FuzzParseLog: whatever programs log, there is one line at most for each, of
// a priority that there is, and it can be told as JSON unchanged.
func FuzzParseLog(f *testing.F) {
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1000000","MESSAGE":"a","PRIORITY":"0","_SYSTEMD_UNIT":"x.service"}` + "\n"))
	f.Add([]byte(`{"MESSAGE":[1,2,255,256,65535],"SYSLOG_IDENTIFIER":"y"}` + "\n{}\n[]\nnull\n"))
	f.Add([]byte(`{"MESSAGE":["a",[98],null,[[1]],["x"]]}`))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"9000000000000000000"}` + "\n" + `{"__REALTIME_TIMESTAMP":"253402300799999999"}`))
	f.Add([]byte("\xff\n\n{\"MESSAGE\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		log := parseLog(data)
		if len(log.Lines) > strings.Count(string(data), "\n")+1 {
			t.Fatalf("%d lines of %q", len(log.Lines), data)
		}
		for _, l := range log.Lines {
			if l.Priority < 0 || l.Priority > 7 || !utf8.ValidString(l.Text) || !utf8.ValidString(l.Unit) {
				t.Errorf("%q has %+v", data, l)
			}
			encoded, err := json.Marshal(l)
			var back wire.LogLine
			if err != nil || json.Unmarshal(encoded, &back) != nil || back != l {
				t.Errorf("%+v comes back as %+v, %v", l, back, err)
			}
		}
	})
}
