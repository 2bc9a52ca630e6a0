package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAgent answers on a unix socket with fixed texts and notes what it was
// asked.
type fakeAgent struct {
	socket  string
	answers map[string]string
	asked   []string
}

const (
	fakeConfig = `{"revision":7,"document":{"network":{"hostname":"demo","interfaces":[{"name":"ens18","mtu":1500,"addresses":["192.0.2.7/24"]}]},` +
		`"access":{},"empty":null}}`
	fakeSettings = `[{"key":"network","properties":[` +
		`{"key":"network.hostname","value":"demo"},{"key":"network.gateway","value":"x","hidden":true}],"facts":[]},` +
		`{"key":"application","properties":[{"key":"application.password","type":"secret","value":"********"},` +
		`{"key":"application.motd","value":"one\ntwo"}],"facts":[]}]`
	fakePending = `{"revision":8,"pending":{"revision":8,"revert_to":7,"seconds":120,"settings":["network"]}}`
)

// newFakeAgent listens until the test ends. Answers are by method and path;
// one that starts with a number is an error.
func newFakeAgent(t *testing.T, answers map[string]string) *fakeAgent {
	t.Helper()
	f := &fakeAgent{socket: filepath.Join(t.TempDir(), "s"), answers: map[string]string{
		"GET /v1/config": fakeConfig, "GET /v1/settings": fakeSettings,
	}}
	for what, answer := range answers {
		f.answers[what] = answer
	}
	l, err := net.Listen("unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve() = %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return f
}

func (f *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.asked = append(f.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("If-Match"), body)))
	answer, ok := f.answers[r.Method+" "+r.URL.String()]
	if !ok {
		answer = `404 {"error":{"message":"there is no such thing"}}`
	}
	var status int
	if _, err := fmt.Sscanf(answer, "%3d ", &status); err == nil {
		w.WriteHeader(status)
		answer = answer[4:]
	}
	_, _ = io.WriteString(w, answer)
}

func TestConfigurationCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("two\nlines=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	history := `[{"number":8,"time":"2026-01-02T03:04:05+01:00","who":"admin","from":"192.0.2.1","why":"a\nb","unconfirmed":true,"current":true},` +
		`{"number":7,"time":"2026-01-01T00:00:00Z","who":"seed"}]`
	for _, test := range []struct {
		name    string
		args    []string
		answers map[string]string
		status  int
		stdout  string
		stderr  string
		asked   string // the last question
	}{
		{"get", []string{"get"}, nil, exitOK,
			"network.hostname      demo\napplication.password  ********\napplication.motd      one …\n", "", "GET /v1/settings"},
		{"get a property", []string{"get", "network.hostname"}, nil, exitOK, "demo\n", "", "GET /v1/settings"},
		{"get a text", []string{"get", "application.motd"}, nil, exitOK, "one\ntwo\n", "", "GET /v1/settings"},
		{"get a property as JSON", []string{"get", "--json", "application.motd"}, nil, exitOK, `"one\ntwo"` + "\n", "", "GET /v1/settings"},
		{"get by a path", []string{"get", "network.interfaces[0].addresses"}, nil, exitOK, "[\n  \"192.0.2.7/24\"\n]\n", "", "GET /v1/config"},
		{"get by a path with dots", []string{"get", "network.interfaces.0.mtu"}, nil, exitOK, "1500\n", "", "GET /v1/config"},
		{"get a null", []string{"get", "empty"}, nil, exitOK, "null\n", "", "GET /v1/config"},
		{"get what is not there", []string{"get", "network.speed"}, nil, exitFailed, "", "there is no setting network.speed", "GET /v1/config"},
		{"get beyond the end", []string{"get", "network.interfaces[1]"}, nil, exitFailed, "", "there is no setting", "GET /v1/config"},
		{"get before the start", []string{"get", "network.interfaces[-1]"}, nil, exitFailed, "", "there is no setting", "GET /v1/config"},
		{"get below a value", []string{"get", "network.hostname.x"}, nil, exitFailed, "", "there is no setting", "GET /v1/config"},
		{"get all", []string{"get", "--json"}, nil, exitOK, "{\n  \"revision\": 7,", "", "GET /v1/config"},
		{"get as nobody", []string{"get"}, map[string]string{"GET /v1/settings": `401 {"error":{"message":"this is not for everyone","hint":"run the command as root"}}`},
			exitFailed, "", "hint: run the command as root", "GET /v1/settings"},

		{"set", []string{"set", "a.b=c=d", "e=", "--why", "fun"}, map[string]string{"PATCH /v1/config": `{"revision":8}`},
			exitOK, "revision 8\n", "", `PATCH /v1/config "7" {"values":{"a.b":"c=d","e":""},"why":"fun"}`},
		{"set from a revision", []string{"set", "a=b", "--base", "5"},
			map[string]string{"PATCH /v1/config": `412 {"error":{"message":"the configuration was changed meanwhile","hint":"read it again"}}`},
			exitRefused, "", "changed meanwhile\nhint: read it again", `PATCH /v1/config "5" {"values":{"a":"b"}}`},
		{"set from a file", []string{"set", "--from-file", "motd=" + file}, map[string]string{"PATCH /v1/config": `{"revision":8}`},
			exitOK, "revision 8\n", "", `PATCH /v1/config "7" {"values":{"motd":"two\nlines=x"}}`},
		{"set from no file", []string{"set", "--from-file", "motd=/none"}, nil, exitFailed, "", "cannot read the value of motd", ""},
		{"set to the same", []string{"set", "a=b"}, map[string]string{"PATCH /v1/config": `{"revision":7}`},
			exitOK, "revision 7\n", "nothing changed", "*"},
		{"set and confirm", []string{"set", "a=b"}, map[string]string{"PATCH /v1/config": fakePending},
			exitPending, "revision 8\n", "within 120 seconds:\n  ingotd confirm\nOtherwise revision 7 comes back.", "*"},
		{"try", []string{"set", "a=b", "--try"}, map[string]string{"PATCH /v1/config": `{"revision":7,"diff":"-x\n+y\n"}`},
			exitOK, "-x\n+y\n", "nothing was changed", `PATCH /v1/config "7" {"values":{"a":"b"},"try":true}`},
		{"set wrongly", []string{"set", "a=b"},
			map[string]string{"PATCH /v1/config": `422 {"error":{"message":"the change is not valid","problems":[{"path":"a","message":"is odd","hint":"try 2"}]}}`},
			exitRefused, "", "the change is not valid\n  a: is odd\n    hint: try 2", "*"},
		{"set what cannot be applied", []string{"set", "a=b"}, map[string]string{"PATCH /v1/config": `409 {"error":{"message":"cannot apply a"}}`},
			exitRefused, "", "cannot apply a", "*"},
		{"set nothing", []string{"set"}, nil, exitUsage, "", "there is nothing to set", ""},
		{"set no value", []string{"set", "a"}, nil, exitUsage, "", `"a" is not KEY=VALUE`, ""},
		{"set no key", []string{"set", "=a"}, nil, exitUsage, "", `"=a" is not KEY=VALUE`, ""},
		{"set twice", []string{"set", "a=b", "a=c"}, nil, exitUsage, "", "a is set twice", ""},
		{"set twice, once from a file", []string{"set", "a=b", "--from-file", "a=x"}, nil, exitUsage, "", "a is set twice", ""},

		{"history", []string{"history"}, map[string]string{"GET /v1/revisions": history}, exitOK,
			"REVISION  TIME                  WHO    FROM       STATE        WHY\n" +
				"8         2026-01-02T02:04:05Z  admin  192.0.2.1  unconfirmed  a …\n" +
				"7         2026-01-01T00:00:00Z  seed   -          -            \n", "", "GET /v1/revisions"},
		{"history as JSON", []string{"history", "--json"}, map[string]string{"GET /v1/revisions": history}, exitOK, `"number": 8`, "", "*"},
		{"diff", []string{"diff"}, map[string]string{"GET /v1/revisions/7/diff?from=6": `{"diff":"+x\n"}`}, exitOK, "+x\n", "", "*"},
		{"diff from", []string{"diff", "3"}, map[string]string{"GET /v1/revisions/7/diff?from=3": `{"diff":"+x\n"}`}, exitOK, "+x\n", "", "*"},
		{"diff from to", []string{"diff", "3", "5"}, map[string]string{"GET /v1/revisions/5/diff?from=3": `{"diff":"+x\n"}`}, exitOK, "+x\n", "", "*"},
		{"diff of nothing", []string{"diff", "3", "x"}, nil, exitUsage, "", `"x" is not the number of a revision`, ""},
		{"diff of what is not there", []string{"diff", "3", "9"}, nil, exitFailed, "", "there is no such thing", "GET /v1/revisions/9/diff?from=3"},
		{"revert", []string{"revert", "3", "--why", "worse"}, map[string]string{"POST /v1/revisions/3/revert": fakePending},
			exitPending, "revision 8\n", "ingotd confirm", `POST /v1/revisions/3/revert "7" {"why":"worse"}`},
		{"revert to nothing", []string{"revert"}, nil, exitUsage, "", "accepts 1 arg", ""},
		{"revert to zero", []string{"revert", "0"}, nil, exitUsage, "", "is not the number", ""},
		{"confirm", []string{"confirm"}, map[string]string{"POST /v1/config/confirm": "{}"}, exitOK, "confirmed\n", "", "POST /v1/config/confirm"},
		{"confirm nothing", []string{"confirm"}, map[string]string{"POST /v1/config/confirm": `409 {"error":{"message":"there is no change to confirm"}}`},
			exitRefused, "", "there is no change to confirm", "*"},
		{"export", []string{"export"}, map[string]string{"GET /v1/config/export": "a=b\n"}, exitOK, "a=b\n", "", "*"},
		{"export secrets", []string{"export", "--secrets"}, map[string]string{"GET /v1/config/export?secrets=yes": "a=b\nc=d\n"}, exitOK, "a=b\nc=d\n", "", "*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeAgent(t, test.answers)
			status, stdout, stderr := call(t.Context(), append(test.args, "--socket", f.socket)...)
			sameOut := stdout == test.stdout || strings.HasPrefix(test.stdout, "{") && strings.HasPrefix(stdout, test.stdout) ||
				strings.HasPrefix(test.stdout, `"number`) && strings.Contains(stdout, test.stdout)
			if status != test.status || !sameOut || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" {
				t.Errorf("= %d\nstdout %q\nstderr %q\nwant %d, %q, %q", status, stdout, stderr, test.status, test.stdout, test.stderr)
			}
			last := ""
			if len(f.asked) > 0 {
				last = strings.Join(strings.Fields(f.asked[len(f.asked)-1]), " ")
			}
			if test.asked != "*" && last != test.asked {
				t.Errorf("asked %q last; want %q", last, test.asked)
			}
		})
	}
}

func TestConfigurationCommandsWithoutAgent(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"get"}, {"get", "--json"}, {"set", "a=b"}, {"history"}, {"diff"}, {"diff", "1", "2"}, {"revert", "1"}, {"confirm"}, {"export"}} {
		if status, _, stderr := call(t.Context(), append(args, "--socket", none)...); status != exitAgent {
			t.Errorf("%v = %d %s; want %d", args, status, stderr, exitAgent)
		}
	}
}

// TestSetFromStandardInput: a secret that no process list shows.
func TestSetFromStandardInput(t *testing.T) {
	f := newFakeAgent(t, map[string]string{"PATCH /v1/config": `{"revision":8}`})
	opts := SetOptions{Socket: f.socket, Files: []string{"password=-"}}
	if err := runSet(t.Context(), opts, nil, strings.NewReader("s3cret\r\n"), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if last := f.asked[len(f.asked)-1]; !strings.Contains(last, `{"password":"s3cret"}`) {
		t.Errorf("asked %s", last)
	}
	err := runSet(t.Context(), opts, nil, strings.NewReader(strings.Repeat("x", maxValue+1)), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a huge value: %v", err)
	}
}
